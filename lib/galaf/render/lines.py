# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of nft's language, each (text, JSON path of what it came from, or None).  Pure."""

PROTO = {4: "ip", 6: "ip6"}
ACCEPTED = "goto accepted_out"      # lets out and counts; what goes by loopback is accepted without


def block(head, lines):
    """Lines within braces."""
    return [(f"{head} {{", None), *((f"    {text}", path) for text, path in lines), ("}", None)]


def chain(name, statements):
    """A chain with its rules, each (text, path)."""
    return block(f"chain {name}", statements)


def plain(*texts):
    """Lines that come from no place of the file."""
    return [(text, None) for text in texts]
