"""The tables of thresholds, of the ROC and of scanners that are off, as Markdown."""

import math
from collections.abc import Sequence

from mpi_cascade.evaluation.methods import FINAL, PRELIMINARY
from mpi_cascade.evaluation.off_scanners import OFF_GAPS_MM
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import Column, cell, or_dash
from mpi_cascade.evaluation.thresholds import Threshold
from mpi_cascade.results.tables import markdown_table


def threshold_table(thresholds: Sequence[Threshold]) -> str:
    """Returns a Markdown table of every training's threshold."""
    has_seeds = any(item.number for item in thresholds)
    return markdown_table(
        ["method", *["training"] * has_seeds, "threshold", "nulls", "split by dip 0.265 / %"],
        [
            [
                item.label if item.image == FINAL else f"{item.label}, {PRELIMINARY}",
                *[str(item.number)] * has_seeds,
                or_dash(item.threshold, ".3f"),
                str(item.num_nulls),
                f"{100 * item.split_at_rayleigh:.1f}",
            ]
            for item in thresholds
        ],
    )


def roc_table(summaries: Sequence[Summary]) -> str:
    """Returns a Markdown table of the ROC of final images: a row per set and method."""
    found = {
        (item.set_name, item.label, item.metric, item.gap_mm): item.value
        for item in summaries
        if item.image == FINAL and item.metric.startswith("roc_")
    }
    gaps_mm = sorted({gap_mm for _, _, _, gap_mm in found if gap_mm is not None})
    rows = []
    for set_name, label in dict.fromkeys(key[:2] for key in found):
        cells = []
        for gap_mm in gaps_mm:
            values = [
                found.get((set_name, label, metric, gap_mm))
                for metric in ("roc_area", "roc_resolved_1pct", "roc_resolved_5pct")
            ]
            cells.append("" if values[0] is None else _roc_cell(values))
        rows.append([set_name, label, *cells])
    return markdown_table(["pairs", "method", *(f"{gap_mm:g} mm" for gap_mm in gaps_mm)], rows)


def off_table(summaries: Sequence[Summary], names: Sequence[str]) -> str:
    """Returns a Markdown table of final images on true scanners that are off.

    Args:
        summaries: The results.
        names: Names of the true scanners.
    """
    found = {item[:5]: item for item in summaries}
    labels = dict.fromkeys(item.label for item in summaries)
    first = [
        Column("PSNR / dB", "", "psnr_db"),
        Column("mass R²", "", "mass_r2", digits=3),
        Column("mass bias / %", "", "mass_bias", 100, 1),
        *(
            Column(f"resolved at {gap_mm:g} mm / %", "pairs, ", "resolved_at_1pct", 100, 0, gap_mm)
            for gap_mm in OFF_GAPS_MM
        ),
        Column("nulls split / %", "nulls, ", "split_at_1pct", 100, 0),
        Column("… by dip 0.265 / %", "nulls, ", "false_splits", 100, 0),
    ]
    return markdown_table(
        ["true scanner", "method", *(column.title for column in first)],
        [
            [
                name,
                label,
                *(
                    cell(found.get((label, FINAL, f"{c.set_name}{name}", c.metric, c.gap_mm)), c)
                    for c in first
                ),
            ]
            for name in names
            for label in labels
        ],
    )


def _roc_cell(values: Sequence[float | None]) -> str:
    area, *shares = (math.nan if value is None else value for value in values)
    percents = " / ".join(or_dash(100 * share, ".0f") for share in shares)
    return f"{area:.3f}; {percents}"
