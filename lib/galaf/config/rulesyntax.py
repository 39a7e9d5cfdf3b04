# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule of the configuration: one nft match expression, checked before nft sees it.

The renderer puts a verdict behind it, so the text must not bring one of its own, end
the statement, or leave the block it stands in.
"""
import re

_STRING = re.compile(r'"[^"]*"')
_STATUS = re.compile(r"\bct status (!= )?(\{[^}]*\}|\S+)")  # "dnat" is a state there, not a statement
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")       # as nft's scanner has it
_FORBIDDEN_CHARACTERS = {";": "a semicolon", "#": "a comment sign", "\\": "a backslash"}
_VERDICTS = frozenset("accept drop reject queue continue return jump goto vmap".split())
_STATEMENTS = frozenset(
    "snat dnat masquerade redirect tproxy synproxy notrack dup fwd flow set add update delete "
    "log counter include define redefine undefine".split())
_INTERFACE = re.compile(
    r'(?<![^ "}])(?<!\. )(?<!addr )(?<!mark )(?:meta )?(?P<side>[io])(?P<what>if(?:name|group|kind|type))'
    r' ?(?:(?P<other>!=|neq?\b)|==|eq\b|) ?(?P<value>"[^"]*"|\{[^{}]*\}'
    r'|@network/\w[\w.-]*+|[@$]?\w[\w.*-]*+)(?= ?(?:$|[a-zA-Z(]))')
_INTERFACE_WORD = re.compile(r"[io]if(?:name|group|kind|type)|sdif(?:name)?")
_COUNTING = frozenset("limit quota count numgen last".split())
_FAMILY_WORDS = {"ip": 4, "icmp": 4, "ipv4": 4, "ip6": 6, "icmpv6": 6, "ipv6": 6}


def fault(text):
    """What makes a text no match expression, as a phrase; None if nothing does (nft still may refuse it)."""
    if not text.isascii() or not text.isprintable():
        return "has a newline, a control character or a letter outside ASCII in it: write one nft match on one line"
    bare = _STRING.sub('""', text)
    if bare.count('"') % 2:
        return "has an unbalanced quotation mark"
    for character, name in _FORBIDDEN_CHARACTERS.items():
        if character in bare:
            return f"has {name} in it: write one nft match"
    if not _balanced(bare):
        return "has an unbalanced brace"
    for word in _words(_STATUS.sub("ct status", bare)):
        if word in _VERDICTS:
            return f'has the verdict "{word}" in it: write the match alone, what matches is accepted'
        if word in ("iif", "oif"):
            return f'has "{word}" in it: write {word}name, since the interface may not be there yet at boot'
        if word in _STATEMENTS:
            return f'has the statement "{word}" in it: write a match alone'
    if _INTERFACE_WORD.search(_STRING.sub('""', _INTERFACE.sub(" ", _spaced(text)))):
        return ('names an interface otherwise than as oifname "wg0", != "wg0", { "wg0", "eth0" } or @set, apart '
                "from the rest: open connections could not be kept to it")
    return None


def interfaces(text):
    """What a match says of interfaces, as [("i" or "o", words)]: the words behind "iif" or "oif" are the same for both.

    Such as [("o", 'ifname "wg0"')] of 'oifname "wg0" tcp dport 443'.
    """
    return [(found["side"], f"{found['what']} {'!= ' if found['other'] else ''}{found['value']}")
            for found in _INTERFACE.finditer(_spaced(text))]


def _spaced(text):
    """The text with one space where there were more."""
    return " ".join(text.split())


def is_counting(text):
    """Whether what a match says depends on how often it was asked."""
    return not _COUNTING.isdisjoint(_words(_STRING.sub('""', text)))


def families(text):
    """The address families that a match can apply to, as its own words tell: (4,), (6,) or (4, 6).

    A match on IPv4's header grants nothing in IPv6, and the other way round.  One on both
    matches nothing: ().
    """
    named = {_FAMILY_WORDS[word] for word in _words(_STRING.sub('""', text)) if word in _FAMILY_WORDS}
    if not named:
        return (4, 6)
    return tuple(named) if len(named) == 1 else ()


def _words(bare):
    """The words of a text without strings, but those that name sets, defines or parts of another word."""
    for match in _WORD.finditer(bare):
        if bare[match.start() - 1:match.start()] not in ("@", "$"):
            yield match.group()


def _balanced(bare):
    """Whether each kind of bracket closes what it opened, in order."""
    closing = {"}": "{", ")": "(", "]": "["}
    opened = []
    for character in bare:
        if character in closing.values():
            opened.append(character)
        elif character in closing and (not opened or opened.pop() != closing[character]):
            return False
    return not opened
