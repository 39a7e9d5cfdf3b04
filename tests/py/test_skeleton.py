# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ruleset's static part says, and of which tables a file of it speaks."""
import re

import pytest

from conftest import TOP
from galaf.plan import other_tables


@pytest.mark.parametrize("text, found", [
    ("table inet galaf { }", []),
    ("table galaf { }", []),
    ("table inet mine {\n}", [(1, "mine")]),
    ("table mine {\n}", [(1, "mine")]),
    ("# table inet mine { }", []),
    ("define a = 1\n  add table ip6 mine", [(2, "mine")]),
    ("table inet galaf { }; table netdev other { }", [(1, "other")]),
    ("table inet galaf { chain a { } } table netdev other { }", [(1, "other")]),
    ("add rule inet mine output accept", [(1, "mine")]),
    ("insert rule mine output accept", [(1, "mine")]),
    ("add element inet galaf apps { 1 : accept }", []),
    ("add element inet mine some { 1 }\nflush chain inet mine output", [(1, "mine"), (2, "mine")]),
    ("table inet galaf {\n    chain output { tcp dport 80 accept; }\n    set table_4 { type mark; }\n}", []),
])
def test_other_tables(text, found):
    """Of whatever family and by whatever statement; comments and galaf's own are none."""
    assert list(other_tables(text, {"galaf"})) == found


def test_the_shipped_file_speaks_of_no_other():
    """Else nobody could load it."""
    text = (TOP / "etc/galaf/nftables.d/galaf.nft").read_text(encoding="utf-8")
    assert list(other_tables(text, {"galaf"})) == []


def test_nothing_is_let_out_uncounted():
    """On the way out only what goes by loopback is accepted, and only a query there is refused, where none counts."""
    text = (TOP / "tests/py/golden/everything/ruleset.nft").read_text(encoding="utf-8")
    text += (TOP / "etc/galaf/nftables.d/galaf.nft").read_text(encoding="utf-8")
    chains = re.findall(r"^ *chain (\S+) \{\n(.*?)^ *\}$", text, re.MULTILINE | re.DOTALL)
    inwards = re.compile(r".*_(in|forward)|forward(ed)?|inbound|input|mark_in|post_in|record_.*|discovered")
    local = {"loopback_out", "mark_loopback", "queries_elsewhere"}
    found = {(name, line.split()[-1]) for name, body in chains if not inwards.fullmatch(name) and name not in local
             for line in body.splitlines() if re.search(r"\b(accept|drop)$", line) and not line.strip().startswith("#")}
    assert found == {("accepted_out", "accept"), ("dropped_out", "drop")}
