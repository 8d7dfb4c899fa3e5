"""The table of an evaluation: what every method makes of every case, and what follows from it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.aggregation import CatMetric

from mpi_cascade.devices import in_full_precision
from mpi_cascade.evaluation.estimates import OWN_THRESHOLD, Columns
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.scans.simulated import Sample

CASCADE = "cascade"
"""Label of the cascade where there is only one."""

_HEAD = ("index", "gap_mm")


class MethodKey(NamedTuple):
    """What makes an image.

    Attributes:
        label: The method's name.
        number: Number of the training among those of its label.
        image: ``final`` or ``preliminary``.
    """

    label: str
    number: int
    image: str


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


class Cases(NamedTuple):
    """What was measured of one method on one set.

    Attributes:
        key: The method.
        part: The set.
        columns: The values of each case, in the order of their ``index`` in the set's stream; of
            pairs, their controls and discs ``gap_mm`` is the gap, elsewhere NaN.
    """

    key: MethodKey
    part: EvaluationSet
    columns: Columns


class CaseTable(nn.Module):
    """The values of every case, kept over batches and processes where they are computed.

    Keeping the cases, not their sums, is what makes intervals, R² and resolvable gaps possible.
    Results don't depend on how the cases were split into batches or among processes, which may be
    without any.

    Args:
        parts: The sets.
        keys: What makes the images; the same in all processes.
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(
        self,
        parts: Sequence[EvaluationSet],
        keys: Sequence[MethodKey],
        field_of_view_m: tuple[float, float],
    ) -> None:
        super().__init__()
        self.parts, self.keys = list(parts), list(keys)
        self.field_of_view_m = field_of_view_m
        self._groups = [(key, part) for part in parts for key in keys]
        # The group, the index and the gap come before the columns.
        self._width = 1 + len(_HEAD) + max(len(part.kind.columns) for part in parts)
        self._values = CatMetric(nan_strategy="disable")

    @torch.no_grad()
    def add(self, key: MethodKey, part: EvaluationSet, estimate: Tensor, sample: Sample) -> None:
        """Measures images (batch, 1, y, x).

        Args:
            key: What made them.
            part: The set of the scans.
            estimate: The images.
            sample: The scans, and the truth behind them.
        """
        if not len(estimate):
            return
        group = [(key, part.name) for key, part in self._groups].index((key, part.name))
        rows = estimate.new_full((len(estimate), self._width), torch.nan, dtype=torch.float32)
        rows[:, 0] = group
        rows[:, 1] = sample.indices
        if sample.pairs is not None:
            rows[:, 2] = 1e3 * sample.pairs.gap_m
        # In full precision, whatever the networks use.
        with in_full_precision(rows.device):
            for number, measure in enumerate(part.kind.columns.values(), start=1 + len(_HEAD)):
                rows[:, number] = measure(estimate.float(), sample, self.field_of_view_m)
        # Flat, so that a process without cases, which gives an empty vector, fits those with.
        self._values.to(rows.device).update(rows.flatten())

    def cases(self) -> list[Cases]:
        """Returns the values of every method that has cases on a set, of all processes."""
        # A process without a case of its own has nothing to warn of.
        self._values.update(torch.zeros(0, device=self._values.device))
        # Without any it is an empty list.
        values = torch.as_tensor(self._values.compute())
        rows = values.cpu().double().numpy().reshape(-1, self._width)
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        found = [
            (key, part, rows[rows[:, 0] == number, 1:].T)
            for number, (key, part) in enumerate(self._groups)
        ]
        return [
            Cases(key, part, _named(part, columns)) for key, part, columns in found if columns.size
        ]


def results_of(found: Iterable[Cases], thresholds: Mapping[MethodKey, float]) -> list[Result]:
    """Returns every metric of every method on every set that has cases.

    Args:
        found: The cases.
        thresholds: The dip at which each method resolves, where it is known.
    """
    return [
        result
        for cases in found
        for result in _results_of(cases, thresholds.get(cases.key, math.nan))
    ]


def logged(results: Iterable[Result], split: str) -> dict[str, float]:
    """Returns results as a training logs them: ``val/final/psnr_db``, ``test/Tikhonov/psnr_db``.

    Args:
        results: Those of one cascade and of classical methods.
        split: ``val`` or ``test``.
    """
    named = ((item.image if item.label == CASCADE else item.label, item) for item in results)
    return {
        f"{split}/{_logged_name(name, item.metric, item.gap_mm)}": item.value
        for name, item in named
    }


def logged_metrics(suite: Suite) -> list[str]:
    """Returns the names of all that a training logs of a cascade on a suite, but for the split.

    Args:
        suite: The suite of a training.
    """
    return [
        _logged_name(image, metric, gap_mm)
        for image in Reconstruction._fields
        for part in suite.sets
        for gaps_mm, metrics in (((None,), part.kind.of_all), (part.gaps_mm, part.kind.of_gaps))
        for gap_mm in gaps_mm
        for metric in metrics
    ]


def _logged_name(name: str, metric: str, gap_mm: float | None) -> str:
    return f"{name}/{metric}" + ("" if gap_mm is None else f"@{gap_mm:g}mm")


def _named(part: EvaluationSet, columns: np.ndarray) -> Columns:
    named = dict(zip((*_HEAD, *part.kind.columns), columns, strict=False))
    # In float32 a gap of 0.3 mm is not quite that.
    return {**named, "gap_mm": named["gap_mm"].round(6)}


def _results_of(cases: Cases, threshold: float) -> Iterable[Result]:
    key, part, columns = cases
    columns = {**columns, OWN_THRESHOLD: np.full(len(columns["index"]), threshold)}
    for metric, statistic in part.kind.of_all.items():
        yield Result(*key, part.name, metric, None, **statistic(columns)._asdict())
    for gap_mm in np.unique(columns["gap_mm"]).tolist() if part.kind.of_gaps else ():
        of_gap = {name: values[columns["gap_mm"] == gap_mm] for name, values in columns.items()}
        for metric, statistic in part.kind.of_gaps.items():
            yield Result(*key, part.name, metric, gap_mm, **statistic(of_gap)._asdict())
