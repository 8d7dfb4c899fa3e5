"""The picture of resolved pairs, split capsules and what noise allows."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.figures import MARKERS
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.methods import FINAL
from mpi_cascade.evaluation.suite_parts import LEAST_FAVOURABLE
from mpi_cascade.evaluation.summary import Summary

_CERTAIN = 4.0
_LEGEND_INCH = 3.3
"""Width of the longest entry of the legend."""
_ROWS = {
    "pairs": "pairs resolved",
    LEAST_FAVOURABLE: "capsules most like them split\n(dashed: the least possible)",
    "capsules": "capsules of their outline split",
}
"""What a row shows, by what stands in place of ``pairs`` in the name of its sets."""


def resolution_curves(
    summaries: Sequence[Summary],
    limits: Sequence[Limit],
    bounds: Sequence[Bound],
    set_names: Sequence[str],
) -> Figure:
    """Returns resolved pairs, split capsules and the limit against the gap, a column per set.

    Pairs are resolved, and capsules split, at each method's own threshold. Beside the capsules most
    like the pairs stands, dashed, the least share of them that any method splits which resolves as
    many pairs.

    Args:
        summaries: The results.
        limits: What noise allows.
        bounds: What noise allows beside what was measured.
        set_names: Two-point sets, each named ``pairs …`` with its controls ``capsules …``, of the
            pairs' outlines, or ``least favourable …``.
    """
    measured = {item.set_name for item in summaries}
    rows = {
        stem: title
        for stem, title in _ROWS.items()
        if any(name.replace("pairs", stem, 1) in measured for name in set_names)
    }
    num_rows, num_sets = len(rows) + 1, len(set_names)
    figure = Figure(figsize=(4.6 * num_sets + 1, 3.1 * num_rows), layout="constrained")
    axes = figure.subplots(num_rows, num_sets, squeeze=False, sharex=True, sharey="row")
    for column, name in zip(axes.T, set_names, strict=True):
        for axis, stem in zip(column, rows, strict=False):
            metric = "resolved_at_1pct" if stem == "pairs" else "split_at_1pct"
            _curves(axis, summaries, name.replace("pairs", stem, 1), metric)
            if stem == LEAST_FAVOURABLE:
                _bound_curves(axis, [item for item in bounds if item.set_name == name], summaries)
        _limit_curves(column[-1], [item for item in limits if item.set_name == name])
        column[0].set_title(name)
        column[-1].set_xlabel("gap between the discs / mm")
    for axis, title in zip(axes[:, 0], (*rows.values(), "ideal observer's d′"), strict=True):
        axis.set_ylabel(title)
    entries = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    num_columns = max(1, int(figure.get_figwidth() / _LEGEND_INCH))
    figure.legend(
        list(entries.values()), list(entries),
        loc="outside lower center", ncols=num_columns, frameon=False,
    )  # fmt: skip
    return figure


def _bound_curves(axis: Axes, bounds: Sequence[Bound], summaries: Sequence[Summary]) -> None:
    for number, label in enumerate(dict.fromkeys(item.label for item in summaries)):
        chosen = [
            bound
            for bound in bounds
            if (bound.label, bound.image, bound.criterion) == (label, FINAL, "resolved_at_1pct")
        ]
        axis.plot(
            [bound.gap_mm for bound in chosen], [bound.least_splits for bound in chosen],
            color=f"C{number % 10}", linestyle="--", linewidth=1,
        )  # fmt: skip
        if suspects := [bound for bound in chosen if bound.is_suspect]:
            axis.plot(
                [bound.gap_mm for bound in suspects], [bound.split for bound in suspects],
                "x", color="red", markersize=9, label="fewer split than is possible: suspect",
            )  # fmt: skip


def _curves(axis: Axes, summaries: Sequence[Summary], set_name: str, metric: str) -> None:
    labels = list(dict.fromkeys(item.label for item in summaries))
    for number, label in enumerate(labels):
        points = [
            item
            for item in summaries
            if (item.label, item.image, item.set_name, item.metric)
            == (label, FINAL, set_name, metric)
            and item.gap_mm is not None
        ]
        gaps = [item.gap_mm or 0.0 for item in points]
        if not points:
            continue
        axis.plot(
            gaps, [item.value for item in points], color=f"C{number % 10}", label=label,
            marker=MARKERS[number // 10 % len(MARKERS)], markersize=3, linewidth=1.2,
        )  # fmt: skip
        axis.fill_between(
            gaps, [max(item.low, 0) for item in points], [min(item.high, 1) for item in points],
            color=f"C{number % 10}", alpha=0.15, linewidth=0,
        )  # fmt: skip
    axis.set_ylim(-0.03, 1.03)
    axis.grid(color="0.9")


def _limit_curves(axis: Axes, limits: Sequence[Limit]) -> None:
    if not limits:
        axis.text(0.5, 0.5, "no limit is known", transform=axis.transAxes, ha="center")
        return
    gaps = [limit.gap_mm for limit in limits]
    axis.plot(gaps, [limit.d_prime for limit in limits], "k-", label="d′, any capsule")
    axis.plot(
        gaps, [limit.outline_d_prime for limit in limits], "k--",
        label="d′, capsule of the pair's outline",
    )  # fmt: skip
    if not any(math.isnan(limit.off_d_prime) for limit in limits):
        axis.plot(
            gaps, [limit.off_d_prime for limit in limits], "k:",
            label=f"d′, any capsule, scanner known to {limits[0].off_percent:g} %",
        )  # fmt: skip
    axis.axhline(
        _CERTAIN, color="0.5", linewidth=0.8, linestyle=":",
        label=f"d′ = {_CERTAIN:g} (errs in 2 %), and from which gap",
    )  # fmt: skip
    axis.set_yscale("log")
    axis.grid(color="0.9")
    crossing = next((limit.gap_mm for limit in limits if limit.d_prime >= _CERTAIN), math.nan)
    if not math.isnan(crossing):
        axis.axvline(crossing, color="0.5", linewidth=0.8, linestyle=":")
