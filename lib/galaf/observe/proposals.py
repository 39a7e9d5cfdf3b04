# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of its own for a program that has none: what the library has, or its executable and the flags it needs."""
import grp
import os
import re

from .. import mark as marks
from ..config import conf, known
from ..errors import GalafError
from ..system import aside, executables, runners
from ..system.run import run
from .programs import which

_HELPERS = "/usr/lib/", "/usr/libexec/", "/usr/share/", "/opt/"
_BROWSERS = ("chrome-sandbox", "libxul.so", "libcef.so")    # beside an executable that makes user namespaces
_PARTS = re.compile(r"[^a-z0-9_-]+")


def entry_for(path, groups, gid_range):
    """(group, entry) to be made for a program, or (group, None) that has it; raises LookupError with why not.

    path: of its executable; groups: {name: conf.Entry} of the configuration; gid_range: of application groups.
    """
    for name, entry in groups.items():
        if entry.execv and same(entry.execv[0], path):
            return name, None
    for one in known.every():
        if one.section == "groups" and same(one.entry["execv"][0], path) and free(one.account, groups, gid_range):
            return one.account, dict(one.entry)
    helped = _helped(path)
    if helped and helped.account in groups:
        return helped.account, None
    if helped and free(helped.account, groups, gid_range):
        return helped.account, dict(helped.entry)
    return own_name(path, groups, gid_range), own_entry(path)


def _helped(path):
    """The known entry that a program is a helper of: it is nobody's command, and its package has one such entry."""
    if not path.startswith(_HELPERS):
        return None
    try:
        owners = {line.split(":")[0] for line in run("dpkg-query", "--search", path).splitlines()}
    except GalafError:      # of no package
        return None
    found = [one for one in known.every() if one.section == "groups" and one.installed and owners & set(one.packages)]
    return found[0] if len(found) == 1 else None


def for_each(refusals):
    """entry_for() for the executables of refusals, at all of which a process aside looks: any user may have chosen
    their paths, and one may lead to a file system that answers nobody."""
    whose = {path: marks.decode(one.mark)[1] for one in refusals for path in one.executables}
    asked = []

    def proposed(path, groups, gid_range):
        if not asked:
            known.every()       # read before, and for all of them
            asked.append(dict(aside.each(list(whose), lambda each: _answer(each, groups, gid_range), whose.get)))
        found, why = asked[0].get(path, (None, f"{path} was not looked at, as its file system does not answer"))
        if why:
            raise LookupError(why)
        return tuple(found)

    return proposed


def _answer(path, groups, gid_range):
    """(what entry_for() gives, "") or (None, why there is nothing)."""
    try:
        return entry_for(path, groups, gid_range), ""
    except LookupError as error:
        return None, str(error)


def same(one, other):
    """Whether two paths lead to the same file."""
    return os.path.realpath(one) == os.path.realpath(other)


def own_entry(path):
    """An entry with a program's executable, and the flags that it needs.  Raises LookupError."""
    name = os.path.basename(path)
    if runners.runs_others(name):
        raise LookupError(f"{path} runs whatever it is given, so an entry for it would be one for all programs: "
                          "write one whose execv is the script itself")
    fault = executables.changeable(path) or executables.lack(path)
    if fault:
        raise LookupError(f"{path}: {fault}, so an entry for it would hold nobody: install it where root alone writes")
    flags = {}
    if executables.privilege(path) not in (None, executables.SET_GID):
        flags["no_new_privs"] = False
    elif any(os.path.exists(os.path.join(os.path.dirname(os.path.realpath(path)), each)) for each in _BROWSERS):
        flags["user_namespaces"] = True
    return {"execv": [which(name) if which(name) and same(which(name), path) else path, "…"], **flags}


def own_name(path, groups, gid_range):
    """A group's name for a program that nothing else has."""
    base = _PARTS.sub("-", os.path.basename(path).lower()).strip("-") or "application"
    base = (base if base[0].isalpha() or base[0] == "_" else f"app-{base}")[:24]
    names = (base, f"{base}-net", *(f"{base}-net{number}" for number in range(2, 1000)))
    return next(name for name in names if free(name, groups, gid_range) and conf.NAME.match(name))


def free(name, groups, gid_range):
    """Whether no entry and no group of another kind has a name."""
    try:
        return name not in groups and gid_range[0] <= grp.getgrnam(name).gr_gid <= gid_range[1]
    except KeyError:
        return name not in groups
