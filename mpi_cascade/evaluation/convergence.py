"""Quality of iterative solvers against iterations and time: whether an opponent has converged."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from mpi_cascade.metrics.functional import psnr
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA


class Progress(NamedTuple):
    """How good an image is after some iterations.

    Attributes:
        label: The method's name.
        iteration: Iterations done.
        time_s: Time per image in s.
        psnr_db: Mean PSNR in dB.
    """

    label: str
    iteration: int
    time_s: float
    psnr_db: float


def converge(
    label: str,
    solver: ART | ADMM | FISTA,
    signal: Tensor,
    truth: Tensor,
    advance: Callable[[int], None],
) -> list[Progress]:
    """Returns the mean PSNR after 1, 2, 5, 10, … iterations and after the last.

    Args:
        label: The method's name.
        solver: An iterative solver.
        signal: Signals, (batch, channel, y, x).
        truth: True images, (batch, 1, y, x).
        advance: Called with 1 after each iteration.
    """
    found: list[Progress] = []
    elapsed_s, start = 0.0, time.perf_counter()
    iteration, image = 0, truth
    for iteration, image in enumerate(solver.iterates(signal), start=1):
        elapsed_s += time.perf_counter() - start
        if _is_shown(iteration):
            found.append(_progress(label, iteration, elapsed_s, image, truth))
        advance(1)
        start = time.perf_counter()
    if not _is_shown(iteration):
        found.append(_progress(label, iteration, elapsed_s, image, truth))
    return found


def _progress(
    label: str, iteration: int, elapsed_s: float, image: Tensor, truth: Tensor
) -> Progress:
    quality_db = psnr(image, truth).nanmean().item()
    return Progress(label, iteration, elapsed_s / len(truth), quality_db)


def _is_shown(iteration: int) -> bool:
    """Returns whether the number is 1, 2 or 5 times a power of ten."""
    return str(iteration).rstrip("0") in ("1", "2", "5")


def has_converged(progress: Sequence[Progress], tolerance_db: float = 0.05) -> bool:
    """Returns whether the PSNR hardly changed over at least the last half of the iterations."""
    half = progress[-1].iteration / 2
    early = [number for number, step in enumerate(progress) if step.iteration <= half]
    late = [step.psnr_db for step in progress[max(early, default=0) :]]
    return len(late) > 1 and max(late) - min(late) <= tolerance_db
