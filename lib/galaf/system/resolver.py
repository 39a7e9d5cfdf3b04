# SPDX-License-Identifier: GPL-3.0-or-later
"""The dnsmasq that resolves this machine's names: which one it is, leading it to galaf's options, its restart.

NetworkManager runs one as its plug-in and reads /etc/NetworkManager/dnsmasq.d; Debian's
dnsmasq package runs one as a service and reads /etc/dnsmasq.d.  Both are pointed at the
options by links, which go again with the package.
"""
import contextlib
import hashlib
import os
import pwd
import re
import signal
from pathlib import Path

from .. import paths
from ..errors import GalafError
from . import daemons, files, listed_names
from .run import CommandFailed, run

OLDEST = "2.87"
SHIPPED = Path("/usr/share/galaf/NetworkManager")
GENERATED = paths.STATE / "dnsmasq.d"
READ = paths.RUNTIME / "options-read"       # the digest of the options that dnsmasq was last started anew for
RESOLV_CONF = Path("/etc/resolv.conf")
_NETWORK_MANAGER, _DNSMASQ = Path("/usr/sbin/NetworkManager"), Path("/usr/sbin/dnsmasq")
LINKS = {
    "NetworkManager": {
        Path("/etc/NetworkManager/conf.d/00-use-dnsmasq.conf"): SHIPPED / "conf.d/00-use-dnsmasq.conf",
        Path("/etc/NetworkManager/dnsmasq.d/00-galaf.conf"): SHIPPED / "dnsmasq.d/00-galaf.conf",
    },
    "dnsmasq": {
        Path("/etc/dnsmasq.d/00-galaf.conf"): SHIPPED / "dnsmasq.d/00-galaf.conf",
    },
}
_OPTIONS = {"NetworkManager": (Path("/etc/NetworkManager/dnsmasq.d"),),
            "dnsmasq": (Path("/etc/dnsmasq.d"), Path("/etc/dnsmasq.conf"))}     # as Debian's init script has it
_ONCE = ("user", "cache-size", "max-ttl", "connmark-allowlist-enable")     # what galaf sets and dnsmasq takes once
_PROCESS = {"NetworkManager": "/run/NetworkManager/dnsmasq.pid", "dnsmasq": "/run/dnsmasq/dnsmasq.pid"}


def service():
    """Which service runs dnsmasq on this machine: "dnsmasq", "NetworkManager", or None.

    The dnsmasq package comes first: with it installed, a second one of NetworkManager's
    could not have the port.
    """
    if Path("/lib/systemd/system/dnsmasq.service").exists():    # /etc/init.d/dnsmasq stays when the package is removed
        return "dnsmasq"
    if _NETWORK_MANAGER.exists():
        return "NetworkManager"
    return None


def address():
    """The address of this machine at which programs ask that dnsmasq; None where no service runs one."""
    return "127.0.0.1" if service() else None


def obstacle():
    """Why domains can't work on this machine and how to fix it, as a sentence; None if they can."""
    if service() is None:
        return ("neither NetworkManager nor the dnsmasq package is installed, so nothing turns domains into "
                "addresses: sudo apt install network-manager, or dnsmasq")
    link = os.path.realpath(RESOLV_CONF)
    if link.startswith("/run/systemd/resolve/"):
        return ("systemd-resolved owns /etc/resolv.conf, so dnsmasq is not asked: sudo apt remove systemd-resolved, "
                "or make /etc/resolv.conf a file of its own")
    if service() == "dnsmasq" and _NETWORK_MANAGER.exists() and any(map(os.path.lexists, LINKS["NetworkManager"])):
        return ("NetworkManager runs a dnsmasq of its own for galaf, and the dnsmasq package's wants the same port: "
                "sudo apt remove dnsmasq, or sudo galaf_dns disconnect and sudo apt remove network-manager")
    if service() == "dnsmasq" and not _asked():
        return ("/etc/resolv.conf does not name 127.0.0.1, so the dnsmasq service is not asked: make it do so, or with "
                "NetworkManager, which writes that file, sudo apt remove dnsmasq: it runs a dnsmasq of its own")
    validating = _setting("dnssec")
    if validating:
        return (f"{validating} has dnsmasq validate DNSSEC, which needs its cache, and an answer from that enters no "
                "set: take the line dnssec out there, and leave validation to a resolver beyond")
    for option in _ONCE:
        if file := _setting(option):
            return f"{file} sets {option}, as galaf does, and dnsmasq takes it once: take the line out there"
    return _too_old(run("dnsmasq", "--version"))


