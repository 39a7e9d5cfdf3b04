#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What galaf_config --check accepts, loads; what it refuses, it refuses at a place of the file.

load helper

@test "two thousand made-up configurations, others each day" {
    start_dnsmasq
    passes "$BATS_TEST_DIRNAME/../accepts" 2000 $(($(date +%s) / 86400 * 1000))
    says "accepted and loaded"
    echo "# $output" >&3
}

@test "each piece of configuration in the manuals, README and SECURITY is in order" {
    cd "$BATS_TEST_DIRNAME/../.."
    passes tests/examples man/*.[158] README.md SECURITY.md etc/galaf/galaf_conf.json
    for page in galaf.1 galaf_conf.json.5 galaf_denied.8 README.md SECURITY.md galaf_conf.json; do
        says "$page: "
        says_not "$page: 0"
    done
}
