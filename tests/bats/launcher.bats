#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf, the launcher, on the installed package: who may start what, in which group, with what
# environment and privileges; and each way in which it must fail.

load helper

TABLE=/var/lib/galaf/good/launch
CHANGE='in /etc/galaf/galaf_conf.json and run sudo galaf_config'

# table LINE ...: writes the launch table; " | " stands for the tab between tokens.
table() {
    { echo "galaf-launch 1"; printf '%s\n' "$@" | sed 's/ | /\t/g' | LC_ALL=C sort; } >"$TABLE"
}

# python USER PROGRAM [ARG ...]: runs a Python program, given as text, as root or an ordinary user.
python() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups /usr/bin/python3 -c "$@"
}

setup_file() {
    groupadd --gid 30004 browser
    groupadd --gid 30005 mail-program
    groupadd --gid 29999 low
    mkdir -p /var/lib/galaf/launcher-test
    ln -sfn launcher-test /var/lib/galaf/good
}

setup() {
    rm -rf /tmp/l "$TABLE"
    mkdir -m 1777 /tmp/l
    table 'browser | 30004 | execv | /usr/bin/env | …' \
        'mail-program | 30005 | execv | /usr/bin/id' \
        'show | 30004 | execv | /bin/cat | /proc/self/status' \
        'old | 30004 | no_new_privs=no | execv | /usr/bin/env | …'
}

# The group.

@test "all four group ids are the application's, and every other id stays" {
    passes as alice galaf show
    says $'Uid:\t1000\t1000\t1000\t1000' $'Gid:\t30004\t30004\t30004\t30004' $'Groups:\t1000 '
}

@test "an ordinary user's program has no capability, no_new_privs and one filter" {
    passes as alice galaf show
    says CapInh:$'\t'0000000000000000 CapPrm:$'\t'0000000000000000 CapEff:$'\t'0000000000000000 \
        CapAmb:$'\t'0000000000000000 NoNewPrivs:$'\t'1 Seccomp_filters:$'\t'1
}

@test "inheritable and ambient capabilities of the caller don't reach the program" {
    passes setpriv --reuid alice --regid alice --init-groups --inh-caps=+net_raw --ambient-caps=+net_raw galaf show
    says CapInh:$'\t'0000000000000000 CapPrm:$'\t'0000000000000000 CapAmb:$'\t'0000000000000000
    passes setpriv --reuid alice --regid alice --init-groups --inh-caps=+net_raw --ambient-caps=+net_raw galaf old \
        cat /proc/self/status
    says CapInh:$'\t'0000000000000000 CapPrm:$'\t'0000000000000000 CapAmb:$'\t'0000000000000000
}

@test "root keeps its capabilities" {
    passes galaf show
    says $'Gid:\t30004\t30004\t30004\t30004' "$(grep CapEff /proc/self/status)"
}

@test "every name of a long table is found, and none between them" {
    local lines
    mapfile -t lines < <(for ((i = 30000; i < 30300; i++)); do echo "app-$i | $i | execv | /bin/sh | -c | echo \$0 $i"; done)
    table "${lines[@]}" 'a | 31000 | execv | /bin/true' 'app | 31001 | execv | /bin/true' 'é | 31002 | execv | /bin/true'
    for name in 30000 30001 30149 30150 30298 30299; do
        passes as alice galaf "app-$name"
        same "/bin/sh $name" "$output"
    done
    passes as alice galaf a
    passes as alice galaf app
    passes as alice galaf é
    for name in app- app-3 app-300000 app-29999 app-30300 aa b ap zz; do
        fails 125 as alice galaf "$name"
        says "galaf: $name: no such application: see galaf --list; or add it"
    done
}

# The command.

@test "the caller's arguments stand where … is, each as it is" {
    table 'browser | 30004 | execv | /usr/bin/printf | [%s]\\n | before | … | after'
    passes as alice galaf browser --help 'a b' '' '…' --
    same $'[before]\n[--help]\n[a b]\n[]\n[…]\n[--]\n[after]' "$output"
    passes as alice galaf browser
    same $'[before]\n[after]' "$output"
}

@test "without … arguments are refused" {
    fails 125 as alice galaf mail-program --help
    same "galaf: mail-program: takes no arguments: put \"…\" in \"execv\" of \$.groups.mail-program $CHANGE" "$output"
}

@test "tab, newline and backslash in an argument" {
    table 'browser | 30004 | execv | /usr/bin/printf | %s | a\tb\nc\\d'
    passes as alice galaf browser
    same $'a\tb\nc\\d' "$output"
}

