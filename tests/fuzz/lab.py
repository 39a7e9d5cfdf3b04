# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with the package, in which programs look for what the rules let through."""
import errno
import os
import re
import socket
import struct
import subprocess
import sys

RULESET = "/var/lib/galaf/good/ruleset.nft"
OPTIONS = "/usr/share/galaf/NetworkManager/dnsmasq.d/00-galaf.conf"
RESOLVERS = ("127.0.2.1", "192.168.122.1", "fd00:122::1")      # that hold nobody to names
FETCHED = os.path.isdir("build/debs")       # Debian's dnsmasq; a virtual machine has that of NetworkManager


def command(*arguments, **options):
    """Runs a program; ends with its words if it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def outside(seconds, vm=None):
    """Starts this program again, with the package from dist/, in a lab, a virtual machine's where one is asked for.

    seconds: how long it takes; vm: "12", "13" or None.
    """
    program = f"tests/{os.path.basename(sys.argv[0])}"
    if os.getuid() != 0:
        sys.exit(f"{program}: needs root: sudo {program}")
    command("tests/setup", "resolver")
    command("make", "--silent", "deb")
    lab = ["tests/lab", program, *sys.argv[1:]]
    if vm:
        os.environ["VM_SECONDS"] = str(seconds + 600)
        os.environ["MACHINE_SECONDS"] = str(seconds + 1200)
        lab = ["tests/vm", vm, *lab]
    os.execvp(lab[0], lab)


def prepare(configuration, without=()):
    """A machine with the package and a galaf_conf.json, with other local addresses and resolvers.

    without: patterns of lines to leave out of the ruleset.
    """
    command("tests/prepare", "users", "package", *(["resolver"] if FETCHED else []))
    command("ip", "link", "add", "bridge", "type", "bridge")
    for address in ("192.168.122.1/24", "fd00:122::1/64"):
        command("ip", "address", "add", address, "dev", "bridge", *(["nodad"] if ":" in address else []))
    command("ip", "link", "set", "bridge", "up")
    for user in "dnsmasq", "resolver", "avahi":
        if subprocess.run(["id", user], capture_output=True, check=False).returncode != 0:
            command("useradd", "--system", user)
    with open("/etc/galaf/galaf_conf.json", "w", encoding="ascii") as file:
        file.write(configuration)
    command("galaf_mark", "start")
    command("galaf_config", "--yes")
    setting("net/ipv4/ping_group_range", "0 2147483647")      # as systemd sets it on Debian 13
    for address in RESOLVERS if FETCHED else ("127.0.0.1", *RESOLVERS):
        options, user = ("/dev/null", "resolver") if address in RESOLVERS else (OPTIONS, "dnsmasq")
        # In the C locale: in another Debian 13's refuses every mark in its options, as run.py says.
        command("env", "LC_ALL=C", "dnsmasq", f"--conf-file={options}", "--no-resolv", "--no-hosts", f"--user={user}",
                "--bind-interfaces", "--server=192.0.2.1", f"--listen-address={address}", "--cache-size=0",
                f"--pid-file=/run/{address}.pid")
    take_out(without)


def setting(name, value):
    """Sets one of the kernel's settings."""
    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


def ruleset():
    """The lines of the good generation's ruleset."""
    with open(RULESET, encoding="utf-8") as file:
        return file.read().splitlines()


def load(lines):
    """Loads a ruleset in the place of the one that is loaded."""
    command("nft", "-f", "-", input="\n".join(lines) + "\n")


def take_out(patterns):
    """Loads the ruleset without the lines that match; ends if a pattern matches none."""
    lines = ruleset()
    for pattern in patterns:
        out = [line for line in lines if re.search(pattern, line)]
        if not out:
            sys.exit(f"{sys.argv[0]}: no line of the ruleset matches {pattern}")
        print("without:", *(line.strip() for line in out), sep="\n    ")
        lines = [line for line in lines if line not in out]
    if patterns:
        load(lines)


class Conntrack:
    """What the kernel remembers of connections."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)   # NETLINK_NETFILTER
        self.sock.settimeout(5)

    def flush(self):
        """Forgets all of it: IPCTNL_MSG_CT_DELETE without attributes, acknowledged (linux/netfilter)."""
        self.sock.send(struct.pack("=LHHLL", 20, 1 << 8 | 2, 5, 0, 0) + bytes(4))
        failed = -struct.unpack("=i", self.sock.recv(4096)[16:20])[0]
        if failed:
            raise OSError(failed, f"conntrack: {errno.errorcode[failed]}")
