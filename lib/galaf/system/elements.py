# SPDX-License-Identifier: GPL-3.0-or-later
"""The elements of the kernel's sets: of one as it is, and those that are deleted, each with its counter.

nft reads them too, but begins anew whenever any set changes meanwhile, and for nft monitor reads those of every set
before: where others have filled some, or names are answered all the time, it never comes to an end.
"""
import contextlib
import errno
import ipaddress
import os
import socket
import struct
import sys
from collections import namedtuple

from ..errors import GalafError

# linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h, linux/netlink.h
_NETFILTER, _TABLES = 12, 7             # NETLINK_NETFILTER, NFNLGRP_NFTABLES
# NFT_MSG_NEWTABLE, DELTABLE, NEWSETELEM, GETSETELEM, DELSETELEM
_NEW_TABLE, _DELETED_TABLE, _ELEMENT, _GET, _DELETED = (10 << 8 | each for each in (0, 2, 12, 13, 14))
_INET = 1                               # NFPROTO_INET
_REQUEST, _DUMP = 1, 0x300              # NLM_F_REQUEST, NLM_F_DUMP
_ERROR, _DONE = 2, 3                    # NLMSG_ERROR, NLMSG_DONE
_RCVBUFFORCE = 33                       # SO_RCVBUFFORCE: asm-generic/socket.h
_MOST = 512 << 20                       # bytes of what is told and not read yet: sets for millions of elements
_TABLE, _SET, _ELEMENTS = 1, 2, 3       # NFTA_SET_ELEM_LIST_…
_KEY, _TIMEOUT, _EXPIRES, _EXPRESSION = 1, 4, 5, 7      # NFTA_SET_ELEM_…
_NAME, _DATA = 1, 2                     # NFTA_EXPR_…
_BYTES, _PACKETS = 1, 2                 # NFTA_COUNTER_…
_HEADER = struct.Struct("=IHHII")       # struct nlmsghdr; struct nfgenmsg follows, of 4 bytes
_ATTRIBUTE = struct.Struct("=HH")
_GENERATION = struct.Struct(">2xH")     # struct nfgenmsg: the low bits of which ruleset it is of
_KIND = 0x3fff                          # NLA_TYPE_MASK
_TIMES = 3                              # that a set is asked for

Element = namedtuple("Element", "table set key packets bytes timeout expires", defaults=(None, None))
Element.__doc__ = """An element of a set.

key: its bytes, each of its parts filled up to 4; packets, bytes: None where it has no counter; timeout: its own
seconds, None where it has its set's; expires: the seconds that it had left, or None.
"""


@contextlib.contextmanager
def listening():
    """A socket to which the kernel tells, for a while, what is changed in tables, all of it before a change returns."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as told:
        told.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _MOST)
        told.bind((0, 1 << _TABLES - 1))
        yield told


def between(told, table):
    """Each Element that was deleted by the change that made a table of this name first, and deleted it last.

    told: as listening() has it.  Raises GalafError where the kernel had no room for all.
    """
    inside = False
    for kind, body in _messages(told):
        attributes = dict(_attributes(body[_GENERATION.size:]))
        if kind in (_NEW_TABLE, _DELETED_TABLE) and _text(attributes[_TABLE]) == table:
            inside = kind == _NEW_TABLE
        elif kind == _DELETED and inside:
            yield from _elements(attributes)


def dumped(table, name):
    """The Elements of a set of a table; none where there is no such set.

    Where any set changes meanwhile the kernel may pass an element over: then it is asked again, _TIMES in all, and
    what was there once counts.  Raises GalafError where the kernel refuses.
    """
    found = {}
    for _ in range(_TIMES):
        generations = set()
        for generation, element in _dumped(table, name):
            generations.add(generation)
            found[element.key] = element
        if len(generations) < 2:
            break
    return list(found.values())


def _dumped(table, name):
    """(the ruleset's generation, Element) of each, as the kernel comes to it."""
    body = struct.pack("=BBH", _INET, 0, 0) + _attribute(_TABLE, table) + _attribute(_SET, name)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as asked:
        asked.bind((0, 0))
        asked.send(_HEADER.pack(_HEADER.size + len(body), _GET, _REQUEST | _DUMP, 1, 0) + body)
        while True:
            for kind, answer in _messages_of(asked.recv(1 << 20)):
                if kind in (_DONE, _ERROR):
                    refused = -int.from_bytes(answer[:4], sys.byteorder, signed=True)
                    if refused not in (0, errno.ENOENT):
                        raise GalafError(f"the set {name} can't be read: {os.strerror(refused)}")
                    return
                if kind == _ELEMENT:
                    for element in _elements(dict(_attributes(answer[_GENERATION.size:]))):
                        yield _GENERATION.unpack_from(answer)[0], element


def _elements(attributes):
    for _, element in _attributes(attributes.get(_ELEMENTS, b"")):
        yield _element(_text(attributes[_TABLE]), _text(attributes[_SET]), dict(_attributes(element)))


def parts(key, layout):
    """The parts of a key; layout: what each is: "mark", "address4", "address6", "protocol" or "port"."""
    found = []
    for what in layout:
        if what.startswith("address"):
            size = 4 if what == "address4" else 16
            found.append(str(ipaddress.ip_address(key[:size])))
            key = key[size:]
        else:
            size, order = {"mark": (4, sys.byteorder), "protocol": (1, "big"), "port": (2, "big")}[what]
            found.append(int.from_bytes(key[:size], order))
            key = key[4:]
    return tuple(found)


def _messages(told):
    """(type, what follows its header) of each message that is there."""
    while True:
        try:
            data = told.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise GalafError(f"the kernel did not tell every counter ({error.strerror}); they are zero now") from None
        yield from _messages_of(data)


def _messages_of(data):
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size:at + length]
        at += length + -length % 4


def _attribute(kind, text):
    value = text.encode() + b"\0"
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(data):
    """(type, value) of each attribute, netlink(7)."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & _KIND, data[at + _ATTRIBUTE.size:at + length]
        at += length + -length % 4


def _element(table, set_, element):
    key = next(value for _, value in _attributes(element[_KEY]))
    expression = dict(_attributes(element.get(_EXPRESSION, b"")))
    counter = dict(_attributes(expression[_DATA])) if expression.get(_NAME) == b"counter\0" else {}
    packets, bytes_, timeout, left = (
        int.from_bytes(value, "big") if value else None
        for value in (counter.get(_PACKETS), counter.get(_BYTES), element.get(_TIMEOUT), element.get(_EXPIRES)))
    return Element(table, set_, key, packets, bytes_, timeout and timeout // 1000, left and left // 1000)


def _text(value):
    return value.rstrip(b"\0").decode()
