#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A person in a desktop session is told what was refused, and allows it with a click and a password; what presses that
# button without a person gains nothing.  The session: X, dunst and lxpolkit.  X itself runs beside the machine.

load machine

SCREEN=/run/machine/tree/opt/screen
WORD="the administrator's word"
PLACE=198.18.0.20

setup_file() {
    later dbus-user-session dunst libglib2.0-bin lxpolkit pkexec
    passes install "./$DEB"
    on useradd --create-home --groups sudo bob
    echo "bob:$WORD" | "$MACHINE" on chpasswd
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "domains": [ "web.example" ], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.groups.hush' '{ "notify": false }'
    passes on galaf_config --yes
    screen
    sit_down
}

teardown_file() {
    sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3
    kill "$(cat /run/machine/xvfb)"
}

# screen: an X server beside the machine, whose socket is in the machine's files.
screen() {
    mkdir -p "$SCREEN" /tmp/.X11-unix
    unshare --mount sh -c 'mount --bind "$1" /tmp/.X11-unix; exec Xvfb :9 -screen 0 900x600x24 -extension MIT-SHM -ac' \
        sh "$SCREEN" >/run/machine/xvfb.log 2>&1 3>&- &
    echo $! >/run/machine/xvfb
    eventually 20 test -S "$SCREEN/X9"
    ln -sf "$SCREEN/X9" /tmp/.X11-unix/X9
    passes on sh -c 'mkdir -p -m 1777 /tmp/.X11-unix && ln -sf /opt/screen/X9 /tmp/.X11-unix/X9'
}

# sit_down: alice's session at the machine, with a notification service and polkit's agent, and what galaf starts in it.
sit_down() {
    printf '[global]\nmouse_left_click = context\ndmenu = /opt/choose\norigin = bottom-right\nfollow = none\nwidth = 400\n' |
        put /home/alice/dunstrc
    printf '#!/bin/sh\ncat >/tmp/offered\ngrep -m 1 "$(cat /tmp/choice)" /tmp/offered\n' | put /opt/choose
    on chmod 755 /opt/choose
    passes on systemd-run --quiet --unit=sitting -p PAMName=login -p User=alice -E XDG_SEAT=seat0 -E XDG_SESSION_TYPE=x11 \
        -E XDG_SESSION_CLASS=user -E DISPLAY=:9 -E DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus \
        sh -c 'lxpolkit >~/agent 2>&1 & exec sleep infinity'
    eventually 20 on test -S /run/user/1000/bus
    shows
    alice 'mkdir -p ~/.config/systemd/user'
    printf '[Unit]\nBindsTo=graphical-session.target\n' | put /home/alice/.config/systemd/user/desk.target
    passes session systemctl --user start desk.target
}

# shows [USER]: the notification service, which also writes what it shows to a file.
shows() {
    local user=${1:-alice}
    passes of "$user" systemd-run --user --quiet --unit=shows --collect -E DISPLAY=:9 -p "StandardOutput=append:/home/$user/told" \
        dunst -config /home/alice/dunstrc -print
    eventually 20 of "$user" busctl --user status org.freedesktop.Notifications
}

# session COMMAND ...: alice runs it with her session's bus and screen.
session() { of alice "$@"; }
of() {
    local run
    run=/run/user/$(on id -u "$1")
    on runuser -u "$1" -- env HOME="/home/$1" XDG_RUNTIME_DIR="$run" DISPLAY=:9 DBUS_SESSION_BUS_ADDRESS="unix:path=$run/bus" "${@:2}"
}

# x COMMAND ...: by the hand of whoever sits there.
x() { DISPLAY=:9 xdotool "$@"; }

# window CLASS: the number of a window that can be seen, of more than a few points.
window() { x search --onlyvisible --class "$1" 2>/dev/null | while read -r id; do large "$id" && echo "$id"; done | grep . ; }
large() { eval "$(x getwindowgeometry --shell "$1")" && [ "$WIDTH" -gt 100 ] && [ "$HEIGHT" -gt 20 ]; }
no_window() { ! window "$1" >/dev/null; }

