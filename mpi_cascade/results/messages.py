"""What a command says on the terminal, in one of the processes that work together."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")


def process_rank() -> int:
    """Returns the number of this process among those that work together, 0 if it is alone."""
    # Without torch, which takes seconds to import, no process has met another.
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    return int(next((os.environ[name] for name in _RANKS if os.environ.get(name)), "0"))


def say_here(message: str) -> None:
    """Writes a message to standard error."""
    sys.stderr.write(f"{message}\n")


def say(message: str) -> None:
    """Writes a message to standard error, in the first process."""
    if process_rank() == 0:
        say_here(message)


@contextmanager
def going_on_without(what: str | Path) -> Iterator[None]:
    """Says that a file couldn't be written, on a full disk for example, and goes on.

    Args:
        what: The file, or what it holds.
    """
    try:
        yield
    except OSError as error:
        say(f"{what} can't be written ({error.strerror}): the run goes on without")
