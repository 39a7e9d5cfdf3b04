# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables and dnsmasq are new enough."""
import functools

from debian import deb822
from debian.debian_support import Version

from ..system import resolver
from .results import BROKEN, OK, Result, few


def check(_known):
    found = installed()
    needed = {"nftables": "1.0.6", "dnsmasq-base": resolver.OLDEST}
    old = [f"{name} {found.get(name, 'is missing')}" for name, least in needed.items()
           if found.get(name, Version("0")) < Version(least)]
    if old:
        return Result(BROKEN, f"too old: {few(old)}", "sudo apt upgrade")
    return Result(OK, f"nftables {found['nftables']}, dnsmasq-base {found['dnsmasq-base']}")


@functools.lru_cache(maxsize=None)
def installed():
    """{package: Version} of this machine."""
    with open("/var/lib/dpkg/status", encoding="utf-8") as stream:
        return {item["Package"]: Version(item["Version"])
                for item in deb822.Packages.iter_paragraphs(stream, use_apt_pkg=False)
                if item["Status"].endswith(" installed")}