@test "the command's exit status is galaf's; 127 when it's missing, 126 when it can't be executed" {
    touch /tmp/l/text
    mkdir /tmp/l/folder
    table 'exit | 30004 | execv | /bin/sh | -c | exit 42' 'missing | 30004 | execv | /tmp/l/missing' \
        'text | 30004 | execv | /tmp/l/text' 'folder | 30004 | execv | /tmp/l/folder' \
        'below | 30004 | execv | /tmp/l/text/x'
    fails 42 as alice galaf exit
    fails 127 as alice galaf missing
    same "galaf: missing: /tmp/l/missing: No such file or directory" "$output"
    fails 127 as alice galaf below
    fails 126 as alice galaf text
    same "galaf: text: /tmp/l/text: Permission denied" "$output"
    fails 126 as alice galaf folder
}

# Who may.

@test "users: by name and by group, and nobody else" {
    table 'alices | 30004 | users=999,1000 | execv | /bin/true' 'sudoers | 30005 | users=%27 | execv | /bin/true' \
        'nobodys | 30006 | users= | execv | /bin/true' 'number | 30007 | users=10011,100,%1000 | execv | /bin/true'
    passes as alice galaf alices
    fails 125 as bob galaf alices
    same "galaf: alices: you (uid 1001) may not start it: add the user to \"users\" of \$.groups.alices $CHANGE" "$output"
    fails 125 as alice galaf sudoers
    passes setpriv --reuid bob --regid bob --groups 27 galaf sudoers
    passes setpriv --reuid bob --regid 27 --clear-groups galaf sudoers
    fails 125 as alice galaf nobodys
    fails 125 as bob galaf number
    passes as alice galaf number
}

@test "from an application group into its own again, but into no other" {
    passes as alice galaf browser galaf browser id -g
    same 30004 "$output"
    fails 125 as alice galaf browser galaf mail-program
    same "galaf: mail-program: a program of application group 30004 may not start it: add that group to \"from\" of \
\$.groups.mail-program, or the command to \"runs\" of its own entry, $CHANGE" "$output"
    fails 125 as alice galaf old galaf mail-program
    says "application group 30004 may not start it"
}

@test "any of the caller's group ids holds it: real, effective, supplementary" {
    for ids in "30004, 1000, 1000" "1000, 30004, 1000"; do
        fails 125 python root "import os; os.setresgid($ids); os.setresuid(1000, 1000, 1000)
os.execv('/usr/bin/galaf', ['galaf', 'mail-program'])"
        says "application group 30004 may not start it"
    done
    fails 125 setpriv --reuid alice --regid alice --groups 1000,30004 galaf mail-program
    says "application group 30004 may not start it"
}

@test "from: opens the way out of the groups it names, where no_new_privs doesn't close it" {
    table 'browser | 30004 | execv | /usr/bin/env | …' 'old | 30006 | no_new_privs=no | execv | /usr/bin/env | …' \
        'mail-program | 30005 | from=30002,30004,30006 | execv | /usr/bin/id | -G'
    passes as alice galaf old galaf mail-program
    same "30005 1000" "$output"
    fails 125 as alice galaf browser galaf mail-program
    same "galaf: mail-program: an application cannot start another one itself, and no systemd of this user's is there to do \
it: start it from outside the application" "$output"
    fails 125 setpriv --reuid alice --regid 30003 --clear-groups galaf mail-program
}

@test "supplementary application groups are left, the others stay" {
    table 'browser | 30004 | from=30007 | execv | /usr/bin/id | -G'
    passes setpriv --reuid alice --regid alice --groups 27,30007,60000,29999,30004 galaf browser
    same "30004 27 29999 60000" "$(tr ' ' '\n' <<<"$output" | sort -n | sed '/30004/d; 1i 30004' | paste -sd ' ')"
    says_not 30007
}

# Where the kernel doesn't allow it.

@test "without the capability nothing is started" {
    cp /usr/bin/galaf /tmp/l/galaf
    fails 125 as alice /tmp/l/galaf browser touch /tmp/l/ran
    says "galaf: browser: /usr/bin/galaf has not the capability cap_setgid: run sudo dpkg-reconfigure galaf"
    fails 125 as alice strace -o /dev/null galaf browser touch /tmp/l/ran
    says "has not the capability cap_setgid"
    ln /usr/bin/galaf /usr/bin/galaf-linked
    passes as alice galaf-linked browser id -g
    same 30004 "$output"
    rm /usr/bin/galaf-linked
    [ ! -e /tmp/l/ran ]
}

@test "with no_new_privs set nothing is started" {
    fails 125 as alice setpriv --no-new-privs galaf browser touch /tmp/l/ran
    says "galaf: browser: no_new_privs is set, so that the kernel gives no capability: start it outside of"
    [ ! -e /tmp/l/ran ]
}

@test "without cap_setgid in the bounding set the kernel doesn't execute galaf" {
    fails 126 setpriv --reuid alice --regid alice --init-groups --bounding-set=-setgid bash -c 'galaf browser touch /tmp/l/ran'
    says "Operation not permitted"
    [ ! -e /tmp/l/ran ]
}

@test "in a user namespace nothing is started" {
    fails 125 as alice unshare --user galaf browser touch /tmp/l/ran
    says "galaf: $TABLE: it does not belong to root"
    fails 125 as alice unshare --user --map-root-user galaf --test browser touch /tmp/l/ran
    says "galaf: browser: gid 30004 does not exist in this user namespace"
    [ ! -e /tmp/l/ran ]
}

