# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections that a user has made are more than a network to join."""
import pytest

from galaf.system import seat

WIFI = "[connection]\nid=home\ntype=wifi\npermissions=user:alice:;\n[wifi]\nmode=infrastructure\nssid=home\n" \
       "[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\n"


def test_a_users_own_is_told_by_its_permissions():
    """nm-settings-keyfile(5): without permissions it is everyone's, and so an administrator's to change."""
    assert seat.is_own(WIFI)
    assert not seat.is_own(WIFI.replace("permissions=user:alice:;\n", ""))
    assert not seat.is_own(WIFI.replace("user:alice:;", ""))


def test_a_network_to_join_is_plain():
    """Addresses and name servers are the network's."""
    assert seat.is_plain(WIFI)
    assert seat.is_plain(WIFI.replace("type=wifi", "type=ethernet").replace("\nmode=infrastructure", ""))


@pytest.mark.parametrize("old, new", [
    ("type=wifi", "type=bridge"), ("type=wifi", "type=tun"), ("type=wifi", "type=vpn"), ("type=wifi\n", ""),
    ("id=home", "id=home\nmaster=br9"), ("id=home", "id=home\ncontroller=br9"),
    ("method=auto", "method=auto\ndns=198.18.0.66;"), ("method=auto", "method=shared"),
    ("method=auto", "method=manual\naddress1=192.0.2.7/24,192.0.2.1"), ("method=auto", "method=auto\nroute1=0.0.0.0/0"),
    ("mode=infrastructure", "mode=ap"),
])
def test_more_than_a_network_to_join(old, new):
    """Each is a way past the rules, or to answers of the user's own choice."""
    assert not seat.is_plain(WIFI.replace(old, new, 1))
