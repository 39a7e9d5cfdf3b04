# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_doctor looks at: is what galaf promises true on this machine?

A check is a module with a docstring (what is so, and why that matters; the manual's list and --list are made of
them) and a function check(Facts), which returns a Result or yields several and changes nothing.
"""
import importlib

ORDER = ("rules", "file", "probe_out", "loopback", "guard", "units", "marks", "cgroup1", "routing", "launcher",
         "members", "outside", "session", "portals", "set_group", "setgid_capability", "written_commands",
         "privileges", "sandboxes", "namespaces", "guarded", "families", "packages", "names", "vpn_names",
         "strict_dns", "other_resolvers", "services", "deputies", "networks", "network_changes", "other_tables",
         "others", "sharing", "local_names", "ping", "apt")


def load(name):
    """The module of a check."""
    return importlib.import_module(f"{__name__}.{name}")
