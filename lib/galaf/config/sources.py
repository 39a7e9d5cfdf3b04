# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a configuration is made of: galaf_conf.json and, in the order of their names, galaf_conf.d/*.json.

What one of them says holds as if it stood in the first one.  Rules of "inbound", "kernel" and "forward" add up; of
anything else two files may say the same, and where they say different things both places are named.
"""
import json
import os
import stat
from pathlib import Path

from ..errors import GalafError
from . import conf, jsontext, known

_ADDED = {("kernel",), ("config", "forward"), ("config", "container_bases")}    # and each member of "inbound"


def folder(file):
    """Where a configuration's drop-ins are: /etc/galaf/galaf_conf.d for /etc/galaf/galaf_conf.json."""
    return Path(file).with_suffix(".d")


def drop_ins(file):
    """The drop-ins of a configuration's file, in order.  A folder that this user may not look into has none."""
    try:
        return sorted(path for path in folder(file).glob("*.json") if not path.name.startswith("."))
    except OSError:
        return []


def main_of(file):
    """The main file of a drop-in; None for a file that is none."""
    top = Path(file).resolve().parent
    return top.with_suffix(".json") if top.suffix == ".d" and top.with_suffix(".json").exists() else None


def read(file):
    """The Sources of a configuration's file.  Raises GalafError where one can't be read, or others can write it."""
    found = drop_ins(file)
    for path in [folder(file), *found] if found else []:
        _check_owner(path, os.stat(file).st_uid if os.path.exists(file) else 0)
    return Sources(file, {str(path): conf.read(path) for path in [file, *found]})


def of(text, file):
    """The Sources of a text alone, in the place of a file's."""
    return Sources(file, {str(file): text})


def _check_owner(path, owner):
    """Raises GalafError where others than root, and the owner of the main file, can change a drop-in."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise GalafError(f"{path}: {error.strerror}") from None
    if status.st_uid not in (0, owner) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise GalafError(f"{path}: others than root can change it: chown root:root and chmod go-w")


class Sources:
    """The texts of one configuration, {path: text} with the main file first, and what they come to.

    data: their value as one, with known entries in the place of what refers to them; it is there once parse() was
    called.
    """

    def __init__(self, file, texts):
        self.file, self.texts = str(file), texts
        self.data = None
        self._origins = {}      # place in data -> (path, text, place there), where drop-ins are

    @property
    def text(self):
        """The main file's text."""
        return self.texts[self.file]

    def changed(self, path, text):
        """The Sources with another text in one file's place."""
        return Sources(self.file, {**self.texts, str(path): text})

    def faults(self):
        """What gathers faults of this configuration, each in the file that it is in."""
        return conf.Faults(self.file, self.text, self._origins)

    def written(self):
        """What the files say, as one value, known entries as they are referred to."""
        parts = {path: jsontext.parse(text, path) for path, text in self.texts.items()}
        if len(parts) == 1:
            return parts[self.file]
        self._check(parts)
        return self._merged(parts)

    def parse(self):
        """The Conf of these files.  Raises GalafError naming every fault."""
        self._check({path: jsontext.parse(text, path) for path, text in self.texts.items()})
        merged = self.written()
        faults = self.faults()
        self.data = known.resolve(merged, faults)
        faults.check()
        return conf.build(self.data, faults)

    def _check(self, parts):
        """Holds each file against the schema."""
        lines = []
        for path, value in parts.items():
            faults = conf.Faults(path, self.texts[path])
            conf.check_schema(value, faults)
            lines += faults.lines
        faults = self.faults()
        faults.lines = lines
        faults.check()

    def resolved(self):
        """The configuration as one text that depends on nothing else; None where the main file's is that already."""
        return (None if self.data == jsontext.parse(self.text, self.file)
                else json.dumps(self.data, indent=4, ensure_ascii=False) + "\n")

    def kept(self):
        """{name: text} of what a generation keeps of these files: each as it is, and what they come to."""
        resolved = self.resolved()
        return {**self.named(), **({"resolved.json": resolved} if resolved else {})}

    def named(self):
        """{name: text} of these files, as a generation names them."""
        return {"galaf_conf.d/" + Path(path).name if path != self.file else "galaf_conf.json": text
                for path, text in self.texts.items()}

    def names(self, path):
        """(file, JSON path in it) of a JSON path in data, as an error of nft's has it."""
        for place, (file, _, there) in self._origins.items():
            if path == (start := jsontext.path(place)) or path.startswith((start + ".", start + "[")):
                return file, jsontext.path(there) + path[len(start):]
        return self.file, path

    def file_for(self, place):
        """The file that a place is to be written in: the one that has the entry it is of, or else the main one."""
        return next((path for path, text in self.texts.items()
                     if len(place) > 2 and jsontext.holds(text, place[:2])), self.file)

    def _merged(self, parts):
        merged, self._origins = {}, {}
        faults = conf.Faults(self.file, self.text, self._origins)
        for path, value in parts.items():
            for place, below in _members(value):
                above = merged
                for step in place[:-1]:
                    above = above.setdefault(step, {})
                if place in _ADDED or place[0] == "inbound" and not place[-1].startswith("#"):
                    self._add(above, place, below, path)
                else:
                    self._put(above, place, below, path, faults)
        faults.check()
        return merged

    def _put(self, above, place, value, path, faults):
        """Puts a value at a place that no other file says anything else about; comments are the first one's."""
        if place[-1].startswith("#"):
            above.setdefault(place[-1], value)
        elif place[-1] not in above:
            above[place[-1]] = value
            self._origins[place] = path, self.texts[path], place
        elif _uncommented(above[place[-1]]) != _uncommented(value):
            first = self._origins[place]
            faults.lines.append(f"{path}: {jsontext.path(place)}: {first[0]} says otherwise (line "
                                f"{jsontext.line(first[1], place)}): keep one of the two (line "
                                f"{jsontext.line(self.texts[path], place)})")

    def _add(self, above, place, value, path):
        """Adds rules to those of other files; a list that one file alone has stays as it is."""
        if place[-1] not in above:
            above[place[-1]] = value
            self._origins[place] = path, self.texts[path], place
            return
        if place in self._origins:      # until now of one file
            first = self._origins.pop(place)
            for index, at in enumerate(_places(above[place[-1]], place)):
                self._origins[place + (index,)] = *first[:2], at
            above[place[-1]] = _listed(above[place[-1]])
        for rule, at in zip(_listed(value), _places(value, place)):
            if rule not in above[place[-1]]:
                above[place[-1]] = [*above[place[-1]], rule]
                self._origins[place + (len(above[place[-1]]) - 1,)] = path, self.texts[path], at


def _members(value):
    """The (place, value) of each thing that one file alone is to say: sections' members, and what is no section."""
    for key, below in value.items():
        if key in ("config", "users", "groups", "inbound", "networks"):
            yield from (((key, name), entry) for name, entry in below.items())
        elif not key.startswith("$"):
            yield (key,), below


def _listed(rules):
    return [rules] if not isinstance(rules, list) else rules


def _places(rules, place):
    """Where each rule of a string, or of a list, is."""
    return [place] if not isinstance(rules, list) else [place + (index,) for index in range(len(rules))]


def _uncommented(value):
    """A value without comments, at every level."""
    if isinstance(value, dict):
        return {key: _uncommented(below) for key, below in value.items() if not key.startswith("#")}
    return value
