# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that run what they are given, by the names of their files: an entry for one would be one for all programs.

Where a command line begins with an interpreter or a runner, what it runs is the program that counts.
"""
import re

# They run a file: some have a version or a build behind their names.
INTERPRETERS = re.compile(
    r"(?:python|pypy|perl|ruby|lua|node|nodejs|php|java|tclsh|wish|gjs|gjs-console|electron|Rscript|[gm]?awk)[\d.]*|"
    r"(?:ba|da|z|k|c|tc|fi|mk|ya|po)?sh[\d.]*|"
    r"(?:guile|luajit|julia|scala|swipl|mono|beam|deno|bun|expect|wine|wine64|R)(?:\b[\w.-]*|[\d.]*)")
# They run an executable.
RUNNERS = re.compile(
    r"env|bwrap|firejail|systemd-run|flatpak|snap|nice|ionice|taskset|setpriv|timeout|unshare|xargs|"
    r"gapplication|gio|gtk-launch|xdg-open|exo-open|dbus-run-session|stdbuf|torsocks|busybox")
# They run any executable too, as emulators, debuggers and ld.so(8) do, or any command; and yet an entry may mean them.
_MACHINES = re.compile(
    r"ld-?[\w.-]*\.so.*|(?:qemu|bochs|box64|valgrind|memcheck)\b.*|gdb(?:tui)?|lldb[\w.-]*|strace|ltrace|"
    r"rsh|pdsh")


def runs_others(name):
    """Whether a program of this name is one that runs what it is given."""
    return any(names.fullmatch(name) for names in (INTERPRETERS, RUNNERS, _MACHINES))
