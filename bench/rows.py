# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the bench: a function each, which yields the figures it measured, against their bars."""
import contextlib
import itertools
import re
import statistics
from dataclasses import dataclass

from machines import (ADDRESSES, BUILD, CLIENT, DEBS, PORT, Machine, configuration, configure,
                      conntracked, in_group, install, protected, resolver)


@dataclass
class Figure:
    """One line of the table.

    best: of all rounds, which noise disturbs least; against: the same of the rival, None
    where the bar is no ratio; ratio: of the two; middle: between which two the middle half
    of the ratios of single rounds lies; bar: what ratio (or, without a rival, best) must
    keep, such as ("<=", 1.15), None for what is shown for information.
    """
    row: str
    what: str
    unit: str
    best: float
    rounds: int
    rival: str = ""
    against: float = None
    ratio: float = None
    middle: tuple = None
    bar: tuple = None

    @property
    def met(self):
        """Whether the bar is kept; None where there is none."""
        if self.bar is None:
            return None
        found = self.best if self.ratio is None else self.ratio
        return found <= self.bar[1] if self.bar[0] == "<=" else found >= self.bar[1]


def interleave(probes, rounds):
    """Calls each probe once a round, so that all meet the same weather; name to its list of figures."""
    samples = {name: [] for name in probes}
    for _ in range(rounds):
        for name, probe in probes.items():
            samples[name].append(probe())
    return samples


def compare(row, what, unit, ours, rivals, rival, bar=None, best=min, upside_down=False):
    """The figure of our samples against a rival's; upside_down: how many times ours goes into the rival's."""
    def ratio(mine, other):
        return other / mine if upside_down else mine / other
    mine, other = best(ours), best(rivals)
    rounds = [ratio(*pair) for pair in zip(ours, rivals)]
    middle = statistics.quantiles(rounds, n=4)[::2] if len(rounds) > 1 else None
    return Figure(row, what, unit, mine, len(ours), rival, other, ratio(mine, other), middle, bar)


def measured(row, what, unit, samples, bar=None):
    """A figure that stands for itself."""
    return Figure(row, what, unit, min(samples), len(samples), bar=bar)


@contextlib.contextmanager
def machines(**makers):
    """Machines by name, all at once, gone at the end; makers: name to a function that makes one."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(make()) for name, make in makers.items()}


def as_gid(gid, *argv):
    """The command that runs another with a gid, where galaf is not installed."""
    return ["setpriv", "--regid", gid, "--clear-groups", *argv]


def connecting(machine, before, count):
    """A probe: microseconds for a new connection; before: what the client's command starts with."""
    argv = [*before, "/usr/bin/taskset", "-c", CLIENT, BUILD / "connect", PORT, count, *ADDRESSES]
    return lambda: int(machine.run(*argv)) / 1000


RIVALS = {"conntrack": "conntrack alone", "empty": "empty ruleset"}


def row_connect(package):
    """A new connection through mark, filter and statistics, at three sizes, beside what any stateful firewall costs."""
    sizes = (10, 1000, 10000)
    makers = {f"{size}": lambda size=size: protected(package, size) for size in sizes}
    with machines(empty=Machine, conntrack=conntracked, **makers) as found:
        plain = as_gid(30000)
        probes = {name: connecting(found[name], plain, 1000) for name in ("empty", "conntrack")}
        probes |= {f"{size}": connecting(found[f"{size}"], in_group(size), 1000) for size in sizes}
        samples = interleave(probes, 20)
    for size in sizes:
        for rival, bar in (("conntrack", ("<=", 1.10)), ("empty", None)):
            yield compare("connect", f"new connection, {size:,} groups", "µs", samples[f"{size}"], samples[rival],
                          RIVALS[rival], bar)
    yield compare("connect", "new connection, 10,000 groups", "µs", samples["10000"], samples["10"],
                  "10 groups", ("<=", 1.03))


def one_after_another(groups):
    """nft rules as a list: each group's own, looked at until one matches."""
    rules = "\n".join(f"meta skgid {30000 + i} tcp dport {PORT} accept" for i in range(groups))
    return ("table inet bench { chain out { type filter hook output priority 0; policy drop;\n"
            f"oif lo accept\nct state established,related accept\n{rules}\n}}\n}}\n")


