#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What galaf_config --check accepts, loads; what it refuses, it refuses at a place of the file.

load helper

@test "made-up configurations, for a minute" {
    start_dnsmasq
    passes "$BATS_TEST_DIRNAME/../accepts" 60
    says "accepted and loaded"
    echo "# $output" >&3
}
