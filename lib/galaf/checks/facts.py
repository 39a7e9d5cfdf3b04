# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks stand on, read once."""
from collections import namedtuple

from .. import generation
from ..config import conf
from ..system import accounts

Facts = namedtuple("Facts", "folder meta conf ids damage", defaults=("",))
Facts.__doc__ = """What the checks stand on.

folder: the active generation, or None; meta: what it says of itself; conf, ids: its
configuration and the ids of its names, empty ones where there is none; damage: why it
can't be read, "" if it can.
"""


def facts():
    """The Facts of this machine."""
    folder = generation.good()
    if folder is None:
        return Facts(None, {}, conf.Conf(), accounts.Ids())
    try:
        return kept(folder)
    except Exception as error:      # whatever a damaged file leads to, the other checks go on
        return Facts(folder, {"table": generation.table(folder)}, conf.Conf(), accounts.Ids(), str(error))


def kept(folder):
    """The Facts of a generation that is whole."""
    text, name = generation.source(folder)
    configuration = conf.parse(text, name)
    return Facts(folder, generation.meta(folder), configuration,
                 accounts.look_up(configuration, conf.Faults(name, text)))
