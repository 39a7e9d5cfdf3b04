# SPDX-License-Identifier: GPL-3.0-or-later
# Menu entries and commands that start listed applications by galaf: see galaf_desktop(8).
[ ! -r /usr/lib/galaf/environment ] || . /usr/lib/galaf/environment
