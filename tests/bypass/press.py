#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presses galaf_notify's buttons without a person, on the session's bus.

press.py forge: says to galaf_notify, in the notification service's place, that each button of each number was pressed.
press.py own SECONDS: is the notification service for so long, and presses each button of what it is to show at once.
Prints how many presses it sent.
"""
import sys

from gi.repository import Gio, GLib

NAME, PLACE = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
BUTTONS = "allow", "always"
INTERFACE = """<node><interface name="org.freedesktop.Notifications"><method name="Notify">
<arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/>
<arg type="i" direction="in"/><arg type="u" direction="out"/></method></interface></node>"""
bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
presses = 0


def ask(method, arguments=None):
    return bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, arguments,
                         None, Gio.DBusCallFlags.NONE, -1, None).unpack()[0]


def press(to, number):
    global presses
    for button in BUTTONS:
        bus.emit_signal(to, PLACE, NAME, "ActionInvoked", GLib.Variant("(us)", (number, button)))
        presses += 1


def notifier():
    for name in ask("ListNames"):
        process = ask("GetConnectionUnixProcessID", GLib.Variant("(s)", (name,)))
        with open(f"/proc/{process}/cmdline", "rb") as stream:
            if b"galaf_notify" in stream.read():
                return name
    return sys.exit("galaf_notify is not there")


def notify(_bus, sender, _place, _interface, _method, _arguments, call):
    call.return_value(GLib.Variant("(u)", (7,)))
    GLib.timeout_add(200, press, sender, 7)
    GLib.timeout_add(200, press, None, 7)


if sys.argv[1] == "forge":
    found = notifier()
    for each in range(1, 100):
        press(found, each)
else:
    loop = GLib.MainLoop()
    bus.register_object(PLACE, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], notify, None, None)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.REPLACE, None, None)
    GLib.timeout_add_seconds(int(sys.argv[2]), loop.quit)
    loop.run()
bus.flush_sync(None)
print(presses)
