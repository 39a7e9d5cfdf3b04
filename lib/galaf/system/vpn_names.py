# SPDX-License-Identifier: GPL-3.0-or-later
"""What puts a VPN's name servers into /etc/resolv.conf, in the place of dnsmasq: has done so, or would."""
import re
from collections import namedtuple
from pathlib import Path

WIREGUARD = Path("/etc/wireguard")
OPENVPN = Path("/etc/openvpn")
RESOLVCONF = Path("/usr/sbin/resolvconf")
RECORDS = Path("/run/resolvconf/interfaces"), Path("/run/resolvconf/interface")     # openresolv's, resolvconf's own

Leading = namedtuple("Leading", "file line")
Leading.__doc__ = "A file that has a VPN lead names past dnsmasq once it is up; line: what of it does, a phrase."

_SCRIPT = re.compile(r"^\s*up\s+(.*\bupdate-(?:resolv-conf|systemd-resolved)\b)", re.MULTILINE)


def recorded():
    """The names, sorted, by which others than NetworkManager have given resolvconf name servers: an interface each."""
    return sorted(file.name for folder in RECORDS for file in folder.glob("*")
                  if not file.name.startswith("NetworkManager") and re.search(r"(?m)^nameserver\s", _read(file)))


def leading():
    """A Leading for each such file, in order.

    Without resolvconf, Debian's script for OpenVPN does nothing, and wg-quick fails.
    """
    for file in sorted(WIREGUARD.glob("*.conf")):
        for value in wireguard_servers(_read(file)):
            yield Leading(file, f"DNS = {value}")
    for file in sorted([*OPENVPN.glob("*.conf"), *OPENVPN.glob("client/*.conf")]) if RESOLVCONF.exists() else ():
        if found := _SCRIPT.search(_read(file)):
            yield Leading(file, f"up {found[1]}")


def wireguard_servers(text):
    """The values of DNS in a file of wg-quick(8): below [Interface], in any case of letters, comments left out."""
    section = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("#")[0].partition("="))
        if key.startswith("["):
            section = key.lower()
        elif section == "[interface]" and key.lower() == "dns" and value:
            yield value


def _read(file):
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
