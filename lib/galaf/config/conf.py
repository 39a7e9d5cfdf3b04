# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf_conf.json: from its text to a validated configuration.  parse() looks at nothing but the text."""
import difflib
import functools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .. import limits, paths
from ..errors import GalafError
from ..system import files
from . import jsontext, known, networks, rules

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")   # what groupadd(8) and nft both take
DAY = 86400
CALLER_ARGUMENTS = "…"
_THREE_DOTS = "..."
_HOST = re.compile(r"(?:[a-z]+://)?(?:[^/@]*@)?([^/:@]+)(?::[0-9]*)?(?:/.*)?\Z")     # the host of what looks like a URL
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
# What is_valid_dns_name() in dnsmasq's pattern.c takes.
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")
_NO_PATTERN = ("dnsmasq's allow-list takes no name with _ or below local: write the domain above it, the address as "
               'a rule, ip daddr …, or "config": { "dns": "open" }')
LAST_TWO = 62       # characters of a domain's last two labels: system/listed_names.py has a stem of what is not longer
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY}


@dataclass(frozen=True)
class Entry:
    """What one user or application group may do.

    domains: lower-case A-labels, each with all below it; rules: their union is allowed,
    in addition to a match on the domains if there are any; timeout: seconds, 1 and up;
    users: None for everyone; resolves_any: whether strict DNS lets it ask for any name;
    desktop: whether menus and the like start it by galaf; desktop_names: what does beyond that which runs its program;
    runs: the names of commands that are part of it, though they have entries too;
    notify: whether people are told what was refused to it;
    discovery: whether what answers its multicast or broadcast comes in;
    rule6_said, no_new_privs_said: whether the file says so itself.
    """
    name: str
    place: tuple
    execv: tuple = ()
    domains: tuple = ()
    families: tuple = (4, 6)
    rules: tuple = ()
    rule6_said: bool = False
    users: tuple = None
    hop_from: tuple | None = None       # None: the file doesn't say
    env_keep: tuple = ()
    env_set: dict = field(default_factory=dict)
    no_new_privs: bool = True
    no_new_privs_said: bool = False
    user_namespaces: bool = False
    trusted: bool = False
    timeout: int = DAY
    record: bool = False
    discovery: bool = False
    ping: bool = False
    mode: str = "enforce"
    resolves_any: bool = False
    desktop: bool = True
    notify: bool = True
    desktop_names: tuple = ()
    runs: tuple = ()

    @property
    def path(self):
        """Its JSON path."""
        return jsontext.path(self.place)


@dataclass(frozen=True)
class Conf:
    """The whole configuration; users, groups and networks map names to those, inbound names to tuples of rules.

    notify: whether people are told in their desktop session what was refused.
    dns_said, inet_said: whether the file has these keys; "inet" is in those written for the
    scripts that galaf comes from, since nothing else needs it.
    """
    table: str = "galaf"
    gid_range: tuple = limits.GIDS
    mode: str = "enforce"
    dns: str = "strict"
    stop_dns_rebind: bool = False
    network_changes: str = "admin"
    notify: bool = True
    dns_said: bool = False
    inet_said: bool = False
    forward: tuple = ()
    kernel: tuple = ()
    socket_families: tuple = ()
    container_bases: tuple = ()
    users: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    inbound: dict = field(default_factory=dict)
    networks: dict = field(default_factory=dict)

    def entries(self):
        """Every entry, groups first."""
        return [*self.groups.values(), *self.users.values()]


def differences(conf):
    """What galaf does otherwise than the scripts for which a file with "inet" was written, a sentence each."""
    if conf.table == "filter":
        yield ("$.config.table: inet filter is galaf's alone: rules of other programs are not to be in it, "
               "and Debian's /etc/nftables.conf has a table of that name")
    if not conf.inet_said:
        return
    if not conf.dns_said:
        yield ('$.config.dns: is "strict" unless written: each program resolves only what it may reach; "open" lets '
               "every program resolve any name")
    both = [entry.path + ".rule" for entry in conf.entries() if 6 in entry.families and entry.rules
            and not entry.rule6_said]
    if both:
        yield (f"{', '.join(both[:5])}{' …' if both[5:] else ''}: without rule6 this holds for IPv6 too, "
               "of which nothing else is allowed")


