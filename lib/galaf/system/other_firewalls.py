# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of other programs do that touches galaf: they redirect, copy or divert packets, or set marks."""
import json
import re
import shutil
from pathlib import Path

from .run import SEARCH, run

# The targets of iptables-extensions(8) that redirect, copy or divert packets, set marks, or keep them from conntrack.
TARGETS = {"CONNMARK", "CT", "DNAT", "MARK", "NETMAP", "NFQUEUE", "NOTRACK", "REDIRECT", "TEE", "TPROXY"}


def acting(own):
    """What other tables than galaf's (its name) do, as phrases such as "ip nat output has dnat"; empty if nothing."""
    return list(dict.fromkeys([*touching(run("nft", "-j", "-t", "list", "ruleset"), own), *_older_tables()]))


def _older_tables():
    """What rules of iptables-legacy(8) do that touches galaf, as phrases; nft does not show them."""
    for family, program in (("ip", "iptables-legacy-save"), ("ip6", "ip6tables-legacy-save")):
        loaded = Path(f"/proc/net/{family}_tables_names")
        names = sorted(loaded.read_text(encoding="ascii").split()) if loaded.exists() else ()
        if names and shutil.which(program, path=":".join(SEARCH)):
            yield from touching_legacy(family, run(program))
        elif names:
            yield f"{family} {', '.join(names)} of iptables-legacy, which is not here to tell what they do"


def touching_legacy(family, listing):
    """The same of a listing as iptables-save(8) prints it."""
    table = ""
    for line in listing.splitlines():
        table = line[1:] if line.startswith("*") else table
        rule = re.match(r"-A (\S+) (?:.* )?-j (\S+)", line)
        if rule and rule[2] in TARGETS:
            yield f"{family} {table} {rule[1]} has {rule[2]}"


def touching(listing, own):
    """What tables other than our own (its name) do that touches galaf, as phrases, of nft's JSON listing."""
    for item in json.loads(listing)["nftables"]:
        (kind, value), = item.items()
        if kind not in ("rule", "flowtable") or (value["family"], value["table"]) == ("inet", own):
            continue
        place = f"{value['family']} {value['table']} {value['chain' if kind == 'rule' else 'name']}"
        yield from [f"{place} {act}" for act in acts(value["expr"])] if kind == "rule" else [
            f"{place} forwards past the rules"]


def acts(expressions):
    """What a rule of another table does that touches galaf, as phrases."""
    for one in expressions:
        (word, value), = one.items() if isinstance(one, dict) else ((one, None),)
        if word in ("dnat", "redirect", "tproxy", "queue", "notrack", "dup", "fwd"):
            yield f"has {word}"
        elif word == "mangle" and value["key"] in ({"ct": {"key": "mark"}}, {"meta": {"key": "mark"}}):
            yield f"sets the {next(iter(value['key']))} mark"
        elif word == "xt" and isinstance(value, dict) and value.get("name") in TARGETS:
            yield f"has {value['name']}"
