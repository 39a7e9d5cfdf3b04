# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/resolv.conf points at the dnsmasq that reads galaf's options, and nowhere else."""
from ..system import resolver, vpn_names
from .results import BROKEN, OK, Result, WARNING, few

# Who writes name servers of VPNs there, by their own words and by their names.
VPNS = {"resolvconf": "resolvconf", "vpnc": "vpnc-script"}


def check(known):
    if not any(entry.domains for entry in known.conf.entries()):
        return Result(OK, "no entry has domains")
    obstacle = resolver.obstacle()
    if obstacle:
        why, _, fix = obstacle.partition(": ")
        return Result(BROKEN, why, fix)
    missing = [link for link in resolver.LINKS[resolver.service()] if not link.exists()]
    if missing:
        return Result(BROKEN, f"{resolver.service()}'s dnsmasq does not read galaf's options: it lacks "
                              f"{few(missing)}", "sudo galaf_dns connect")
    servers = resolver.servers()
    if servers != ["127.0.0.1"]:
        return Result(BROKEN, f"/etc/resolv.conf points at {few(servers)}, not to 127.0.0.1 alone", way_back())
    if resolver.outdated():
        return Result(BROKEN, f"{resolver.service()}'s dnsmasq has not read the options that belong to the rules",
                      "sudo galaf_config")
    silenced = resolver.silenced(known.conf, known.ids)
    if silenced:
        why, _, fix = silenced.partition(": ")
        return Result(WARNING, why, fix)
    limit = resolver.search_limit(known.conf)
    if limit:
        why, _, fix = limit.rpartition(": write")
        return Result(WARNING, why, "write" + fix)
    refused = resolver.rebinds() if known.conf.stop_dns_rebind else ()
    if refused:
        return Result(WARNING, f"stop_dns_rebind refused a private address of {few(refused)}",
                      'name the domain in an entry, or take "stop_dns_rebind" out of $.config')
    return Result(OK, f"/etc/resolv.conf points at {resolver.service()}'s dnsmasq")


def way_back():
    """How to have /etc/resolv.conf name dnsmasq again, by who wrote it."""
    writer = resolver.writer()
    if writer not in VPNS:
        return "let it say only: nameserver 127.0.0.1"
    interfaces = f" for {few(vpn_names.recorded())}," if writer == "resolvconf" and vpn_names.recorded() else ""
    return f"{VPNS[writer]} wrote it,{interfaces} as for a VPN: end that, and see VPNS in galaf_conf.json(5)"
