"""How often intervals hold the truth: those with a guarantee, and those of an ensemble."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.confidence import student_interval
from mpi_cascade.evaluation.coverage import mass_factors_needed, pixel_factors_needed
from mpi_cascade.evaluation.guaranteeing import calibration_like
from mpi_cascade.evaluation.measures import PHANTOMS
from mpi_cascade.evaluation.methods import FINAL, Method
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.experiment import Experiment
from mpi_cascade.guarantee.guarantee import OfScans
from mpi_cascade.guarantee.intervals import half_width
from mpi_cascade.models.intervals import Interval
from mpi_cascade.physics.linear import Images
from mpi_cascade.results.progress import Progress, Task
from mpi_cascade.scans.regions import tracer_and_edges
from mpi_cascade.scans.simulated import Sample

LIKE_CALIBRATION = "as calibrated"
"""Name of the scans that come from where those of a calibration came from."""

_NUM_LIKE = 512
_LEAST_ENSEMBLE = 3
_LEVEL, _AIM = 0.95, 0.9


class Coverage(NamedTuple):
    """How often the intervals of a method hold the truth on a set; shares lie in 0 … 1.

    Attributes:
        label: Name of the method.
        number: Number of the training among those of its label; −1 for the ensemble of them all.
        set_name: Name of the set.
        is_guaranteed: Whether scans are like those of the calibration; where not, it is void.
        num_scans: Scans.
        aim: The share that the intervals are meant to hold.
        covered: Share of the pixels with tracer or next to some, mean over scans.
        covered_low: Lower end of its 95 % interval.
        covered_high: Upper end.
        faint: Share of those of less than a third of the scan's peak.
        middle: Share of those of one to two thirds.
        strong: Share of those of more.
        half_width: Mean half width of the same pixels, relative to the peak of the scan's truth.
        masses: Share of objects whose true mass lies inside, mean over scans.
        withheld: Share of scans whose intervals are withheld.
        failed_kept: Share of the scans in which a fifth of the pixels lies outside that are shown
            all the same, of all such scans.
    """

    label: str
    number: int
    set_name: str
    is_guaranteed: bool
    num_scans: int
    aim: float
    covered: float
    covered_low: float
    covered_high: float
    faint: float
    middle: float
    strong: float
    half_width: float
    masses: float
    withheld: float
    failed_kept: float


_FAILED = 0.2
"""Share of a scan's pixels outside of their intervals: twice what is usual."""


class _Scan(NamedTuple):
    """What was found in one scan."""

    covered: float
    by_concentration: tuple[float, float, float]
    half_width: float
    masses: float
    is_withheld: bool


Spans = Callable[[Tensor], tuple[Images, Interval, OfScans]]
"""Maps signals to final images, their intervals, and what is said of these."""


@torch.no_grad()
def coverage(
    methods: Sequence[Method],
    parts: Sequence[EvaluationSet],
    experiment: Experiment,
    batch_size: int,
    progress: Progress,
) -> list[Coverage]:
    """Returns how often intervals hold the truth: of cascades that have some, and of ensembles.

    Args:
        methods: All methods.
        parts: The sets; those of phantoms count.
        experiment: The nominal scanner and the grid of the images.
        batch_size: Scans at a time.
        progress: Where it is shown.
    """
    rows: list[Coverage] = []
    sets = [part for part in parts if part.kind is PHANTOMS]
    for label, number, spans, method in _with_spans(methods):
        assert method.cascade is not None
        num_scans = _NUM_LIKE + sum(len(part.indices) for part in sets)
        guarantee = method.cascade.guarantee
        aim = _AIM if number < 0 or guarantee is None else 1 - guarantee.risk
        task = progress.task(f"intervals of {label}", num_scans)
        like = calibration_like(method.cascade, _NUM_LIKE, batch_size)
        found = _found(spans, like, task)
        rows.append(_row(label, number, LIKE_CALIBRATION, number >= 0, found, aim))
        for part in sets:
            found = _found(spans, part.batches(experiment, batch_size), task)
            rows.append(_row(label, number, part.name, False, found, aim))
    return rows


