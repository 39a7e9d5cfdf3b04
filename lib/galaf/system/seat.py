# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may change this machine's networks: as Debian has it any program of whoever sits at it, else an administrator.

polkit and D-Bus are told by links, which are there while rules are loaded.
"""
import contextlib
import grp
import os
import pwd
import re
import stat
from collections import namedtuple
from pathlib import Path

from ..errors import GalafError
from . import daemons, labels
from .run import CommandFailed, run

SHIPPED = Path("/usr/share/galaf")
POLKIT = Path("/etc/polkit-1/rules.d/00-galaf.rules")
BUS = Path("/etc/dbus-1/system.d/galaf.conf")
LINKS = {POLKIT: SHIPPED / "polkit-1/00-galaf.rules", BUS: SHIPPED / "dbus-1/galaf.conf"}
FIREJAIL = Path("/etc/firejail/firejail.config")
PROFILES = ("/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections")
PEOPLE, NOBODY = 1000, 65534     # uids of people begin with, and end before: Debian Policy 9.2.2
Obeyed = namedtuple("Obeyed", "group programs mode sends does")
Obeyed.__doc__ = """A group that programs of root's obey, without a question.

programs: their paths, one of which is there; mode: what it then has, as set-uid, or 0; sends: whether they send past
the rules for a member; does: what a member's programs may, a phrase.  NetworkManager needs nobody in either group.
"""
OBEYED = (
    Obeyed("netdev", ("/sbin/wpa_supplicant", "/usr/sbin/wpa_supplicant", "/usr/libexec/iwd"), 0, True,
           "send frames past the rules, by wpa_supplicant or iwd"),
    # with "demand" it sets both addresses before anybody is asked who they are
    Obeyed("dip", ("/usr/sbin/pppd",), stat.S_ISUID, False,
           "give this machine any address, and a route to any, by pppd"),
    Obeyed("dip", ("/usr/sbin/pppoe",), stat.S_ISUID, True, "send frames past the rules, by pppoe"))
HELPERS = (
    ("/usr/libexec/lxc/lxc-user-nic", "/etc/lxc/lxc-usernet",
     re.compile(r"^[ \t]*(?P<who>[^\s#]\S*)[ \t]+\S+[ \t]+(?P<bridge>\S+)", re.MULTILINE)),
    ("/usr/lib/qemu/qemu-bridge-helper", "/etc/qemu/bridge.conf",
     re.compile(r"^allow[ \t]+(?P<bridge>\S+)", re.MULTILINE)))
PLAIN = ("ethernet", "802-3-ethernet", "wifi", "802-11-wireless", "gsm", "cdma")    # types in nm-settings-keyfile(5)
_MORE = re.compile(r"^(master|controller|dns|gateway|(address|route)(es|s)?\d*)=.|^method=shared|^mode=(ap|adhoc)",
                   re.MULTILINE)


def settle(held):
    """Puts the links in place, or takes them away; held: whether changes are an administrator's alone.

    Where polkit or D-Bus is not installed there is no folder for its link, and none is needed.  Raises GalafError
    where something else has the place of one.
    """
    if not held:
        give_back()
        return
    missing = [link for link in LINKS if link.parent.is_dir() and not _ours(link)]
    taken = [str(link) for link in missing if not _make(link)]
    _tell(missing)
    if taken:
        raise GalafError(f"{', '.join(taken)} is not galaf's: move it away and run galaf_config; until then any "
                         "program of whoever sits at this machine may change its networks")


def give_back():
    """Takes the links away; with one that stays, as on a read-only /etc, an administrator is asked without need."""
    ours = [link for link in LINKS if _ours(link)]
    with contextlib.suppress(OSError):
        for link in ours:
            link.unlink()
    _tell(ours)


def _make(link):
    """Makes a link; False where something else is in its place."""
    try:
        link.symlink_to(LINKS[link])
    except FileExistsError:
        return False
    return True


def _ours(link):
    return link.is_symlink() and os.readlink(link) == str(LINKS[link])


def _tell(changed):
    """Has a D-Bus that runs read its configuration again; polkit watches its folder itself, as most buses do."""
    if BUS in changed and Path("/run/dbus/system_bus_socket").exists():
        with contextlib.suppress(GalafError):
            run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "ReloadConfig", seconds=10)


def allowed():
    """What a program may change without a password, as phrases; tried as nobody: D-Bus hears known users alone."""
    if daemons.running("/usr/sbin/NetworkManager"):
        if re.search(r"^auth-polkit=(false|no|off|0)\b", run("NetworkManager", "--print-config"), re.MULTILINE):
            yield "do all that NetworkManager does, by auth-polkit=false in its configuration"
        if _reapplies():
            yield "give a connection that is up another name server"
    if os.path.exists("/usr/sbin/connmand"):
        yield "do all that ConnMan does, which asks nobody"
    if Path("/usr/share/polkit-1/actions/org.freedesktop.NetworkManager.policy").exists() and _polkit_allows():
        yield "add connections, such as a bridge of the cable with a tap of its own"


def _polkit_allows():
    """Whether polkit decides without galaf's rule, whose answer to "galaf_doctor" is no, for pkcheck(1) status 1."""
    if not Path("/etc/polkit-1").is_dir():
        return False        # without polkit NetworkManager obeys root alone
    asked = ('setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c \'echo $$; exec sleep 60 >/dev/null\' | {'
             ' read -r process; pkcheck --process "$process" --detail galaf_doctor 1'
             ' --action-id org.freedesktop.NetworkManager.settings.modify.own >&2; echo $?; kill "$process"; }')
    said = run("sh", "-c", asked).strip()
    cannot_tell = said == "127" and os.path.exists("/usr/bin/pkcheck")  # with hidepid=2; it lets nobody
    return said != "1" and not cannot_tell


