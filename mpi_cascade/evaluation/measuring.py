"""Measures methods on a suite: every metric of every method on every set.

Must not know how results are shown.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from mpi_cascade.evaluation.methods import FINAL, Method
from mpi_cascade.evaluation.suites import EvaluationSet, Suite
from mpi_cascade.metrics.cases import CaseMetric, ImageMean
from mpi_cascade.metrics.collection import phantom_metrics
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.metrics.pair_cases import (
    FalseSplitRate,
    MeanDip,
    MeanDiscNonUniformity,
    MeanLocalisationError,
    MeanWidth,
    ResolvableGap,
    ResolvedFraction,
)
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.scans.simulated import Sample

Bundle = Mapping[str, CaseMetric]
_NUM_TIMINGS = 5


class Result(NamedTuple):
    """One number.

    Attributes:
        label: The method's name.
        number: Number of the training among those of its label.
        image: ``final`` or ``preliminary``.
        set_name: The set of scans.
        metric: Name of the metric, with its unit.
        gap_mm: The gap in mm, None for a metric over all of the set.
        value: The metric.
        low: Lower end of its 95 % interval over the cases.
        high: Upper end.
        num_cases: Number of cases.
    """

    label: str
    number: int
    image: str
    set_name: str
    metric: str
    gap_mm: float | None
    value: float
    low: float
    high: float
    num_cases: int


def measure(
    methods: Sequence[Method],
    suite: Suite,
    models: ScannerModels,
    image_shape: tuple[int, int],
    advance: Callable[[int], None],
) -> list[Result]:
    """Returns every metric of every method on every set of a suite.

    Args:
        methods: The methods; all of them are given the same signals.
        suite: The suite.
        models: The models of the nominal scanner.
        image_shape: Pixels (y, x) of the images.
        advance: Called with the number of images after each batch of each method.
    """
    results: list[Result] = []
    for kind, metrics in _METRICS.items():
        for part in getattr(suite, kind):
            table = _Table(metrics, models.scanner.field_of_view_m)
            for sample in part.batches(models, image_shape):
                for method in methods:
                    table.add(method, sample)
                    advance(len(sample.indices))
            results += table.results(part)
    return results


def quality_db(methods: Sequence[Method], signal: Tensor, truth: Tensor) -> dict[str, float]:
    """Returns each label's mean PSNR in dB on a batch.

    Args:
        methods: The methods; of each label the first is taken.
        signal: Signals, (batch, channel, y, x).
        truth: True images, (batch, 1, y, x).
    """
    return {
        label: psnr(method.images(signal)[FINAL], truth).nanmean().item()
        for label, method in _firsts(methods).items()
    }


def _firsts(methods: Sequence[Method]) -> dict[str, Method]:
    return {method.label: method for method in methods if method.number == 0}


def times_per_image_s(methods: Sequence[Method], signal: Tensor) -> dict[str, float]:
    """Returns each label's time per image in s: the median of a few runs over a batch, in turn.

    Args:
        methods: The methods; of each label the first is timed.
        signal: The batch, (batch, channel, y, x).
    """
    firsts = _firsts(methods)
    times: dict[str, list[float]] = {label: [] for label in firsts}
    for _ in range(_NUM_TIMINGS):
        for label, method in firsts.items():
            start = time.perf_counter()
            method.images(signal)
            times[label].append((time.perf_counter() - start) / len(signal))
    return {label: sorted(values)[_NUM_TIMINGS // 2] for label, values in times.items()}


def _phantom_metrics(size_m: tuple[float, float]) -> Bundle:
    metrics = phantom_metrics(size_m)
    # A comparison's names end in their unit.
    return {"psnr_db": metrics.pop("psnr"), **metrics}


def _all_pairs_metrics(size_m: tuple[float, float]) -> Bundle:
    return {
        "resolvable_gap_m": ResolvableGap(size_m),
        "disc_non_uniformity": MeanDiscNonUniformity(size_m),
    }


def _pair_metrics(size_m: tuple[float, float]) -> Bundle:
    return {
        "dip": MeanDip(size_m),
        "resolved": ResolvedFraction(size_m),
        "disc_non_uniformity": MeanDiscNonUniformity(size_m),
    }


def _capsule_metrics(size_m: tuple[float, float]) -> Bundle:
    return {"false_splits": FalseSplitRate(size_m)}


def _disc_metrics(size_m: tuple[float, float]) -> Bundle:
    return {
        "width_m": MeanWidth(size_m),
        "localisation_error_m": MeanLocalisationError(size_m),
        "disc_non_uniformity": MeanDiscNonUniformity(size_m),
        "psnr_db": ImageMean(psnr, higher_is_better=True),
    }


class _Metrics(NamedTuple):
    """What is measured on one kind of sets, for a field of view in m.

    Attributes:
        of_all: Metrics over all cases of a set.
        of_gaps: Metrics over the cases of each gap.
    """

    of_all: Callable[[tuple[float, float]], Bundle]
    of_gaps: Callable[[tuple[float, float]], Bundle] = lambda size_m: {}


_METRICS = {
    "phantoms": _Metrics(_phantom_metrics),
    "pairs": _Metrics(_all_pairs_metrics, _pair_metrics),
    "capsules": _Metrics(_capsule_metrics, _capsule_metrics),
    "discs": _Metrics(_disc_metrics),
}


class _Table:
    """The metrics of all methods on one set, as they accumulate."""

    def __init__(self, metrics: _Metrics, field_of_view_m: tuple[float, float]) -> None:
        self._kinds = metrics
        self._field_of_view_m = field_of_view_m
        self._bundles: dict[tuple[str, int, str, float | None], Bundle] = {}

    def add(self, method: Method, sample: Sample) -> None:
        """Adds what a method makes of a batch, which has one gap if the set has gaps."""
        assert sample.pairs is None or len(sample.pairs.gap_m.unique()) == 1
        for image, estimate in method.images(sample.signal).items():
            key = method.label, method.number, image
            self._update((*key, None), self._kinds.of_all, estimate, sample)
            if sample.pairs is not None:
                gap_mm = round(1e3 * sample.pairs.gap_m[0].item(), 6)
                self._update((*key, gap_mm), self._kinds.of_gaps, estimate, sample)

    def results(self, part: EvaluationSet) -> list[Result]:
        """Returns all metrics with their intervals."""
        return [
            Result(
                label, number, image, part.name, name, gap_mm, metric.compute().item(),
                *metric.interval(), num_cases=metric.num_cases,
            )
            for (label, number, image, gap_mm), bundle in self._bundles.items()
            for name, metric in bundle.items()
        ]  # fmt: skip

    def _update(
        self,
        key: tuple[str, int, str, float | None],
        kind: Callable[[tuple[float, float]], Bundle],
        estimate: Tensor,
        sample: Sample,
    ) -> None:
        if key not in self._bundles:
            self._bundles[key] = kind(self._field_of_view_m)
        for metric in self._bundles[key].values():
            metric.update(estimate, sample)
