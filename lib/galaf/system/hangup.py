# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal that is closed while a person is asked."""
import contextlib
import os
import signal
import stat


@contextlib.contextmanager
def interrupts():
    """Within it a terminal that is closed, and TERM, do what Ctrl-C does: KeyboardInterrupt, once.

    So what was begun is taken back at once, and in there, as the next of them would end the process.  Who has them
    ignored, as nohup does, is not interrupted.
    """
    def heard(_number, _frame):
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        _leave_terminal()
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)
              if signal.getsignal(number) != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, heard)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_terminal():
    """Has what would be written to a terminal that is gone, which is an error, go nowhere."""
    for stream in range(3):
        with contextlib.suppress(OSError):      # closed by the caller
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, stream)
                os.close(null)
