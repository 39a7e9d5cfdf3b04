# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks that try something share: whether it can be tried, and where."""
import json
from pathlib import Path

from ..system import nft, probe
from ..system.run import run
from .results import BROKEN, WARNING, Result

NEW_SKELETON = "take the package's /etc/galaf/nftables.d/galaf.nft, and run sudo galaf_config"
SERVER = "127.0.0.1"


def untried(known):
    """The Result where a program that should be refused can't be tried; None if it can."""
    if known.folder is None or not nft.loaded(known.meta["table"]):
        return Result(BROKEN, "not tried, since no rules are loaded", "sudo galaf_config, or sudo galaf_firewall start")
    if known.meta.get("mode") == "audit":
        return Result(WARNING, "not tried, since the mode is audit and nothing is refused",
                      'sudo galaf_config with "mode": "enforce"')
    if probe.STRANGER in known.ids.users.values():
        return Result(WARNING, f"not tried, since the user with the uid {probe.STRANGER} has an entry",
                      "give that user another uid")
    return None


def own_addresses():
    """An IPv4 and, where there is IPv6, an IPv6 address of this machine's: of a network it is on, or else of lo."""
    found = {"inet": "127.0.0.1", **({"inet6": "::1"} if has_ipv6() else {})}
    for link in json.loads(run("ip", "-j", "address", "show", "scope", "global", "up")):
        found.update({item["family"]: item["local"] for item in link.get("addr_info", ())
                      if item and not item.get("tentative") and not item.get("dadfailed")})
    return list(found.values())


def has_ipv6():
    """Whether any interface, lo among them, has an IPv6 address: none has with disable_ipv6=1 or ipv6.disable=1."""
    addresses = Path("/proc/net/if_inet6")
    return addresses.exists() and bool(addresses.read_text(encoding="ascii"))
