# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables a file of the ruleset's static part speaks of."""
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
