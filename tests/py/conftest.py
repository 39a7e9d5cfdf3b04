# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the tree's modules on the path."""
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "lib"))


def load(name):
    """A command of bin/ as a module."""
    return _load(name, "bin")


def load_sbin(name):
    """A command of sbin/ as a module."""
    return _load(name, "sbin")


def _load(name, folder):
    loader = importlib.machinery.SourceFileLoader(name, str(TOP / folder / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module