def option_files():
    """The files of options that this machine's dnsmasq reads, galaf's own left out."""
    folder, *files = _OPTIONS.get(service(), (Path("/nowhere"),))
    found = [*files, *(sorted(folder.iterdir()) if folder.is_dir() else ())]
    return [file for file in found if file.is_file() and file not in LINKS[service()]]


def _setting(option):
    """The file of this machine's own in which dnsmasq is given an option, or None."""
    given = re.compile(rf"^\s*{option}\s*(?:[=#]|$)", re.MULTILINE)
    return next((file for file in option_files()
                 if given.search(file.read_text(encoding="utf-8", errors="replace"))), None)


def silenced(conf, ids):
    """Why dnsmasq, as its own user, may get no answers for domains, and the fix, as a sentence; or None."""
    allowed = "dnsmasq" in ids.users and conf.users["dnsmasq"].rules
    if service() is None or conf.mode == "audit" or allowed or not any(entry.domains for entry in conf.entries()):
        return None
    return ("no entry lets dnsmasq reach a name server beyond this machine: write into \"users\": "
            '"dnsmasq": { "rule": ["udp dport 53", "tcp dport 53"] }')


def search_limit(conf):
    """Where strict DNS ends a bare name's search too early, and how to fix it, as a sentence; or None.

    glibc's res_search(3) goes on after "no such name", and gives up where a name is refused, as the
    first domain of the list is to an entry that may not resolve it.
    """
    searched = _searched()
    for entry in conf.groups.values() if conf.dns == "strict" else ():
        if "LOCALDOMAIN" in entry.env_set:
            continue
        own = [domain for domain in searched if any(f".{domain}".endswith(f".{each}") for each in entry.domains)]
        if own and own != searched[:len(own)]:
            return (f"{entry.path}: a bare name is not found below {own[0]}, since /etc/resolv.conf's search list has "
                    f"{searched[0]} first, which the entry may not resolve: write into the entry "
                    f'"env": {{ "set": {{ "LOCALDOMAIN": "{" ".join(own)}" }} }}')
    return None


def rebinds():
    """The names, sorted, that dnsmasq refused since boot for a private address, by the journal.

    Any program can write there as "dnsmasq"; _UID is what the kernel says of who wrote, systemd.journal-fields(7), and
    galaf's options have dnsmasq run as that user.
    """
    try:
        said = run("journalctl", "--boot", "--quiet", "--output=cat", "--identifier=dnsmasq",
                   "--grep=DNS-rebind attack detected", f"_UID={pwd.getpwnam('dnsmasq').pw_uid}", ok=(0, 1))
    except (GalafError, KeyError):
        return []       # no journal is kept, or this is not root; there is no such user
    return sorted(set(re.findall(r"detected: ([a-z0-9._-]+)$", said, re.MULTILINE)))


def _searched():
    """The search list of resolv.conf(5)."""
    return (re.findall(r"^(?:search|domain)\s+(.*)", _resolv_conf(), re.MULTILINE) or [""])[-1].lower().split()


def _resolv_conf():
    try:
        return RESOLV_CONF.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _asked():
    """Whether /etc/resolv.conf points at this machine's own resolver, and nowhere else."""
    return all(server.startswith("127.") or server == "::1" for server in servers())


def servers():
    """The name servers that programs ask; without the file, or any in it, this machine: resolv.conf(5)."""
    return re.findall(r"^nameserver\s+(\S+)", _resolv_conf(), re.MULTILINE) or ["127.0.0.1"]


def writer():
    """The program that wrote /etc/resolv.conf, by that file's own words; "" where it does not say."""
    return (re.findall(r"^#.*?\bgenerated by (\w+)", _resolv_conf(), re.MULTILINE | re.IGNORECASE) or [""])[0]


def _too_old(said):
    """What `dnsmasq --version` lacks, as a sentence; None if nothing."""
    from debian.debian_support import version_compare      # takes as long to read as an eighth of a command's start
    version = re.search(r"version (\S+)", said)
    if not version or version_compare(version[1], OLDEST) < 0:
        return f"dnsmasq {version[1] if version else '?'} is too old: {OLDEST} or newer is needed"
    options = said.split("compile time options:")[-1].split()
    lacking = [option for option in ("nftset", "conntrack") if option not in options]
    return f"this dnsmasq is built without {' and '.join(lacking)}: install Debian's dnsmasq-base" if lacking else None


def check(file):
    """Has dnsmasq check an options file; raises GalafError with what it says."""
    try:
        _test(file, ["LC_ALL=C"])
    except CommandFailed as error:
        raise GalafError(f"dnsmasq refuses the options: {error.said}") from None