# The table.

# refused WHAT: alice can start nothing, and is told what is wrong with the table and how to fix it.
refused() {
    fails 125 as alice galaf browser touch /tmp/l/ran
    says "galaf: $TABLE: $1" "run sudo galaf_config"
    [ ! -e /tmp/l/ran ]
}

@test "a table that someone else than root may have written is refused" {
    chown alice "$TABLE"
    refused "it does not belong to root"
    chown root:alice "$TABLE"
    chmod 0664 "$TABLE"
    refused "others than root may write to it"
    chmod 0646 "$TABLE"
    refused "others than root may write to it"
    chmod 0644 "$TABLE"
    passes as alice galaf browser true
}

@test "no table, or something else in its place" {
    mv "$TABLE" "$TABLE.away"
    refused "not there: galaf starts programs once root has run sudo galaf_config"
    ln -s launch.away "$TABLE"
    refused "Too many levels of symbolic links"
    rm "$TABLE"
    mkdir "$TABLE"
    refused "it is not a regular file"
    rmdir "$TABLE"
    mkfifo "$TABLE"
    refused "it is not a regular file"
    rm "$TABLE"
    (umask 022 && : >"$TABLE")
    refused "it is empty"
}

@test "a table of another kind or cut short" {
    sed -i '1s/1/2/' "$TABLE"
    refused "its first line is not that of a launch table of this version"
    printf 'galaf-launch 1' >"$TABLE"
    refused "its first line"
    printf 'galaf-launch 1\nbrowser\t30004\texecv\t/usr/bin/env\t…' >"$TABLE"
    refused "its last line is not complete"
    printf 'galaf-launch 1\n' >"$TABLE"
    fails 125 as alice galaf browser
    says "galaf: browser: no such application"
}

@test "a line that isn't understood whole is refused" {
    local line
    for line in 'browser' 'browser | ' 'browser | 29999 | execv | /bin/true' 'browser | 60000 | execv | /bin/true' \
        'browser | 030004 | execv | /bin/true' 'browser | 3000x | execv | /bin/true' 'browser | 0 | execv | /bin/true' \
        'browser | 4294997300 | execv | /bin/true' 'browser | 30004 | execv' 'browser | 30004 | execv | ' \
        'browser | 30004 | execv | true' 'browser | 30004 | /bin/true' 'browser | 30004 | future=1 | execv | /bin/true' \
        'browser | 30004 | no_new_privs=maybe | execv | /bin/true' \
        'browser | 30004 | user_namespaces=no | execv | /bin/true' 'browser | 30004 | set==x | execv | /bin/true' \
        'browser | 30004 | set=X | execv | /bin/true' 'browser | 30004 | execv | /bin/true\' \
        'browser | 30004 | execv | /bin/true\x'; do
        table "$line"
        refused "browser: "
    done
    printf 'galaf-launch 1\nbrowser\t30004\texecv\t/usr/bin/env\0\t…\n' >"$TABLE"
    refused "browser: a NUL byte"
}

# What the application is given.

@test "of the environment only what a desktop needs is left" {
    passes as alice env -i DISPLAY=:0 WAYLAND_DISPLAY=wayland-0 XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/alice \
        XDG_CURRENT_DESKTOP=GNOME LANG=de_DE.UTF-8 LC_TIME=C XMODIFIERS=@im=fcitx QT_IM_MODULE=fcitx TZ=Europe/Berlin \
        DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus TERM=xterm USER=alice NO_COLOR=1 \
        LD_PRELOAD=/x.so LD_LIBRARY_PATH=/x LD_AUDIT=/x PYTHONPATH=/x PYTHONSTARTUP=/x NODE_OPTIONS=-r/x GTK_MODULES=x \
        GTK_PATH=/x GIO_EXTRA_MODULES=/x GTK_IM_MODULE_FILE=/x QT_PLUGIN_PATH=/x QT_QPA_PLATFORM_PLUGIN_PATH=/x \
        BASH_ENV=/x ENV=/x PERL5LIB=/x PERL5OPT=-Mx RUBYOPT=-rx JAVA_TOOL_OPTIONS=-javaagent:x GCONV_PATH=/x \
        XDG_DATA_DIRS=/x XDG_CONFIG_DIRS=/x VK_ADD_LAYER_PATH=/x LIBGL_DRIVERS_PATH=/x SDL_DYNAMIC_API=/x \
        PIPEWIRE_MODULE_DIR=/x PULSE_CLIENTCONFIG=/x ALSA_CONFIG_PATH=/x MOZ_GMP_PATH=/x OPENSSL_CONF=/x IFS=x \
        SHELL=/x BROWSER=/x EDITOR=/x PAGER=/x GIT_SSH_COMMAND=/x http_proxy=x SSH_AUTH_SOCK=/x NLSPATH=/x \
        'BASH_FUNC_ls%%=() { x; }' GLIBC_TUNABLES=x MALLOC_CHECK_=3 TMPDIR=/x PATH=/x:/usr/bin /usr/bin/galaf browser
    same "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
DISPLAY=:0
HOME=/home/alice
LANG=de_DE.UTF-8
LC_TIME=C
NO_COLOR=1
PATH=/var/lib/galaf/desktop/own/browser/bin:/var/lib/galaf/desktop/bin:/usr/local/bin:/usr/bin:/bin
QT_IM_MODULE=fcitx
TERM=xterm
TZ=Europe/Berlin
USER=alice
WAYLAND_DISPLAY=wayland-0
XDG_CONFIG_DIRS=/var/lib/galaf/desktop/xdg:/etc/xdg
XDG_CURRENT_DESKTOP=GNOME
XDG_DATA_DIRS=/var/lib/galaf/desktop/own/browser/share:/var/lib/galaf/desktop/share:/usr/local/share:/usr/share
XDG_RUNTIME_DIR=/run/user/1000
XMODIFIERS=@im=fcitx" "$(LC_ALL=C sort <<<"$output")"
}