def _reapplies():
    """Whether the bus lets nobody's Reapply through to NetworkManager, which has no such device and says so."""
    try:
        run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "busctl", "call",
            "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager/Devices/0",
            "org.freedesktop.NetworkManager.Device", "Reapply", "a{sa{sv}}tu", "0", "0", "0")
    except CommandFailed as error:
        return "Access denied" not in error.said
    return True


def obeyed():
    """(Obeyed, its members) of each whose program is there and who has any."""
    for each in OBEYED:
        found = members(each.group) if any(_there(program, each.mode) for program in each.programs) else []
        if found:
            yield each, found


def _there(program, mode):
    """Whether a program is there, with the bits of its mode."""
    try:
        return os.stat(program).st_mode & mode == mode
    except OSError:
        return False


def members(name):
    """Who is in a group, sorted; nobody where there is none."""
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return []
    return sorted({*group.gr_mem, *(user.pw_name for user in pwd.getpwall() if user.pw_gid == group.gr_gid)})


def firejail_connects():
    """Whether firejail(1), set-uid, gives any program's sandbox an interface of its own on the cable (--net).

    Of a key's lines in firejail.config the last one counts; Debian's has "restricted-network yes".
    """
    try:
        setuid = os.stat("/usr/bin/firejail").st_mode & stat.S_ISUID
        text = FIREJAIL.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False        # without its configuration it does nothing
    said = dict(re.findall(r"^(network|restricted-network)[ \t]+(yes|no)\b", text, re.MULTILINE))
    return bool(setuid) and said.get("network") != "no" and said.get("restricted-network") != "yes"


def taps():
    """(interface, whose) of each tun or tap that programs of some person's, or of a group's, may open and send by."""
    for folder in sorted(Path("/sys/class/net").iterdir()):
        with contextlib.suppress(OSError):      # no tun(4), or gone
            user, group = (int((folder / which).read_text(encoding="ascii")) for which in ("owner", "group"))
            if PEOPLE <= user < NOBODY:
                yield folder.name, labels.user_name(user)
            if group > 0:
                yield folder.name, f"the group {labels.group_name(group)}"


def bridged():
    """(bridge, whose) that set-uid programs give an interface in to whom their files say: lxc-usernet(5), qemu's."""
    for program, file, line in HELPERS:
        with contextlib.suppress(OSError):      # not installed
            if os.stat(program).st_mode & stat.S_ISUID:
                for said in line.finditer(Path(file).read_text(encoding="utf-8", errors="replace")):
                    yield said["bridge"], said.groupdict().get("who", "everyone")


def own_profiles():
    """The names, sorted, of the connections that a person made for themselves and that do more than join a network.

    Whoever is at the machine may bring them up without a password.
    """
    found = []
    for folder in PROFILES:
        for file in Path(folder).glob("*.nmconnection"):
            with contextlib.suppress(OSError):      # it has just gone
                text = file.read_text(encoding="utf-8", errors="replace")
                if is_own(text) and not is_plain(text):
                    found.append(file.stem)
    return sorted(found)


def is_own(profile):
    """Whether a profile, as the text of nm-settings-keyfile(5), is some user's and not the machine's."""
    return bool(re.search(r"^permissions=.", profile, re.MULTILINE))


def is_plain(profile):
    """Whether it joins a network, and takes addresses, routes and name servers from there: no bridge, no tunnel."""
    kind = re.search(r"^type=(.*)", profile, re.MULTILINE)
    return bool(kind) and kind[1] in PLAIN and not _MORE.search(profile)
