# SPDX-License-Identifier: GPL-3.0-or-later
"""What was used while galaf_setup --learn had nothing refused, and the entries that this speaks for.

/var/lib/galaf/learned.json holds it over reboots, until a person has answered what is proposed; it is added to once
a minute, from what would have been refused.  Nothing becomes an entry by itself: any program can do anything on a day
of learning, also execute another one's file, and have a name of its own for an address.
"""
import contextlib
import json
import time
from dataclasses import dataclass

from .. import mark as marks
from .. import paths, trial
from ..config import conf, known
from ..errors import GalafError
from ..render import ruleset
from ..system import files, labels, lock
from . import collect, denied, mine, proposals, special, suggest

FILE = paths.STATE / "learned.json"
EVERY = 60              # seconds between two looks
MOST = 2000             # destinations of one user or application that are kept, those of the last tries
SHOWN = 8               # lines of what something rests on


@dataclass(frozen=True)
class Use:
    """An entry that what was used speaks for.

    place: ("groups" or "users", name); entry: as a whole; known: the Known that it is of, or None; had: whether the
    file has one, to which this adds; rows: the refusals that it rests on; remarks: what is to be known of it.
    """
    place: tuple
    entry: dict
    known: object
    had: bool
    rows: tuple
    remarks: tuple = ()


# ---- the notes ----

def locked():
    """Holds the lock that reading the notes to change them takes."""
    return lock.held("learned")


def read():
    """The notes, or None: "began", "until": seconds since 1970; "rows": {key: [what the kernel counted, Refusal]}."""
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
        rows = [(counted, mine.refusal(row)) for counted, row in found["rows"]]
        return {"began": int(found["began"]), "until": int(found["until"]), "rows": {key(row[1]): row for row in rows}}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise GalafError(f"{FILE}: damaged ({error!r}): remove it; what was learned is lost") from None


def write(notes):
    """Keeps the notes; root's alone."""
    rows = [(counted, one._asdict()) for counted, one in notes["rows"].values()]
    files.replace(FILE, json.dumps({**notes, "rows": rows}) + "\n", 0o600)


def forget():
    """Removes the notes."""
    with locked(), contextlib.suppress(FileNotFoundError):
        FILE.unlink()


def begin(until, table):
    """Notes a beginning: what was refused before counts for nothing, what is noted and not answered yet stays."""
    with locked():
        before, now = read(), {key(one): (one.tries, one._replace(tries=0)) for one in _now(table)}
        stays = {each: row for each, row in before["rows"].items() if row[1].tries} if before else {}
        counted = {each: (now[each][0] if each in now else 0, one) for each, (_, one) in stays.items()}
        began = before["began"] if stays else int(time.time())
        write({"began": began, "until": until, "rows": {**now, **counted}})


def look(table):
    """Adds what was used since the last look; returns whether learning goes on."""
    with locked():
        notes = read()
        if notes is None or not goes_on(notes):
            return False
        write({**notes, "rows": bounded(added(notes["rows"], _now(table)))})
        return True


def goes_on(notes):
    """Whether the span of audit is on that belongs to notes."""
    note = trial.noted()
    return bool(note and note["boot"] is None and note["until"] == notes["until"] and trial.left(note) > 0)


def _now(table):
    found, _ = collect.refusals(table)
    return [one for one in [*found, *collect.unlisted(found)] if "name" not in one.way]


def key(one):
    """What tells one refusal from all others."""
    return one.way, one.mark, one.source, one.destination, one.protocol, one.port


def added(rows, refusals):
    """Notes' rows with what refusals have more than they had at the last look.

    Where the kernel counts less than then, it has begun anew.
    """
    found = {each: (0, one) for each, (_, one) in rows.items()}
    for one in refusals:
        counted, before = rows.get(key(one), (0, one._replace(tries=0)))
        grown = one.tries - counted if one.tries >= counted else one.tries
        found[key(one)] = one.tries, one._replace(
            tries=before.tries + grown, domain=one.domain or before.domain, answer=one.answer or before.answer,
            programs=tuple(sorted({*before.programs, *one.programs})),
            executables=tuple(sorted({*before.executables, *one.executables})),
            first=before.first or one.first, last=one.last or before.last)
    return found


def bounded(rows):
    """The last MOST rows of each mark."""
    numbers, kept = {}, {}
    for each, row in sorted(rows.items(), key=lambda row: -(row[1][1].last or 0)):
        numbers[each[1]] = numbers.get(each[1], 0) + 1
        if numbers[each[1]] <= MOST:
            kept[each] = row
    return kept


def used(notes):
    """The Refusals of what was used."""
    return [one for _, one in notes["rows"].values() if one.tries]


# ---- what it speaks for ----

