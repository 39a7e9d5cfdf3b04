# SPDX-License-Identifier: GPL-3.0-or-later
# A package of the tests' own with an application, trip, that is started in every way, and one like it, rogue, that
# no entry names.

# trip_deb FILE: builds it.  Its programs append their group, their own name and their arguments to ~/NAME.log, with
# what they fetch of 198.18.0.10; after ten minutes, where the first one is --wait.
trip_deb() {
    local tree name only_trip
    tree=$(mktemp -d)
    mkdir -p "$tree"/DEBIAN "$tree"/usr/bin "$tree"/usr/share/{applications,dbus-1/services} "$tree"/etc/xdg/autostart \
        "$tree"/usr/lib/systemd/user
    printf '%s\n' 'Package: trip' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@trip.example>' \
        'Description: an application of the tests' >"$tree/DEBIAN/control"
    printf '/etc/xdg/autostart/%s.desktop\n' trip rogue >"$tree/DEBIAN/conffiles"
    for name in trip rogue; do
        cat >"$tree/usr/bin/$name" <<'END'
#!/bin/sh
[ "$1" != --wait ] || sleep 600
fetched=$(curl -sS -m 3 http://198.18.0.10/ 2>/dev/null | head -c 11 | tr -d '\n')
echo "$(id -gn) [$*] ${fetched:-nothing}" >>"$HOME/$(basename "$0").log"
END
        chmod 755 "$tree/usr/bin/$name"
        # What D-Bus is asked for alone can't be told from the other ways, so rogue is not.
        only_trip=$([ $name = trip ] && echo true || echo false)
        printf '%s\n' '[Desktop Entry]' "Name=$name" "Name[de]=$name, deutsch" "Exec=$name --opened %u" "Icon=$name" \
            'Type=Application' "DBusActivatable=$only_trip" "MimeType=x-scheme-handler/$name;" Actions=again '' \
            '[Desktop Action again]' Name=Again "Exec=/usr/bin/$name --again" >"$tree/usr/share/applications/org.$name.desktop"
        printf '%s\n' '[Desktop Entry]' "Name=$name" "Exec=$name --autostart" Type=Application \
            >"$tree/etc/xdg/autostart/$name.desktop"
        printf '%s\n' '[D-BUS Service]' "Name=org.$name" "Exec=/usr/bin/$name --dbus" >"$tree/usr/share/dbus-1/services/org.$name.service"
        # Locked down, as Debian's Syncthing is: in a user's systemd each of these means no_new_privs.
        printf '%s\n' '[Service]' "ExecStart=/usr/bin/$name --unit" NoNewPrivileges=yes MemoryDenyWriteExecute=yes \
            SystemCallArchitectures=native >"$tree/usr/lib/systemd/user/$name.service"
    done
    echo SystemdService=trip.service >>"$tree/usr/share/dbus-1/services/org.trip.service"
    dpkg-deb --root-owner-group -b "$tree" "$1" >/dev/null
    rm -r "$tree"
}

# trip_starts WAY ARGUMENTS COMMAND-LINE: in the session of who calls, on a machine, it starts trip, for NAME, in its group with
# these arguments, and rogue in alice's.
trip_starts() {
    local name wanted
    for name in trip rogue; do
        on rm -f "/home/alice/$name.log"
        session "${3//NAME/$name}" || true
        eventually 10 on test -s "/home/alice/$name.log" || complain "$1: $name was not started" \
            "$(on journalctl -q -b --no-pager -n 20)"
        wanted=$([ "$name" = trip ] && echo "trip [$2] 198.18.0.10" || echo "alice [$2] nothing")
        same "${wanted//NAME/$name}" "$(on cat "/home/alice/$name.log")" "$1"
    done
}

# spark_deb FILE: a package with an application that runs as Electron's do, spark, where these have theirs.
spark_deb() {
    local tree
    tree=$(mktemp -d)
    mkdir -p "$tree"/DEBIAN "$tree"/opt/spark "$tree"/usr/bin "$tree"/usr/share/applications
    printf '%s\n' 'Package: spark' 'Version: 1' 'Architecture: amd64' 'Maintainer: nobody <nobody@trip.example>' \
        'Description: an application of the tests' >"$tree/DEBIAN/control"
    gcc -static -O1 -Wall -o "$tree/opt/spark/spark" "$BATS_TEST_DIRNAME/../bats/spark.c"
    ln -s /opt/spark/spark "$tree/usr/bin/spark"
    printf '%s\n' '[Desktop Entry]' Name=Spark 'Exec=/opt/spark/spark %U' Terminal=false Type=Application Icon=spark \
        StartupWMClass=spark 'MimeType=x-scheme-handler/spark;' >"$tree/usr/share/applications/spark.desktop"
    dpkg-deb --root-owner-group -b "$tree" "$1" >/dev/null
    rm -r "$tree"
}
