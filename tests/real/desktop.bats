#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's own applications on a booted workstation with a screen in memory: each way of starting them by the group of
# every process of theirs and by a packet that passes; started by its path, outside its group, it is refused.
# By hand: CONTRIBUTING.md.  

load ../bats-machine/machine
load screen

# A known entry, its menu entry, what a command line of its processes has, what it opens, and the port that it asks for: gPodder
# asks for none unasked.
APPLICATIONS='
firefox-esr|firefox-esr|firefox-esr|http://198.18.0.10/|80
chromium|chromium|/usr/lib/chromium/chromium|http://198.18.0.10/|80
thunderbird|thunderbird|/usr/lib/thunderbird/||993
gnome-maps|org.gnome.Maps|gnome-maps||443
gpodder|gpodder|/usr/bin/gpodder||
josm|org.openstreetmap.josm|josm||443
'
# Whose servers they ask for unasked; they find the tests' own.
NAMES="tile.openstreetmap.org tileserver.gnome.org josm.openstreetmap.de api.openstreetmap.org discovery.syncthing.net
discovery-v4.syncthing.net relays.syncthing.net odrs.gnome.org flathub.org
page.example"
PAGE=http://page.example/

setup_file() {
    real_debs real
    passes on sh -c "echo 198.18.0.10 $(echo $NAMES) >>/etc/hosts"
    passes on loginctl enable-linger alice
    passes install "./$DEB"
    on mkdir -p /usr/local/share/applications
    put /etc/thunderbird/pref/killed.js <<<'pref("toolkit.startup.max_resumed_crashes", -1);'
    put /usr/local/share/applications/probe.desktop <<<$'[Desktop Entry]\nType=Application\nName=probe\nExec=xev'
    listed
    session_of_hers
}

# listed: the applications by their known entries, a small one of X11's for the clock, and what the tests' own use.
listed() {
    local name
    for name in $(tried | cut -d '|' -f 1) gnome-weather gnome-software syncthing; do passes on galaf_group add "$name"; done
    passes on galaf_config --unset '$.groups.thunderbird.domains'       # the shipped entry has a provider's
    passes on galaf_config --set '$.groups.probe' '{"execv": ["/usr/bin/xev", "…"]}'
    passes on galaf_config --set '$.groups.xterm' '{"execv": ["/usr/bin/xterm", "…"]}'
    passes on galaf_config --set '$.groups.chat' '{"execv": ["/usr/bin/env", "…"]}'
    passes on galaf_config --yes
}

tried() { grep . <<<"$APPLICATIONS"; }

# mail_account: one in each profile of Thunderbird's, which it has made itself: it takes no other by itself.
mail_account() {
    local profile=/home/alice/.thunderbird
    ! on test -e $profile/user.js || return 0
    behind 'gtk-launch thunderbird'
    eventually 60 on sh -c "ls $profile/*.default*/prefs.js >/dev/null 2>&1"
    end /usr/lib/thunderbird/
    put $profile/user.js <<'JS'
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.identity.id1.useremail", "alice@mail.example");
user_pref("mail.server.server1.hostname", "198.18.0.10");
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.port", 993);
user_pref("mail.server.server1.socketType", 3);
user_pref("mail.server.server1.userName", "alice");
user_pref("mail.server.server1.login_at_startup", true);
JS
    passes on sh -c "for each in $profile/*.default*; do cp $profile/user.js \$each; done"
    behind 'gtk-launch thunderbird'
    eventually 60 on sh -c "grep -q account1 $profile/*.default*/prefs.js"
    end /usr/lib/thunderbird/
}

# every_way NAME: a click, gio launch and a typed name; by its path it is refused.
every_way() {
    local name menu pattern argument port way
    IFS='|' read -r name menu pattern argument port < <(tried | grep "^$1|")
    for way in "gtk-launch $menu" "gio launch /var/lib/galaf/desktop/share/applications/$menu.desktop" "$name"; do
            starts "$name" "$pattern" "$port" "$way $argument"
        end "$pattern"
    done
    passes on galaf_denied --clear
    since=$(now)
    behind "/usr/bin/$name $argument"
    [ -n "$port" ] || { eventually 60 is_in alice "$pattern"; end "$pattern"; return; }
    eventually 90 refused "$port" || complain "/usr/bin/$name: nothing refused" "$(on galaf_denied)"
    same alice "$(groups "$pattern")" "/usr/bin/$name"
    same "" "$(sent "$since" "dst host 198.18.0.10")" "what /usr/bin/$name sent"
    end "$pattern"
}

