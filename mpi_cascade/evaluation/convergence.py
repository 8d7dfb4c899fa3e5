"""Images of iterative solvers against iterations and time: whether an opponent has converged."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mpi_cascade.evaluation.measures import Size, dip
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.iterative import IterativeSolver

_TOLERANCE_DB, _TOLERANCE_DIP = 0.05, 0.02
_MOST_ITERATIONS = 2000
"""How many iterations a minimiser may take to converge where its own number is too few."""


class Progress(NamedTuple):
    """How good an image is after some iterations.

    Attributes:
        label: The method's name.
        iteration: Iterations done.
        time_s: Time per image in s.
        psnr_db: Mean PSNR of phantoms in dB.
        mean_dip: Mean dip of pairs.
    """

    label: str
    iteration: int
    time_s: float
    psnr_db: float
    mean_dip: float


def converge(
    label: str,
    solver: IterativeSolver,
    phantoms: Sample,
    pairs: Sample,
    field_of_view_m: Size,
    advance: Callable[[int], None],
) -> list[Progress]:
    """Returns the mean PSNR and dip after 1, 2, 5, 10, … iterations and after the last.

    A minimiser, ADMM or FISTA, is set to as many iterations as it takes to converge: no fewer than
    it had, and no more than 2,000 unless it had more.

    Args:
        label: The method's name.
        solver: An iterative solver.
        phantoms: Scans of phantoms.
        pairs: Scans of pairs.
        field_of_view_m: Size (y, x) of the images in m.
        advance: Called with 1 after each iteration.
    """
    fewest = math.inf
    if isinstance(solver, ADMM | FISTA):
        fewest = solver.num_iterations
        solver.num_iterations = max(solver.num_iterations, _MOST_ITERATIONS)
    signal = torch.cat((phantoms.signal, pairs.signal))
    num_phantoms = len(phantoms.signal)

    def progress(iteration: int, elapsed_s: float, image: Tensor) -> Progress:
        return Progress(
            label,
            iteration,
            elapsed_s / len(signal),
            psnr(image[:num_phantoms], phantoms.concentration).nanmean().item(),
            dip(image[num_phantoms:], pairs, field_of_view_m).mean().item(),
        )

    found: list[Progress] = []
    elapsed_s, start = 0.0, time.perf_counter()
    iteration, image = 0, torch.empty(0)
    for iteration, image in enumerate(solver.iterates(signal), start=1):
        elapsed_s += time.perf_counter() - start
        if _is_shown(iteration):
            found.append(progress(iteration, elapsed_s, image))
        advance(1)
        if iteration >= fewest and _is_shown(iteration) and has_converged(found):
            break
        start = time.perf_counter()
    if not _is_shown(iteration):
        found.append(progress(iteration, elapsed_s, image))
    if isinstance(solver, ADMM | FISTA):
        solver.num_iterations = iteration
    return found


def not_converged(progress: Mapping[str, Sequence[Progress]]) -> list[str]:
    """Returns a sentence on each method that hasn't converged.

    Args:
        progress: Those of several methods, by label.
    """
    return [
        f"{label} has not converged after {steps[-1].iteration} iterations: it may do better, or "
        "worse, than shown"
        for label, steps in progress.items()
        if not has_converged(steps)
    ]


def _is_shown(iteration: int) -> bool:
    """Returns whether the number is 1, 2 or 5 times a power of ten."""
    return str(iteration).rstrip("0") in ("1", "2", "5")


def has_converged(progress: Sequence[Progress]) -> bool:
    """Returns whether PSNR and dip hardly changed over at least the last half of the iterations.

    The mean PSNR may change by 0.05 dB, the mean dip by 0.02. Dips converge later than PSNR: a
    valley between two close discs is a few pixels.

    Args:
        progress: One method's.
    """
    half = progress[-1].iteration / 2
    early = [number for number, step in enumerate(progress) if step.iteration <= half]
    late = progress[max(early, default=0) :]
    return len(late) > 1 and all(
        max(values) - min(values) <= tolerance
        for values, tolerance in (
            ([step.psnr_db for step in late], _TOLERANCE_DB),
            ([step.mean_dip for step in late], _TOLERANCE_DIP),
        )
    )