class Faults:
    """Gathers what is wrong with a configuration, each at its place, so that a user sees all of it at once.

    name, text: its file; origins: {place: (file, text, place there)} of what comes from other files.
    """

    def __init__(self, name, text, origins=None):
        self.name, self.text, self.origins, self.lines = name, text, origins or {}, []

    def add(self, place, what):
        """Notes one fault; place: a tuple as in jsontext; what: a phrase."""
        name, text, place = self._origin(place)
        at = f"{jsontext.path(place)}: " if place else ""
        self.lines.append(f"{name}: {at}{what} (line {jsontext.line(text, place)})")

    def _origin(self, place):
        for length in range(len(place), 0, -1):
            if place[:length] in self.origins:
                name, text, there = self.origins[place[:length]]
                return name, text, there + place[length:]
        return self.name, self.text, place

    def check(self, most=20):
        """Raises GalafError if anything was noted."""
        if self.lines:
            more = len(self.lines) - most
            rest = [f"{self.name}: and {more} more"] if more > 0 else []
            raise GalafError("\n".join(self.lines[:most] + rest))


def read(file):
    """The text of a configuration file; raises GalafError if it can't be read."""
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        kept = paths.GOOD / "galaf_conf.json"
        lost = isinstance(error, FileNotFoundError) and str(file) == str(paths.CONF) and kept.exists()
        way = f": what is active was made of {kept}" if lost else ""
        raise GalafError(f"{file}: {error.strerror}{way}") from None
    except UnicodeDecodeError as error:
        raise GalafError(f"{file}: not UTF-8 at byte {error.start}") from None


def write(file, text):
    """Puts a text in a file's place at once, with its mode and owner; raises GalafError if it can't."""
    file = Path(file).resolve()
    try:
        before = file.stat()
        files.replace(file, text, before.st_mode & 0o7777, (before.st_uid, before.st_gid))
    except OSError as error:
        raise GalafError(f"{file}: can't be written: {error.strerror}; it was left as it was") from None


def parse(text, name, checked=False):
    """The Conf of a file's text; name: the file's, for errors.  Raises GalafError naming every fault.

    checked: True where the text has its form already, as a generation's has.
    """
    data = jsontext.parse(text, name)
    faults = Faults(name, text)
    if not checked:
        check_schema(data, faults)
        faults.check()
    data = known.resolve(data, faults)
    faults.check()
    return build(data, faults)


def build(data, faults):
    """The Conf of a value that has its form, with no known entry left to look up; raises GalafError for its faults."""
    config = _uncommented(data.get("config", {}))
    named = networks.parse(data, faults)
    networks.check(config.get("defaults") or {}, ("config", "defaults"), named, faults)
    conf = Conf(
        networks=named,
        table=config.get("table", "galaf"),
        gid_range=tuple(config.get("gid_range", limits.GIDS)),
        mode=config.get("mode", "enforce"),
        stop_dns_rebind=config.get("stop_dns_rebind", False),
        network_changes=config.get("network_changes", "admin"),
        dns=config.get("dns", "strict"), dns_said="dns" in config, inet_said="inet" in config,
        forward=tuple(rules.parse(config.get("forward", []), ("config", "forward"), named, faults)),
        kernel=tuple(rules.parse_kernel(data.get("kernel", []), named, faults)),
        socket_families=tuple(config.get("socket_families", [])), notify=config.get("notify", True),
        container_bases=tuple(config.get("container_bases", [])),
        inbound={key: tuple(rules.parse(value, ("inbound", key), named, faults, side="i"))
                 for key, value in _uncommented(data.get("inbound", {})).items()},
        **{kind: _parse_entries(kind, data, config, named, faults) for kind in ("users", "groups")},
    )
    _check_names(conf, faults)
    faults.check()
    return conf


@functools.lru_cache(maxsize=None)
def _validator():
    from jsonschema import Draft7Validator, ValidationError, validators     # slow, and not every command validates

    def pattern(_, wanted, value, _schema):
        """As JSON Schema has it, and not Python: $ is no place before a last newline."""
        if isinstance(value, str) and not re.search(wanted.replace("$", r"\Z"), value):
            yield ValidationError(f"{value!r} does not match {wanted!r}")
    schema = json.loads((paths.LIB / "galaf_conf.schema.json").read_text(encoding="utf-8"))
    return validators.extend(Draft7Validator, {"pattern": pattern})(schema)


def check_schema(data, faults):
    """Notes in faults what the schema has against a file's value."""
    for error in _validator().iter_errors(data):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            for key in error.instance:
                if key not in known and not key.startswith("#"):
                    faults.add(place + (key,), _unknown_key(key, sorted(known), place))
        else:
            faults.add(place, _schema_message(error))


def _unknown_key(key, known, place):
    """What is wrong with a key that is none of those known at a place; says what is meant, where that is plain."""
    if not place and key in _validator().schema["definitions"]["config"]["properties"]:
        return f'unknown key here: write it into "config": "config": {{ "{key}": … }}'
    meant = difflib.get_close_matches(key, known, 1)
    return f"unknown key: write {meant[0]!r}" if meant else f"unknown key; known are {', '.join(known)}"


