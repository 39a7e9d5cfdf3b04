# SPDX-License-Identifier: GPL-3.0-or-later
"""The ruleset in the kernel is the one that was kept, chain by chain, and enforces.

Audit mode is broken; for single entries it is a warning.
"""
import json

from .. import generation
from ..errors import GalafError
from ..render import grants
from ..system import granted, nft
from ..system.run import run
from .results import BROKEN, OK, Result, WARNING, few

# A line for all without elements, of which sets may have many and change all the time, when nft begins anew: nft 1.0.6
# reads them for one table.  Then one for each of the maps of table $1.
LISTED = ('table=$1; shift; nft -j -t list ruleset inet && '
          'for map; do nft -j list map inet "$table" "$map" || exit; done')


def check(known):
    if known.folder is None:
        return Result(BROKEN, "no rules are kept: nothing is enforced",
                      "edit galaf_conf.json and run sudo galaf_config")
    damage = known.damage or damaged(known.folder)
    if damage:
        return Result(BROKEN, "the kept generation is damaged, and the next boot may not load it: "
                              f"{few(damage.splitlines()[:1])}", "sudo galaf_config")
    table = known.meta["table"]
    if not nft.loaded(table):
        return Result(BROKEN, f"the table inet {table} is not loaded: nothing is enforced", "sudo galaf_firewall start")
    other = sorted(differences(table, kept_in_kernel(known.folder, table), in_kernel(table)))
    if other:
        return Result(BROKEN, f"the kernel's table inet {table} is not the kept one: {few(other)}",
                      "sudo galaf_firewall start")
    if known.conf.mode == "audit":
        return Result(BROKEN, "audit mode: nothing is refused, only counted", 'take "mode" out of $.config')
    audited = [entry.path for entry in known.conf.entries() if entry.mode == "audit"]
    if audited:
        return Result(WARNING, f"audit mode: nothing is refused to {few(audited)}", 'take "mode" out there')
    allowed = granted.alive(table)
    if allowed:
        return Result(WARNING, f"{len(allowed)} permissions are for now, beside galaf_conf.json",
                      "sudo galaf_allow --list shows them, sudo galaf_allow --end all ends them")
    return Result(OK, f"table inet {table}, generation {known.folder.name}, is loaded as it was kept")


def damaged(folder):
    """Why the ruleset of a generation can't be loaded again; "" if it can."""
    try:
        generation.rules(folder)
    except GalafError as error:
        return str(error)
    return ""


def in_kernel(table):
    """nft's JSON listings of a table that is loaded, a line each: LISTED's."""
    return run("sh", "-c", LISTED, "sh", table, *nft.maps(table))


def kept_in_kernel(folder, table):
    """The same of a kept ruleset with what is allowed for now.

    It is loaded for the purpose where nothing is: in a network of its own.
    """
    return run("unshare", "--net", "sh", "-c", f'nft -f "$1" && nft -f - && shift && {{ {LISTED}; }}', "sh",
               str(folder / "ruleset.nft"), table, *nft.declared(generation.rules(folder), "map"),
               stdin="".join(f"{line}\n" for line in for_now(folder, table)))


def for_now(folder, table):
    """nft's lines for what is allowed for now; none where a galaf made the rules that knew no such thing."""
    if not grants.known(generation.rules(folder)):
        return []
    return granted.lines(table, [grant for grant, _ in granted.alive(table)])


def differences(table, kept, live):
    """What differs in a table between two listings in JSON, as phrases such as "chain output".

    Elements of sets, counters and handles come and go by themselves; elements of maps are rules.
    """
    kept, live = comparable(table, kept), comparable(table, live)
    return [" ".join(name) for name in {**kept, **live} if kept.get(name) != live.get(name)]


def comparable(table, listings):
    """{(kind, name): what it is} of a table's sets, maps and chains; a later line goes before an earlier one."""
    found = {}
    for item in (item for line in listings.splitlines() for item in json.loads(line)["nftables"]):
        (kind, value), = item.items()
        if value.get("table") != table:
            continue
        value.pop("handle", None)
        if kind == "rule":
            found["chain", value["chain"]].append(value["expr"])
        elif kind == "chain":
            found["chain", value["name"]] = [value]
        elif kind == "map":
            found[kind, value["name"]] = sorted(map(json.dumps, value.pop("elem", ()))), value
        elif kind == "set":
            value.pop("elem", None)
            found[kind, value["name"]] = value
    return found