setup() {
    anew shows galaf-notify
    eventually 20 session busctl --user status org.freedesktop.Notifications
    eventually 20 listens || complain "galaf_notify listens to nobody"
    on truncate --size 0 /home/alice/told
    passes on galaf_allow --end all
    on rm -rf /home/alice/.config/galaf
}

# anew UNIT ...: starts units of alice's session anew, more often than systemd would let them.
anew() {
    passes session systemctl --user reset-failed "$@"
    passes session systemctl --user restart "$@"
}
# listens [NUMBER]: that many people are told, or more.
listens() { [ "$(on ss -xH state connected | grep -c /run/galaf-denied/watch)" -ge "${1:-1}" ]; }

# told WORDS [USER]: waits until the person is told so.
told() {
    local file=/home/${2:-alice}/told
    eventually 20 on grep -qF "$1" "$file" || complain "nobody is told: $1" "$(on cat "$file")"
}

# press LABEL: a click on the notification, and on that button of its list.
press() {
    echo "$1" | put /tmp/choice
    eventually 20 window dunst || complain "no notification can be seen"
    x mousemove --window "$(window dunst | tail -n 1)" 20 10 click 1
}

# asked WORDS: waits for the question for the password, and for what polkit has its agent say.
asked() {
    eventually 20 window lxpolkit || complain "nobody is asked for a password" "$(on cat /tmp/offered)" "$(on journalctl -q --no-pager -n 15)" "$(on cat /home/alice/told)"
    eventually 10 on grep -qF "$1" /run/asked || complain "the question does not say: $1" "$(on cat /run/asked)"
}

# listening: what polkit has its agent say, in /run/asked.
listening() {
    on systemctl stop listening 2>/dev/null || true
    on rm -f /run/asked
    passes on systemd-run --quiet --unit=listening -p StandardOutput=file:/run/asked busctl monitor \
        --match "interface='org.freedesktop.PolicyKit1.AuthenticationAgent'"
    eventually 10 on test -e /run/asked
}

# answer KEYS: a person types it into the question, and ends that.
answer() {
    x windowfocus "$(window lxpolkit)"
    [ "$1" = Escape ] || x type "$1"
    if [ "$1" = Escape ]; then x key Escape; else x key Return; fi
    eventually 20 no_window lxpolkit || complain "the question stays"
}

# fetch PLACE [COMMAND]: alice's curl, started by a command, fetches from there.
fetch() { alice "${2:-} curl -sS -m 5 -o /dev/null http://$1/"; }
allowed() { on galaf_allow --list | grep -qF "$1"; }

@test "told, allowed for ten minutes by a click and a password, and let through" {
    listening
    fails 7 fetch $PLACE
    began=$(now)
    told "curl (alice) was refused $PLACE, port 80"
    seconds "from the refusal to the notification" "$began"
    press Allow
    pressed=$(now)
    asked "Let this out through the firewall (--user: every program of that person): /usr/sbin/galaf_allow --user alice $PLACE --port tcp/80 --for 10m"
    seconds "from the click to the question" "$pressed"
    fails 7 fetch $PLACE
    typed=$(now)
    answer "$WORD"
    eventually 20 allowed "$PLACE tcp 80" || complain "it is not allowed" "$(on journalctl -q --no-pager -n 20)"
    seconds "from the password to the permission" "$typed"
    passes fetch $PLACE
    fails 7 fetch 198.18.0.30
    told "alice may reach $PLACE tcp 80, for 10m"
    fails 1 on grep -F 198.18.0.30 /run/asked
}

# seconds WHAT SINCE: says how long it took.
seconds() { echo "# $1: $(/usr/bin/python3 -c 'import sys, time; print(round(time.time() - float(sys.argv[1]), 1))' "$2") s" >&3; }

@test "an application's refusal is allowed for good by a click and a password" {
    listening
    fails 6 fetch other.example "galaf shell"
    told "curl (shell) was refused the name other.example"
    press Always
    asked "/usr/sbin/galaf_allow shell other.example --keep"
    answer "$WORD"
    eventually 30 on grep -q other.example /etc/galaf/galaf_conf.json || complain "$(on journalctl -q --no-pager -n 20)"
    eventually 30 fetch other.example "galaf shell"
}