@test "a listed program that an application runs by its name asks galaf, and never runs with the caller's permission" {
    mkdir -p /var/lib/galaf/desktop/bin
    printf '#!/bin/sh\nexec /usr/bin/galaf mail-program "$@"\n' >/var/lib/galaf/desktop/bin/id
    chmod 755 /var/lib/galaf/desktop/bin/id
    fails 125 as alice env PATH=/usr/bin /usr/bin/galaf browser id
    says "mail-program: a program of application group 30004 may not start it"
    table 'browser | 30004 | no_new_privs=no | execv | /usr/bin/env | …' \
        'mail-program | 30005 | from=30004 | execv | /usr/bin/id'
    passes as alice env PATH=/usr/bin /usr/bin/galaf browser id
    says 'gid=30005(mail-program)'
    rm -r /var/lib/galaf/desktop
}

# known [RULE]: the variables that the launcher keeps, by the rule for their value or all.
known() {
    sed -n '/rules\[\] = {/,/^};/p' "$BATS_TEST_DIRNAME/../../launcher/environment.c" | tr -d '\n' |
        grep -oE "\{ ${1:-is_[a-z_]*}, NAMES\([^)]*" | grep -oE '"[A-Z0-9_]+"' | tr -d '"' | LC_ALL=C sort
}

@test "the manual names each variable that is kept, and no other" {
    same "$(known)" "$({ sed -n "/^Of the caller's these variables/,/^All else is dropped/p" \
        "$BATS_TEST_DIRNAME/../../man/galaf.1" | sed -nE 's/^\.BR? ([A-Z][A-Z0-9_]*)( [,:])?$/\1/p'
        locale | sed -nE 's/^(LC_[A-Z]+)=.*/\1/p'; } | LC_ALL=C sort -u)"
}

# judged RULE kept|dropped VALUE ...: each variable with that rule is kept, or not, with each of these values.
judged() {
    local value names wanted
    names=$(known "$1")
    [ -n "$names" ] || complain "no variable has the rule $1"
    for value in "${@:3}"; do
        mapfile -t given < <(sed "s|$|=|" <<<"$names")
        passes as alice env -i "${given[@]/%/$value}" /usr/bin/galaf browser
        wanted=$([ "$2" = dropped ] || printf '%s\n' "${given[@]/%/$value}")
        same "$wanted" "$(grep -vE '^(PATH|XDG_DATA_DIRS|XDG_CONFIG_DIRS)=' <<<"$output" | LC_ALL=C sort)" "what is kept of: $1 $value"
    done
}

