# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_setup offers and how it reads: known entries in, words and the file's text out.  Pure."""
import dataclasses
import json
import re
import textwrap
from dataclasses import dataclass

from . import beside, jsontext, known

INBOUND = "what others may reach of this machine"
PLACEHOLDER = ["example.org"]       # the shipped file's, for Thunderbird's provider
_PORTS = re.compile(r"\b(?:tcp|udp) ([ds])port (\{[^}]*\}|[^\s{]+)")
_WORD = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")


@dataclass(frozen=True)
class Offer:
    """A known entry, or its inbound part, that a person may take.

    taken: whether who just agrees takes it; why: what speaks for that, a phrase, or "".
    """
    known: known.Known
    inbound: bool = False
    taken: bool = True
    why: str = ""

    @property
    def key(self):
        """What says that it was offered."""
        return f"inbound {self.known.name}" if self.inbound else self.known.name

    @property
    def topic(self):
        """Under which heading it stands."""
        return INBOUND if self.inbound else self.known.topic

    def described(self):
        """What it is and what it would allow, in a line."""
        what = self.known.inbound.values() if self.inbound else [self.known.entry]
        granted = "; ".join(dict.fromkeys(map(reach, what)))
        summary = self.inbound and self.known.serves or self.known.summary
        return f"{summary}: {granted}" + (f" ({self.why})" if self.why else "")


def entries(library, settings, asked=()):
    """The offers of entries: what the file lacks of the library, by topic; services come first.

    library: the Known that this machine has; settings: the file's Conf; asked: keys of what was offered before.
    What may reach any port of any machine, and what a machine needs that others send through, is taken where somebody
    wants it.
    """
    programs = {entry.execv[0] for entry in settings.groups.values() if entry.execv} - {known.FLATPAK}
    programs |= {word for entry in settings.groups.values() for word in entry.execv or ()
                 if entry.execv[0] == known.FLATPAK}
    found = [Offer(each, taken="any port" not in reach(each.entry) and not each.forward) for each in library
             if each.section and each.account != "root" and each.account not in getattr(settings, each.section)
             and not (each.section == "groups" and (each.flatpak or each.program) in programs)]
    return _sorted(offer for offer in found if offer.key not in asked)


def roots(library, settings, asked=()):
    """The names of root's known entries of which the file lacks something: one entry holds all of root's rules."""
    root = settings.users.get("root")
    return [each.name for each in library if (each.section, each.account) == ("users", "root")
            and each.name not in asked and not (root and not beside.lacks(each, root))]


def inbound(library, settings, ssh=None, asked=()):
    """The offers of what others may reach: none is taken unasked, but for ssh where somebody is logged in by it.

    settings: the Conf with the entries taken; ssh: (address, port of this machine) of that, None without.
    """
    found = []
    for each in library:
        if ssh and each.name == "sshd":
            each = dataclasses.replace(each, inbound={"root": f"tcp dport {ssh[1]}"})
        if each.inbound and _may_serve(each, settings) and not served(each, settings):
            by_ssh = ssh is not None and each.name == "sshd"
            found.append(Offer(each, True, by_ssh, f"you are logged in by it, from {ssh[0]}" if by_ssh else ""))
    return [offer for offer in found if offer.key not in asked or offer.taken]


def _may_serve(each, settings):
    """Whether the file has, or needs no, entry for who serves."""
    return each.section != "groups" or each.account in settings.groups


def served(each, settings):
    """Whether the file lets others reach each port of it, whoever these are."""
    return all(_numbers(known.matches(rules)) <= _numbers([rule.text for rule in settings.inbound.get(name, ())])
               for name, rules in each.inbound.items())


def _numbers(rules):
    """The ports and spans of ports in rules, as (side, text)."""
    return {(way, port) for rule in rules for way, ports in _PORTS.findall(rule)
            for port in re.findall(r"\d+(?:-\d+)?", ports)}


def listed_already(settings, file, exists):
    """A sentence on whom the file lists already, and so nobody is asked about; exists: whether a program is there."""
    names = [name for name, entry in settings.groups.items() if not entry.execv or exists(entry.execv[0])]
    return (f"Listed already in {file}, with what they may reach: {', '.join([*names, *settings.users])}"
            if names or settings.users else f"Nothing is listed in {file} yet")


