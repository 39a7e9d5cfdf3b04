# SPDX-License-Identifier: GPL-3.0-or-later
"""What was used in a span of learning: how looks add up over reboots, and what is proposed of it."""
import pytest

from galaf import mark
from galaf.config import known
from galaf.observe import answers, denied, learned
from galaf.system import labels

NOW = 1_800_000_000
ALICE = mark.encode(1000, 1000)
APT, ROOT, WEB = mark.encode(65534, 42), mark.encode(0, 1), mark.encode(30004, 1000)
CURL = {"execv": ["/usr/bin/curl", "…"], "rule": "tcp dport { 80, 443 }"}
KNOWN = [(("groups", "curl"), CURL), (("users", "_apt"), {"rule": "tcp dport 80"})]


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """The names that marks stand for, and what is known."""
    users, groups = {1: "root", 42: "_apt", 1000: "alice"}, {0: "root", 1000: "alice", 30004: "web", 65534: "nogroup"}
    monkeypatch.setattr(labels, "user_name", lambda uid: users.get(uid, str(uid)))
    monkeypatch.setattr(labels, "group_name", lambda gid: groups.get(gid, str(gid)))
    monkeypatch.setattr(known, "of", lambda *place: [
        known.Known("n", "Fetches", "tools", (), "/", *place, entry) for at, entry in KNOWN if at == place])


def used(who=ALICE, port=80, tries=2, last=0, programs=("curl",), executables=("/usr/bin/curl",), answer=None):
    """A refusal."""
    return denied.Refusal("out", who, programs, None, "198.18.0.10", answer and answer.name, 6, port, (), tries,
                          NOW + last, NOW + last, answer, executables)


def noted(*rows):
    return {learned.key(one): (one.tries, one) for one in rows}


def proposed(path, groups, gid_range):
    """What is proposed for an executable."""
    name = path.rpartition("/")[2]
    if name == "bash":
        raise LookupError(f"{path} runs whatever it is given")
    return name, None if name in groups else CURL if name == "curl" else {"execv": [path, "…"]}


def uses(*rows, data=None):
    return learned.uses(data or {}, rows, "x", proposed)


def test_looks_add_up_also_where_the_kernel_began_anew():
    rows = noted(used(tries=2))
    rows = learned.added(rows, [used(tries=5)])
    assert [one.tries for _, one in rows.values()] == [5]
    rows = learned.added(rows, [])          # a reboot: nothing is there
    rows = learned.added(rows, [used(tries=3, programs=("x",), executables=())])
    assert [(counted, one.tries, one.programs, one.executables) for counted, one in rows.values()] == [
        (3, 8, ("curl", "x"), ("/usr/bin/curl",))]


def test_what_was_refused_before_counts_for_nothing():
    rows = {key: (counted, one._replace(tries=0)) for key, (counted, one) in noted(used(), used(port=1)).items()}
    rows = learned.added(rows, [used(tries=3), used(port=1)])
    assert [(one.port, one.tries) for one in learned.used({"rows": rows})] == [(80, 1)]


def test_who_fills_the_notes_fills_one_s_own():
    rows = noted(used(WEB, last=-9), *(used(port=port, last=port) for port in range(1, learned.MOST + 10)))
    kept = learned.bounded(rows)
    assert len(kept) == learned.MOST + 1 and min(one.port for _, one in kept.values() if one.mark == ALICE) == 10


def test_notes_are_read_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(learned, "FILE", tmp_path / "learned.json")
    assert learned.read() is None
    answer = answers.Resolved("web.example", "curl", NOW)
    notes = {"began": NOW, "until": NOW + 9, "rows": noted(used(answer=answer))}
    learned.write(notes)
    assert learned.read() == notes and learned.FILE.stat().st_mode & 0o777 == 0o600
    for text in "{", "[]", '{"rows": [[1, {}]], "began": 1, "until": 2}':
        learned.FILE.write_text(text)
        with pytest.raises(learned.GalafError, match="damaged .*: remove it"):
            learned.read()


def test_a_known_entry_is_proposed_as_it_is_and_first():
    found, left = uses(used(executables=("/usr/bin/a",)), used(port=993), used(APT, programs=("http",), executables=()))
    assert [(use.place, use.entry) for use in found] == [
        (("groups", "curl"), CURL), (("users", "_apt"), {"rule": "tcp dport 80"}),
        (("groups", "a"), {"execv": ["/usr/bin/a", "…"], "rule": "ip daddr 198.18.0.10 tcp dport 80"})]
    assert not left and found[0].remarks == (
        "it does not allow all of it: rule lacks ip daddr 198.18.0.10 tcp dport 993",)


def test_nothing_is_proposed_for_a_person_root_or_what_runs_anything():
    found, left = uses(used(executables=()), used(port=81, executables=()), used(executables=("/bin/bash",)),
                       used(ROOT), denied.Refusal("in", None, (), "192.0.2.1", "192.0.2.2", None, 6, 22, (), 3,
                                                  None, NOW),
                       denied.Refusal("more-out", ALICE, (), None, None, None, None, None, (), 7, None, NOW))
    assert not found and sorted(left) == [
        "alice/alice 'curl (/bin/bash)': /bin/bash runs whatever it is given: 198.18.0.10 tcp 80",
        "alice/alice 'curl': its executable is not known: 198.18.0.10 tcp 81 and 1 more",
        "alice/alice: 7 packets more than could be noted one by one",
        "from outside, what is asked about below: 192.0.2.2 tcp 22, by 192.0.2.1",
        "root/root '/usr/bin/curl': left to you, since one entry holds all that root may: 198.18.0.10 tcp 80"]


def test_what_has_an_entry_is_added_to_or_started_by_it():
    data = {"groups": {"web": {"rule": "tcp dport 80"}, "curl": CURL}}
    found, left = uses(used(WEB, port=443), used(), data=data)
    assert [(use.had, use.entry) for use in found] == [
        (True, {"rule": ["tcp dport 80", "ip daddr 198.18.0.10 tcp dport 443"]})]
    assert left == ["alice/alice '/usr/bin/curl': /usr/bin/curl has the entry curl: start it by galaf curl, as menus do"
                    ": 198.18.0.10 tcp 80"]


def test_a_proposal_says_what_it_rests_on_with_the_program_s_name_quoted():
    answer = answers.Resolved("web.example", "evil: ok", NOW)
    many = [used(port=port, programs=("x 'y' (z)",), executables=(), answer=answer, tries=port)
            for port in range(1, 12)]
    said = learned.described(learned.Use(("groups", "x"), {}, None, False, many, ("note this",)), NOW)
    assert said.startswith("x: not known to galaf; used 66 times since 20")
    assert "\n    alice/alice \"x 'y' (z)\": 198.18.0.10 tcp 11 ('web.example'), 11 times, last 20" in said
    assert ", a name by an answer to 'evil: ok' at 20" in said and said.endswith(
        "\n    and 3 more destinations\n    note this")
