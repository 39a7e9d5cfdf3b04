# SPDX-License-Identifier: GPL-3.0-or-later
"""The counters that the kernel keeps in the sets of galaf's table: reading, zeroing, keeping them.

An element of a form that is not known is named and passed over.
"""
import ipaddress
import json
import os
import re
from dataclasses import dataclass

from .. import generation, paths
from ..errors import GalafError
from ..system import elements, files
from ..system.run import run

PRE, POST = "pre-filter-out", "post-filter-out"
STATISTICS = (PRE, POST, "post-filter-in")
REFUSED = "refused-out"     # in the kernel: what was let out and what was refused make up PRE
SAVED = paths.STATE / "counters.json"
_RECORD = re.compile(r"record/(.+)/(out|in)[46]\Z")
_REFUSED_IN = re.compile(r"denied_in([46]|_more)\Z")
_BY_NUMBER = (*STATISTICS, REFUSED, "denied_more", "denied_in_more")    # sets whose elements are marks or protocols


@dataclass(frozen=True)
class Count:
    """One element.  key: a mark, an address, or a tuple of what nft has joined; timeout, expires: seconds."""
    key: object
    packets: int
    bytes: int
    timeout: int = None
    expires: int = None


def table():
    """The name of galaf's table: the one of the active rules, else "galaf"."""
    folder = generation.good()
    return generation.table(folder) if folder else "galaf"


def recorded(name):
    """(entry, "out" or "in") of a set with the addresses of an entry; None for another set."""
    found = _RECORD.match(name)
    return found and found.groups()


def is_refused_in(name):
    """Whether a set counts what came in and nobody had asked for."""
    return bool(_REFUSED_IN.match(name))


def set_names(table_name):
    """The sets of the table that galaf_stats knows: statistics, recorded addresses, refused inbound traffic.

    Raises GalafError if the table is not loaded.
    """
    names = [*_sizes(table_name)]
    names += [PRE] if REFUSED in names and PRE not in names else []
    return [*(name for name in STATISTICS if name in names), *sorted(filter(recorded, names)),
            *sorted(filter(is_refused_in, names))]


def _sizes(table_name):
    """{set of the table: how many elements it takes, None without a bound}.  Raises GalafError as set_names()."""
    try:
        listing = json.loads(run("nft", "-j", "-t", "list", "sets", "table", "inet", table_name))
    except GalafError as error:
        if "No such file" not in str(error):
            raise
        raise GalafError(f"the table inet {table_name} is not loaded: run galaf_config, "
                         "or galaf_firewall start") from None
    return {entry["set"]["name"]: entry["set"].get("size") for entry in listing["nftables"] if "set" in entry}


def present(table_name, names):
    """{set: its size, as _sizes() has it} of those of the names that are sets of the table, if it is loaded."""
    try:
        sizes = _sizes(table_name)
    except GalafError:
        return {}
    return {name: sizes[name] for name in names if name in sizes}


def read(table_name, names):
    """{set: [Count]} for the named sets, and a list of complaints about what could not be understood."""
    counts, complaints = {}, []
    for name, size in present(table_name, _sources(table_name, names)).items():
        counts[name], strange = _counted(name, elements.dumped(table_name, name))
        complaints += strange
        if size and len(counts[name]) >= size:
            complaints.append(f"set {name}: full with {size} elements: what is not in it is not listed")
    return _summed(counts, names), complaints


def _sources(table_name, names):
    """The kernel's sets behind the named ones.  A table that an older galaf loaded has PRE itself."""
    if PRE not in names or not present(table_name, [REFUSED]):
        return names
    return list(dict.fromkeys((REFUSED, POST, *(name for name in names if name != PRE))))


def _summed(counts, names):
    """The counters of the named sets, as far as they were read; PRE has what was let out and what was refused."""
    if PRE in names and REFUSED in counts:
        counts[PRE] = _combined(counts[POST], counts[REFUSED], 1) if POST in counts else counts[REFUSED]
    return {name: counts[name] for name in names if name in counts}


def _combined(these, those, sign):
    """The counters of two sets by mark, added up, or with sign -1 what the first has more."""
    found = {each.key: each for each in these}
    for each in those:
        old = found.get(each.key, Count(each.key, 0, 0))
        found[each.key] = Count(each.key, old.packets + sign * each.packets, old.bytes + sign * each.bytes)
    return [each for each in found.values() if sign > 0 or each.packets > 0 and each.bytes > 0]


def _counted(name, found):
    """([Count], complaints) of the elements.Elements of a set."""
    counts, strange = [], []
    for one in found:
        try:
            key = elements.parts(one.key, _layout(name))
        except ValueError:
            key = ()
        if key and one.packets is not None:
            counts.append(Count(key if len(key) > 1 else key[0], one.packets, one.bytes, one.timeout, one.expires))
        else:
            strange.append(" . ".join(map(str, key)) or one.key.hex())
    return counts, [f"set {name}: {len(strange)} element(s) of an unknown form passed over, such as {strange[0]}"
                    for _ in strange[:1]]


