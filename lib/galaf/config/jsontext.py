# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a JSON file: reading it strictly, finding a place in it, changing one value in it.

A place is a tuple of keys and indices, ("groups", "firefox-esr", "domains", 0).  A change
replaces the characters of one value and leaves every other one, comments and layout included.  Python's json
reads; jq, python3-json5 and it would write the whole file anew, in a layout of their own.
"""
import json
import re
from json.decoder import scanstring

from ..errors import GalafError

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def parse(text, name):
    """The value of a JSON text; name: what to call it in an error.

    Raises GalafError with line and column for a syntax error, for a key that an object has
    twice, unless it is a comment (a key that starts with "#"), and for half a character.
    """
    repeated = []

    def unique(pairs):
        found = dict(pairs)
        if len(found) < len(pairs):
            repeated.append(found)
        return found

    def refuse(constant):
        raise GalafError(f"{name}: {constant} is not JSON")
    try:
        found = json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_float=_number)
        half = next(_halves(found), None)
        again = next(_twice(text, _skip(text, 0)), None) if repeated else None
    except json.JSONDecodeError as error:
        at, what = _syntax_fault(text, error)
        raise GalafError(f"{name}: {_position(text, at)}: {what}") from None
    except RecursionError:
        raise GalafError(f"{name}: nested too deeply") from None
    if again:
        key, first, second = again
        raise GalafError(f'{name}: {_position(text, second)}: the key "{key}" stands twice in one object, the first '
                         f"time at {_position(text, first)}: keep one of them")
    if half is not None:
        raise GalafError(f"{name}: {path(half)}: has half a character in it, a \\u escape that stands alone "
                         f"(line {line(text, half)})")
    return found


def _number(written):
    """The number of a text with a point or an exponent: 30000.0 is an integer to JSON Schema, and so to us."""
    found = float(written)
    return int(found) if found.is_integer() and abs(found) < 2 ** 53 else found


def _halves(value, place=()):
    """The place of each value, or object with a key, in which half a character stands: no text file can hold it."""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            yield place
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        if isinstance(key, str):
            yield from _halves(key, place)
        yield from _halves(below, place + (key,))


def _position(text, at):
    """A position of the text as an editor has it."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _twice(text, start):
    """Each (key, its first start, its second) that an object has twice, in the value that starts at a position."""
    first = {}
    for key, key_start, value_start, _ in (*_members(text, start), *_elements(text, start)):
        if isinstance(key, str) and not key.startswith("#") and first.setdefault(key, key_start) != key_start:
            yield key, first[key], key_start
        yield from _twice(text, value_start)


def _syntax_fault(text, error):
    """(position, phrase) of a syntax error: where it is to be fixed, and how, in the same words in every Python."""
    before, after = text[:error.pos].rstrip(" \t\n\r"), text[error.pos:]
    ahead = text[_skip(text, error.pos + 1):][:1]
    if not text.strip():
        return 0, "the file is empty"
    if after.startswith(("//", "/*", "#")):
        return error.pos, 'JSON has no comments: write a key that starts with #, such as "#": "what I mean"'
    if after[:1] in ("'", "“", "”", "„"):
        return error.pos, 'write plain double quotes: "…"'
    if before.endswith(",") and after[:1] in ("}", "]"):            # up to Python 3.12
        return len(before) - 1, "a comma too many: none stands before a closing bracket"
    if after[:1] == "," and ahead in ("}", "]"):
        return error.pos, "a comma too many: none stands before a closing bracket"
    if not after:
        return error.pos, "a closing bracket is missing at the end"
    if error.msg.startswith("Expecting ',' delimiter"):
        return ((error.pos, "a closing bracket that fits none open") if after[0] in ("}", "]")
                else (len(before), "a comma is missing here"))
    if error.msg == "Extra data":
        return error.pos, "more follows the end: a closing bracket too many?"
    return error.pos, error.msg


def path(place):
    """A place as a JSON path: $.groups.firefox-esr.domains[0]."""
    text = "$"
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN_KEY.match(step) else f".{step!r}"
    return text


def line(text, place):
    """The number of the line, from 1, where the value at a place starts; its nearest parent's if it's absent."""
    start = 0
    for length in range(len(place) + 1):
        span = _span(text, place[:length])
        if span is None:
            break
        start = span[0]
    return text.count("\n", 0, start) + 1


def holds(text, place):
    """Whether a valid JSON text has a value at a place."""
    return _span(text, place) is not None


