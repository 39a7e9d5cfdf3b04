#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A listed application starts in its group, whichever way a person starts it, on a booted workstation: each way by the
# group of the process and by what it can fetch, with an unlisted program beside it that is started the same way.

load machine
load ../bats/trip

# Nobody claims the name that is asked for, so that the bus would wait for it, and start nothing else by it meanwhile.
START='busctl --user --timeout=1 call org.freedesktop.DBus / org.freedesktop.DBus StartServiceByName su'

setup_file() {
    later dbus-user-session flatpak libglib2.0-bin xdg-desktop-portal xdg-dbus-proxy xdg-utils
    passes on loginctl enable-linger alice
    trip_deb "/run/machine/tree/opt/trip.deb"
    spark_deb "/run/machine/tree/opt/spark.deb"
    passes on dpkg -i /opt/trip.deb /opt/spark.deb
    flatpaks
    files_there >/run/machine/before
    passes install "./$DEB"
    passes on galaf_config --set '$.groups.trip' '{"execv": ["/usr/bin/trip", "…"], "rule": "tcp dport 80"}'
    passes on galaf_config --set '$.groups.chat' '{"execv": ["/usr/bin/env", "…"]}'
    passes on galaf_config --set '$.groups.spark' '{"execv": ["/opt/spark/spark", "…"], "rule": "tcp dport 80", "user_namespaces": true}'
    passes on galaf_config --set '$.groups.flat' "$(flatpak_entry)"
    passes on galaf_config --yes
    log_in_again
}

# files_there: those that a package could leave behind, less flatpak's of a flatpak that went.
files_there() { footprint | grep -v '^/var/lib/flatpak/\.removed'; }

# flatpaks: two of them, on a machine where they can run: Linux lets a sandbox mount proc where a whole one is to be
# seen, and flatpak wants to write there; the machine's own has covered parts.
flatpaks() {
    passes on mkdir /run/whole-proc
    passes on mount -t proc proc /run/whole-proc
    passes on mount --bind /run/whole-proc/sys/user /proc/sys/user
    passes on tests/bats-machine/flatpak-apps
}

# flatpak_entry: the manual page's, of the tests' own application; Debian 12's bwrap needs less.
flatpak_entry() {
    sed -n '/^"maps": {$/,/^}$/p' "$BATS_TEST_DIRNAME/../../man/galaf_conf.json.5" |
        sed -e '1s/.*/{/' -e 's/\\-/-/g' -e 's/\\\[u2026\]/…/g' -e 's/org.gnome.Maps/org.flat.App/' |
        jq --compact-output --arg bwrap "$(on bwrap --version)" '.rule = "tcp dport 80" |
            if $bwrap == "bubblewrap 0.8.0" then del(.no_new_privs) | .user_namespaces = true else . end'
}

setup() { on rm -f /home/alice/trip.log /home/alice/rogue.log; }

# log_in_again: alice's session ends and begins, with her systemd and her bus.
log_in_again() { passes on systemctl restart user@1000.service; }

# session COMMAND-LINE: in alice's session: a login shell with its bus, and a display, though nobody looks at it.
session() {
    alice "export XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus DISPLAY=:9; $1"
}

@test "a name typed in a login shell" { trip_starts shell typed 'NAME typed'; }

