"""What a run says on the terminal, and what of its libraries' messages it leaves out."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only


def say_here(message: str) -> None:
    """Writes a message to standard error."""
    sys.stderr.write(f"{message}\n")


@rank_zero_only
def say(message: str) -> None:
    """Writes a message to standard error, in the process of rank 0."""
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


def silence_known_warnings() -> None:
    """Hides messages of the libraries that a user can do nothing about."""
    # Of Lightning's own use of a torch API.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
    # Of a directory that is ours, and of a resume that our data module makes exact.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`, callbacks")
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
    # Of a new run that starts from another run's checkpoint, and of a size that is only printed.
    warnings.filterwarnings("ignore", message="The dirpath has changed from .*")
    warnings.filterwarnings("ignore", message="Precision .* is not supported by the model summary")
    # Of loaders that carry nothing but indices, and of a cluster that was not asked for.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*The `srun` command is available.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "litlogger" not in record.getMessage()
    )
