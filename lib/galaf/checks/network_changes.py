# SPDX-License-Identifier: GPL-3.0-or-later
"""No program of whoever sits at the machine changes its networks, past the rules.

By Debian it may, with NetworkManager: bridge the cable with an interface of its own, or name another name server.
galaf has an administrator's password asked for that, and polkit and D-Bus are tried; no one is in the group netdev,
which wpa_supplicant and iwd obey, or in dip, where pppd or pppoe is set-uid, which give its members any address and
route, and send frames; firejail, which is set-uid, makes no interfaces for others; no tap and no bridge is open to
people, as by lxc-usernet; and no user has made a connection for that before.
"""
from ..system import seat
from .results import BROKEN, OK, Result, WARNING, few
from .tries import untried

WHO = "any program of whoever sits at this machine may"


def check(known):
    obstacle = untried(known)
    return [obstacle] if obstacle else found(known.conf) or Result(OK, "networks are changed by an administrator alone")


def found(conf):
    """A Result for each way that is open."""
    return [*asked(conf), *others()]


def asked(conf):
    """Whether polkit and D-Bus ask for an administrator."""
    if conf.network_changes != "admin":
        yield Result(WARNING, f"{WHO} change its networks, past the rules, as network_changes says",
                     'take "network_changes" out of $.config')
        return
    allowed = list(seat.allowed())
    if allowed:
        yield Result(BROKEN, f"{WHO} {few(allowed)}, past the rules",
                     f"sudo galaf_firewall start; see what else {seat.POLKIT.parent} and {seat.BUS.parent} have")


def others():
    """What polkit is not asked about."""
    profiles = seat.own_profiles()
    for each, members in seat.obeyed():
        yield Result(BROKEN if each.sends else WARNING,
                     f"the group {each.group} has {few(members)}, whose programs may {each.does}",
                     f"sudo gpasswd --delete USER {each.group}, and a new login: NetworkManager needs nobody in there")
    if seat.firejail_connects():
        yield Result(BROKEN, "firejail gives any program an interface of its own on the cable, past the rules",
                     f'write "restricted-network yes" into {seat.FIREJAIL}, as Debian has it')
    owned = [*seat.taps(), *seat.bridged()]
    if owned:
        devices = few([f"{name} of {who}" for name, who in owned])
        yield Result(WARNING, f"programs send as another network does, by {devices}: past the rules where a bridge"
                              ' joins it to the cable, and what "inbound" lets in is answered to whom they name',
                     "take it away: ip tuntap del, /etc/lxc/lxc-usernet, /etc/qemu/bridge.conf; or no such bridge, "
                     "and iifname in the rules under inbound")
    if profiles:
        yield Result(WARNING, "users have made connections that their programs may bring up, past the rules: "
                              f"{few(profiles)}", "nmcli connection show NAME; sudo nmcli connection delete NAME")
