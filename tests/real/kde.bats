#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# KDE's ways of starting an application, on a booted workstation with a screen in memory: its commands, its search, its panel
# and menu, and its compositor.  By hand: CONTRIBUTING.md.

load ../bats-machine/machine
load ../bats/trip
load screen

setup_file() {
    real_debs kde
    passes on sh -c "echo 198.18.0.10 page.example >>/etc/hosts"
    passes on loginctl enable-linger alice
    trip_deb /run/machine/tree/opt/trip.deb
    passes on dpkg -i /opt/trip.deb
    passes install "./$DEB"
    passes on galaf_group add firefox-esr
    passes on galaf_config --set '$.groups.konsole' '{"execv": ["/usr/bin/konsole", "…"]}'
    passes on galaf_config --set '$.groups.trip' '{"execv": ["/usr/bin/trip", "…"], "rule": "tcp dport 80"}'
    passes on galaf_config --set '$.groups.chat' '{"execv": ["/usr/bin/env", "…"]}'
    passes on galaf_config --yes
    session_of_hers
    session "systemctl --user set-environment $(kde_variables)"
}

# kde_variables: what KDE's own session sets, and no wish for a graphics card.
kde_variables() {
    echo "XDG_CURRENT_DESKTOP=KDE KDE_FULL_SESSION=true KDE_APPLICATIONS_AS_SCOPE=1 XDG_MENU_PREFIX=plasma- QT_QUICK_BACKEND=software" \
        "KDE_SESSION_VERSION=$(on test -e /usr/lib/x86_64-linux-gnu/libKF6KIOCore.so.6 && echo 6 || echo 5)"
}

# What runs a command as KDE's session does, and one that has her systemd start programs as services, as Plasma 6 has it.
kde="env \$(systemctl --user show-environment | grep -E '^(XDG_CURRENT|KDE_|XDG_MENU|QT_)') timeout 30"
as_service="$kde env -u KDE_APPLICATIONS_AS_SCOPE KDE_APPLICATIONS_AS_SERVICE=1"

# program NAME COMMAND-LINE: one of KDE's that goes on, as a service of the session.
program() { session "systemd-run --user --quiet --collect --unit=$1 $2"; }

# was_unit NAME: her systemd has started that as a unit of its own.
was_unit() { on journalctl -q -b --no-pager | grep -qE "app-org\.$1@.*\.service"; }

@test "kde-open, kioclient and kstart: what they start is a process of theirs, or a service of the user's systemd" {
    local as
    trip_starts kstart here "$kde kstart NAME here"
    for as in "$kde" "$as_service"; do
        trip_starts kde-open '--opened NAME:x' "$as kde-open NAME:x"
        trip_starts kioclient '--opened NAME:x' "$as kioclient exec NAME:x"
        trip_starts "kstart --application" --opened "$as kstart --application org.NAME"
    done
    was_unit trip
    was_unit rogue
}

@test "a menu entry that galaf laid, by its path" {
    session "$kde kioclient exec /var/lib/galaf/desktop/share/applications/org.trip.desktop"
    eventually 20 on grep -F 'trip [--opened] 198.18.0.10' /home/alice/trip.log
}

@test "KDE's cache of menu entries is older than an entry that comes, and one that goes" {
    trip_starts kde-open '--opened NAME:x' "$kde kde-open NAME:x"
    passes on galaf_config --set '$.groups.rogue' '{"execv": ["/usr/bin/rogue", "…"], "rule": "tcp dport 80"}'
    passes on galaf_config --yes
    on rm -f /home/alice/rogue.log
    session "$kde kde-open rogue:x"
    eventually 20 on grep -F 'rogue [--opened rogue:x] 198.18.0.10' /home/alice/rogue.log || complain "$(on cat /home/alice/rogue.log)"
    passes on galaf_config --unset '$.groups.rogue'
    passes on galaf_config --yes
    trip_starts kde-open '--opened NAME:x' "$kde kde-open NAME:x"
}

@test "a link in an application, by kde-open" {
    on rm -f /home/alice/trip.log
    session "galaf chat $kde kde-open trip:x"
    eventually 20 on grep -F 'trip [--opened trip:x] 198.18.0.10' /home/alice/trip.log
}

@test "a link of the web: Firefox in its group" {
    local since
    since=$(now)
    session "$kde kde-open http://page.example/"
    eventually 90 asked "$since" 80 || complain "no packet" "$(on ps -u alice -o rgroup,args)"
    same firefox-esr "$(groups firefox-esr)"
    end firefox-esr
}

# found_by_krunner NAME: a return in its window has started that program, which has had time to be found.
found_by_krunner() {
    session "xdotool search --onlyvisible --class krunner key --window %1 Return" || true
    eventually 3 on test -s "/home/alice/$1.log"
}