def _test(file, locale):
    """Has dnsmasq check an options file in a locale: the environment's lines for it."""
    run("env", "-u", "LC_ALL", *locale, "dnsmasq", "--test", f"--conf-file={file}")


def connect():
    """Leads this machine's dnsmasq to the options; returns the service that has to be restarted, or None."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    options = GENERATED / "galaf.conf"
    name = service()
    changed = not options.is_symlink() and paths.GOOD.exists()
    if changed:
        options.symlink_to(paths.GOOD / "dnsmasq.conf")
    for link, target in LINKS.get(name, {}).items():
        if not link.is_symlink() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
            changed = True
    return name if changed else None


def point(text):
    """Has dnsmasq read these options in the place of the good generation's, or those again where text is None.

    True where that makes a difference to one that is started anew; nothing is done where none reads galaf's options.
    """
    options, own = GENERATED / "galaf.conf", GENERATED / "allowed"
    if not options.is_symlink():
        return False
    before = options.read_text(encoding="utf-8") if options.exists() else None
    target = paths.GOOD / "dnsmasq.conf"
    if text is not None:
        files.replace(own, text)
        target = own
    if os.readlink(options) != str(target):
        new = GENERATED / "galaf.next"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.rename(options)
    if text is None:
        own.unlink(missing_ok=True)
    return not options.exists() or options.read_text(encoding="utf-8") != before


def disconnect():
    """Takes the links away; returns the services that had them and have to be restarted."""
    had = []
    for name, links in LINKS.items():
        ours = [link for link, target in links.items() if link.is_symlink() and os.readlink(link) == str(target)]
        for link in ours:
            link.unlink()
        had += [name] if ours else []
    (GENERATED / "galaf.conf").unlink(missing_ok=True)
    (GENERATED / "allowed").unlink(missing_ok=True)
    return had


def forget_options():
    """Takes the generated options away, and dnsmasq goes on without them; the links stay."""
    (GENERATED / "galaf.conf").unlink(missing_ok=True)
    restart(service())


def drop_dead_link():
    """Takes the link to the generated options away if it leads nowhere: no dnsmasq starts with it.

    NetworkManager would try a few times and give up for minutes.
    """
    options = GENERATED / "galaf.conf"
    if options.is_symlink() and not options.exists():
        options.unlink()


def outdated():
    """Whether dnsmasq has not read the options that are there now; None where that is not known, as since boot."""
    try:
        return READ.read_text(encoding="ascii") != _digest()
    except OSError:
        return None


def _digest():
    options = GENERATED / "galaf.conf"
    return hashlib.sha256(options.read_bytes() if options.exists() else b"").hexdigest()


def restart(name):
    """Has a service start its dnsmasq anew if the service runs, since an option file is read at its start only."""
    listed_names.fill()
    files.folder(paths.RUNTIME, 0o700)
    files.replace(READ, "", mode=0o600)         # until it is done
    _restart(name)
    files.replace(READ, _digest(), mode=0o600)


def _restart(name):
    if name == "NetworkManager":
        process = daemons.running(_NETWORK_MANAGER)
        if not process:
            return
        if _stumbles(process):
            run("service", "NetworkManager", "restart")
            return
        run("nmcli", "general", "reload", "conf")
        run("nmcli", "general", "reload", "dns-full")
    elif name == "dnsmasq" and _dnsmasq():
        run("env", "LC_ALL=C", "service", "dnsmasq", "restart")


def _stumbles(process):
    """Whether good options are refused in the locale that a running service was started in.

    dnsmasq 2.91 takes an error that setlocale(3) met on its search for one in a
    connmark-allowlist.  Started anew, the service has the locale of galaf's drop-in.
    """
    options = paths.GOOD / "dnsmasq.conf"
    if not options.exists():
        return False
    environment = Path(f"/proc/{process}/environ").read_text(encoding="utf-8", errors="replace").split("\0")
    try:
        _test(options, [line for line in environment if re.match(r"(LANG|LC_\w+)=", line)])
    except CommandFailed:
        return True
    return False


def forget():
    """Has dnsmasq read /etc/hosts again, and forget what it keeps where it keeps answers.

    No other dnsmasq is told: SIGHUP ends one that has just been started, as to check options.
    """
    process = _dnsmasq()
    if process:
        with contextlib.suppress(OSError):      # it has just ended
            os.kill(process, signal.SIGHUP)


def _dnsmasq():
    """The process of the dnsmasq that answers programs, or None."""
    return daemons.noted(_PROCESS[service()], _DNSMASQ) if service() else None