def beside(table_name, names):
    """The sets that are to be emptied with others, since they say what of those is taken."""
    ways = {"in" if name.startswith("denied_in") else "out" for name in names
            if name.startswith("denied") and not name.startswith("denied_through")}
    wanted = {"out": ("share_mark", "share_user", "portless4", "portless6"),
              "in": ("share_source4", "share_source6", "share_network4", "share_network6",
                     "portless_in4", "portless_in6")}
    return [*present(table_name, [name for way in sorted(ways) for name in wanted[way]])]


def reset(table_name, names):
    """Empties sets and returns what they held in that moment, as read() does; with one of PRE and POST the other too.

    No version of nft both reads and zeroes a set in one go on every kernel from 6.1 on.
    But the kernel tells each element that it deletes, with its counter.  An empty table, made and
    deleted in the same transaction, encloses what is ours in that.
    """
    names = [*names, *({PRE, POST} - {*names})] if {PRE, POST} & {*names} else names
    sources = _sources(table_name, names)
    _flush(table_name, beside(table_name, names))
    marker = f"galaf_reset_{os.getpid()}"
    with elements.listening() as told:
        _flush(table_name, sources, f"add table inet {marker}\n", f"delete table inet {marker}\n")
        counts, complaints = deleted(elements.between(told, marker), table_name, sources)
    return _summed(counts, names), complaints


def _flush(table_name, names, before="", after=""):
    run("nft", "-f", "-", stdin=before + "".join(f"flush set inet {table_name} {name}\n" for name in names) + after)


def deleted(gone, table_name, names):
    """({set: [Count]}, complaints) of the elements.Elements of these sets that are gone."""
    found = {name: [] for name in names}
    for one in gone:
        if one.table == table_name and one.set in found:
            found[one.set].append(one)
    counted = {name: _counted(name, these) for name, these in found.items()}
    return ({name: counts for name, (counts, _) in counted.items()},
            [each for _, complaints in counted.values() for each in complaints])


def _layout(name):
    """What an element of a set is made of, as elements.parts() has it."""
    if name in _BY_NUMBER:
        return ["protocol" if name == "denied_in_more" else "mark"]
    address = f"address{name[-1]}"
    if recorded(name):
        return [address]
    return ["mark" if name == f"denied{name[-1]}" else address, address, "protocol", "port"]


def save(path=SAVED):
    """Writes the counters of statistics and recorded addresses to a file, replacing it as a whole.

    Raises GalafError if the table is not loaded or the file can't be written.
    """
    name = table()
    counts, _ = read(name, [each for each in set_names(name) if not is_refused_in(each)])
    write(counts, path)


def write(counts, path=SAVED):
    """Writes counters, as read() returns them, to a file; mode 0600."""
    rows = {name: [[each.key, each.packets, each.bytes, each.timeout, each.expires] for each in elements]
            for name, elements in counts.items()}
    try:
        files.replace(path, json.dumps(rows), mode=0o600)
    except OSError as error:
        raise GalafError(f"{path}: {error.strerror}: the counters are not kept") from None


def restore_text(path, ruleset, table_name="galaf"):
    """nft text that puts saved counters back into the sets that a ruleset's text declares.

    For the transaction that loads the ruleset; elements that are there already stay as they
    are.  "" where nothing was saved.  Raises GalafError for a file that save() did not write.
    """
    try:
        with open(path, encoding="ascii") as stream:
            rows = json.load(stream)
        declared = set(re.findall(r"^\s*set (\S+) \{", ruleset, re.MULTILINE))
        if REFUSED in declared:
            rows[REFUSED] = _refused(rows)
        return "".join(
            f"add element inet {table_name} {name} {{ {', '.join(map(_element, elements))} }}\n"
            for name, elements in rows.items()
            if elements and name in declared and (name in (*STATISTICS, REFUSED) or recorded(name)))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise GalafError(f"{path}: not a file of saved counters ({error}): remove it") from None


def _refused(rows):
    """The rows of REFUSED: what saved counters have more in PRE than in POST."""
    pre, post = ([Count(*row) for row in rows.get(name, ())] for name in (PRE, POST))
    return [[each.key, each.packets, each.bytes, None, None] for each in _combined(pre, post, -1)]


def _element(row):
    key, packets, bytes_, timeout, expires = row
    key = str(ipaddress.ip_address(key)) if isinstance(key, str) else f"{key:#x}"
    times = (f" timeout {timeout:d}s" if timeout else "") + (f" expires {expires:d}s" if expires else "")
    return f"{key} counter packets {packets:d} bytes {bytes_:d}{times}"