def _with_spans(methods: Sequence[Method]) -> list[tuple[str, int, Spans, Method]]:
    found = []
    for method in methods:
        if method.cascade is not None and (spans := _guaranteed(method)):
            found.append((method.label, method.number, spans, method))
    for label in dict.fromkeys(method.label for method in methods):
        members = [method for method in methods if method.label == label and method.cascade]
        if len(members) >= _LEAST_ENSEMBLE:
            found.append((label, -1, _ensemble(members), members[0]))
    return found


def _guaranteed(method: Method) -> Spans | None:
    """Returns the intervals of a cascade with a guarantee; None where it has none."""
    assert method.cascade is not None
    try:
        intervals = method.cascade.intervals
    except InputError:
        return None

    def spans(signal: Tensor) -> tuple[Images, Interval, OfScans]:
        images = intervals.cascade(signal)
        return images.final, *intervals.calibrated(signal, images)

    return spans


def _ensemble(members: Sequence[Method]) -> Spans:
    """Returns the intervals in which one more training's image would lie, by those of several.

    Student's prediction interval of 90 %. That the truth is like one more training is its flaw.
    """
    num = len(members)
    reach = float(stdtrit(num - 1, _LEVEL)) * math.sqrt(1 + 1 / num)

    def spans(signal: Tensor) -> tuple[Images, Interval, OfScans]:
        images = torch.stack([member.images(signal)[FINAL] for member in members])
        mean, spread = images.mean(dim=0), reach * images.std(dim=0)
        ones = torch.ones(len(signal))
        interval = Interval(mean - spread, mean + spread)
        return mean, interval, OfScans(ones, ones * math.nan, torch.zeros_like(ones).long())

    return spans


def _found(spans: Spans, samples: Iterable[Sample], task: Task) -> list[_Scan]:
    scans: list[_Scan] = []
    for sample in samples:
        scans += _of_batch(*spans(sample.signal), sample.concentration)
        task.advance(len(sample.indices))
    return scans


def _of_batch(image: Images, interval: Interval, said: OfScans, truth: Images) -> list[_Scan]:
    pixels = pixel_factors_needed(image, interval, truth)
    masses = mass_factors_needed(image, interval, truth)
    is_counted = tracer_and_edges(truth)
    half = half_width(interval)
    peak = truth.amax(dim=(1, 2, 3))
    scans = []
    for number, needed in enumerate(pixels):
        factor = float(said.pixel_factors[number])
        mass_factor = float(said.mass_factors[number])
        is_covered = needed <= factor
        counted = is_counted[number]
        share = (truth[number][counted] / peak[number]).numpy(force=True)
        levels = [
            _mean(is_covered[(share >= low) & (share < high)])
            for low, high in ((0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, math.inf))
        ]
        scans.append(_Scan(
            _mean(is_covered), (levels[0], levels[1], levels[2]),
            factor * float(half[number][counted].mean() / peak[number]),
            math.nan if math.isnan(mass_factor) else _mean(masses[number] <= mass_factor),
            bool(said.reasons[number]),
        ))  # fmt: skip
    return scans


def _row(
    label: str,
    number: int,
    set_name: str,
    is_guaranteed: bool,
    scans: Sequence[_Scan],
    aim: float,
) -> Coverage:
    covered = np.array([scan.covered for scan in scans])
    is_withheld = np.array([scan.is_withheld for scan in scans])
    has_failed = covered < 1 - _FAILED
    levels = np.array([scan.by_concentration for scan in scans])
    faint, middle, strong = (_mean(column) for column in levels.T)
    return Coverage(
        label, number, set_name, is_guaranteed, len(scans), aim,
        *student_interval(covered), faint, middle, strong,
        half_width=_mean(np.array([scan.half_width for scan in scans])),
        masses=_mean(np.array([scan.masses for scan in scans])),
        withheld=_mean(is_withheld), failed_kept=_mean(~is_withheld[has_failed]),
    )  # fmt: skip


def _mean(values: NDArray[np.generic]) -> float:
    """Returns the mean of what is not NaN; NaN of nothing."""
    known = values[~np.isnan(values.astype(np.float64))]
    return float(known.mean()) if len(known) else math.nan
