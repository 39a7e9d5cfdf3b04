# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that look at an interface hold for each packet of the connections that they let begin.  Pure.

The other words of a rule are asked when a connection begins.  What it says of interfaces is asked again: a connection
that it let begin gets conntrack's label KEPT and four more, which tell what was asked.  They come from the words
alone, so that a connection is asked the same after a reload; where no rule has the words any more, nothing of it
passes.  Labels are only ever added: what two rules let pass in turn goes by either's interfaces.
"""
import hashlib

from ..config import rulesyntax

KEPT = 126
FIELDS, WIDTH = 4, 30       # labels 0 to 119: one of each thirty, 810,000 of them together
_OTHER = {"i": "o", "o": "i"}


def asked(rule, side, way=None):
    """What a rule says of the interfaces on a side, "i" or "o", as a match for the way in or out; "" for nothing."""
    return " ".join((way or side) + words for found, words in rulesyntax.interfaces(rule.text) if found == side)


def asked_forward(rule):
    """What a rule of "forward" says of interfaces, as two matches: for the way there, and for the way back."""
    found = rulesyntax.interfaces(rule.text)
    return tuple(" ".join((sides[side] if sides else side) + words for side, words in found) for sides in ({}, _OTHER))


def labels(match):
    """The labels that stand for a match, as nft writes them."""
    digest = hashlib.sha256(match.encode("ascii")).digest()
    return " | ".join(str(field * WIDTH + digest[field] % WIDTH) for field in range(FIELDS))


def keep(match):
    """The statement, with a space behind it, that has a connection kept to what a match says; "" for no match."""
    return f"ct label set {labels(match)} | {KEPT} " if match else ""


def keeping(rule, side):
    """The same for a rule; whichever side it is, what is asked on the way out stands for it."""
    return keep(asked(rule, side, "o"))


def passing(matches):
    """{match on the way out: path} as the rules (way out, way in) by which what is kept to them returns."""
    for match, (rule, side) in matches.items():
        has = f"ct label & ({labels(match)}) == ({labels(match)})"
        yield tuple((f"{has} {asked(rule, side, way)} return", rule.path) for way in "oi")


def passing_forward(rules):
    """The rules by which what "forward" let begin returns."""
    for there, (back, path) in {asked_forward(rule)[0]: (asked_forward(rule)[1], rule.path) for rule in rules}.items():
        if not there:
            continue
        has = f"ct label & ({labels(there)}) == ({labels(there)})"
        yield f"{has} ct direction original {there} return", path
        yield f"{has} ct direction reply {back} return", path
