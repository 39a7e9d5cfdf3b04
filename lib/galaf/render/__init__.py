# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rendered from a configuration.  Pure: data in, text out; no file, clock or look-up."""