@test "who says no allows nothing" {
    listening
    fails 7 fetch $PLACE
    told "curl (alice) was refused $PLACE, port 80"
    press Allow
    asked "$PLACE"
    answer Escape
    fails 7 fetch $PLACE
    fails 1 allowed "$PLACE"
}

@test "not to be told again, an entry without notices, another user: silence; a flood is summed up" {
    fails 7 fetch $PLACE
    told "was refused $PLACE, port 80"
    press "Don't"
    eventually 10 on grep -qP "^/usr/bin/curl\t$PLACE\$" /home/alice/.config/galaf/notify
    anew galaf-notify
    eventually 20 listens
    on truncate --size 0 /home/alice/told
    fails 7 fetch $PLACE
    fails 7 on galaf --test hush setpriv --reuid alice --clear-groups curl -sS -m 5 http://198.18.0.31/
    fails 7 on runuser -u bob -- curl -sS -m 5 http://198.18.0.32/
    alice 'for each in 41 42 43 44 45 46 47; do curl -sS -m 5 http://198.18.0.$each/; done' || true
    told "and 3 more: galaf_denied --mine"
    same 4 "$(on grep -c "summary: 'curl (alice) was refused" /home/alice/told)"
    fails 1 on grep -E '198.18.0.(20|31|32)' /home/alice/told
}

# used UNIT [--user]: nanoseconds of a processor's time.
used() { session systemctl "${@:2}" show -P CPUUsageNSec "$1"; }

@test "it costs nothing while nothing is refused, and stands alone" {
    passes session galaf_notify
    says "it runs already"
    sleep 3
    before="$(used galaf-notify --user) $(used galaf-told)"
    sleep 5
    same "$before" "$(used galaf-notify --user) $(used galaf-told)" "its time"
    for unit in "galaf-notify --user" galaf-told; do
        # shellcheck disable=SC2086     # two words
        echo "# $unit: $(on grep -E 'RssAnon|VmRSS' "/proc/$(session systemctl show -P MainPID $unit)/status" | tr -s '\t\n ' ' ')" >&3
    done
    session systemctl --user stop galaf-notify
    eventually 40 on sh -c '! systemctl is-active -q galaf-told'
}

# nothing_gained ATTEMPT OUTCOME: nothing is allowed, nothing has left; the question, if there is one, is answered by no.
nothing_gained() {
    sleep 2
    ! window lxpolkit >/dev/null || answer Escape
    fails 1 allowed alice
    fails 7 fetch $PLACE
    asked_at=$(now)
    passes fetch web.example "galaf shell"
    eventually 5 counted || complain "the wire is not read any more"
    same 0 "$(sent "$since" "$ROGUE" | count)" "the packets that left: $1"
    echo "| $1 | $2 | 0 |" >>"$BATS_FILE_TMPDIR/table"
}
counted() { [ -n "$(sent "$asked_at" 'dst host 198.18.0.10 or dst host 2001:2:0:1::10')" ]; }

@test "what presses a button, or is the notification service, or calls pkexec by itself, gains nothing" {
    PRESS=/srv/galaf/tests/bypass/press.py
    since=$(now)
    fails 7 fetch $PLACE
    told "was refused $PLACE, port 80"
    for by in "" "galaf shell"; do
        passes session $by $PRESS forge
        says 198
        nothing_gained "a button's press, forged on the session's bus${by:+ by an application}" "nothing, or a question for the password"
    done
    for by in "" "galaf shell"; do
        session $by systemd-run --user --quiet pkexec /usr/sbin/galaf_allow --user alice $PLACE --port tcp/80 --for 10m
        eventually 20 window lxpolkit || complain "nobody is asked"
        nothing_gained "pkexec galaf_allow, by the user's systemd${by:+, asked for by an application}" "a question for the password"
    done
    fails 1 session sh -c "pkexec --disable-internal-agent /usr/sbin/galaf_allow --user alice $PLACE --port tcp/80 --for 10m || exit 1"
    says "Not authorized"
    nothing_gained "pkexec galaf_allow outside of a session at the machine" "Not authorized"
    fails 1 session galaf shell sh -c "pkexec /usr/sbin/galaf_allow --user alice $PLACE --port tcp/80 --for 10m || exit 1"
    says "pkexec must be setuid root"
    nothing_gained "pkexec galaf_allow by an application" "pkexec must be setuid root"
    session systemctl --user stop shows
    session $PRESS own 12 >/dev/null &
    eventually 10 session busctl --user status org.freedesktop.Notifications
    fails 7 fetch 198.18.0.21
    eventually 20 window lxpolkit || complain "nobody is asked"
    nothing_gained "the notification service's name, taken" "a question for the password"
    wait $! || true
    shows
}

