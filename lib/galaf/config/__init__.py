# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration is: its text, schema, model and rule syntax.  Knows no machine."""
