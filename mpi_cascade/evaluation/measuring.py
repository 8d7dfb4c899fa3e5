"""Measures methods on a suite: all that is known of every method on every set, and their times."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mpi_cascade.evaluation.methods import FINAL, Method
from mpi_cascade.evaluation.sets import BATCH_SIZE, Suite
from mpi_cascade.evaluation.table import CaseTable, MethodKey, Result
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.functional import psnr

_NUM_TIMINGS = 5


@torch.no_grad()
def measure(
    methods: Sequence[Method],
    suite: Suite,
    experiment: Experiment,
    advance: Callable[[int], None],
    batch_size: int = BATCH_SIZE,
) -> list[Result]:
    """Returns every metric of every method on every set of a suite.

    Args:
        methods: The methods; all of them are given the same signals.
        suite: The suite.
        experiment: The nominal scanner and the grid of the images; scans are simulated where its
            model computes.
        advance: Called with the number of images after each batch of each method.
        batch_size: Scans in a batch.
    """
    keys = [MethodKey(*method[:2], image) for method in methods for image in method.image_names]
    table = CaseTable(suite.sets, keys, experiment.scanner.field_of_view_m)
    for part in suite.sets:
        for sample in part.batches(experiment, experiment.forward_model.device, batch_size):
            for method in methods:
                for image, estimate in method.images(sample.signal).items():
                    table.add(MethodKey(*method[:2], image), part, estimate, sample)
                advance(len(sample.indices))
    return table.results()


def quality_db(methods: Sequence[Method], signal: Tensor, truth: Tensor) -> dict[str, float]:
    """Returns each label's mean PSNR in dB on a batch.

    Args:
        methods: The methods; of each label the first is taken.
        signal: Signals, (batch, channel, y, x).
        truth: True images, (batch, 1, y, x).
    """
    return {
        method.label: psnr(method.images(signal)[FINAL], truth).nanmean().item()
        for method in first_trainings(methods)
    }


def times_per_image_s(methods: Sequence[Method], signal: Tensor) -> dict[str, float]:
    """Returns each label's time per image in s: the median of a few runs over a batch, in turn.

    Args:
        methods: The methods; of each label the first is timed.
        signal: The batch, (batch, channel, y, x).
    """
    times: dict[str, list[float]] = {method.label: [] for method in methods}
    for _ in range(_NUM_TIMINGS):
        for method in first_trainings(methods):
            start = time.perf_counter()
            # Read, as a device may still be at work.
            method.images(signal)[FINAL].sum().item()
            times[method.label].append((time.perf_counter() - start) / len(signal))
    return {label: statistics.median(values) for label, values in times.items()}


def first_trainings(methods: Sequence[Method]) -> list[Method]:
    """Returns the first training of each label."""
    return [method for method in methods if method.number == 0]
