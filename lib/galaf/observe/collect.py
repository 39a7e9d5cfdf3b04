# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal that there is, from the kernel's counters and from what the eBPF programs saw."""
import time

from . import answers, counters, denied, programs, watch

TCP = 6


def refusals(table, clear=False, sets=denied.SETS):
    """([denied.Refusal], the newest last; [complaint]).

    clear: True also removes them, in one with reading; sets: the kernel's sets that are read.
    """
    counts, complaints = (counters.reset if clear else counters.read)(table, counters.present(table, sets))
    seen, now = watch.read(), time.time()
    programs.forget()
    found = [*denied.outgoing(counts, seen, answers.resolved(), now, executable), *denied.incoming(counts, now),
             *denied.unresolved(answers.refused(clear), seen, executable),
             *denied.more(counts, answers.left_out(clear), now)]
    return sorted(found, key=lambda one: one.last or 0), complaints


def executable(one):
    """The path of a watch.Seen's program, or None."""
    return programs.executable(one.comm, one.run)


def unlisted(found):
    """Refusals of TCP that are beyond someone's share of the counters, as far as the eBPF programs saw what was tried.

    found: what refusals() has.  They are what was tried by whom the counters leave something out of: not all was
    refused, where that has an entry.
    """
    beyond = {one.mark for one in found if one.way == "more-out"}
    listed = {(one.mark, one.destination, one.protocol, one.port) for one in found if one.way == "out"}
    names = answers.resolved() if beyond else {}
    for one in watch.read() if beyond else ():
        address = str(one.address)
        if one.mark in beyond and one.protocol == TCP and (one.mark, address, TCP, one.port) not in listed and (
                not (one.address.is_loopback or one.address.is_multicast)):
            answer, path = names.get((one.mark, one.address)), executable(one)
            yield denied.Refusal("out", one.mark, (one.comm,), None, address, answer and answer.name, TCP, one.port, (),
                                 one.count, one.first, one.last, answer, (path,) if path else ())
