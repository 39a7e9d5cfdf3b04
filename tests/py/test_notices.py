# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told of refusals, how often, and what a button would have galaf_allow do."""
import pytest

from galaf import limits
from galaf.config import conf
from galaf.observe import answers, denied, notices, watch
from galaf.render import untold
from galaf.system import accounts as accounts_
from galaf.system import labels

ALICE = 1000 << 16 | 1000
WEB = 30004 << 16 | 1000


@pytest.fixture(autouse=True)
def accounts(monkeypatch):
    """The names that marks stand for."""
    monkeypatch.setattr(labels, "group_name", {30004: "web", 1000: "alice"}.get)
    monkeypatch.setattr(labels, "user_name", {1000: "alice"}.get)


def refusal(domain="example.org", destination="198.18.0.20", port=443, protocol=6, mark=ALICE, way="out",
            programs=("curl",), executables=("/usr/bin/curl",)):
    return denied.Refusal(way, mark, programs, None, destination, domain, protocol, port, (), 1, None, 1, None,
                          executables)


def name(domain, **others):
    return refusal(domain, None, None, None, way="name", **others)


def many(number, first=1):
    return [notices.notice(refusal(None, f"198.18.0.{each}")) for each in range(first, first + number)]


# ---- the words ----

@pytest.mark.parametrize("one, title", [
    (refusal(), "curl (alice) was refused example.org, port 443"),
    (refusal(mark=WEB), "curl (web) was refused example.org, port 443"),
    (refusal(None), "curl (alice) was refused 198.18.0.20, port 443"),
    (refusal(None, port=53, protocol=17), "curl (alice) was refused 198.18.0.20, udp port 53"),
    (refusal(None, port=0, protocol=1), "curl (alice) was refused 198.18.0.20, icmp"),
    (refusal(executables=()), "curl (alice) was refused example.org, port 443"),
    (refusal(executables=("/usr/bin/curl", "/opt/wget")), "curl, wget (alice) was refused example.org, port 443"),
    (refusal(programs=(), executables=()), "a program (alice) was refused example.org, port 443"),
    (name("example.net"), "curl (alice) was refused the name example.net"),
])
def test_who_was_refused_what(one, title):
    assert notices.notice(one).title == title


def test_whom_a_permission_would_be_for_is_said():
    assert "every program of alice" in notices.notice(refusal()).body
    assert "application group web" in notices.notice(refusal(mark=WEB)).body


def test_words_of_the_refused_program_are_words_alone():
    """Its name and the names that it asks for come escaped; none is a line, a tag or a terminal's."""
    comm = watch.text(b"x\n\x1b[31m<b>&'\"")
    wire = b"".join(bytes([len(label)]) + label for label in (b"a\n<b>", b"\x1b]0", b"org")) + b"\0"
    one = notices.notice(name(answers.name(wire), programs=(comm,), executables=()))
    for text in (one.title, one.body, *notices.line(one).removesuffix("\n").split("\t", 1)):
        assert not set("\n\x1b<>&\t") & set(text), text
    assert one.ways == {}, "a name that is escaped can't be allowed"


# ---- what a button does ----

@pytest.mark.parametrize("one, ways", [
    (refusal(), {"allow": "--user alice example.org --port tcp/443 --for 10m"}),
    (refusal(mark=WEB), {"allow": "web example.org --port tcp/443 --for 10m",
                         "always": "web example.org --port tcp/443 --keep"}),
    (refusal(None, "2001:db8::1", 53, 17), {"allow": "--user alice 2001:db8::1 --port udp/53 --for 10m"}),
    (name("example.net"), {"allow": "--user alice example.net --for 10m"}),
    (refusal(None, port=0, protocol=1), {}),
    (refusal(None, protocol=132), {}),
])
def test_a_button_allows_what_was_refused_and_no_more(one, ways):
    assert {key: " ".join(words) for key, words in notices.notice(one).ways.items()} == ways


# ---- no flood ----

def test_the_same_is_told_once_at_a_time_and_again_after_ten_minutes():
    bounds, one = notices.Bounds(), many(1)
    assert list(bounds.chosen(one, 0)) == one
    assert list(bounds.chosen(one, notices.AGAIN + 1)) == [], "it is still on the screen"
    bounds.closed(one[0].key)
    assert list(bounds.chosen(one, notices.AGAIN + 2)) == one
    bounds.closed(one[0].key)
    assert list(bounds.chosen(one, notices.AGAIN + 3)) == []
    assert bounds.left_out == 0


def test_more_than_some_in_a_minute_are_summed_up_each_once():
    bounds = notices.Bounds()
    assert list(bounds.chosen(many(18), 0)) == many(notices.MOST)
    assert list(bounds.chosen(many(18), 1)) == []
    assert notices.summary(bounds.left_out) == "and 14 more: galaf_denied --mine"
    assert list(bounds.chosen(many(5, 20), notices.SPAN + 1)) == many(notices.MOST, 20)
    assert bounds.left_out == 15


def test_what_is_remembered_is_bounded_by_time():
    bounds = notices.Bounds()
    for minute in range(100):
        list(bounds.chosen(many(200), minute * 60))
    assert len(bounds._when) <= 200 and len(bounds._times) <= notices.MOST


# ---- off ----

@pytest.mark.parametrize("text, silent", [
    ("", False), ("# *\n", False), ("*\n", True), ("curl", True), ("curl\t*\n", True),
    ("/usr/bin/curl\texample.org\n", True),
    ("*\texample.org", True), ("curl\texample.net\n", False), ("wget\n\n", False), ("\t\n\0\n curl \n", True),
    ("x\n" * notices.QUIET + "*\n", False),
])
def test_a_persons_file_says_what_not_to_be_told(text, silent):
    assert notices.silenced(notices.notice(refusal()), notices.quiet(text)) == silent


@pytest.mark.parametrize("programs, executables", [(("curl",), ("/usr/bin/curl",)), (("curl",), ()), ((), ())])
def test_the_line_that_a_button_writes_silences_that_and_nothing_else(programs, executables):
    one = notices.notice(refusal(programs=programs, executables=executables))
    pairs = notices.quiet(notices.line(one))
    assert notices.silenced(one, pairs)
    assert not notices.silenced(notices.notice(refusal("example.net")), pairs)


def rendered(text):
    ids = accounts_.Ids(groups={"web": 30004, "other": 30005}, users={"alice": 1000})
    return untold.render(conf.parse(text, "f"), ids)


def test_where_nothing_is_refused_nothing_is_told():
    assert rendered('{ "groups": { "web": { "mode": "audit" }, "other": null },'
                    '  "users": { "alice": { "notify": false } } }') == "gid 30004\nuid 1000\n"
    assert rendered('{ "config": { "mode": "audit" } }') == rendered('{ "config": { "notify": false } }') == "*\n"
    assert rendered('{ "config": { "defaults": { "notify": false } },'
                    '  "groups": { "web": {}, "other": { "notify": true } } }') == "gid 30004\n"


def test_an_entry_or_everybody_can_be_left_out():
    assert not untold.holds("", WEB, limits.GIDS)
    assert untold.holds("*\n", WEB, limits.GIDS)
    assert untold.holds("gid 30004\n", WEB, limits.GIDS) and not untold.holds("gid 30004\n", ALICE, limits.GIDS)
    assert untold.holds("uid 1000\n", ALICE, limits.GIDS) and not untold.holds("uid 1000\n", WEB, limits.GIDS)
