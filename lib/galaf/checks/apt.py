# SPDX-License-Identifier: GPL-3.0-or-later
"""apt asks for no SRV records, whose answers enter no set."""
from ..system.run import run
from .results import OK, Result, WARNING


def check(_known):
    if 'Acquire::EnableSrvRecords "false";' in run("apt-config", "dump", "Acquire::EnableSrvRecords"):
        return Result(OK, "apt asks for no SRV records")
    return Result(WARNING, "apt asks for SRV records, and the hosts that they name are refused to _apt",
                  'Acquire::EnableSrvRecords "false"; as /etc/apt/apt.conf.d/60galaf had it')