@test "do not disturb: it waits, and is shown after that" {
    passes session dunstctl set-paused true
    fails 7 fetch $PLACE
    eventually 20 waits || complain "nothing waits"
    no_window dunst || complain "it is shown"
    passes session dunstctl set-paused false
    eventually 20 window dunst
}
waits() { [ "$(session dunstctl count waiting)" = 1 ]; }

@test "two people at once are told their own; a desktop without systemd's target starts it too, and can be left" {
    logs_in_bob
    eventually 20 listens 2 || complain "bob's does not listen" "$(on journalctl -q --no-pager -n 15)"
    refuse bob 198.18.0.51
    eventually 20 in_journal "^galaf_notify: no notification can be shown: .*: curl \(bob\) was refused 198.18.0.51, port 80$" ||
        complain "nothing says so" "$(on journalctl -q --no-pager -n 15)"
    shows bob
    for turn in "bob 198.18.0.52" "alice $PLACE" "bob 198.18.0.53"; do
        read -r person place <<<"$turn"
        refuse "$person" "$place"
        told "curl ($person) was refused $place, port 80" "$person"
    done
    fails 1 on grep -F "(bob)" /home/alice/told
    fails 1 on grep -F "(alice)" /home/bob/told
    on systemctl stop bob
    eventually 20 gone bob || complain "bob's session does not end" "$(on systemctl --no-pager status user-1001.slice)"
    of bob systemctl --user stop galaf-notify shows
}
refuse() { fails 7 of "$1" curl -sS -m 5 "http://$2/"; }
in_journal() { on journalctl -q -o cat | grep -qE "$1"; }
# gone USER: has no session but systemd's own.
gone() { ! on loginctl --no-legend list-sessions | grep -w "$1" | grep -qvw manager; }

# logs_in_bob: to a desktop that starts what is in /etc/xdg/autostart, and has no notification service.
logs_in_bob() {
    passes on systemd-run --quiet --collect --unit=bob -p PAMName=login -p User=bob -E XDG_SESSION_TYPE=x11 -E XDG_SESSION_CLASS=user \
        sh -c 'gio launch /etc/xdg/autostart/galaf-notify.desktop; exec sleep infinity'
    eventually 20 on test -S /run/user/1001/bus
    passes of bob systemctl --user mask --runtime dunst
}

@test "without pkexec: what to install, or to say instead" {
    passes on mv /usr/bin/pkexec /opt/pkexec
    fails 7 fetch $PLACE
    told "was refused $PLACE, port 80"
    press Allow
    told "apt install pkexec, or: sudo galaf_allow --user alice $PLACE --port tcp/80 --for 10m"
    passes on mv /opt/pkexec /usr/bin/pkexec
    fails 1 allowed alice
}

@test "without an agent, a session or a person: a plain line" {
    on sh -c 'kill $(pidof lxpolkit)'
    fails 7 fetch $PLACE
    told "was refused $PLACE, port 80"
    press Allow
    told "The password was not given, or nothing in this session asks for it: sudo galaf_allow --user alice $PLACE --port tcp/80 --for 10m"
    fails 1 allowed "$PLACE"
    fails 1 on galaf_notify
    same "galaf_notify: root is told nothing: run it in your own desktop session" "$output"
    fails 1 on runuser -u bob -- env -i PATH=/usr/bin galaf_notify
    says "galaf_notify: there is no desktop session to show anything in" "galaf_denied --mine shows what was refused without one"
    same 1 "${#lines[@]}" "the lines of: $output"
}

@test "SECURITY.md has the table that these attempts make" {
    is_table 4 "$BATS_FILE_TMPDIR/table"
}