@test "a menu entry, by the desktop's own library" {
    trip_starts menu '--opened NAME:x' "/usr/bin/python3 -c '
from gi.repository import Gio
Gio.DesktopAppInfo.new(\"org.NAME.desktop\").launch_uris([\"NAME:x\"], None)'"
}

@test "a menu entry's action" {
    trip_starts action --again "/usr/bin/python3 -c '
from gi.repository import Gio
Gio.DesktopAppInfo.new(\"org.NAME.desktop\").launch_action(\"again\", None)'"
}

@test "a link, by gio open" { trip_starts "gio open" '--opened NAME:x' 'gio open NAME:x'; }

@test "a link, by xdg-open" { trip_starts xdg-open '--opened NAME:x' 'xdg-open NAME:x'; }

@test "D-Bus activation" {
    trip_starts D-Bus --dbus "$START org.NAME 0"
}

@test "a service of the bus that is her own wins, is listed, and starts it in its group once it says galaf" {
    local own=/home/alice/.local/share/dbus-1/services/own.service
    session "mkdir -p ${own%/*}; printf '[D-BUS Service]\nName=org.trip\nExec=/usr/bin/trip --own\n' >$own"
    log_in_again
    session "$START org.trip 0" || true
    log_has "alice [--own] nothing" "her own service"
    fails 1 session '/usr/sbin/galaf_desktop status'
    says "$own: alice's own D-Bus service starts trip without galaf: put /usr/bin/galaf trip in"
    session "sed -i 's,/usr/bin/trip,/usr/bin/galaf trip,' $own"
    log_in_again
    session "$START org.trip 0" || true
    log_has "trip [--own] 198.18.0.10" "her own service, by galaf"
    passes session '/usr/sbin/galaf_desktop status'
    passes session "rm $own"
    log_in_again
}

@test "a service of the user's systemd, which is locked down" { trip_starts unit --unit 'systemctl --user start NAME.service'; }

@test "a name given to systemd-run --user" { trip_starts systemd-run here 'systemd-run --user --quiet NAME here'; }

@test "what starts with the session" { trip_starts autostart --autostart 'systemctl --user start app-NAME@autostart.service'; }

# log_has TEXT WAY: what trip has written, once it has; then it is forgotten.
log_has() {
    eventually 10 on test -s /home/alice/trip.log || complain "$2: trip was not started" "$output" \
        "$(on journalctl -q -b --no-pager -n 20)"
    same "$1" "$(on cat /home/alice/trip.log)" "$2"
    on rm /home/alice/trip.log
}

@test "a link in an application opens the other one in that one's group; nothing else starts it there" {
    local way weird='trip:$HOME${USER}%n%%u\x41\q"q;&|*'
    for way in 'gio open trip:x' 'xdg-open trip:x' 'galaf trip --opened trip:x' 'trip --opened trip:x' \
        "/usr/bin/python3 -c 'from gi.repository import Gio; Gio.AppInfo.launch_default_for_uri(\"trip:x\")'"; do
        passes session "galaf chat $way"
        log_has "trip [--opened trip:x] 198.18.0.10" "$way"
    done
    passes session "galaf chat galaf trip --opened '$weird'"
    log_has "trip [--opened $weird] 198.18.0.10" "what systemd would replace"
    for way in '' again '--opened http:x' '--opened trip:x more' 'trip:x' '--opened trip'; do
        fails 125 session "galaf chat trip $way"
        says "galaf: trip: a program of application group" "may not start it: add that group to \"from\" of"
    done
    passes session 'galaf chat gio open rogue:x'
    eventually 10 on grep -q 'chat \[--opened rogue:x\] nothing' /home/alice/rogue.log
    fails 1 on test -e /home/alice/trip.log
}

# portal METHOD-AND-ARGUMENTS: a command that asks a portal for something.
portal() {
    echo "gdbus call --session --timeout 20 -d org.freedesktop.portal.Desktop -o /org/freedesktop/portal/desktop \
        -m org.freedesktop.portal.$1"
}
open_by_portal() { portal "OpenURI.OpenURI '' $1 '{}'"; }

@test "the portal opens a link for who is in no group, and each refuses an application, unless a proxy of the bus asks" {
    # The portals want somebody who would show a window; there is no need to show one.
    local way
    on mkdir -p /usr/share/xdg-desktop-portal/portals
    printf '%s\n' '[portal]' DBusName=org.freedesktop.impl.portal.desktop.gtk \
        "Interfaces=$(printf 'org.freedesktop.impl.portal.%s;' AppChooser FileChooser ScreenCast Notification)" \
        UseIn=gnome | put /usr/share/xdg-desktop-portal/portals/gtk.portal
    session 'systemctl --user stop xdg-desktop-portal.service'
    passes session "$(open_by_portal trip:x)"
    log_has "trip [--opened trip:x] 198.18.0.10" portal
    for way in "OpenURI.OpenURI '' trip:x '{}'" "FileChooser.OpenFile '' Open '{}'" "ScreenCast.CreateSession '{}'" \
        "Notification.AddNotification x '{}'"; do
        fails 1 session "galaf chat $(portal "$way")"
        says "Portal operation not allowed: Unable to open /proc/" /root
    done
    fails 1 on test -e /home/alice/trip.log
    passes session 'systemd-run --user --quiet --unit=portals xdg-dbus-proxy unix:path=/run/user/1000/bus /run/user/1000/portals'
    eventually 10 on test -S /run/user/1000/portals
    passes session "galaf chat env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/portals $(open_by_portal trip:x)"
    log_has "trip [--opened trip:x] 198.18.0.10" "portal, by a proxy"
    passes session 'systemctl --user stop portals.service'
    on rm /usr/share/xdg-desktop-portal/portals/gtk.portal
    on rmdir -p --ignore-fail-on-non-empty /usr/share/xdg-desktop-portal/portals
}

# flatpak_starts WAY ARGUMENTS COMMAND-LINE: as starts, for the flatpaks: flat is the entry of App, Other has none.  In their
# sandbox groups have no names.
flatpak_starts() {
    local name gid
    gid=$(on getent group flat | cut -d : -f 3)
    for name in App Other; do
        session "${3//NAME/$name}" || true
        flatpak_has $name "$([ $name = App ] && echo "$gid [$2] 198.18.0.10" || echo "1000 [$2] nothing")" "$1"
    done
}

# flatpak_has NAME TEXT WAY: what a flatpak has written, once it has; then it is forgotten.
flatpak_has() {
    local log=/home/alice/org.flat.$1.log
    eventually 20 on test -s "$log" || complain "$3: $1 was not started" "$output" "$(on journalctl -q -b --no-pager -n 20)"
    same "$2" "$(on cat "$log")" "$3"
    on rm "$log"
}

@test "a flatpak: its menu entry, a link and D-Bus start it in its group; one beside it, unlisted, has no network" {
    # It wants FUSE, which the machine has not.
    session 'systemctl --user --quiet mask xdg-document-portal.service'
    flatpak_starts link '--opened app:x' "/usr/bin/python3 -c '
from gi.repository import Gio
Gio.DesktopAppInfo.new(\"org.flat.NAME.desktop\").launch_uris([\"app:x\"], None)'"
    flatpak_starts D-Bus --dbus "$START org.flat.NAME 0"
    passes session 'galaf flat typed'
    flatpak_has App "$(on getent group flat | cut -d : -f 3) [typed] 198.18.0.10" "galaf flat"
    session 'gio open app:x'
    flatpak_has App "$(on getent group flat | cut -d : -f 3) [--opened app:x] 198.18.0.10" "gio open"
    session 'flatpak run org.flat.App typed'
    flatpak_has App "1000 [typed] nothing" "flatpak run"
}

@test "a flatpak that goes or comes: what starts it follows by itself" {
    local menu=/var/lib/galaf/desktop/share/applications/org.flat.App.desktop
    passes on flatpak uninstall --system --noninteractive org.flat.App
    eventually 20 on test ! -e $menu || complain "$(on systemctl status galaf-desktop.path galaf-desktop.service)"
    passes on flatpak install --system --noninteractive flat org.flat.App
    eventually 20 on test -e $menu || complain "$(on systemctl status galaf-desktop.path galaf-desktop.service)"
    passes on galaf_desktop status
}

@test "a flatpak of the user's own, its runtime and what is overridden: none takes the listed one's place" {
    session 'cd ~/.local/share && mkdir -p flatpak && cp -r /var/lib/flatpak/app /var/lib/flatpak/runtime flatpak/ && cd flatpak &&
        sed -i "s/^echo .*id/echo hers; &/" app/org.flat.App/current/active/files/bin/told &&
        printf "#!/usr/bin/bash\\necho hers\\n" >runtime/org.flat.Platform/*/1/active/files/bin/id &&
        echo "fetched=hers; readonly fetched" >~/hers && flatpak override --user --env=BASH_ENV=/home/alice/hers org.flat.App'
    session 'flatpak run org.flat.App typed'
    flatpak_has App "hers [typed] hers" "flatpak run"
    passes session 'galaf flat typed'
    flatpak_has App "$(on getent group flat | cut -d : -f 3) [typed] 198.18.0.10" "galaf flat"
    passes session 'rm -r ~/.local/share/flatpak ~/hers'
}

# spark_says TEXT: that is what spark has written last, its processes are in one group, and one of them is its zygote.
spark_says() {
    eventually 10 on grep -qxF -- "$1" /home/alice/spark.log || complain "not said: $1" "$(on cat /home/alice/spark.log)"
    eventually 10 spark_is "${1%% *}"
}
spark_is() {
    same "$1" "$(on ps -u alice -o rgid=,args= | awk '$2 ~ "^(/opt/spark/)?spark$" { print $1 }' | sort -u)" "its processes" &&
        passes on pgrep -u alice -f '^spark --type=zygote' &&
        same 1 "$(on pgrep -u alice -fc '^/opt/spark/spark')" "the application's own process"
}
spark_ends() {
    on pkill -KILL -u alice -f "$SPARK" || true
    eventually 10 spark_gone
}
spark_gone() { ! on pgrep -u alice -f "$SPARK" >/dev/null; }
SPARK='^(/opt/spark/)?spark( |$)'

@test "an application as Electron makes them: each start is handed to the one that runs, all of it in its group" {
    local gid
    gid=$(on getent group spark | cut -d : -f 3)
    session 'exec gio open spark:first >/dev/null 2>&1 &'
    spark_says "$gid [spark:first] connected"
    passes session 'spark typed'
    spark_says "$gid [typed] connected"
    passes session 'galaf chat gio open spark:third'
    spark_says "$gid [spark:third] connected"
    spark_ends
    session 'exec /opt/spark/spark by-its-path >/dev/null 2>&1 &'
    spark_says "1000 [by-its-path] nothing"
    spark_ends
}

@test "from says otherwise: nobody may, or one may start it with whatever it likes and as itself would be" {
    passes on galaf_config --set '$.groups.trip.from' '[]'
    passes on galaf_config --yes
    fails 125 session 'galaf chat trip --opened trip:x'
    says "may not start it"
    passes on galaf_config --set '$.groups.trip.from' '["chat"]'
    passes on galaf_config --set '$.groups.other' '{"execv": ["/usr/bin/env", "…"], "from": ["chat"]}'
    passes on galaf_config --yes
    passes session 'galaf chat trip again'
    log_has "trip [again] 198.18.0.10" again
    fails 7 session "cd /tmp; echo in | galaf chat galaf other sh -c 'id -gn; pwd; cat; echo wrong >&2; exit 7'"
    same $'other\n/tmp\nin\nwrong' "$output"
    passes on galaf_config --unset '$.groups.other'
    passes on galaf_config --unset '$.groups.trip.from'
    passes on galaf_config --yes
}

@test "without a systemd of the user's, one plain line" {
    fails 125 session 'galaf chat env -u XDG_RUNTIME_DIR galaf trip --opened trip:x'
    same "galaf: trip: an application cannot start another one itself, and no systemd of this user's is there to do it: \
start it from outside the application" "$output"
}

@test "galaf_doctor: a session that is older than what lies in front, a desktop that was not told of it" {
    local told="XDG_DATA_DIRS=/var/lib/galaf/desktop/share:/usr/share"
    passes on galaf_doctor session
    says "ok       session"
    for way in x=x "$told"; do
        passes on systemd-run --quiet --unit=desktop -p PAMName=login -p User=alice -E XDG_SESSION_TYPE=x11 -E "$way" sleep 600
        passes on galaf_doctor session
        if [ "$way" = x=x ]; then says "warning  session" "alice's session " user@1000.service; else says "ok       session"; fi
        on systemctl stop desktop.service
    done
    passes on galaf_desktop remove
    passes on galaf_doctor session
    says "ok       session"
    passes on galaf_desktop update
    passes on galaf_doctor session
    says "warning  session" "alice's systemd, since "
    log_in_again
    passes on galaf_doctor session
    says "ok       session"
}

@test "galaf_desktop status shows all of them, and everyone may ask" {
    passes on galaf_desktop status
    says "trip     D-Bus" "trip     menu" "trip     autostart" "trip     unit" "trip     command"
    says_not rogue
    passes session '/usr/sbin/galaf_desktop status'
}

@test "a package that goes takes its entries with it, one that comes brings them" {
    passes on dpkg --purge trip
    fails 1 on grep -rq trip /var/lib/galaf/desktop
    passes on dpkg -i /opt/trip.deb
    trip_starts shell typed 'NAME typed'
}

@test "removing galaf takes everything back, and a new session knows nothing of it" {
    passes on apt-get remove -q -y galaf
    fails 1 on test -e /var/lib/galaf/desktop
    log_in_again
    for way in 'trip typed' 'gio open trip:x' 'systemctl --user start trip.service'; do
        on rm -f /home/alice/trip.log
        session "$way" || true
        eventually 10 on test -s /home/alice/trip.log || complain "$way: not started"
        [[ $(on cat /home/alice/trip.log) == "alice ["*"] 198.18.0.10" ]] || complain "$(on cat /home/alice/trip.log)"
    done
    passes session 'systemctl --user show-environment; /usr/bin/env'
    says_not /var/lib/galaf
}

@test "purging galaf leaves no file of its own" {
    passes on apt-get purge -q -y galaf
    passes on dpkg --verify trip
    run diff /run/machine/before <(files_there)
    same "" "$output" "what is left"
}
