# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that a user can cause, and how a command ends."""
import os
import signal
import sys


class GalafError(Exception):
    """Something that the user can fix.  The text is plain, a line for each fault: where, what, how to fix it."""


def finish(main):
    """Runs main(), a script's entry; ends the process with its status.

    Status: what main() returns (None is 0); 1 after GalafError or OSError; 130 after Ctrl-C; 141
    when the reader of a pipe went away.  argparse ends wrong usage with 2 by itself.
    """
    program = os.path.basename(sys.argv[0])
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:      # closed by the caller, as by >&-
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")        # not every locale has an ellipsis
    try:
        status = main() or 0
        sys.stdout.flush()
    except GalafError as error:
        for line in str(error).splitlines():
            print(f"{program}: {line}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        status = 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    except OSError as error:
        print(f"{program}: {f'{error.filename}: ' if error.filename else ''}{error.strerror}", file=sys.stderr)
        status = 1
    sys.exit(status)


def require_root(what):
    """Raises GalafError unless the process is root's; what: the act that needs it, as a phrase."""
    if os.geteuid() != 0:
        raise GalafError(f"{what} needs root: run it with sudo")