@test "each variable is kept with a value that fits its rule, and dropped with any other" {
    local host
    host=$(uname -n)
    cd /tmp/l
    install -d -o bob /tmp/l/of-bob
    install -m 644 -o alice /dev/null /tmp/l/of-alice
    ln -s of-bob /tmp/l/to-bob
    judged is_own kept /home/alice /tmp/l/of-alice /run/user/1000/gdm/Xauthority /etc /tmp/l/not-there
    judged is_own dropped '' . home home/alice ../l/of-alice /tmp/../tmp/l/of-alice /tmp/l/of-bob /tmp/l/to-bob \
        /tmp/l/of-alice/below $'/tmp/l/a\nb'
    judged is_here kept /tmp/l /tmp/l/
    judged is_here dropped '' . /tmp /tmp/l/.. /tmp/l/not-there /proc/self/cwd/..
    judged is_display kept :0 :0.0 :10.1 :59535 unix:0 unix:0.0 localhost:10.0
    judged is_display dropped '' : 0 :0. :0.x :x :59536 :000000 ::1 ':0 ' :0:1 host:0 198.18.0.10:59616 127.0.0.1:0 \
        secret.web.example:0 localhost.web.example:0 unix.web.example:0 unix/x:0 tcp/localhost:0 localhost/unix:0 [::1]:0 /tmp/.X11-unix/X0
    judged is_socket kept wayland-0 pipewire-0-manager /run/user/1000/wayland-0
    judged is_socket dropped '' . .. ../wayland-0 a/b /run/../tmp/s 'a b' 'tcp:198.18.0.10:80' '[ "tcp:198.18.0.10" ]' '/a tcp:x'
    judged is_sound_server kept unix:/run/user/1000/pulse/native /run/user/1000/pulse/native
    judged is_sound_server dropped '' unix: unix:run tcp:198.18.0.10:80 tcp4:198.18.0.10 tcp6:::1 198.18.0.10 secret.web.example \
        localhost '{1234}unix:/run/s' '{1234}tcp:198.18.0.10' 'unix:/run/s tcp:198.18.0.10' $'/run/s\ttcp:198.18.0.10' \
        $'/run/s\n198.18.0.10' unix:unix:/run/s
    judged is_session_manager kept "local/$host:@/tmp/.ICE-unix/7" "local/$host:@/tmp/.ICE-unix/7,unix/$host:/tmp/.ICE-unix/7" \
        local/:/tmp/s
    judged is_session_manager dropped '' local local/ "tcp/$host:80" "inet/$host:80" local/secret.web.example:@/tmp/s \
        "local/$host.web.example:@/tmp/s" "unix/$host:/tmp/s,tcp/198.18.0.10:80" "local/$host:80" "unix/$host:/tmp/s," \
        "tcp/198.18.0.10:80,unix/$host:/tmp/s" "unix/$host$host:/tmp/s" "unix/$host:/tmp/s,unix/x:/tmp/s"
    judged is_bus kept unix:path=/run/user/1000/bus unix:abstract=/tmp/dbus-x,guid=0123456789abcdef unix:runtime=yes \
        unix:path=/run/user/1000/at-spi/bus_0,guid=00
    judged is_bus dropped '' unix: unix:path=bus unixexec:path=/tmp/x 'unix:path=/a;unixexec:path=/tmp/x' \
        'unix:path=/a;tcp:host=198.18.0.10,port=80' tcp:host=198.18.0.10,port=80 nonce-tcp:host=x,port=1,noncefile=/x \
        autolaunch: launchd:env=X systemd: unix:runtime=yes,x unix:dir=/tmp $'unix:path=/a\nb'
    judged is_text kept '' gnome Europe/Berlin :Europe/Berlin CET-1CEST,M3.5.0,M10.5.0/3 Adwaita:dark 'DMZ White' ubuntu:GNOME \
        de:en gnome-shell/Terminal/2341-1-host_TIME1 '1002:73df!' 'corp\alice' alice@corp.example
    judged is_text dropped /tmp/x :/tmp/x ../x a/../b %n $'a\nb' $'\e[1m'
    judged is_word kept '' de_DE.UTF-8@euro C 1 0.5 xterm-256color @im=fcitx 'wayland;xcb' 'x11,*' HDMI-1=2\;DP-1=1.5
    judged is_word dropped /tmp/x a/b xcb:198.18.0.10:59616 xcb:secret.web.example:0 vnc:port=80 .. a..b %n 'a b' $'a\n' '{x}'
}

@test "keep= and set=: the entry's own environment" {
    table 'browser | 30004 | keep=SSH_AUTH_SOCK | keep=ABSENT | keep=TERM | set=PATH=/usr/bin | set=A=1=2 | set=HOME= | set=B=x\ty | execv | /usr/bin/env'
    passes as alice env -i SSH_AUTH_SOCK=/a SSH_AUTH_SOCKET=/b TERM=/full/path HOME=/home/alice A=0 /usr/bin/galaf browser
    same $'A=1=2\nB=x\ty\nHOME=\nPATH=/usr/bin\nSSH_AUTH_SOCK=/a\nTERM=/full/path' "$(grep -v ^XDG_ <<<"$output" | LC_ALL=C sort)"
}

@test "a variable that is given twice is passed once" {
    passes python alice "import ctypes
text = lambda *words: (ctypes.c_char_p * (len(words) + 1))(*words)
ctypes.CDLL(None).execve(b'/usr/bin/galaf', text(b'galaf', b'browser'), text(b'HOME=/a', b'HOME=/b', b'HOME', b'=x', b''))"
    same HOME=/a "$(grep -vE '^(PATH|XDG_[A-Z_]*)=' <<<"$output")"
}

@test "descriptors above 2 are closed" {
    passes as alice bash -c 'exec 3</etc/passwd 9</etc/passwd 200</etc/passwd; exec galaf browser bash -c "ls /proc/\$\$/fd; :"'
    same $'0\n1\n2' "$output"
}

