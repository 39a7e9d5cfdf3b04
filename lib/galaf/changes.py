# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two configurations, in a few lines for a person.  Pure."""
import dataclasses

_SILENT = ("name", "place")


def describe(old, new):
    """A line for each entry and setting that was added, removed or changed; old: None where there was none."""
    if old is None:
        return [f"{len(new.groups)} groups and {len(new.users)} users, for the first time"]
    lines = []
    for kind, word in (("groups", "group"), ("users", "user"), ("inbound", "inbound")):
        lines += _describe_names(word, getattr(old, kind), getattr(new, kind))
    for name in ("table", "gid_range", "dns", "forward", "container_bases"):
        if getattr(old, name) != getattr(new, name):
            lines.append(f"{name}: {_show(getattr(old, name))} → {_show(getattr(new, name))}")
    return lines


def _describe_names(word, old, new):
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{word} {name}: new"
        elif name not in new:
            yield f"{word} {name}: removed"
        elif old[name] != new[name]:
            yield f"{word} {name}: {'; '.join(_describe_value(old[name], new[name]))}"


def _describe_value(old, new):
    if isinstance(old, tuple):
        return [f"{_show(old)} → {_show(new)}"]
    found = []
    for field in dataclasses.fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after or field.name in _SILENT:
            continue
        if field.name == "domains":
            found.append("domains " + " ".join([f"-{name}" for name in before if name not in after]
                                               + [f"+{name}" for name in after if name not in before]))
        else:
            found.append(f"{field.name} {_show(before)} → {_show(after)}")
    return found


def _show(value):
    if isinstance(value, tuple):
        return "{" + ", ".join(_show(item) for item in value) + "}" if value else "none"
    return repr(getattr(value, "text", value))
