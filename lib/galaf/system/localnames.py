# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that this machine answers itself: those of /etc/hosts and of dnsmasq's own options.

They are only candidates to be asked for: what they resolve to is for the resolver to say.
"""
import re
from pathlib import Path

from . import resolver

HOSTS = Path("/etc/hosts")
_OPTION = re.compile(r"^\s*(host-record|address|cname|addn-hosts|hostsdir)\s*=\s*(.*?)\s*(?:#.*)?$", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\Z")


def names():
    """All of them, in lower case, sorted."""
    found = of_hosts(_read(HOSTS))
    for file in resolver.option_files():
        for option, value in _OPTION.findall(_read(file)):
            if option in ("addn-hosts", "hostsdir"):
                for hosts in _files(Path(value)):
                    found |= of_hosts(_read(hosts))
            else:
                found |= _names(re.split(r"[,/]", value))
    return sorted(found)


def of_hosts(text):
    """The names with two labels or more of a text as hosts(5) has it."""
    return {name for line in text.splitlines() for name in _names(line.partition("#")[0].split()[1:])}


def within(found, domains):
    """Those of the names that are one of the domains or lie below one."""
    return [name for name in found if any(f".{name}".endswith(f".{domain}") for domain in domains)]


def _names(words):
    """The words that are names, and no IPv4 addresses."""
    lower = (word.strip().rstrip(".").lower() for word in words)
    return {word for word in lower if _NAME.match(word) and not word.rpartition(".")[2].isdigit()}


def _files(path):
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _read(file):
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
