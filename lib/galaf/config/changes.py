# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two configurations, in a few lines for a person.  Pure."""
import dataclasses

_SILENT = ("name", "place", "no_new_privs_said", "rule6_said")


def describe(old, new):
    """A line for each entry and setting that was added, removed or changed; old: None where there was none."""
    if old is None:
        return [f"groups: {len(new.groups)}, users: {len(new.users)}, for the first time"]
    lines = []
    for kind, word in (("groups", "group"), ("users", "user"), ("inbound", "inbound")):
        lines += _describe_names(word, getattr(old, kind), getattr(new, kind))
    lines += _describe_names("network", old.networks, new.networks)
    for name in ("mode", "table", "gid_range", "dns", "network_changes", "forward", "kernel", "socket_families",
                 "container_bases", "notify"):
        if getattr(old, name) != getattr(new, name):
            lines.append(f"{name}: {_show(getattr(old, name))} → {_show(getattr(new, name))}")
    return lines


def shrinks(old, new):
    """Whether something that the old configuration permits may be refused by the new one.

    On the safe side: a change that is not plainly an addition counts as shrinking.
    """
    if old is None:
        return True
    kept = ({entry.place: entry for entry in new.entries()}, new.inbound)
    entries = {entry.place: entry for entry in old.entries()}
    return (any(place not in kept[0] or _narrower(entry, kept[0][place]) for place, entry in entries.items())
            or any(not set(_texts(rules)) <= set(_texts(kept[1].get(name, ()))) for name, rules in old.inbound.items())
            or not set(_texts(old.forward)) <= set(_texts(new.forward))
            or not set(_texts(old.kernel)) <= set(_texts(new.kernel))
            or any(_shrinks(network, new.networks.get(name)) for name, network in old.networks.items())
            or not set(old.container_bases) <= set(new.container_bases)
            or (old.mode == "audit" and new.mode != "audit"))


def _narrower(old, new):
    """Whether an entry permits less than it did: it lacks a rule, a family, a domain, or has come to need one."""
    if not old.rules:
        return False
    return (not set(_texts(old.rules)) <= set(_texts(new.rules))
            or not set(old.domains) <= set(new.domains) or (bool(new.domains) and not old.domains)
            or (old.mode == "audit" and new.mode != "audit"))


def _shrinks(old, new):
    """Whether a network is another one than it was: "on" may lose by less, "not_on" by more."""
    return new is None or (set(old.connections), set(old.interfaces)) != (set(new.connections), set(new.interfaces))


def _texts(rules):
    return [(rule.text, family) for rule in rules for family in rule.families]


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
        elif field.name == "resolves_any":
            found.append(f"resolves {'every name' if after else 'its own domains alone'}")
        elif field.name == "execv":
            found.append(f"execv {' '.join(before) or 'none'} → {' '.join(after) or 'none'}")
        else:
            found.append(f"{field.name} {_show(before)} → {_show(after)}")
    return found


def _show(value):
    if isinstance(value, tuple):
        return "{" + ", ".join(_show(item) for item in value) + "}" if value else "none"
    return repr(getattr(value, "text", value))
