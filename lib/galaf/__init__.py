# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf's scripts share: configuration, rendering, marks, names, running programs.

The way of the data: ``conf`` reads and validates the JSON file; ``ruleset``, ``dnsmasq``
and ``launch`` render texts from it without touching anything; ``generation`` keeps them;
``run`` is the one place that starts programs.
"""

VERSION = "0.2.0"