@test "Firefox" { every_way firefox-esr; }
@test "Chromium, which a script starts" { every_way chromium; }
@test "Thunderbird, which a script starts" {
    mail_account
    every_way thunderbird
}
@test "Maps, of GNOME, in JavaScript, which D-Bus starts" {
    behind 'gtk-launch org.gnome.Maps'      # its first start asks for no map
    eventually 60 is_in gnome-maps gnome-maps
    end gnome-maps
    every_way gnome-maps
}
@test "gPodder, in Python" { every_way gpodder; }
@test "JOSM, in Java, which a script starts" { every_way josm; }

@test "a link: xdg-open and gio open start the browser in its group" {
    for way in xdg-open 'gio open'; do
        starts firefox-esr firefox-esr 80 "$way http://198.18.0.10/"
        end firefox-esr
    done
}

# leads_to_firefox COMMAND ...: has Firefox ask for a page, as often as it takes, and all of Firefox is in its group.
leads_to_firefox() {
    since=$(now)
    eventually 90 led_to_firefox "$@" || { picture "not-${*: -1}"; complain "$*: no packet" "$(on ps -u alice -o rgroup,args)"; }
    same firefox-esr "$(groups firefox-esr)" "$*"
    end firefox-esr
}
led_to_firefox() {
    [ -n "$(groups firefox-esr)" ] || "$@" || true
    sleep 3
    asked "$since" 80
}

# click TITLE X Y: in the window of that title.
click() { session "xdotool search --onlyvisible --name '$1' windowactivate --sync %1 mousemove --window %1 $2 $3 click 1"; }

@test "a link in a message: a click on it in Thunderbird starts Firefox in its group" {
    mail_account
    put /home/alice/letter.eml <<END
From: bob@mail.example
To: alice@mail.example
Subject: One link
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html><body><a href="$PAGE" style="display:block;font:bold 90px sans-serif">Here it is, here it is, here it is, here it is</a></body></html>
END
    behind 'gtk-launch thunderbird /home/alice/letter.eml'
    eventually 90 session "xdotool search --onlyvisible --name 'One link'" || { picture no-letter; complain "no message"; }
    sleep 5
    picture letter
    leads_to_firefox click 'One link' 300 450
    same thunderbird "$(groups /usr/lib/thunderbird/)"
    end /usr/lib/thunderbird/
}

@test "a link in a terminal, Xfce's: clicked with Ctrl held" {
    behind "xfce4-terminal --disable-server --title links --font 'Monospace 24' -x sh -c 'yes $PAGE | head -n 12; sleep 600'"
    eventually 30 session 'xdotool search --onlyvisible --name links'
    leads_to_firefox session 'xdotool search --onlyvisible --name links windowactivate --sync %1
        xdotool mousemove 150 150 sleep 0.5 keydown ctrl sleep 0.5 mousemove_relative 3 3 sleep 0.5 click 1 sleep 0.5 keyup ctrl'
    same alice "$(groups xfce4-terminal)"
    end xfce4-terminal
    end 'sleep 600'
}

@test "a link typed in a terminal, xterm: in no group, and in a group of its own" {
    local start
    for start in /usr/bin/xterm 'galaf xterm'; do
        behind "$start"
        eventually 30 session 'xdotool search --onlyvisible --class xterm'
        leads_to_firefox session "xdotool search --onlyvisible --class xterm windowactivate --sync %1 type 'xdg-open $PAGE
'"
        picture terminal
        same "$([ "$start" = /usr/bin/xterm ] && echo alice || echo xterm)" "$(groups xterm)"
        end xterm
    done
}

@test "a link by the portal, with GTK's windows behind it; in a group it is refused, but by a proxy of the bus" {
    local ask="gdbus call --session --timeout 60 -d org.freedesktop.portal.Desktop -o /org/freedesktop/portal/desktop \
        -m org.freedesktop.portal.OpenURI.OpenURI '' $PAGE '{}'"
    passes session 'mkdir -p ~/.config/xdg-desktop-portal && printf "[preferred]\ndefault=gtk\n" >~/.config/xdg-desktop-portal/portals.conf'
    leads_to_firefox session "$ask"
    fails 1 session "galaf chat $ask"
    says "Portal operation not allowed: Unable to open /proc/" /root
    same "" "$(groups firefox-esr)"
    passes session 'systemd-run --user --quiet --unit=portals xdg-dbus-proxy unix:path=/run/user/1000/bus /run/user/1000/portals'
    eventually 10 on test -S /run/user/1000/portals
    leads_to_firefox session "galaf chat env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/portals $ask"
    passes session 'systemctl --user stop portals.service'
    passes on pgrep -u alice -f xdg-desktop-portal-gtk
}

