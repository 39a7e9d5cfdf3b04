# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON paths.  Debian 13 has python3-jsonpath-ng, Debian 12 python3-jsonpath-rw; both parse alike."""
import functools

from ..errors import GalafError


@functools.cache
def _library():
    """Whichever of them is there; read when it is needed, since that takes a fifth of a command's start."""
    try:
        import jsonpath_ng
        return jsonpath_ng
    except ImportError:
        import jsonpath_rw
        return jsonpath_rw


def find(expression, data):
    """The (place, value) of each match of a JSON path in data; a place as in jsontext.

    Raises GalafError if the expression is not a JSON path.
    """
    return [(_place(match.full_path), match.value) for match in _parse(expression).find(data)]


def place(expression):
    """The one place that a path of plain keys and indices names; None for one with wildcards and the like."""
    try:
        return _place(_parse(expression))
    except ValueError:
        return None


def _parse(expression):
    try:
        return _library().parse(expression)
    except Exception as error:  # the parsers raise plain Exception for what they can't read
        raise GalafError(f"{expression}: not a JSON path: {error}") from None


def _place(tree):
    """The tuple of keys and indices of a parsed path; raises ValueError where it has anything else."""
    jsonpath = _library()
    if isinstance(tree, jsonpath.Child):
        return _place(tree.left) + _place(tree.right)
    if isinstance(tree, jsonpath.Fields) and len(tree.fields) == 1 and tree.fields[0] != "*":
        return tree.fields
    if isinstance(tree, jsonpath.Index):
        return (tree.index if hasattr(tree, "index") else tree.indices[0],)
    if isinstance(tree, (jsonpath.Root, jsonpath.This)):
        return ()
    raise ValueError(str(tree))
