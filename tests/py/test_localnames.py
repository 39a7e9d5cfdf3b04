# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names this machine answers itself, by its files."""
from galaf.system import localnames, resolver


def test_names(tmp_path, monkeypatch):
    """Every line that gives a name an address; no comment, address or bare word."""
    hosts, more, options = tmp_path / "hosts", tmp_path / "more", tmp_path / "options"
    hosts.write_text("127.0.0.1 localhost\n"
                     "192.0.2.1\tNas.home.example nas # old.home.example\n# 192.0.2.2 not.example\n::1 six.example.\n")
    more.write_text("192.0.2.3 more.example\n")
    options.write_text("host-record=a.example,b.example,192.0.2.4,2001:db8::1\n"
                       f"address=/c.example/d.example/192.0.2.5\n"
                       f" cname = e.example,a.example # alias\naddn-hosts={more}\n#address=/off.example/192.0.2.6\n"
                       "server=/vpn.example/192.0.2.7\n")
    monkeypatch.setattr(localnames, "HOSTS", hosts)
    monkeypatch.setattr(resolver, "option_files", lambda: [options])
    assert localnames.names() == ["a.example", "b.example", "c.example", "d.example", "e.example", "more.example",
                                  "nas.home.example", "six.example"]


def test_within():
    found = ["a.example", "b.a.example", "ba.example"]
    assert localnames.within(found, ["a.example"]) == ["a.example", "b.a.example"]
    assert localnames.within(found, []) == []
