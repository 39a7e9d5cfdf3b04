# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the tree's modules on the path."""
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "lib"))
