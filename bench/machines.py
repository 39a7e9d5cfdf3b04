# SPDX-License-Identifier: GPL-3.0-or-later
"""The throwaway machines that are measured beside each other, and what is installed on them.

Each is a lab of its own (tests/lab), and all that are compared run at the same time, so
that rounds can go from one to the next without loading or unloading anything between.
"""
import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build/bench"
DEBS = BUILD / "debs"           # of rivals: fetched, and installed in a lab only
CLIENT, SERVER = "0", str(os.cpu_count() - 1)   # the processors of the two ends of the cable
ADDRESSES = [f"198.18.0.{last}" for last in range(16, 32)]  # of names below many.example
PORT = 443


class Failed(Exception):
    """A command in a lab ended badly, so that nothing was measured; the text says which and why."""


class Machine:
    """One lab, whose internet has a name server and a port that takes everything.

    The port is a process outside the lab's control group, where no eBPF program of the lab's
    runs for it, as none would on another machine.
    """

    def __init__(self):
        self._lab = subprocess.Popen([TOP / "tests/lab", TOP / "bench/machine"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, env={**os.environ, "LAB_INTERNET": "no"})
        self.internet("dnsmasq", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                      "--bind-interfaces", "--listen-address=192.0.2.1", "--pid-file=/run/internet-dnsmasq.pid",
                      "--local-ttl=3600",
                      f"--address=/bench.example/{ADDRESSES[0]}", "--synth-domain=new.example,198.18.0.0/16",
                      *(f"--address=/many.example/{address}" for address in ADDRESSES))
        self._server = subprocess.Popen(
            ["nsenter", f"--net={self._namespace()}", "taskset", "-c", SERVER, BUILD / "serve", str(PORT), ADDRESSES[0]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self._server.stdout.readline()

    def _namespace(self):
        """The network namespace at the other end of the cable, as a path of this machine's."""
        groups = subprocess.run(["findmnt", "--noheadings", "--first-only", "--types", "cgroup2", "--output", "TARGET"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        members = Path(groups, f"galaf-lab-{self._lab.pid}", "cgroup.procs").read_text(encoding="ascii").split()
        return f"/proc/{members[-1]}/root/run/netns/internet"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self._server, self._lab):
            process.stdin.close()
            process.wait()

    def ask(self, *argv, stdin="", timeout=120):
        """Runs a command and waits for it.  Returns what bench/machine answers; raises Failed unless it ended well."""
        words = [str(word) for word in argv]
        try:
            self._lab.stdin.write(json.dumps({"argv": words, "stdin": stdin, "timeout": timeout}) + "\n")
            self._lab.stdin.flush()
            answer = json.loads(self._lab.stdout.readline())
        except (BrokenPipeError, ValueError):
            raise Failed(f"the lab ended during: {' '.join(words)[:200]}") from None
        if answer["status"] != 0:
            why = "ran out of time" if answer["status"] == 124 else f"status {answer['status']}"
            said = (answer["stderr"] + answer["stdout"]).strip()
            raise Failed(f"{why}: {' '.join(words)[:200]}: {said[-300:]}")
        return answer

    def run(self, *argv, stdin="", timeout=120):
        """Its standard output."""
        return self.ask(*argv, stdin=stdin, timeout=timeout)["stdout"]

    def internet(self, *argv):
        """Runs a command at the other end of the cable."""
        return self.run("nsenter", "--net=/run/netns/internet", *argv)

    def write(self, path, text):
        """Makes a file, with its folder."""
        self.run("install", "-D", "-m", "644", "/dev/stdin", path, stdin=text)

    def load(self, rules):
        """Loads nft rules."""
        self.run("nft", "-f", "-", stdin=rules)


def configuration(groups, each=0, **last):
    """galaf_conf.json of groups g1 and up; each: how many domains each has; last: more keys of the last one."""
    def entry(number):
        named = [f"d{number}-{i}.bench.example" for i in range(each)]
        # The last 16 gids of the range are kept for groups that ping.
        special = {"ping": True} if number > 30000 - 16 else {}
        return {"execv": ["/bin/true"], "rule": f"tcp dport {PORT}", **({"domains": named} if named else {}), **special}
    entries = {f"g{number}": entry(number) for number in range(1, groups + 1)}
    entries[f"g{groups}"].update(last)
    users = {"dnsmasq": {"rule": ["udp dport 53", "tcp dport 53"]}}
    return json.dumps({"users": users, "groups": entries}, indent=2)


def resolver(machine):
    """Installs Debian's dnsmasq as the machine's resolver and starts it."""
    machine.write("/etc/dnsmasq.d/bench.conf",
                  "no-resolv\nserver=192.0.2.1\nlisten-address=127.0.0.1\nbind-interfaces\n")
    machine.run("rm", "-f", "/usr/sbin/policy-rc.d")
    machine.run("dpkg", "--install", "--force-confold", "--force-unsafe-io", *sorted(TOP.glob("build/debs/*.deb")))
    machine.run("service", "dnsmasq", "restart")


def install(machine, package):
    """Installs galaf and the resolver that its domains need."""
    resolver(machine)
    machine.run("dpkg", "--install", "--force-unsafe-io", package)


def configure(machine, text):
    """Applies a galaf_conf.json.

    Returns the seconds until its rules were loaded and kept, those to galaf_config's end,
    and the peak memory in bytes.
    """
    machine.write("/etc/galaf/galaf_conf.json", text)
    began = float(machine.run("date", "+%s.%N"))
    answer = machine.ask("galaf_config", "--yes", timeout=600)
    return float(machine.run("stat", "--format=%.Y", "/var/lib/galaf/good")) - began, answer["seconds"], answer["peak"]


def in_group(number, *argv):
    """The command that runs another in the group of a number, where galaf is active."""
    return ["galaf", "--test", f"g{number}", *argv]


def conntracked():
    """A machine whose ruleset only has the kernel track connections, which the conntrack mark cannot do without."""
    machine = Machine()
    machine.load("table inet bench { chain out { type filter hook output priority 0; ct state new accept; }; }")
    return machine


def protected(package, groups):
    """A machine with galaf active, whose last group has a domain, and has resolved it.

    The other groups have none: how long they take to load differs by far, what a packet
    meets does not.
    """
    machine = Machine()
    install(machine, package)
    domain = "d.many.example"
    configure(machine, configuration(groups, domains=[domain], rule=[f"tcp dport {PORT}", f"udp dport {PORT}"]))
    found = machine.run(*in_group(groups, "/usr/bin/getent", "ahostsv4", domain))
    if ADDRESSES[0] not in found:
        raise Failed(f"{domain} resolves to: {found}")
    return machine
