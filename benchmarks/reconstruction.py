"""How fast images are reconstructed, and how good they are: the cascade and classical methods."""

import functools
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import torch
from timing import Table, in_turn, start
from torch import Tensor

from mpi_cascade.evaluation.classical import CLASSICAL, tuned_solvers
from mpi_cascade.evaluation.measures import PHANTOMS
from mpi_cascade.evaluation.objectives import CoarseAndFine, TuningScans
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.trained import TrainedCascade, load

AIMS = {"ART": "≥ 200", "ADMM": "≥ 200", "FISTA": "≥ 200"}


@torch.no_grad()
def reconstruction(
    table: Table,
    checkpoint: Path = Path("weights/reference.ckpt"),
    classical: Sequence[str] = tuple(CLASSICAL),
    batch_size: int = 16,
    num_tuning: int = 8,
    num_rounds: int = 3,
) -> None:
    """Measures the PSNR of a cascade and of tuned classical methods, and their times per image.

    Args:
        checkpoint: the cascade, a .ckpt file
        classical: classical methods; they run for as many iterations as in compare
        batch_size: images in a batch
        num_tuning: other scans that the classical methods are tuned on
        num_rounds: rounds, each of them all in turn
    """
    cascade = load(checkpoint)
    scans = EvaluationSet(
        name="tuning", kind=PHANTOMS, scene=PhantomMixture(), indices=range(batch_size + num_tuning)
    )
    samples = list(scans.batches(cascade.experiment))
    signal = torch.cat([sample.signal for sample in samples])
    truth = torch.cat([sample.concentration for sample in samples])
    model = cascade.experiment.forward_model
    size_m = cascade.experiment.scanner.field_of_view_m
    of_tuning = replace(scans, indices=scans.indices[batch_size:])
    tuning = TuningScans(list(of_tuning.batches(cascade.experiment)), [], [], size_m)
    classical_methods = tuned_solvers(
        classical, model, CoarseAndFine(tuning, tuning), scans.peak_snr_db,
        lambda name: print(f"tuning for {name}"),
    )  # fmt: skip
    fast = {"cascade": lambda signal: cascade(signal).final}
    if cascade.cascade.mirrors:
        fast["one orientation"] = of_one_orientation(cascade)
    fast |= {f"{name} in bf16": in_bf16(method) for name, method in fast.items()}
    methods = {
        **fast,
        **{tuned.label: tuned.solver for tuned in classical_methods if tuned.label in classical},
    }
    for name, method in methods.items():
        quality = psnr(method(signal[:batch_size]), truth[:batch_size])
        table.add(f"{name}, {batch_size} images", "dB PSNR", [quality.nanmean().item()])
    for size in (1, batch_size):
        calls = {name: functools.partial(methods[name], signal[:size]) for name in methods}
        times = in_turn(calls, num_rounds, num_warm_ups=1)
        table.per_sample({f"{name}, batch {size}": times[name] for name in times}, size)
        for name in classical:
            for other in fast:
                ratio = f"{name} ÷ {other}, batch {size}"
                table.ratio(ratio, times[name], times[other], AIMS.get(name, ""))
    if cascade.guarantee is not None:
        time_intervals(table, cascade, signal[:batch_size], num_rounds)


def of_one_orientation(cascade: TrainedCascade) -> Callable[[Tensor], Tensor]:
    """Returns what makes the final images without the mean over mirrored scans."""
    single = copy(cascade.cascade)
    single.mirrors = []
    return lambda signal: single(signal).final


def in_bf16(method: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Returns what makes the same images with the networks in bf16."""
    return torch.autocast("cpu", torch.bfloat16)(lambda signal: method(signal).float())


def time_intervals(table: Table, cascade: TrainedCascade, signal: Tensor, num_rounds: int) -> None:
    """Measures how much longer images take that have intervals."""
    intervals = cascade.intervals
    calls = {
        "without intervals": lambda: cascade(signal),
        "with intervals": lambda: intervals.ends(signal, cascade(signal)),
    }
    times = in_turn(calls, num_rounds, num_warm_ups=1)
    ratio = f"with ÷ without intervals, batch {len(signal)}"
    table.ratio(ratio, times["with intervals"], times["without intervals"], "≤ 1.3")


if __name__ == "__main__":
    start(reconstruction)