@test "what starts with the session: GNOME Software" {
    session 'systemctl --user set-environment XDG_CURRENT_DESKTOP=GNOME; systemctl --user daemon-reload'
    since=$(now)
    passes session 'systemctl --user start app-org.gnome.Software@autostart.service'
    eventually 90 asked "$since" 443 || complain "no packet" "$(on ps -u alice -o rgroup,args)" "$(on journalctl -q -b --no-pager -n 30)"
    same gnome-software "$(groups /usr/bin/gnome-software)"
    end /usr/bin/gnome-software
}

@test "a unit of the user's systemd, which a package brings and locks down: Syncthing" {
    since=$(now)
    passes session 'systemctl --user start syncthing.service'
    eventually 60 asked "$since" 443 || complain "no packet" "$(on journalctl -q -b --no-pager -n 30)"
    same syncthing "$(groups /usr/bin/syncthing)"
    passes session 'systemctl --user stop syncthing.service'
    same "" "$(groups /usr/bin/syncthing)" "what goes on after it was stopped"
}

@test "D-Bus: two of GNOME's applications, by their names on the bus" {
    local name
    for name in Maps Weather; do
        session "gdbus call --session --timeout 60 -d org.gnome.$name -o /org/gnome/$name -m org.freedesktop.Application.Activate '{}'"
        same "gnome-${name,,}" "$(groups "gnome-${name,,}")" "$name"
        end "gnome-${name,,}"
    done
}

