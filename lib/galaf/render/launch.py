# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the launch table that galaf(1) reads.  Pure.  The format is in CONTRIBUTING.md."""

HEADER = "galaf-launch 1"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


def render(conf, ids):
    """The table as text: a line for each application group that has a command, sorted by its name's bytes."""
    groups = [entry for entry in conf.groups.values() if entry.execv and entry.name in ids.groups]
    lines = [_line(entry, ids) for entry in sorted(groups, key=lambda entry: entry.name.encode())]
    return "\n".join([HEADER, *lines]) + "\n"


def _line(entry, ids):
    tokens = [entry.name, str(ids.groups[entry.name])]
    if entry.users is not None:
        tokens.append("users=" + ",".join(ids.launchers[word] for word in entry.users))
    if entry.hop_from is not None:
        tokens.append("from=" + ",".join(str(ids.groups[name]) for name in entry.hop_from if name in ids.groups))
    tokens += [f"keep={name}" for name in entry.env_keep]
    tokens += [f"set={name}={value}" for name, value in entry.env_set.items()]
    if not entry.no_new_privs:
        tokens.append("no_new_privs=no")
    if entry.user_namespaces:
        tokens.append("user_namespaces=yes")
    return "\t".join(token.translate(_ESCAPES) for token in [*tokens, "execv", *entry.execv])