def _sorted(offers):
    return sorted(offers, key=lambda offer: (offer.topic != "services", offer.topic, offer.known.name))


def reach(value):
    """What an entry, or rules of "inbound", would allow, in words: "debian.org, ports 80 and 443"."""
    entry = value if isinstance(value, dict) else {"rule": value}
    rules = [rule for key in ("rule", "rule6") for rule in known.matches(entry.get(key, []))]
    domains = entry.get("domains") or []
    where = [", ".join(domains[:2]) + (f" and {len(domains) - 2} more" if domains[2:] else "")] if domains else []
    if any("daddr" in rule for rule in rules):
        where = ["private addresses"]
    return ", ".join(where + _ports(rules))


def _ports(rules):
    """What rules allow of ports, as phrases."""
    if not rules or any("icmp" not in rule and not _PORTS.search(rule) for rule in rules):
        return ["any port"]
    found = [port for rule in rules for port in sorted(_numbers([rule])) if port[0] == "d" or "dport" not in rule]
    to, by = ([port for way, port in found if way == side] for side in "ds")
    return ([_numbered("port", to)] if to else []) + ([_numbered("answers from port", by)] if by else []) + (
        ["pings"] if any("echo-request" in rule for rule in rules) else [])


def _numbered(word, ports):
    """ "port 22", "ports 80, 443 and 1000-2000"."""
    ports = sorted(dict.fromkeys(ports), key=lambda port: int(port.split("-")[0]))
    if len(ports) == 1:
        return f"{word} {ports[0]}" if "-" not in ports[0] else f"{word}s {ports[0]}"
    return f"{word}s {', '.join(ports[:-1])} and {ports[-1]}"


def topics(offers):
    """[(topic, its offers)] in the order that they have."""
    found = {}
    for offer in offers:
        found.setdefault(offer.topic, []).append(offer)
    return list(found.items())


def listing(topic, offers, width=80):
    """A topic with its offers, numbered from 1, those with a * taken; width: columns of the terminal."""
    names = max(len(offer.known.name) for offer in offers)
    lines = [f"{topic[0].upper()}{topic[1:]}:"]
    for number, offer in enumerate(offers, 1):
        start = f"{number:4} {'*' if offer.taken else ' '} {offer.known.name:{names}}  "
        lines += textwrap.wrap(offer.described(), max(width, 60), initial_indent=start,
                               subsequent_indent=" " * min(len(start), 30))
    return "\n".join(lines)


def chosen(offers, answer):
    """The offers that a person's answer takes: "" or yes those with *, n none, all, numbers the other way around.

    Raises ValueError with what is wrong about it, a phrase.
    """
    answer = answer.strip().lower()
    fixed = {"": lambda offer: offer.taken, "y": lambda offer: offer.taken, "yes": lambda offer: offer.taken,
             "n": lambda offer: False, "no": lambda offer: False, "none": lambda offer: False,
             "a": lambda offer: True, "all": lambda offer: True}
    if answer in fixed:
        return [offer for offer in offers if fixed[answer](offer)]
    other = set()
    for word in re.split(r"[\s,]+", answer.strip(" \t,")):
        span = _WORD.fullmatch(word)
        low, high = (int(span[1]), int(span[2] or span[1])) if span else (0, 0)
        if not 1 <= low <= high <= len(offers):
            raise ValueError(f"{word!r} is none of 1 to {len(offers)}")
        other.update(range(low, high + 1))
    return [offer for number, offer in enumerate(offers, 1) if offer.taken != (number in other)]


def written(text, offers, follow=False):
    """The text of galaf_conf.json with what was chosen; comments and layout stay; follow: by reference."""
    for offer in offers:
        text = known.added(text, offer.known, entry=not offer.inbound, inbound=offer.inbound, follow=follow)
    return text


def has_placeholder(text):
    """Whether the file's main text still has the shipped domain in the place of Thunderbird's provider."""
    entry = json.loads(text).get("groups", {}).get("thunderbird")
    return isinstance(entry, dict) and entry.get("domains") == PLACEHOLDER


def with_provider(text, domains):
    """The text with the domains of Thunderbird's provider, or, where there are none, its known entry."""
    if domains:
        return jsontext.replace(text, ("groups", "thunderbird", "domains"), domains)
    return jsontext.replace(text, ("groups", "thunderbird"), known.read("thunderbird").entry)
