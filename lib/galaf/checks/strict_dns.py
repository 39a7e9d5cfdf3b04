# SPDX-License-Identifier: GPL-3.0-or-later
"""A query by a program outside every group is refused, as is each of tens of thousands in a row.

And it reaches no resolver at another address of this machine, be it one that is there or one that is started
for this.  A query that is more than a plain question does not reach dnsmasq.
"""
from ..system import listeners, probe, resolver
from .results import BROKEN, OK, Result, WARNING, few
from .tries import NEW_SKELETON, SERVER, own_addresses, untried


def check(known):
    if known.conf.dns == "open" or known.conf.mode == "audit":
        opened = '"dns"' if known.conf.dns == "open" else '"mode"'
        return Result(WARNING, 'DNS is open: any program can send data out in the names that it asks for',
                      f"take {opened} out of $.config")
    if not any(entry.domains for entry in known.conf.entries()) and resolver.service() is None:
        return Result(OK, "no entry has domains, and nothing here resolves names")
    return asked(probe.ask_name(SERVER)) or untried(known) or [*hurried(), crooked(known), *elsewhere()]


def asked(said):
    """The Result of a query that should have been refused, but was not; None if it was."""
    if said == "REFUSED":
        return None
    if said == "silent":
        return Result(BROKEN, f"nothing answers at {SERVER}, so nobody resolves names",
                      f"sudo service {resolver.service() or 'dnsmasq'} restart")
    return Result(BROKEN, f"a name asked for by a program outside every group is answered: {said}",
                  "sudo galaf_dns connect; sudo galaf_config")


def hurried():
    """The Result of queries in a row, each of which should be refused."""
    passed, sent = probe.hurry(SERVER)
    if passed:
        yield Result(BROKEN, f"{passed} of {sent} queries by a program outside every group were answered: they pass "
                             "dnsmasq's allow-list", f"sudo galaf_dns connect; {NEW_SKELETON}")
    else:
        yield Result(OK, f"a name asked for by a program outside every group is refused, and {sent} more in a row")


def crooked(known):
    """The Result of a query with a byte behind its question, at which eBPF should look."""
    if probe.ask_name(SERVER, b"\0", 0.5) == "silent":
        return Result(OK, "a query that is more than a plain question does not reach dnsmasq")
    passes = ("queries that are more than plain questions reach dnsmasq: an application with domains can show the next "
              "name server other names")
    if not known.meta.get("ebpf", True):
        return Result(WARNING, f"{passes}, as chosen by --no-ebpf", "sudo galaf_config, without --no-ebpf")
    return Result(BROKEN, passes, f"sudo galaf_mark start; sudo galaf_config; {NEW_SKELETON}")


def elsewhere():
    """The Result of a query at each other address of this machine's where a resolver is, or could be."""
    where = {one.address for one in listeners.found() if one.port == 53} - {"0.0.0.0", "::"}
    said = {address: probe.call_resolver(address)
            for address in sorted({*where, probe.OTHER, *own_addresses()} - {SERVER})}
    reached = [address for address, word in said.items() if word not in ("closed", "REFUSED", "silent")]
    if reached:
        yield Result(BROKEN, "a program outside every group reaches whatever resolver is at "
                             f"{few(reached)}, which holds it to no names", NEW_SKELETON)
    else:
        yield Result(OK, "a program outside every group reaches no resolver at another address of this machine")
