# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_doctor looks at."""