@test "KRunner: a name typed, and a return" {
    program krunner krunner
    eventually 30 session "busctl --user introspect org.kde.krunner /App" || complain "$(on journalctl -q -b --no-pager -n 20)"
    for name in trip rogue; do
        on rm -f "/home/alice/$name.log"
        session "busctl --user call org.kde.krunner /App org.kde.krunner.App query s $name"
        eventually 30 found_by_krunner $name || { picture krunner; complain "$name: not started"; }
    done
    same "trip [--opened] 198.18.0.10" "$(on cat /home/alice/trip.log)"
    same "alice [--opened] nothing" "$(on cat /home/alice/rogue.log)"
    on rm -f /home/alice/trip.log
    session "busctl --user call org.kde.krunner /App org.kde.krunner.App query s 'trip typed'"
    eventually 30 found_by_krunner trip || { picture krunner; complain "a command line: not started"; }
    same "trip [typed] 198.18.0.10" "$(on cat /home/alice/trip.log)"
    session 'systemctl --user --quiet stop krunner' || true     # it may have ended by itself
}

# panel: one on top with trip, rogue and a menu.
panel() {
    local applet
    {
        printf '%s\n' '[Containments][1]' formfactor=0 immutability=1 lastScreen=0 location=0 plugin=org.kde.plasma.folder \
            '[Containments][2]' formfactor=2 immutability=1 lastScreen=0 location=3 plugin=org.kde.panel
        for applet in 3:icon 4:icon 5:kicker; do
            printf '%s\n' "[Containments][2][Applets][${applet%:*}]" immutability=1 "plugin=org.kde.plasma.${applet#*:}"
        done
        printf '%s\n' '[Containments][2][Applets][3][Configuration]' \
            url=file:///var/lib/galaf/desktop/share/applications/org.trip.desktop \
            '[Containments][2][Applets][4][Configuration]' url=file:///usr/share/applications/org.rogue.desktop
    } | put /home/alice/.config/plasma-org.kde.plasma.desktop-appletsrc
    on chown -R alice: /home/alice/.config
    program plasma 'plasmashell --no-respawn'
}

# clicked X Y NAME: a click there has started that program.
clicked() {
    session "xdotool mousemove $1 $2 click 1" || true
    eventually 3 on test -s "/home/alice/$3.log"
}

# chosen WORD PATTERN: it has been typed into the menu, and chosen there, and runs.
chosen() {
    [ -n "$(groups "$2")" ] || session "xdotool mousemove 75 15 click 1 sleep 3 type $1; xdotool sleep 3 key Return" || true
    eventually 5 is_running "$2"
}
is_running() { [ -n "$(groups "$1")" ]; }

@test "Plasma: a panel's icons, and its menu" {
    panel
    on rm -f /home/alice/trip.log /home/alice/rogue.log
    eventually 60 clicked 15 15 trip || { picture plasma; complain "trip: not started" "$(on journalctl -q -b --no-pager -n 20)"; }
    eventually 60 clicked 45 15 rogue || { picture plasma; complain "rogue: not started"; }
    same "trip [--opened] 198.18.0.10" "$(on cat /home/alice/trip.log)"
    same "alice [--opened] nothing" "$(on cat /home/alice/rogue.log)"
    for name in firefox konsole; do
        eventually 90 chosen $name "/usr/bin/$name" || { picture menu; complain "$name: not started" "$(on ps -u alice -o rgroup,args)"; }
        picture $name
        same "${name/%firefox/firefox-esr}" "$(groups "/usr/bin/$name")"
        end "$name"
    done
    session 'systemctl --user stop plasma'
}

# windows: those that KWin has of that title.
windows() { session "busctl --user call org.kde.KWin /WindowsRunner org.kde.krunner1 Match s $1" | grep -c '"'; }

@test "Wayland: KWin without a screen starts a terminal in its group, whose window is Wayland's" {
    on setcap -r /usr/bin/kwin_wayland      # for real-time scheduling, which this machine may not give
    session "systemd-run --user --quiet --collect --unit=kwin -E KWIN_COMPOSE=Q kwin_wayland --virtual --no-lockscreen --socket=wayland-kde"
    eventually 30 on test -S /run/user/1000/wayland-kde || complain "$(on journalctl -q -b --no-pager -n 20)"
    session "env -u DISPLAY WAYLAND_DISPLAY=wayland-kde QT_QPA_PLATFORM=wayland $kde kstart --application org.kde.konsole"
    eventually 30 windows konsole || complain "$(on journalctl -q -b --no-pager -n 20)"
    same konsole "$(groups /usr/bin/konsole)"
    end konsole
    session 'systemctl --user stop kwin'
}
