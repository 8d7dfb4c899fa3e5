"""A trial on a leash: it ends, with all its processes, when the sweep lets go of it or dies.

``python -m mpi_cascade.sweep.leash LOCK DELAY_S COMMAND …`` runs a command until it ends, or until
standard input is closed.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress


def main(lock: str, delay_s: str, *command: str) -> int:
    """Returns the exit status of a command.

    Args:
        lock: The sweep's lock, which is held as long as the command runs.
        delay_s: Time that the command has, after SIGTERM, to write its last checkpoint.
        command: The command.
    """
    held = sqlite3.connect(lock, isolation_level=None)
    held.execute("BEGIN")
    held.execute("SELECT 1 FROM sqlite_master").fetchall()
    trial = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    threading.Thread(target=_end_when_let_go, args=(trial, float(delay_s)), daemon=True).start()
    status = trial.wait()
    if status:
        _kill(trial)  # A rank that waits in vain for the first one.
    return status if status >= 0 else 128 - status


def _end_when_let_go(trial: subprocess.Popen[bytes], delay_s: float) -> None:
    """Asks all ranks to end at once: one left alone would wait for the others."""
    os.read(sys.stdin.fileno(), 1)
    _signal(trial, signal.SIGTERM)
    try:
        trial.wait(delay_s)
    except subprocess.TimeoutExpired:
        _kill(trial)


def _kill(trial: subprocess.Popen[bytes]) -> None:
    _signal(trial, getattr(signal, "SIGKILL", signal.SIGTERM))


def _signal(trial: subprocess.Popen[bytes], signum: int) -> None:
    with suppress(ProcessLookupError):  # It may have ended by itself.
        if os.name == "posix":
            os.killpg(trial.pid, signum)
        else:
            trial.terminate()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
