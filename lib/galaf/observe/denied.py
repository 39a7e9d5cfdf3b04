# SPDX-License-Identifier: GPL-3.0-or-later
"""What was refused: joined from the kernel's counters and what the eBPF programs saw.  Pure.

The counters say who, where and how often; the watching programs add which program it was,
and by what name it knew the address.
"""
import ipaddress
import socket
import time
from collections import namedtuple

from .. import mark as marks
from ..system import labels

OUT = ("denied4", "denied6")
IN = ("denied_in4", "denied_in6")
THROUGH = ("denied_through4", "denied_through6")
MORE = ("denied_more", "denied_in_more")    # what is not listed, beyond someone's share
SETS = OUT + IN + THROUGH + MORE
OF_USERS = OUT + MORE[:1]       # others' packets could fill the rest
TIMEOUT = 604800        # seconds that the ruleset keeps a refusal after its last packet: refused.TIMEOUT
PROTOCOLS = {number: name[8:].lower() for name, number in vars(socket).items()
             if name.startswith("IPPROTO_") and number not in (0, 41, 255)}
PROTOCOLS[58] = "icmpv6"
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
         35: "NAPTR", 64: "SVCB", 65: "HTTPS", 255: "ANY"}

Refusal = namedtuple("Refusal", "way mark programs source destination domain protocol port types tries first last "
                                "answer executables", defaults=(None, ()))
Refusal.__doc__ = """Something that was refused.

way: "out", "in", "through", for others from one network to another, or "name", a name that dnsmasq
refused; "more-out", "more-in" and "more-name" add up what is not listed one by one.  mark: as in galaf.mark, None for
"in" and "through".  programs: their names, sorted; () where none is known.  source ("in" and "through" alone) and
destination: addresses as text, None for "name".  domain: what the application had resolved to
the address, or the refused name; None if not known.  protocol: IP's number; port: 0 where the
protocol has none; both None for "name", which alone has types, the numbers of DNS records.
tries: packets, or queries.  first, last: seconds since 1970, None if not known.  answer: the
answers.Resolved that domain comes from, None elsewhere.  executables: the paths of programs, sorted, as far
as they are known.
"""


def outgoing(counts, seen, resolved, now, executable=lambda one: None):
    """The Refusals of the sets in OUT.

    counts: {set: [counters.Count]}; seen: [watch.Seen]; resolved: as answers.resolved() has
    it; now: seconds since 1970; executable: gives a Seen's path, or None.
    """
    asked = {}
    for one in seen:
        asked.setdefault((one.mark, one.address, one.protocol, one.port), []).append(one)
        asked.setdefault((one.mark, one.address), []).append(one)
    for count in (count for name in OUT for count in counts.get(name, ())):
        mark, destination, protocol, port = count.key
        address, last = ipaddress.ip_address(destination), last_time(count, now)
        # Without ports nothing is connected; but ping first asks for its own address with UDP.
        programs = asked.get((mark, address, protocol, port) if port else (mark, address), ())
        exact = [one.last for one in programs if last is not None and last - 1 < one.last < last + 2]
        last = max(exact, default=last)
        # What was first tried after the last refusal is let through by now.
        first = min((one.first for one in programs if last is None or one.first <= last), default=None)
        answer = resolved.get((mark, address))
        yield Refusal("out", mark, tuple(sorted({one.comm for one in programs})), None, destination,
                      answer and answer.name, protocol, port, (), count.packets, first, last, answer,
                      _known(map(executable, programs)))


def incoming(counts, now):
    """The Refusals of the sets in IN and THROUGH; counts, now: as for outgoing()."""
    for name, count in ((name, count) for name in IN + THROUGH for count in counts.get(name, ())):
        source, destination, protocol, port = count.key
        yield Refusal("in" if name in IN else "through", None, (), source, destination, None, protocol, port, (),
                      count.packets, None, last_time(count, now))


def unresolved(refused, seen=(), executable=lambda one: None):
    """The Refusals of names, one for all types of record; refused: [answers.Refused]; the rest: as for outgoing()."""
    queries, same_name = {}, {}
    for one in seen:
        same_name.setdefault((one.mark, one.comm), []).append(one)
    for one in refused:
        queries.setdefault((one.mark, one.name), []).append(one)
    for (mark, name), same in queries.items():
        yield Refusal("name", mark, tuple(sorted({one.program for one in same})), None, None, name, None, None,
                      tuple(sorted(one.type for one in same)), sum(one.count for one in same),
                      min(one.first for one in same), max(one.last for one in same), None,
                      _known(executable(each) for one in same for each in same_name.get((mark, one.program), ())))