def _schema_message(error):
    """jsonschema's finding in words that fit this file."""
    if error.validator == "type":
        return error.message + _right_type(error)
    if error.validator == "enum" and error.absolute_path and error.absolute_path[-1] == "inet":
        return "false is not supported: the table's family is inet, which holds IPv4 and IPv6"
    if error.validator == "pattern":
        return f"{error.instance!r} has not the form of a value here: {_form(error.schema)}"
    return error.message


def _right_type(error):
    """How a value of the wrong type is to be written, as far as that is plain, to follow what is wrong with it."""
    value, wanted = error.instance, error.validator_value
    if wanted == "array" and isinstance(value, str):
        return f": write an array: {json.dumps(value.split(), ensure_ascii=False)}"
    if wanted == "boolean" and value in ("true", "false"):
        return f": write {value} without quotes"
    if isinstance(value, int) and {"rule", "rule6"}.intersection(error.absolute_path):
        return f': write a match, such as "tcp dport {value}"'
    return ""


def _form(schema):
    return schema.get("description") or f"it must match {schema['pattern']}"


def _uncommented(mapping):
    return {key: value for key, value in mapping.items() if not key.startswith("#")}


def _parse_entries(kind, data, config, named, faults):
    defaults = config.get("defaults") or {}
    entries = _uncommented(data.get(kind, {}))
    parsed = {}
    for name, values in entries.items():
        if not NAME.match(name):
            faults.add((kind, name), "not a name that groupadd and nft take: a letter or _, then letters, "
                                     "digits, _ . or -, 32 at most")
        if name == limits.LAST_GROUP:
            faults.add((kind, name), "is a group of galaf's own: choose another name")
        parsed[name] = _parse_entry((kind, name), values, defaults, data, named, faults)
    return parsed


def _parse_entry(place, values, defaults, data, named, faults):
    """One entry; a null one is only a name, and takes no defaults.  named: the networks."""
    name = place[1]
    if values is None:
        return Entry(name, place)
    networks.check(values, place, named, faults)
    merged = _uncommented({**networks.outdone(defaults, values), **values})

    def at(key):
        return (place if key in values else ("config", "defaults")) + (key,)
    domains = _parse_domains(merged.get("domains", []), at("domains"), data, faults, (name,))
    families = tuple(sorted(merged.get("families", (4, 6))))
    env = _uncommented(merged.get("env", {}))
    for key, value in env.get("set", {}).items():
        if "\0" in value:
            faults.add(at("env") + ("set", key), "has a NUL character in it")
    return Entry(
        name, place, execv=_parse_execv(merged.get("execv", []), at("execv"), faults),
        domains=domains, families=families,
        rules=rules.parse_grants(merged, at, families, bool(domains), named, faults), rule6_said="rule6" in merged,
        users=tuple(merged["users"]) if "users" in merged else None,
        hop_from=tuple(merged["from"]) if "from" in merged else None,
        env_keep=tuple(env.get("keep", ())), env_set=env.get("set", {}),
        no_new_privs=merged.get("no_new_privs", True), no_new_privs_said="no_new_privs" in merged,
        user_namespaces=merged.get("user_namespaces", False), trusted=merged.get("trusted", False),
        timeout=seconds(merged.get("timeout", "1d")),
        record=merged.get("record", False), discovery=merged.get("discovery", False), ping=merged.get("ping", False),
        mode=merged.get("mode", "enforce"), notify=merged.get("notify", True),
        desktop=merged.get("desktop", True) is not False,
        desktop_names=tuple(merged["desktop"]) if isinstance(merged.get("desktop"), list) else (),
        runs=tuple(merged.get("runs", ())),
        resolves_any="domains" not in merged and ("rule" in merged or "rule6" in merged))


def seconds(text):
    """The seconds of a span such as 90s, 5m, 12h or 7d; raises ValueError for anything else."""
    if not re.fullmatch(r"[1-9][0-9]{0,5}[smhd]", text):
        raise ValueError(f"{text}: not a number and s, m, h or d")
    return int(text[:-1]) * _SECONDS[text[-1]]


