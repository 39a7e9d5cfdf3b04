# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an entry may make user namespaces, no other program enters them.

A program is started in a group of applications (gid 59999) that makes one, and another one with the uid 65533
tries to enter it, and is refused.
"""
from ..system import executables, probe
from .results import OK, Result, WARNING, few


def check(known):
    found = [entry.path for entry in executables.with_privilege(known.conf).groups.values() if entry.execv
             and (entry.user_namespaces or not entry.no_new_privs)]
    if not found:
        return Result(OK, "no entry may make user namespaces")
    outcome = probe.enter_namespace()
    if outcome == "entered":
        return Result(WARNING, f"any program of the user's can enter the user namespaces that {few(found)} may make, "
                               "and take the group",
                      "sudo galaf_mark start, which says why if the kernel can't guard them"
                      if known.meta.get("ebpf", True) else "sudo galaf_config without --no-ebpf")
    return Result(OK, "no user namespaces are made on this machine" if outcome == "none"
                  else "a program was refused to enter the user namespace of an application")
