"""Processes that train together: where one dies, the others end too, and say why."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.plugins import CheckpointIO, TorchCheckpointIO
from torch import distributed

from mpi_cascade.checkpoints import write_checkpoint
from mpi_cascade.results.messages import going_on_without, process_rank, say_here

_LOST = ("closed by peer", "reset by peer", "Broken pipe", "Timed out waiting")


class WholeCheckpointIO(TorchCheckpointIO):
    """Replaces a checkpoint by a whole one or not at all, whatever happens meanwhile."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint; on a full disk says so, and training goes on."""
        with going_on_without(path):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_checkpoint(checkpoint, Path(path))


def cluster_plugins() -> list[CheckpointIO | ClusterEnvironment]:
    """Returns how checkpoints are written, and how SLURM is met: signals are ours to handle.

    Lightning's own handler would write a checkpoint in the middle of a step, to a place that all
    runs share.
    """
    is_slurm = SLURMEnvironment.detect() and not TorchElasticEnvironment.detect()
    return [WholeCheckpointIO(), *([SLURMEnvironment(auto_requeue=False)] if is_slurm else [])]


@contextmanager
def ending_with_the_others() -> Iterator[None]:
    """Ends this process with one sentence where another process of the training has died.

    Either its launcher has, which leaves a ``LOCAL_RANK`` to what it starts, or one with which it
    exchanges gradients.
    """
    is_done = threading.Event()
    if "LOCAL_RANK" in os.environ:
        arguments = (os.getppid(), is_done)
        threading.Thread(target=_end_with_parent, args=arguments, daemon=True).start()
    try:
        yield
    except RuntimeError as error:
        if not _is_of_a_lost_process(error):
            raise
        # Gloo begins with a path in its own source, and goes on with advice.
        reason = re.sub(r"^\[\S+\] ", "", str(error)).split(". ")[0].splitlines()[0]
        _say_why(f"it has lost another process of this training ({reason})")
        sys.exit(1)
    finally:
        is_done.set()


def are_joined() -> bool:
    """Returns whether this process has met the others that it trains with."""
    return distributed.is_available() and distributed.is_initialized()


def leave_the_others() -> None:
    """Ends all that this process shares with those it trained with: what follows is its own."""
    if are_joined():
        distributed.destroy_process_group()


def _end_with_parent(parent: int, is_done: threading.Event) -> None:
    while not is_done.wait(1.0):
        if os.getppid() != parent:
            _say_why("the process that started it has died")
            os._exit(1)


def _is_of_a_lost_process(error: RuntimeError) -> bool:
    is_known = isinstance(error, distributed.DistError) or any(s in str(error) for s in _LOST)
    return are_joined() and is_known


def _say_why(reason: str) -> None:
    say_here(
        f"error: process {process_rank()} ends because {reason}: see what that one said last, then "
        "go on with fit --resume and the run's checkpoints/last.ckpt"
    )