def _parse_execv(argv, place, faults):
    """The command's argv, checked as far as the text tells."""
    if argv and not argv[0].startswith("/"):
        faults.add(place + (0,), f"{argv[0]!r} is not an absolute path: write the program's, such as /usr/bin/…")
    if argv.count(CALLER_ARGUMENTS) > 1:
        faults.add(place, f'"{CALLER_ARGUMENTS}", the place of the caller\'s arguments, stands twice')
    for index, argument in enumerate(argv):
        if argument == _THREE_DOTS:
            faults.add(place + (index,), f'three dots: write the one character "{CALLER_ARGUMENTS}" in their place')
        if "\0" in argument:
            faults.add(place + (index,), "has a NUL character in it")
    return tuple(argv)


def _parse_domains(value, place, data, faults, borrowers):
    """The entry's domains; a string stands for those of another entry, found through data."""
    if isinstance(value, list):
        strict = data.get("config", {}).get("dns", "strict") == "strict"
        names = [_parse_domain(name, place + (i,), strict, faults) for i, name in enumerate(value)]
        return tuple(dict.fromkeys(filter(None, names)))
    if value in borrowers:
        faults.add(place, f"borrows domains in a circle: {' → '.join(borrowers + (value,))}")
        return ()
    for kind in ("groups", "users"):
        lender = _uncommented(data.get(kind, {})).get(value)
        if lender and "domains" in lender:
            return _parse_domains(lender["domains"], (kind, value, "domains"), data,
                                  faults if isinstance(lender["domains"], str) else _Silent(),
                                  borrowers + (value,))
    faults.add(place, f"there is no entry {value!r} with domains to borrow; for one domain, "
                      f"write an array: {json.dumps([value])}")
    return ()


class _Silent:
    """Takes faults that are reported elsewhere: those of a lender's own list."""

    def add(self, place, what):
        """Forgets it."""


class _Kept:
    """Keeps what is wrong with one value that stands in no file."""

    def add(self, _place, what):
        """Keeps it."""
        self.what = what


def domain(name, strict=True):
    """A domain of a command line in the form that an entry's has; strict: whether DNS is.  Raises GalafError."""
    kept = _Kept()
    found = _parse_domain(name, (), strict, kept)
    if found is None:
        raise GalafError(kept.what)
    return found


def _parse_domain(name, place, strict, faults):
    """A domain in its ASCII form, lower case and without the last dot; None after noting a fault.

    strict: whether dnsmasq's allow-list has to take it.
    """
    domain = name.rstrip(".").lower()
    if not domain.isascii():
        import idna     # only who has such names needs it
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError as error:
            faults.add(place, f"{name!r} is not a domain: {error}")
            return None
    if domain.startswith(("*.", ".")):
        faults.add(place, f"write {domain.lstrip('*.')!r}: a domain covers all below it")
        return None
    if not _is_domain(domain):
        url = _HOST.match(domain)
        faults.add(place, f"write {url[1]!r}: a domain has no scheme, path or port; a port is for \"rule\""
                   if url and _is_domain(url[1]) else
                   f"{name!r} is not a domain of two labels or more, such as example.org"
                   + ("; for an address, write a rule: ip daddr …" if domain.rpartition(".")[2].isdigit() else ""))
        return None
    if strict and (domain.endswith(".local") or not all(map(_HOST_LABEL.match, domain.split(".")))):
        faults.add(place, f"{name!r} can't be looked up with strict DNS: {_NO_PATTERN}")
        return None
    if strict and len(".".join(domain.split(".")[-2:])) > LAST_TWO:
        faults.add(place, f"{name!r} can't be looked up with strict DNS: its last two labels have more than {LAST_TWO} "
                          'characters, and would be taken for others: write a rule without domains, or "config": '
                          '{ "dns": "open" }')
        return None
    return domain


def _is_domain(domain):
    """Whether a lower-case name has two labels or more, and is no IPv4 address."""
    labels = domain.split(".")
    return len(labels) > 1 and len(domain) <= 253 and all(map(_LABEL.match, labels)) and not labels[-1].isdigit()


def _check_names(conf, faults):
    """What holds between entries."""
    if conf.gid_range[0] > conf.gid_range[1]:
        faults.add(("config", "gid_range"), "the first gid is above the last one")
    for name in conf.users.keys() & conf.groups.keys():
        faults.add(("groups", name), "is a name in users too; their sets would mix: rename the group")
    for entry in conf.entries():
        low, high = limits.PING_GIDS
        if entry.ping and not conf.gid_range[0] <= low <= high <= conf.gid_range[1]:
            faults.add(entry.place + ("ping",), f"needs {low} to {high} within gid_range")
        for index, name in enumerate(entry.hop_from or ()):
            if name not in conf.groups:
                faults.add(entry.place + ("from", index), f"there is no application group {name!r}")
    for name in conf.inbound:
        if not NAME.match(name):
            faults.add(("inbound", name), "not the name of a user or an application group")