def value(text, place):
    """The value at a place of a valid JSON text; raises KeyError if it is not there."""
    span = _span(text, place)
    if span is None:
        raise KeyError(path(place))
    return _DECODER.raw_decode(text, span[0])[0]


def replace(text, place, value):
    """The text with the value at a place replaced, or a new key added to the object above it.

    Raises KeyError if neither the place nor an object above it is there.
    """
    span = _span(text, place)
    if span:
        start, end = span
        return text[:start] + _written(text, start, value) + text[end:]
    above = _span(text, place[:-1])
    if above is None or text[above[0]] != "{" or not isinstance(place[-1], str):
        raise KeyError(path(place))
    return _insert(text, above, place[-1], value)


def rename(text, place, key):
    """The text with the last key of a place replaced by another; raises KeyError if the place is not there."""
    _, start, _ = _member(text, place)
    end = scanstring(text, start + 1)[1]
    return text[:start] + json.dumps(key, ensure_ascii=False) + text[end:]


def remove(text, place):
    """The text without the member of an object at a place; raises KeyError if the place is not there."""
    before, start, end = _member(text, place)
    after = _skip(text, end)
    if text[after] == ",":
        return text[:start] + text[_skip(text, after + 1):]
    return text[:before] + text[end:]


def _member(text, place):
    """(end of what is before it, start of its key, end of its value) of an object's member."""
    above = _span(text, place[:-1])
    before = above[0] + 1 if above else 0
    for key, start, _, end in _members(text, above[0]) if above else ():
        if key == place[-1]:
            return before, start, end
        before = end
    raise KeyError(path(place))


def _insert(text, span, key, value):
    """Adds a key as the last one of the object at span, indented as the one before it."""
    start, end = span
    members = list(_members(text, start))
    if not members:
        indent = _indent(text, start) + "    "
        entry = f"\n{indent}{json.dumps(key)}: "
        tail = "\n" + _indent(text, start)
        written = pretty(value, indent)
        return text[:start + 1] + entry + written + tail + text[end - 1:]
    _, key_start, _, last_end = members[-1]
    between = text[text.rfind("\n", 0, key_start) + 1:key_start]
    separator = ",\n" + between if not between.strip() and "\n" in text[start:key_start] else ", "
    entry = f"{separator}{json.dumps(key)}: "
    return text[:last_end] + entry + _written(text, key_start, value) + text[last_end:]


def _indent(text, position):
    """The white space that the line of a position starts with."""
    start = text.rfind("\n", 0, position) + 1
    return re.compile(r"[ \t]*").match(text, start).group()


def _written(text, position, value):
    """A value as JSON: on one line if it fits there, else indented as the line it starts on."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 80 else pretty(value, _indent(text, position))


def pretty(value, indent=""):
    """A value as JSON that a person reads: an object's members a line each, a list on one line where it fits there."""
    below = indent + "    "
    if isinstance(value, dict) and value:
        lines = [f"{below}{json.dumps(key, ensure_ascii=False)}: {pretty(item, below)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    short = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and len(indent + short) > 80:
        return "[\n" + ",\n".join(below + pretty(item, below) for item in value) + f"\n{indent}]"
    return short


def _span(text, place):
    """(start, end) of the characters of the value at a place of a valid JSON text, or None."""
    start = _skip(text, 0)
    for step in place:
        members = _members(text, start) if isinstance(step, str) else _elements(text, start)
        found = [value_start for key, _, value_start, _ in members if key == step]
        if not found:
            return None
        start = found[-1]
    return start, _DECODER.raw_decode(text, start)[1]


def _members(text, start):
    """Each (key, key_start, value_start, value_end) of the object that starts at start, if one does."""
    if text[start] != "{":
        return
    position = _skip(text, start + 1)
    while text[position] != "}":
        key_start = position
        key, position = scanstring(text, position + 1)
        value_start = _skip(text, _skip(text, position) + 1)
        _, value_end = _DECODER.raw_decode(text, value_start)
        yield key, key_start, value_start, value_end
        position = _skip(text, value_end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _elements(text, start):
    """Each (index, value_start, value_start, value_end) of the array that starts at start, if one does."""
    if text[start] != "[":
        return
    position, index = _skip(text, start + 1), 0
    while text[position] != "]":
        _, end = _DECODER.raw_decode(text, position)
        yield index, position, position, end
        index, position = index + 1, _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _skip(text, position):
    """The position of the next character that is not white space."""
    return _BLANK.match(text, position).end()
