#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's Firefox on a booted workstation with a screen in memory, by each way that a person starts it: all of it is in
# its group and its page is asked for; by its path it is the person's, and nothing of it leaves.  Others: ../real.

load machine
load ../real/screen

PAGE=http://198.18.0.10/

setup_file() {
    real_debs firefox
    passes on loginctl enable-linger alice
    passes install "./$DEB"
    passes on galaf_group add firefox-esr
    passes on galaf_config --yes
    session_of_hers
}

teardown() { end firefox-esr; }

@test "Firefox: by a click in a menu" { starts firefox-esr firefox-esr 80 "gtk-launch firefox-esr $PAGE"; }
@test "Firefox: by its name" { starts firefox-esr firefox-esr 80 "firefox-esr $PAGE"; }
@test "Firefox: by a link, as the default browser" { starts firefox-esr firefox-esr 80 "xdg-open $PAGE"; }

@test "Firefox: by its path it is refused" {
    passes on galaf_denied --clear
    since=$(now)
    behind "/usr/bin/firefox-esr $PAGE"
    eventually 90 refused 80 || complain "nothing refused" "$(on galaf_denied)"
    same alice "$(groups firefox-esr)"
    same "" "$(sent "$since" "dst host 198.18.0.10")" "what it sent"
}
