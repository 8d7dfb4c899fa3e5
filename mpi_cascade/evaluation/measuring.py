"""A whole comparison: classical methods are tuned, then all methods are measured on a suite."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mpi_cascade.evaluation.classical import tuned_solvers
from mpi_cascade.evaluation.convergence import Progress, converge, not_converged
from mpi_cascade.evaluation.detection import Detection, detection
from mpi_cascade.evaluation.detection_scans import DetectionScans
from mpi_cascade.evaluation.findings import Comparison, first_trainings
from mpi_cascade.evaluation.interval_coverage import coverage
from mpi_cascade.evaluation.limits import limits
from mpi_cascade.evaluation.measures import CAPSULES, PAIRS
from mpi_cascade.evaluation.methods import FINAL, Method, cascade_method, zero_image
from mpi_cascade.evaluation.objectives import TuningSets, scan
from mpi_cascade.evaluation.sets import BATCH_SIZE, EvaluationSet, Suite
from mpi_cascade.evaluation.table import CASCADE, Cases, CaseTable, MethodKey
from mpi_cascade.evaluation.thresholds import all_results, dip_thresholds
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.results.progress import showing_progress
from mpi_cascade.solvers.iterative import IterativeSolver
from mpi_cascade.trained import TrainedCascade

_NUM_TIMINGS = 5


def report(
    cascade: TrainedCascade,
    suite: Suite,
    validation: Suite,
    classical: Sequence[str] = ("Tikhonov",),
    batch_size: int = BATCH_SIZE,
    source: str = "the best state of the training",
) -> Comparison:
    """Returns a small comparison: one cascade and tuned Tikhonov, computed where the cascade is.

    Args:
        cascade: The cascade.
        suite: What they are judged on.
        validation: The suite of a training whose first set, of phantoms, classical methods are
            tuned on; its nulls give every method its threshold, and are too many to tune for
            resolution on.
        classical: Names of classical methods; Tikhonov's eigendecomposition takes time.
        batch_size: Scans in a batch.
        source: Where the cascade comes from.
    """
    phantoms, pairs, nulls = validation.sets
    return compare(
        [cascade_method(cascade, CASCADE, 0, source)],
        cascade.experiment, suite, TuningSets(phantoms, pairs), nulls, classical, batch_size,
    )  # fmt: skip


@torch.no_grad()
def compare(
    trained: Sequence[Method],
    experiment: Experiment,
    suite: Suite,
    tuning: TuningSets,
    nulls: EvaluationSet,
    classical: Sequence[str],
    batch_size: int = BATCH_SIZE,
    notes: Sequence[str] = (),
) -> Comparison:
    """Returns all there is to know of methods on a suite; what noise allows, if it has controls.

    Args:
        trained: Trained methods.
        experiment: The nominal scanner and the grid of the images; all is computed where its model
            of the scanner is.
        suite: What the methods are judged on.
        tuning: The scans that classical methods are tuned on, in no suite.
        nulls: The single objects, in no suite, that give every method its threshold.
        classical: Names of classical methods.
        batch_size: Scans in a batch.
        notes: What a reader has to know of this comparison, a sentence each.
    """
    scans = scan(tuning, experiment, batch_size)
    phantoms, pairs = scans.fine.phantoms[0], scans.coarse.pairs[0]
    progress: dict[str, list[Progress]] = {}
    with showing_progress() as bars:
        task = bars.task("tuning", total=None)
        tuned = tuned_solvers(
            classical, experiment.forward_model, scans, tuning.phantoms.peak_snr_db,
            lambda search: task.move_to(task.done + 1, f"tuning {search}"),
        )  # fmt: skip
        size_m = experiment.scanner.field_of_view_m
        for label, solver in ((method.label, method.solver) for method in tuned):
            if isinstance(solver, IterativeSolver):
                task = bars.task(f"iterations of {label}", total=None)
                progress[label] = converge(label, solver, phantoms, pairs, size_m, task.advance)
        methods = [
            *trained, *(solver.method() for solver in tuned), zero_image(experiment.image_shape)
        ]  # fmt: skip
        num_images = len(methods) * sum(len(part.indices) for part in (nulls, *suite.sets))
        task = bars.task(f"{len(methods)} methods on {suite.name}", num_images)
        thresholds = dip_thresholds(measure(methods, [nulls], experiment, task.advance, batch_size))
        found = measure(methods, suite.sets, experiment, task.advance, batch_size)
        detected = Detection()
        if suite.detection:
            little = DetectionScans(suite.detection, experiment)
            task = bars.task("limit of detection", len(methods) * len(little))
            detected = detection(methods, little, task.advance, batch_size)
        has_limits = suite.of_kind(CAPSULES) and experiment.system_matrix is None
        if has_limits:
            task = bars.task("what noise allows", total=1)
        return Comparison(
            suite, experiment, methods, all_results(found, thresholds),
            notes=[*notes, *not_converged(progress)],
            thresholds=thresholds,
            limits=limits(suite.of_kind(PAIRS), experiment.scanner) if has_limits else [],
            detection=detected,
            progress=progress,
            times_s=times_per_image_s(methods, phantoms.signal),
            tuning_quality_db=quality_db(methods, phantoms.signal, phantoms.concentration),
            coverage=coverage(trained, suite.sets, experiment, batch_size, bars),
        )  # fmt: skip


@torch.no_grad()
def measure(
    methods: Sequence[Method],
    parts: Sequence[EvaluationSet],
    experiment: Experiment,
    advance: Callable[[int], None],
    batch_size: int = BATCH_SIZE,
) -> list[Cases]:
    """Returns what is measured of every method on every case of some sets.

    Args:
        methods: The methods; all of them are given the same signals.
        parts: The sets.
        experiment: The nominal scanner and the grid of the images; scans are simulated where its
            model computes.
        advance: Called with the number of images after each batch of each method.
        batch_size: Scans in a batch.
    """
    keys = [MethodKey(*method[:2], image) for method in methods for image in method.image_names]
    table = CaseTable(parts, keys, experiment.scanner.field_of_view_m)
    for part in parts:
        set_for_it = [method.at(part.peak_snr_db) for method in methods]
        for sample in part.batches(experiment, batch_size):
            for method in set_for_it:
                for image, estimate in method.images(sample.signal).items():
                    table.add(MethodKey(*method[:2], image), part, estimate, sample)
                advance(len(sample.indices))
    return table.cases()


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