# The runtime is $APPIMAGE's, any one's of type 2, since Debian has none.
@test "an AppImage, unpacked as the manual says, starts in its group; in a home it is refused" {
    local some=/home/alice/Some.AppImage
    [ -n "${APPIMAGE:-}" ] || skip "APPIMAGE names none"
    cp "$APPIMAGE" /run/machine/tree/opt/an.AppImage
    passes on chmod 755 /opt/an.AppImage
    passes on mkdir -p /opt/dir
    put /opt/dir/AppRun <<'END'
#!/bin/sh
fetched=$(curl -sS -m 3 http://198.18.0.10/ 2>/dev/null | head -c 11)
echo "$(id -gn) [$*] ${fetched:-nothing}" >>~/some.log
END
    put /opt/dir/some.desktop <<<$'[Desktop Entry]\nType=Application\nName=Some\nExec=some %u\nIcon=some'
    passes on sh -c "chmod 755 /opt/dir/AppRun && mksquashfs /opt/dir /opt/some.squashfs -quiet -no-progress -all-root &&
        head -c \$(/opt/an.AppImage --appimage-offset) /opt/an.AppImage | cat - /opt/some.squashfs >$some && chown alice $some"
    passes session "chmod +x $some && $some --appimage-extract"
    passes on sh -c 'cp -r /home/alice/squashfs-root /opt/some && chown -R root:root /opt/some && chmod -R a+rX,go-w /opt/some'
    fails 1 on galaf_config --set '$.groups.some' "{\"execv\": [\"$some\", \"…\"]}"
    says "\$.groups.some.execv[0]" /home/alice
    passes on galaf_config --set '$.groups.some' '{"execv": ["/opt/some/AppRun", "…"], "rule": "tcp dport 80"}'
    passes on galaf_config --yes
    passes on sh -c 'sed s,^Exec=some,Exec=/opt/some/AppRun, /opt/some/some.desktop >/usr/local/share/applications/some.desktop'
    passes on galaf_desktop update
    session 'gtk-launch some x:y'
    eventually 20 on grep -qF 'some [x:y] 198.18.0.10' /home/alice/some.log || complain "$(on cat /home/alice/some.log)"
    session '/opt/some/AppRun by-its-path'
    on grep -qF 'alice [by-its-path] nothing' /home/alice/some.log || complain "$(on cat /home/alice/some.log)"
}

@test "what an AppImage mounts itself by, the set-uid fusermount3, is refused in a group" {
    local some=/home/alice/some.squashfs
    passes on sh -c "test -e /dev/fuse || mknod -m 666 /dev/fuse c 10 229"
    passes on mksquashfs /etc/hostname $some -quiet -no-progress
    passes on galaf_config --set '$.groups.mounts' '{"execv": ["/usr/bin/squashfuse", "…"]}'
    passes on galaf_config --yes
    passes session "mkdir -p ~/mounted && /usr/bin/squashfuse $some ~/mounted && cat ~/mounted/hostname && fusermount3 -u ~/mounted"
    run session "galaf mounts $some /home/alice/mounted"
    [ "$status" != 0 ] || complain "mounted" "$output"
    says "mount failed: Operation not permitted"
    passes on galaf_config --unset '$.groups.mounts'
    passes on galaf_config --yes
}

# panel: Xfce's, with a menu of its own kind that has Firefox alone.
panel() {
    local xml=/home/alice/.config/xfce4/xfconf/xfce-perchannel-xml
    passes session "mkdir -p $xml"
    put /home/alice/one.menu <<<'<!DOCTYPE Menu PUBLIC "-//freedesktop//DTD Menu 1.0//EN" "http://www.freedesktop.org/standards/menu-spec/1.0/menu.dtd">
<Menu><Name>Xfce</Name><DefaultAppDirs/><DefaultDirectoryDirs/><Include><Filename>firefox-esr.desktop</Filename></Include></Menu>'
    put $xml/xfce4-panel.xml <<<'<channel name="xfce4-panel" version="1.0">
<property name="configver" type="int" value="2"/>
<property name="panels" type="array"><value type="int" value="1"/>
<property name="panel-1" type="empty"><property name="position" type="string" value="p=6;x=0;y=0"/>
<property name="length" type="uint" value="100"/><property name="position-locked" type="bool" value="true"/>
<property name="plugin-ids" type="array"><value type="int" value="1"/></property></property></property>
<property name="plugins" type="empty"><property name="plugin-1" type="string" value="applicationsmenu">
<property name="custom-menu" type="bool" value="true"/><property name="custom-menu-file" type="string" value="/home/alice/one.menu"/>
</property></property></channel>'
    on chown -R alice: /home/alice/.config/xfce4 /home/alice/one.menu
    behind xfce4-panel
    eventually 20 session 'xdotool search --onlyvisible --class xfce4-panel'
}

@test "a panel's menu: a click on it, and on Firefox in it" {
    panel
    session 'xdotool mousemove 30 12 click 1'
    eventually 20 session 'xwininfo -root -children | grep -E "xfce4-panel.* [0-9]+x[0-9]+\+0\+3[0-9] "' || complain "no menu"
    session 'import -window root ~/menu.png'
    session 'xdotool mousemove 60 50 click 1'
    eventually 60 is_in firefox-esr firefox-esr || complain "not started" "$(on tail -n 20 /home/alice/said)"
    eventually 60 session 'xdotool search --onlyvisible --class firefox-esr' || complain "no window"
    same firefox-esr "$(groups firefox-esr)" "the panel's menu"
    session 'import -window root ~/clicked.png'
    end firefox-esr
    on pkill -u alice xfce4-panel
}

# On a machine that does nothing else: under load each takes longer, and so does what is between them.
@test "from a click to a window: at most 30 ms more with galaf, in the median of ten" {
    local with without
    read -r with without < <(session '/srv/galaf/tests/real/click.py probe 10')
    echo "# $with ms with galaf, $without ms without" >&3
    [ "$((with - without))" -le 30 ] || complain "$with ms, $without ms without"
}

# seen NAME: the window of that entry's application is the compositor's, and of its group.
seen() {
    local pid
    pid=$(session 'SWAYSOCK=$(echo /run/user/1000/sway-ipc.*) swaymsg -t get_tree' | jq '[.. | objects | .pid? // empty] | max // empty')
    [ -n "$pid" ] && [ "$(on stat -c %G "/proc/$pid")" = "$1" ]
}

@test "Wayland: sway without a screen starts applications in their groups, whose windows are Wayland's" {
    local name menu
    session 'systemd-run --user --quiet --unit=sway -E WLR_BACKENDS=headless -E WLR_RENDERER=pixman -E WLR_LIBINPUT_NO_DEVICES=1 sway'
    eventually 20 on sh -c 'test -S /run/user/1000/sway-ipc.*' || complain "$(on journalctl -q -b --no-pager -n 20)"
    for name in gpodder firefox-esr; do
        session "SWAYSOCK=\$(echo /run/user/1000/sway-ipc.*) swaymsg exec 'env -u DISPLAY GDK_BACKEND=wayland MOZ_ENABLE_WAYLAND=1 gtk-launch $name'"
        eventually 60 seen $name || complain "$name: no window of its" "$(on ps -u alice -o pid,rgroup,args)"
        end $name
    done
    passes session 'systemctl --user stop sway.service'
}
