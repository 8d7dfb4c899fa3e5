"""The tables of a comparison, as Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mpi_cascade.evaluation.convergence import Progress, has_converged
from mpi_cascade.evaluation.methods import FINAL, PRELIMINARY
from mpi_cascade.evaluation.summary import Difference, Summary
from mpi_cascade.evaluation.thresholds import ALL_NULLS
from mpi_cascade.results.tables import markdown_table


class Column(NamedTuple):
    """A column of the summary table.

    Attributes:
        title: Heading.
        set_name: The set of scans.
        metric: Name of the metric.
        factor: What the value is multiplied by.
        digits: Digits after the point.
        gap_mm: The gap in mm, None for a metric over all of the set.
    """

    title: str
    set_name: str
    metric: str
    factor: float = 1.0
    digits: int = 2
    gap_mm: float | None = None


_CAPSULES = "capsules "
ALONG_X, VARIED_ALONG_X = "pairs along x, 0.4 mm", "pairs along x, 0.3–0.6 mm"

_COLUMNS = (
    Column("PSNR / dB", "phantoms", "psnr_db"),
    Column("SSIM", "phantoms", "ssim", digits=3),
    Column("nRMSE", "phantoms", "nrmse", digits=3),
    Column("nRMSE at a tenth of the tracer", "a tenth of the tracer", "nrmse", digits=3),
    Column("mass R²", "phantoms", "mass_r2", digits=4),
    Column("mass bias / %", "phantoms", "mass_bias", 100),
    Column("non-uniformity", "phantoms", "non_uniformity", digits=3),
    Column("ghosts", "phantoms", "ghost_energy", digits=4),
    Column("non-uniformity of pairs", "pairs", "disc_non_uniformity", digits=3),
    Column("resolvable gap / mm", "pairs", "resolvable_gap_mm"),
    Column("… by dip 0.265 / mm", "pairs", "resolvable_gap_rayleigh_mm"),
    Column("nulls split / %", "nulls", "split_at_1pct", 100, 1),
    Column("… by dip 0.265 / %", "nulls", "false_splits", 100, 1),
    Column("resolvable gap along x, 0.3–0.6 mm / mm", VARIED_ALONG_X, "resolvable_gap_mm"),
    Column("… by dip 0.265 / mm", VARIED_ALONG_X, "resolvable_gap_rayleigh_mm"),
    Column("nulls split / %", ALL_NULLS, "split_at_1pct", 100, 1),
    Column("… by dip 0.265 / %", ALL_NULLS, "false_splits", 100, 1),
    Column("non-uniformity of pairs", ALONG_X, "disc_non_uniformity", digits=3),
    Column("resolvable gap along x / mm", ALONG_X, "resolvable_gap_mm"),
    Column("… by dip 0.265 / mm", ALONG_X, "resolvable_gap_rayleigh_mm"),
    Column("… along y / mm", "pairs along y, 0.4 mm", "resolvable_gap_mm"),
    Column("capsules split / %", "capsules along x, 0.4 mm", "split_at_1pct", 100, 1),
    Column("… any angle / %", "capsules any angle, 0.4 mm", "split_at_1pct", 100, 1),
    Column("width of a 0.4 mm disc / mm", "discs 0.4 mm", "width_mm"),
    Column("its place error / mm", "discs 0.4 mm", "localisation_error_mm", digits=3),
)


def summary_table(summaries: Sequence[Summary], times_s: Mapping[str, float]) -> str:
    """Returns a Markdown table of methods and what was measured of them, best PSNR first.

    It shows what there is, each value with its 95 % interval, and lies on its side where that makes
    it narrower.

    Args:
        summaries: The results.
        times_s: Time per image of each label in s.
    """
    columns = _columns_of(summaries)
    found = {item[:5]: item for item in summaries}
    has_seeds = any(item.num_seeds > 1 for item in summaries)
    has_capsules = any(item.set_name.startswith(_CAPSULES) for item in summaries)
    first = columns[0]

    def quality(key: tuple[str, str]) -> float:
        item = found.get((*key, first.set_name, first.metric, first.gap_mm))
        return -math.inf if item is None or math.isnan(item.value) else item.value

    rows: list[list[str]] = [
        [
            "method", *["seeds"] * has_seeds, *(column.title for column in columns),
            *["worst capsules split / %"] * has_capsules, "ms per image",
        ]
    ]  # fmt: skip
    keys = dict.fromkeys((item.label, item.image) for item in summaries)
    for label, image in sorted(keys, key=quality, reverse=True):
        items = [found.get((label, image, *column[1:3], column.gap_mm)) for column in columns]
        seeds = max(item.num_seeds for item in summaries if item.label == label)
        time = f"{1e3 * times_s[label]:.3g}" if image == FINAL else ""
        rows.append(
            [
                label if image == FINAL else f"{label}, {PRELIMINARY}",
                *[str(seeds)] * has_seeds,
                *(cell(item, column) for item, column in zip(items, columns, strict=True)),
                *[_worst_split(summaries, label, image)] * has_capsules,
                time,
            ]
        )
    return narrower(rows)


def difference_table(differences: Sequence[Difference]) -> str:
    """Returns a Markdown table of paired differences of the final images."""
    columns = [column for column in _columns_of(differences) if column.gap_mm is None]
    found = {(item.label, item.set_name, item.metric): item for item in differences}
    rows = [["minus " + differences[0].reference, "seeds", *(column.title for column in columns)]]
    for label in dict.fromkeys(item.label for item in differences):
        shown = [cell(found.get((label, *column[1:3])), column) for column in columns]
        num_seeds = next(item.num_seeds for item in differences if item.label == label)
        rows.append([label, str(num_seeds), *shown])
    return narrower(rows)


def convergence_table(progress: Mapping[str, Sequence[Progress]]) -> str:
    """Returns a Markdown table of PSNR and dip against iterations, and whether both settled."""
    rows: list[list[str]] = []
    for label, steps in progress.items():
        path = "; ".join(
            f"{step.iteration} → {step.psnr_db:.2f}, {step.mean_dip:.3f}" for step in steps
        )
        settled = "yes" if has_converged(steps) else "no"
        rows.append([label, path, f"{1e3 * steps[-1].time_s:.3g}", settled])
    return markdown_table(
        ["method", "iterations → PSNR / dB, mean dip", "ms per image", "converged"], rows
    )


def _columns_of(items: Sequence[Summary] | Sequence[Difference]) -> list[Column]:
    """Returns the columns of what was measured; of a short suite of pairs each gap has one too."""
    measured = {(item.set_name, item.metric) for item in items}
    found = [column for column in _COLUMNS if column[1:3] in measured]
    gaps_mm = dict.fromkeys(
        item.gap_mm for item in items if isinstance(item, Summary) and item.set_name == "pairs"
    )
    return found + [
        Column(f"{title} at {gap_mm:g} mm{unit}", "pairs", metric, factor, digits, gap_mm)
        for metric, title, unit, factor, digits in (
            ("resolved_at_1pct", "pairs resolved", " / %", 100, 1),
            ("resolved", "by dip 0.265", " / %", 100, 1),
            ("dip", "their dip", "", 1, 2),
        )
        for gap_mm in gaps_mm
        if gap_mm is not None
    ]  # fmt: skip


def _worst_split(summaries: Sequence[Summary], label: str, image: str) -> str:
    """Returns the share of the outline, of any set, whose capsules are split most often."""
    of_outlines = [
        item
        for item in summaries
        if (item.label, item.image, item.metric) == (label, image, "split_at_1pct")
        and item.gap_mm is not None
        and item.set_name.startswith(_CAPSULES)
    ]
    worst = max(of_outlines, key=lambda item: item.value, default=None)
    return cell(worst, Column("", "", "split_at_1pct", 100, 1))


def cell(item: Summary | Difference | None, column: Column) -> str:
    """Returns a value with its 95 % interval; nothing if there is none, – if it is undefined."""
    if item is None:
        return ""
    form = f".{column.digits}f"
    value, low, high = (column.factor * number for number in (item.value, item.low, item.high))
    if math.isnan(value) or (math.isnan(low) and math.isnan(high)):
        return or_dash(value, form)
    return f"{value:{form}} ({or_dash(low, form, '?')} … {or_dash(high, form, '?')})"


def or_dash(value: float, form: str, undefined: str = "–") -> str:
    """Returns a number in some format; –, or another sign, if it is undefined."""
    return undefined if math.isnan(value) else f"{value:{form}}"


def narrower(rows: Sequence[Sequence[str]]) -> str:
    """Returns the narrower one of a table, its head the first row, and its transpose."""
    tables = [
        markdown_table(first, others) for first, *others in (rows, list(zip(*rows, strict=True)))
    ]
    return min(tables, key=lambda table: table.index("\n"))
