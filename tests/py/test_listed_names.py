# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of dnsmasq's allow-list for eBPF."""
import pytest

from galaf.config import conf
from galaf.errors import GalafError
from galaf.system import listed_names

OPTIONS = """connmark-allowlist-enable
connmark-allowlist=1966342144/4294901760,web.example/*.web.example/*.*.web.example
connmark-allowlist=1966342144/4294836224,more.example/*.more.example
connmark-allowlist=1966669824/4294901760,other.example
connmark-allowlist=1000/65535,*
"""


def test_owners():
    """An entry's further lines are its own, though their masks leave bits out."""
    assert listed_names.owners(OPTIONS) == {
        1966342144: {"web.example", "more.example"}, 1966669824: {"other.example"}, 1000: {"*"}}


def test_ends():
    """A domain whole and without its last label; of a long one the end."""
    assert listed_names.ends("Web.Example") == [(0, b"\3web\7example"), (1, b"\3web")]
    assert listed_names.ends("*") == [(0, b"")]
    long = ".".join(["a" * 40] * 3 + ["example"])
    assert listed_names.ends(long)[0] == (0, b"\x28" + b"a" * 40 + b"\7example")


@pytest.mark.parametrize("last", ["example", "a" * 31, "a" * 60])
def test_a_domain_that_is_taken_has_a_stem(last):
    """Without one dnsmasq's allow-list would pass its name under any last label."""
    longest = "a" * (conf.LAST_TWO - 1 - len(last))
    for first in "", "b.":
        assert listed_names.ends(conf.domain(f"{first}{longest}.{last}"))[1] == (
            1, bytes([len(longest)]) + longest.encode())
        with pytest.raises(GalafError, match="last two labels"):
            conf.domain(f"{first}{longest}a.{last}")
        assert conf.domain(f"{first}{longest}a.{last}", strict=False)


def test_keys():
    """As struct listed has them."""
    assert listed_names.keys({1000: {"*"}}) == {(1000).to_bytes(4, "little") + bytes(68)}