@test "descriptors 0, 1 and 2 exist whatever the caller has closed" {
    table "browser | 30004 | execv | /bin/bash | -c | stat -L -c %F /proc/\$\$/fd/[012] >/tmp/l/out; :"
    for user in alice root; do
        rm -f /tmp/l/out
        passes as "$user" bash -c 'exec galaf browser <&- >&- 2>&-'
        same $'character special file\ncharacter special file\ncharacter special file' "$(cat /tmp/l/out)"
    done
    rm /tmp/l/out
    passes as alice bash -c 'exec galaf browser </etc/hostname >&- 2>/tmp/l/err'
    same $'regular file\ncharacter special file\nregular empty file' "$(cat /tmp/l/out)"
    fails 125 as alice bash -c 'exec galaf absent <&- >&- 2>&-'
}

@test "no signal stays blocked or ignored, but for what nohup ignores" {
    passes python alice "import os, signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
os.execv('/usr/bin/galaf', ['galaf', 'show'])"
    says $'SigBlk:\t0000000000000000' $'SigIgn:\t0000000000000007'
    passes python alice "import os, signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv('/usr/bin/galaf', ['galaf', 'show'])"
    says $'SigIgn:\t0000000000000000'
}

@test "umask, working directory, limits and priority are the caller's, but for core dumps: there are none" {
    table 'browser | 30004 | execv | /bin/bash | -c | umask; pwd; ulimit -n; nice; ulimit -Sc; ulimit -Hc'
    passes as alice bash -c 'umask 027; cd /tmp/l; ulimit -n 99 -c unlimited; exec nice -n 7 galaf browser'
    same $'0027\n/tmp/l\n99\n7\n0\n0' "$output"
}

@test "limits at zero: nothing is started in the wrong group" {
    for limit in --nofile=0 --nofile=3 --as=0 --as=3000000 --stack=0 --data=0; do
        run as alice prlimit "$limit" /usr/bin/galaf browser sh -c 'id -g >/tmp/l/ran'
        [ ! -s /tmp/l/ran ] || same 30004 "$(cat /tmp/l/ran)" "the group under $limit"
        rm -f /tmp/l/ran
    done
    passes as alice prlimit --nofile=64 /usr/bin/galaf browser sh -c 'id -g >/tmp/l/ran'
    same 30004 "$(cat /tmp/l/ran)"
}

# No set-gid file is left behind.