def _known(paths):
    """These paths, each once, sorted, but None."""
    return tuple(sorted(set(paths) - {None}))


def joined(refusals):
    """Those on the way out that one program tried alike as one: by another address of a name, or another thread."""
    found = {}
    for one in refusals:
        key = ((one.way, one.mark, one.executables or one.programs, one.domain or one.destination, one.protocol,
                one.port) if one.way == "out" else id(one))
        before = found.get(key)
        found[key] = one if before is None else one._replace(
            tries=before.tries + one.tries, programs=tuple(sorted({*before.programs, *one.programs})),
            first=min(filter(None, (before.first, one.first)), default=None),
            last=max(filter(None, (before.last, one.last)), default=None))
    return sorted(found.values(), key=lambda one: one.last or 0)


def key(refusal):
    """What tells one refusal from all others."""
    return (refusal.way, refusal.mark, refusal.source, refusal.destination, refusal.domain, refusal.protocol,
            refusal.port)


def tries(refusals):
    """{key: tries}, for fresh()."""
    return {key(one): one.tries for one in refusals}


def fresh(refusals, before):
    """(refusal, new tries) of those that have more tries than before; before: as tries() has it, brought up to date.

    Fewer tries than before: they were cleared, and all are new.
    """
    now = tries(refusals)
    for one in refusals:
        old = before.get(key(one), 0)
        grown = one.tries - old if one.tries >= old else one.tries
        if grown:
            yield one, grown
    before.clear()
    before.update(now)


def more(counts, names_left_out, now):
    """The Refusals that add up what is not listed; names_left_out: {mark: queries}, as answers.left_out() has it."""
    for way, name in zip(("more-out", "more-in"), MORE):
        for count in counts.get(name, ()):
            mark, protocol = (count.key, None) if way == "more-out" else (None, count.key)
            yield Refusal(way, mark, (), None, None, None, protocol, None, (), count.packets, None,
                          last_time(count, now))
    for mark, queries in names_left_out.items():
        yield Refusal("more-name", mark, (), None, None, None, None, None, (), queries, None, None)


def last_time(count, now):
    """When an element was last used, by what is left of its time, in seconds since 1970; up to 1 s too early."""
    return None if count.expires is None else now - TIMEOUT + count.expires


def is_program(refusal, program):
    """Whether a refusal is of a program: its name, its path, or the last part of that."""
    return program in refusal.programs or any(program in (path, path.rpartition("/")[2])
                                              for path in refusal.executables)


def fits(refusal, user, group, since, program=None):
    """Whether a refusal is of a user, a group and a program, each None for any, and not older than since.

    A user or a group is a name or a number; see is_program().
    """
    if since is not None and refusal.last is not None and refusal.last < since:
        return False
    if program is not None and not is_program(refusal, program):
        return False
    if user is None and group is None:
        return True
    if refusal.mark is None:
        return False
    (user_name, group_name), (gid, uid) = labels.describe(refusal.mark), marks.decode(refusal.mark)
    return user in (None, user_name, str(uid)) and group in (None, group_name, str(gid))


def of_doctor(refusal):
    """Whether it is of a try of galaf_doctor's."""
    return labels.is_doctor(refusal.mark)


def protocol_name(number):
    """tcp, udp, icmp ...; an unknown one as its number."""
    return PROTOCOLS.get(number, str(number))


def type_names(numbers):
    """The types of DNS records, as A, AAAA; an unknown one as RFC 3597 writes it."""
    return ", ".join(TYPES.get(number, f"TYPE{number}") for number in numbers)


def program_words(refusal):
    """The programs of a refusal: the path where it is known, and a name that is not the path's own."""
    own = {path.rpartition("/")[2][:15] for path in refusal.executables}
    names = [name for name in refusal.programs if name not in own]
    paths = ", ".join(refusal.executables)
    return f"{', '.join(names)} ({paths})" if names and paths else paths or ", ".join(names)


def clock(when):
    """A time for people; when: seconds since 1970, or None."""
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def short_clock(when, now):
    """A time for people, in 11 characters at most; when, now: seconds since 1970, or when None."""
    if when is None:
        return ""
    there, here = time.localtime(when), time.localtime(now)
    return time.strftime("%H:%M:%S" if there[:3] == here[:3] else "%m-%d %H:%M", there)