def row_list(package):
    """A new connection against one rule after another, for the average group and for the last one."""
    groups = 5000
    with machines(ours=lambda: protected(package, groups), listed=Machine) as found:
        found["listed"].load(one_after_another(groups))
        listed = {name: connecting(found["listed"], as_gid(30000 + gid), 200)
                  for name, gid in (("average", groups // 2), ("last", groups - 1))}
        samples = interleave({"ours": connecting(found["ours"], in_group(groups), 200), **listed}, 20)
    for name in listed:
        yield compare("list", f"new connection, 5,000 groups, the {name} one", "µs", samples["ours"], samples[name],
                      "one rule after another", (">=", 5), upside_down=True)


OPENSNITCH_RULE = """{
  "created": "2023-01-01T00:00:00Z", "updated": "2023-01-01T00:00:00Z", "name": "allow-all",
  "enabled": true, "precedence": true, "action": "allow", "duration": "always",
  "operator": {"type": "simple", "operand": "true", "sensitive": false, "data": "", "list": []}
}
"""


def opensnitch():
    """A machine with OpenSnitch and one permanent rule that allows everything."""
    machine = Machine()
    machine.write("/etc/opensnitchd/rules/allow-all.json", OPENSNITCH_RULE)
    machine.run("dpkg", "--install", "--force-unsafe-io", *sorted(DEBS.glob("*.deb")))
    machine.run("sed", "-i", 's/"ProcMonitorMethod": *"[a-z]*"/"ProcMonitorMethod": "proc"/',
                "/etc/opensnitchd/default-config.json")
    machine.run("sh", "-c", "pidof opensnitchd || { setsid opensnitchd -rules-path /etc/opensnitchd/rules "
                ">/var/log/opensnitchd.out 2>&1 </dev/null & }")
    machine.run("sh", "-c", "for _ in $(seq 50); do iptables-save -t mangle | grep -q NFQUEUE && exit; sleep 0.1; "
                "done; cat /var/log/opensnitchd*; exit 1")
    return machine


def row_opensnitch(package):
    """A new connection against OpenSnitch, which asks a daemon about each."""
    with machines(ours=lambda: protected(package, 10), opensnitch=opensnitch) as found:
        samples = interleave({"ours": connecting(found["ours"], in_group(10), 200),
                              "opensnitch": connecting(found["opensnitch"], as_gid(30000), 200)}, 20)
    yield compare("opensnitch", "new connection, 10 groups", "µs", samples["ours"], samples["opensnitch"],
                  "OpenSnitch", (">=", 25), upside_down=True)


def sending(machine, before, how, count, portion):
    """A probe: how much goes out in a second; portion: how much one portion of bench/send.c is."""
    argv = [*before, "/usr/bin/taskset", "-c", CLIENT, BUILD / "send", how, ADDRESSES[0], PORT, count]
    return lambda: portion * 1e9 / int(machine.run(*argv))


def row_throughput(package):
    """One TCP stream, and UDP packets of 64 bytes, beside what any stateful firewall costs."""
    kinds = {"tcp": ("one TCP stream", "Gbit/s", 0.98, 50, 8 * 2 ** 22 / 1e9),
             "udp": ("UDP of 64 bytes, connected", "k/s", 0.85, 500, 64 / 1e3),
             "sendto": ("UDP of 64 bytes, not connected", "k/s", 0.85, 500, 64 / 1e3)}
    with machines(ours=lambda: protected(package, 10), conntrack=conntracked, empty=Machine) as found:
        probes = {}
        for kind, (*_, count, portion) in kinds.items():
            for name in RIVALS:
                probes[name, kind] = sending(found[name], as_gid(30000), kind, count, portion)
            probes["ours", kind] = sending(found["ours"], in_group(10), kind, count, portion)
        samples = interleave(probes, 20)
    for kind, (what, unit, least, *_) in kinds.items():
        for rival, bar in (("conntrack", (">=", least)), ("empty", None)):
            yield compare("throughput", what, unit, samples["ours", kind], samples[rival, kind],
                          RIVALS[rival], bar, best=max)


def spawning(machine, user, *argv):
    """A probe: microseconds for one run of a program, started by a user."""
    before = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] if user else []
    return lambda: int(machine.run(*before, BUILD / "spawn", 100, *argv)) / 1000


def row_launch(package):
    """galaf starting /bin/true for an ordinary user, against setpriv, which only root may use so."""
    sizes = (10, 30000)
    makers = {f"{size}": lambda size=size: launching(package, size) for size in sizes}
    with machines(**makers) as found:
        probes = {}
        for size in sizes:
            probes["setpriv", size] = spawning(found[f"{size}"], None, "/usr/bin/setpriv", "--regid",
                                               30000, "--keep-groups", "/bin/true")
            probes["galaf", size] = spawning(found[f"{size}"], 1234, "/usr/bin/galaf", f"g{size}")
        samples = interleave(probes, 20)
    for size, most in zip(sizes, (0.8, 0.4)):
        yield compare("launch", f"galaf GROUP, {size:,} groups", "µs", samples["galaf", size],
                      samples["setpriv", size], "setpriv --regid", ("<=", most))
    yield compare("launch", "galaf GROUP, 30,000 groups", "µs", samples["galaf", 30000], samples["setpriv", 10],
                  "setpriv --regid, 10 groups")


def launching(package, groups):
    """A machine with that many groups, and the launch table that galaf_config renders for them.

    The launcher reads nothing else, so the rules of so many groups need not be loaded.
    """
    machine = Machine()
    machine.run("dpkg", "--install", "--force-unsafe-io", package)
    # The range has a part for groups that ping; configuration() puts its last ones there.
    gids = [gid for gid in range(30000, 60000) if not 57344 <= gid <= 57359] + list(range(57344, 57360))
    lines = "".join(f"g{number}:x:{gid}:\n" for number, gid in enumerate(gids[:groups], 1))
    machine.run("sh", "-c", "cat >>/etc/group", stdin=lines)
    machine.write("/etc/galaf/galaf_conf.json", configuration(groups))
    machine.write("/var/lib/galaf/good/launch", machine.run("galaf_config", "--print", "launch"))
    return machine


def row_config(package):
    """galaf_config from nothing to rules loaded and kept, then after one edit."""
    groups, first, edits = 1000, [], []
    for _ in range(2):
        with machines(ours=Machine) as found:
            install(found["ours"], package)
            first.append(configure(found["ours"], configuration(groups, each=2)))
            edits += [configure(found["ours"], configuration(groups, each=2, rule=rule))
                      for rule in ("tcp dport 993", "tcp dport 995", "tcp dport 465")]
    what = "galaf_config, 1,000 groups, "
    yield measured("config", what + "from nothing to loaded", "s", [loaded for loaded, _, _ in first], ("<=", 5))
    yield measured("config", what + "and names resolved", "s", [ended for _, ended, _ in first])
    yield measured("config", what + "one edit", "s", [ended for _, ended, _ in edits], ("<=", 1))
    yield measured("config", what + "peak memory", "MB", [max(peak for _, _, peak in first + edits) / 1e6], ("<=", 120))


def asking(machine, before, count, names):
    """A probe: microseconds for an answer: count 0, the first one for each name; else one from the cache."""
    argv = [*before, "/usr/bin/taskset", "-c", CLIENT, BUILD / "ask", count, *names]
    return lambda: int(machine.run(*argv)) / 1000


def asking_anew(machine, before):
    """A probe: microseconds for the first answer for a name whose address no set has yet."""
    numbers = itertools.count()

    def probe():
        names = [f"198-18-{number >> 8}-{number & 255}.new.example" for number in itertools.islice(numbers, 20)]
        return asking(machine, before, 0, names)()
    return probe


def dnsmasq_pid(machine):
    """The process that resolves the machine's names."""
    return machine.run("cat", "/run/dnsmasq/dnsmasq.pid").strip()


def resident(machine):
    """dnsmasq's resident memory in MB (10^6 bytes), from proc(5)."""
    pid = dnsmasq_pid(machine)
    return int(re.search(r"VmRSS:\s+(\d+)", machine.run("cat", f"/proc/{pid}/status"))[1]) * 1024 / 1e6


def named(package, groups, domains):
    """A machine whose dnsmasq has the options for that many groups of that many domains each."""
    machine = Machine()
    install(machine, package)
    machine.run("sysctl", "--write", "net.netfilter.nf_conntrack_udp_timeout=1",
                "net.netfilter.nf_conntrack_udp_timeout_stream=1")
    names = [f"d{groups}-{i}.bench.example" for i in range(domains)]
    configure(machine, configuration(groups, each=domains, domains=[*names, "new.example"]))
    # galaf_config has just asked for all names: its ports' marks would be taken for the next owners'.
    machine.run("sleep", "1")
    return machine


def resolving():
    """A machine with the same dnsmasq, and nothing of galaf's."""
    machine = Machine()
    resolver(machine)
    return machine


def row_dns(package):
    """dnsmasq with our options, by which it keeps no answer, against the same without them: answers, and memory."""
    sizes = {(20, 10): "200", (200, 10): "2,000", (1000, 10): "10,000"}
    makers = {label: lambda size=size: named(package, *size) for size, label in sizes.items()}
    with machines(without=resolving, **makers) as found:
        for machine in found.values():      # where it runs, beside its client or apart, counts for more than the rest
            machine.run("taskset", "--cpu-list", "--pid", CLIENT, dnsmasq_pid(machine))
        probes = {"new": asking_anew(found["without"], as_gid(30000))}
        for (groups, domains), label in sizes.items():
            names = [f"d{groups}-{i}.bench.example" for i in range(domains)]
            probes[label, "new"] = asking_anew(found[label], in_group(groups))
            probes[label, "cached"] = asking(found[label], in_group(groups), 1000, names)
            probes["cached"] = asking(found["without"], as_gid(30000), 1000, names)
        samples = interleave(probes, 12)
        memory = {name: resident(machine) for name, machine in found.items()}
    for label in sizes.values():
        for kind in ("cached", "new"):
            what = {"cached": "a name asked again", "new": "a new name"}[kind]
            bar = ("<=", 2.5) if (kind, label) == ("cached", "200") else None
            yield compare("dns", f"dnsmasq, {what}, {label} domains", "µs", samples[label, kind],
                          samples[kind], "dnsmasq without galaf", bar)
        yield compare("dns", f"dnsmasq, memory, {label} domains", "MB", [memory[label]], [memory["without"]],
                      "dnsmasq without galaf")


CACHE, SETS, ALLOW_LIST = "cache-size", "max-ttl|nftset", "connmark-allowlist"


def named_without(package, *parts):
    """A machine whose dnsmasq has galaf's options for 200 domains but for these."""
    machine = named(package, 20, 10)
    machine.run("sed", "-i", "-E", f"/^({'|'.join(parts)})/d", "/var/lib/galaf/good/dnsmasq.conf")
    machine.run("service", "dnsmasq", "restart")
    return machine


def uncached():
    """A machine with the same dnsmasq, which keeps no answers, and nothing of galaf's."""
    machine = Machine()
    machine.write("/etc/dnsmasq.d/uncached.conf", "cache-size=0\n")
    resolver(machine)
    return machine


def row_answer(package):
    """What each part of galaf's costs a name that is asked again, for 200 domains: each one beside those before it."""
    makers = {"no option": resolving, "and no cache": uncached,
              "and galaf's rules, and conntrack": lambda: named_without(package, SETS, ALLOW_LIST),
              "and the allow list": lambda: named_without(package, SETS),
              "and the sets: all of galaf's": lambda: named_without(package, "no such option"),
              "all of galaf's but that it keeps no cache": lambda: named_without(package, CACHE)}
    names = [f"d20-{i}.bench.example" for i in range(10)]
    with machines(**makers) as found:
        for machine in found.values():
            machine.run("taskset", "--cpu-list", "--pid", CLIENT, dnsmasq_pid(machine))
        before = {label: as_gid(30000) if make in (resolving, uncached) else in_group(20)
                  for label, make in makers.items()}
        samples = interleave({label: asking(found[label], before[label], 1000, names) for label in makers}, 12)
    for label in makers:
        yield compare("answer", f"dnsmasq, {label}", "µs", samples[label], samples["no option"], "no option")


ROWS = {name.removeprefix("row_"): function for name, function in list(globals().items()) if name.startswith("row_")}