# attempts GROUP: runs tests/launcher/set_gid.py in an application group.
attempts() {
    install -m 755 -t /tmp/l "$BATS_TEST_DIRNAME"/../launcher/*.py
    install -d -m 777 /tmp/l/made
    passes as alice galaf "$1" /usr/bin/python3 /tmp/l/set_gid.py /tmp/l/made
}

@test "without the filter every system call makes set-gid and set-uid files, by both ABIs" {
    attempts old
    for call in chmod fchmod fchmodat creat open open-tmpfile openat openat-tmpfile openat2 mknod mknodat; do
        says "x86_64 $call 2755 2755" "i386 $call 2755 2755" "x86_64 $call 4755 4755" "i386 $call 4755 4755"
    done
}

@test "with the filter none does, and plain files are made as ever" {
    local call abi plain
    attempts old
    plain=$(awk '$2 == "fchmodat2" && $3 == 755 { print $4; exit }' <<<"$output")      # ENOSYS before Linux 6.6
    attempts browser
    for abi in x86_64 i386; do
        for call in chmod fchmod fchmodat creat open open-tmpfile openat openat-tmpfile mkdir mkdirat mknod mknodat; do
            says "$abi $call 755 755" "$abi $call 2755 EPERM" "$abi $call 4755 EPERM"
        done
        says "$abi fchmodat2 755 $plain" "$abi fchmodat2 2755 EPERM" "$abi fchmodat2 4755 EPERM"
        says "$abi openat2 755 ENOSYS" "$abi openat2 2755 ENOSYS" "$abi openat2 4755 ENOSYS"
        says "$abi io_uring_setup - ENOSYS" "$abi io_uring_enter - ENOSYS" "$abi io_uring_register - ENOSYS"
    done
    same "42 ENOSYS" "$(awk '$1 == "x32" { print $4 }' <<<"$output" | uniq -c | xargs)" "what x32 calls give"
    passes as alice galaf browser sh -c 'cd /tmp/l && umask 0 && echo x >f && chmod 1777 f && mkdir -m 1777 d && ls -ld f d'
    says -rwxrwxrwt drwxrwxrwt
    fails 1 as alice galaf browser sh -c 'chmod g+s /tmp/l/f'
    says "Operation not permitted"
}

# hands_on GROUP: alice prepares set-gid files, an application and she do what makes them its group's, by
# tests/launcher/hand_on.py; what is set-gid, executable and of an application's group then is in $made.
hands_on() {
    install -m 755 -t /tmp/l "$BATS_TEST_DIRNAME"/../launcher/*.py
    rm -rf /tmp/l/made
    install -d -m 777 -o alice /tmp/l/made
    passes as alice /usr/bin/python3 /tmp/l/hand_on.py prepare /tmp/l/made
    passes as alice galaf "$1" /usr/bin/python3 /tmp/l/hand_on.py change /tmp/l/made
    changed=$output
    passes as alice /usr/bin/python3 /tmp/l/hand_on.py fill /tmp/l/made
    passes as alice galaf "$1" /usr/bin/python3 /tmp/l/hand_on.py allow /tmp/l/made
    made=$(find /tmp/l/made -type f -group browser -perm -2010 | LC_ALL=C sort)
}

@test "without the filter a file that the user prepared becomes set-gid of the application's group, by each way" {
    local call abi
    hands_on old
    for call in chown fchown lchown fchownat; do
        for abi in x86_64 i386; do
            same "x86_64 done" "x86_64 $(sed -n "s/^$abi $call plain file //p" <<<"$changed")" "$call by $abi"
            [[ $made == *"file-$abi-$call-plain"* ]] || complain "not set-gid: by $call, $abi" "$made"
        done
    done
    [[ $made == *file-i386-chown16-above16* && $made == *file-x86_64-chown-above* ]] || complain "one of bits unused" "$made"
    [[ $made == *folder-x86_64-chown-plain/made* ]] || complain "no file by way of a folder" "$made"
    for file in $(head -n 1 <<<"$made") /tmp/l/made/folder-x86_64-chown-plain/made; do
        passes as bob "$file" -gn
        same browser "$output"
    done
}

@test "with the filter none does, whether it may make user namespaces or not; other groups are given as ever" {
    for options in "" "user_namespaces=yes | "; do
        table "browser | 30004 | ${options}execv | /usr/bin/env | …"
        hands_on browser
        same "" "$made" "what became set-gid"
        same "EPERM ENOSYS" "$(awk '{ print $NF }' <<<"$changed" | awk '!seen[$0]++' | xargs)" "what changing the group gives"
        same "" "$(find /tmp/l/made -group browser)" "what came to the group"
    done
    # In a namespace of its own the group has another number.
    fails 1 as alice galaf browser unshare --user --map-root-user chgrp 0 /tmp/l/made/file-x86_64-chown-plain
    says "Operation not permitted"
    table 'browser | 30004 | execv | /usr/bin/env | …'
    passes as alice galaf browser sh -c 'touch /tmp/l/f && chgrp alice /tmp/l/f && stat -c %G /tmp/l/f'
    same alice "$output"
    passes as alice galaf browser sh -c 'cd /tmp/l && cp -p f copy && touch own && cp -p own own-copy && install -m 755 own installed &&
        tar -c own f | tar -x -C made && mv own made/own && stat -c %G f own-copy'
    same $'alice\nbrowser' "$output"
    for gid in 29999 30000 59999 60000 95540; do     # 95540's low 16 bits are 30004's
        run galaf browser chgrp $gid /tmp/l/f
        same "$([[ $gid = *9999 && $gid != 5* || $gid = 6* || $gid = 9* ]] && echo 0 || echo 1)" "$status" "chgrp $gid, by root"
    done
}

@test "a set-gid file that an application could make would hand its group on" {
    local copy="cp /usr/bin/id /tmp/l/id && chmod 2755 /tmp/l/id"
    passes as alice galaf old sh -c "$copy"
    passes as bob /tmp/l/id -gn
    same browser "$output"
    rm /tmp/l/id
    fails 1 as alice galaf browser sh -c "$copy"
    fails 1 as alice chmod --silent g+s /tmp/l/absent
    passes as alice chmod 2755 /tmp/l/id        # the kernel drops the bit: she isn't in the group
    passes as bob /tmp/l/id -gn
    same bob "$output"
}

@test "a set-gid program gains nothing inside an application" {
    install -m 2755 -g mail-program /usr/bin/id /tmp/l/id
    passes as alice galaf browser /tmp/l/id -gn
    same browser "$output"
    passes as alice galaf old /tmp/l/id -gn
    same mail-program "$output"
}

# No user namespace is made, unless it may be.

# namespaces GROUP: runs tests/launcher/user_namespace.py in an application group, as alice.
namespaces() {
    install -m 755 -t /tmp/l "$BATS_TEST_DIRNAME"/../launcher/*.py
    table 'browser | 30004 | execv | /usr/bin/env | …' 'sandboxing | 30005 | user_namespaces=yes | execv | /usr/bin/env | …' \
        'old | 30006 | no_new_privs=no | execv | /usr/bin/env | …'
    passes as alice galaf "$1" /usr/bin/python3 /tmp/l/user_namespace.py
}

@test "an application makes and joins no user namespace by any system call, by either ABI; it still makes processes" {
    namespaces browser
    for abi in x86_64 i386; do
        for call in clone unshare setns setns-any setns-above; do
            says "$abi $call EPERM"
        done
        says "$abi clone3 ENOSYS" "$abi fork done"
    done
    passes as alice galaf browser /usr/bin/python3 -c 'import threading; threading.Thread(target=print, args=["thread"]).start()'
    same thread "$output"
    fails 1 as alice galaf browser unshare --user true
    says "Operation not permitted"
}

@test "user_namespaces=yes, or no_new_privs=no: it makes them, as a browser's sandbox does" {
    for group in sandboxing old; do
        namespaces $group
        for abi in x86_64 i386; do
            for call in clone clone3 fork unshare; do
                says "$abi $call done"
            done
            says "$abi setns EINVAL" "$abi setns-any EINVAL" "$abi setns-above EINVAL"
        done
        passes as alice galaf $group unshare --user --map-root-user --net --pid --fork id -u
        same 0 "$output"
    done
    passes as alice galaf sandboxing cat /proc/self/status
    says $'NoNewPrivs:\t1' $'Seccomp_filters:\t1'
    attempts sandboxing
    says "x86_64 chmod 2755 EPERM" "i386 openat-tmpfile 2755 EPERM" "x86_64 io_uring_setup - ENOSYS"
}

# --list, --test and the rest.

@test "--list shows what this caller may start, aligned" {
    table 'a | 30004 | execv | /bin/echo | it'"'"'s | a b | $x |  | …' 'longer-name | 30005 | execv | /bin/true' \
        'alices-very-own | 30006 | users=1000 | execv | /bin/false' 'control | 30007 | execv | /bin/echo | \t'$'\e''[1m'
    passes as bob galaf --list
    same "a            /bin/echo 'it'\\''s' 'a b' '\$x' '' …
control      /bin/echo '??[1m'
longer-name  /bin/true" "$output"
    passes as alice galaf --list
    says "alices-very-own  /bin/false" "longer-name      /bin/true"
    passes setpriv --reuid alice --regid 30006 --init-groups galaf --list
    same "alices-very-own  /bin/false" "$output"
}

@test "--list says what is wrong with the table, and that it could not write" {
    fails 125 as alice bash -c 'galaf --list >/dev/full'
    says "galaf: standard output: No space left on device"
    rm "$TABLE"
    fails 125 as alice galaf --list
    says "galaf: $TABLE: not there: galaf starts programs once root has run sudo galaf_config"
}

@test "--test runs any command in a group, for root, with root's environment and capabilities" {
    export KEPT=yes
    PATH=/tmp/l:$PATH
    printf '#!/bin/sh\necho $KEPT; cat /proc/self/status; exit 7\n' >/tmp/l/tried
    chmod +x /tmp/l/tried
    fails 7 galaf --test browser tried
    says yes $'Gid:\t30004\t30004\t30004\t30004' "$(grep CapEff /proc/self/status)" $'NoNewPrivs:\t0' $'Seccomp:\t0'
    rm "$TABLE"
    passes galaf --test mail-program id -gn
    same mail-program "$output"
}

@test "--test is refused to others, for other groups and without a command" {
    fails 125 as alice galaf --test browser true
    same "galaf: --test: for root alone: sudo galaf --test GROUP COMMAND ..." "$output"
    fails 125 galaf --test low id
    same "galaf: low: gid 29999 is not an application group's: those are 30000 to 59999" "$output"
    fails 125 galaf --test absent id
    says "galaf: absent: no such group: add it under \"groups\" $CHANGE"
    fails 125 galaf --test browser
    fails 125 galaf --test
    says "wants a group and a command"
    fails 127 galaf --test browser no-such-command
    says "galaf: browser: no-such-command: No such file or directory"
}

@test "an application can't leave its group by way of root's --test" {
    passes python root "import os; os.setresuid(1000, 0, 0)     # set-uid root, called by alice
os.execv('/bin/sh', ['sh', '-c', 'galaf --test browser id; echo \$?'])"
    says "for root alone" 125
}

@test "--help and --version; wrong usage" {
    passes galaf --help
    says "usage: galaf GROUP" "--list" "--test" "Example:" "man galaf"
    passes galaf --version
    same "galaf $(dpkg-query --show --showformat '${Version}' galaf)" "$output"
    fails 125 galaf
    says "galaf: wants the name of a group: galaf --list shows them"
    fails 125 galaf ''
    fails 125 galaf --unknown
    same "galaf: --unknown: no such option: galaf --help says more" "$output"
    fails 125 galaf --list browser
    says "galaf: --list: takes nothing after it"
}

@test "an empty argv" {
    fails 125 python alice "import ctypes
none = (ctypes.c_char_p * 1)()
ctypes.CDLL(None).execve(b'/usr/bin/galaf', none, none)"
    says "galaf: wants the name of a group"
}

@test "completion offers the groups, after --test all application groups, and else files" {
    completed() {
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _galaf_complete
        echo "${COMPREPLY[*]}"
    }
    . /usr/share/bash-completion/completions/galaf
    same "mail-program" "$(completed galaf m)"
    same "--list --test --help --version browser mail-program old show" "$(completed galaf '')"
    same "browser mail-program" "$(completed galaf --test '')"
    same "" "$(completed galaf browser x)"
}