def uses(data, refusals, file, proposed=proposals.entry_for):
    """([Use], known ones first; [sentence] on what nothing is proposed for).

    data: the value of galaf_conf.json; the rest: as for suggest.suggest().  A person is given no entry.
    """
    configuration = conf.parse(json.dumps(data), file)
    wanted, left = {}, {text: [] for text in special.remarks(refusals)}     # left: sentence -> what it is about
    for one in denied.joined(refusals):
        if one.way.startswith("more"):
            left[f"{_who(one)}: {one.tries} packets more than could be noted one by one"] = []
        elif one.way == "through":
            left[special.THROUGH].append(f"{_what(one)}, by {one.source}")
        elif one.way == "in":
            left.setdefault("from outside, what is asked about below", []).append(f"{_what(one)}, by {one.source}")
        elif not denied.of_doctor(one):
            for place, entry, why in _places(one, configuration, proposed):
                if place:
                    wanted.setdefault(place, (entry, []))[1].append(one)
                else:
                    left.setdefault(f"{_who(one)}: {why}", []).append(_what(one))
    found = [_use(data, file, place, entry, rows) for place, (entry, rows) in sorted(wanted.items())]
    left.update({f"{use.place[1]}: {text}": [] for use in found if not use.entry for text in use.remarks})
    return (sorted((use for use in found if use.entry), key=lambda use: (use.known is None, use.place)),
            [_sentence(why, about) for why, about in left.items()])


def _sentence(why, about):
    """Why nothing is proposed, with the last of what it is about."""
    more = f" and {len(about) - 1} more" if about[1:] else ""
    return f"{why}: {about[-1]}{more}" if about else why


def _places(one, configuration, proposed):
    """(place, entry that it begins with or None, None), or (None, None, why not), for each program of a refusal."""
    place = suggest.application(one.mark, configuration.gid_range)
    if place is None:
        yield None, None, "it has no name"
    elif place == ("users", "root"):
        yield None, None, "left to you, since one entry holds all that root may"
    elif place[0] == "groups" or marks.decode(one.mark)[1] not in suggest.HUMANS:
        yield place, None, None
    else:
        if not one.executables:
            yield None, None, "its executable is not known"
        for path in one.executables:
            try:
                group, entry = proposed(path, configuration.groups, configuration.gid_range)
            except LookupError as error:
                yield None, None, str(error)
                continue
            if entry is None:
                yield None, None, f"{path} has the entry {group}: start it by galaf {group}, as menus do"
            else:
                yield ("groups", group), entry, None


def _use(data, file, place, entry, rows):
    """The Use of a place; entry: what it begins with.  Without an entry in it, remarks say why."""
    section, name = place
    had = data.get(section, {}).get(name)
    library = [each for each in known.of(section, name) if each.installed and not had]
    exact = [each for each in library if entry is None or each.entry == entry][:1]
    begin = exact[0].entry if exact else entry or had or {}
    blank = {**data, section: {**data.get(section, {}), name: begin}}
    configuration = conf.parse(json.dumps(blank), file)
    values = {**(data.get("config", {}).get("defaults") or {}), **begin}
    more, said = suggest.additions(getattr(configuration, section)[name], values, rows,
                                   ruleset.strict_dns(configuration))
    if exact:       # as it is: what it lacks is told
        return Use(place, begin, exact[0], False, tuple(rows), tuple(_lacks(begin, more)))
    said = [text for text in said if text != suggest.ALLOWED]
    return Use(place, {**begin, **more} if more else None, None, bool(had), tuple(rows), tuple(said))


def _lacks(entry, more):
    """Sentences on what would have to be added to an entry to allow all that was used."""
    for name, value in more.items():
        fresh = [each for each in known.listed(value) if each not in known.listed(entry.get(name, []))]
        if not name.startswith("#"):
            yield f"it does not allow all of it: {name} lacks {', '.join(map(str, fresh))}"


def described(use, since):
    """A Use in lines: what it is, what it rests on, what is to be known; since: seconds since 1970."""
    kind = use.known.summary if use.known else ("in the file, to which this adds" if use.had else "not known to galaf")
    most = sorted(use.rows, key=lambda one: -one.tries)
    total = _times(sum(one.tries for one in most))
    lines = [f"{use.place[1]}: {kind}; used {total} since {denied.clock(since)}:", *map(_ground, most[:SHOWN])]
    lines += [f"and {len(most) - SHOWN} more destinations"] if len(most) > SHOWN else []
    return "\n    ".join([*lines, *use.remarks])


def _ground(one):
    """What one program tried, and where the name comes from that it has."""
    named = (f", a name by an answer to {one.answer.program!r} at {denied.clock(one.answer.when)}"
             if one.answer else "")
    return f"{_who(one)}: {_what(one)}, {_times(one.tries)}, last {denied.clock(one.last) or 'at no known time'}{named}"


def _who(one):
    """Whose a refusal is and which program's, quoted, since that names itself."""
    words = denied.program_words(one)
    whose = "from outside" if one.mark is None else labels.label(one.mark)
    return f"{whose} {words!r}" if words else whose


def _what(one):
    return f"{suggest.what(one)} ({one.domain!r})" if one.domain else suggest.what(one)


def _times(tries):
    return "once" if tries == 1 else f"{tries} times"
