# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen: counters, history, refusals, answers, and what they suggest."""
