# SPDX-License-Identifier: GPL-3.0-or-later
# What these files share, and ../bats-machine/firefox.bats: Debian's own programs, a session of alice's with a screen in
# memory, and whose group her programs are in.

# real_debs SET: the packages of that set of tests/known-debs, on the machine.
real_debs() {
    local release
    release=$(on sh -c '. /etc/os-release; echo $VERSION_ID')
    mkdir -p /run/machine/tree/opt/debs
    cp "$BATS_TEST_DIRNAME/../../build/$1-debs-$release"/*.deb /run/machine/tree/opt/debs/
    passes on sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install --force-unsafe-io --force-depends /opt/debs/*.deb'
    on mkdir -p /etc/firefox-esr
    # It asks whether to go on in a safe mode, since these tests kill it; so does Thunderbird.
    put /etc/firefox-esr/killed.js <<<'pref("toolkit.startup.max_resumed_crashes", -1);'
}

# session_of_hers: alice's, with a display and a window manager.
session_of_hers() {
    passes on systemctl restart user@1000.service
    passes on systemd-run --quiet --unit=xvfb -p User=alice Xvfb :9 -screen 0 1280x800x24 -nolisten tcp
    eventually 10 session "xdotool getdisplaygeometry"
    passes session 'systemctl --user set-environment DISPLAY=:9; systemd-run --user --quiet --unit=wm openbox'
    passes session 'mkdir -p ~/.config; xdg-settings set default-web-browser firefox-esr.desktop'
}

# session COMMAND-LINE: in alice's session; what goes on does not keep it.
session() {
    alice "export XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus DISPLAY=:9; $1"
}
behind() { session "exec $1 >>~/said 2>&1 &"; }

# groups PATTERN: the groups of alice's processes whose command line has that, each once.
groups() { on ps -u alice -o rgroup:32=,args= | grep -e "$1" | awk '{ print $1 }' | sort -u; }

is_in() { [ "$(groups "$2")" = "$1" ]; }
ended() { [ -z "$(groups "$1")" ]; }
end() {
    on pkill -KILL -u alice -f -- "$1" || true
    eventually 20 ended "$1" || complain "goes on: $1"
    on rm -f /home/alice/.config/chromium/SingletonLock
}

# asked SINCE PORT: the machine has asked for a connection to that port of the internet's.
asked() { [ -n "$(sent "$1" "dst host 198.18.0.10 and tcp[tcpflags] == tcp-syn and tcp dst port $2")" ]; }

# refused PORT: alice has asked for it outside every group.
refused() {
    on galaf_denied --json | jq -e --argjson port "$1" \
        'any(.denied[]; .destination == "198.18.0.10" and .port == $port and .uid == 1000 and .gid == 1000)' >/dev/null
}

# starts NAME PATTERN PORT COMMAND-LINE: it starts that entry's application, all of it in its group, and it asks for the port.
starts() {
    since=$(now)
    behind "$4"
    if [ -z "$3" ]; then
        eventually 60 is_in "$1" "$2" || complain "$4: not started" "$(on tail -n 20 /home/alice/said)"
        return
    fi
    eventually 90 asked "$since" "$3" || complain "$4: no packet" "$(on ps -u alice -o rgroup,args)" "$(on tail -n 20 /home/alice/said)"
    same "$1" "$(groups "$2")" "$4"
}

# picture NAME: of the screen, in her home.
picture() { session "import -window root ~/'$1.png'"; }
