"""The comparison as files: CSV, JSON and Markdown.

Must not know how numbers were measured.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mpi_cascade.evaluation.convergence import Progress, has_converged
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.measuring import Result
from mpi_cascade.evaluation.methods import FINAL, PRELIMINARY
from mpi_cascade.evaluation.summary import Difference, Summary
from mpi_cascade.results.tables import markdown_table


class Column(NamedTuple):
    """A column of the summary table.

    Attributes:
        title: Heading.
        set_name: The set of scans.
        metric: Name of the metric.
        factor: What the value is multiplied by.
        digits: Digits after the point.
    """

    title: str
    set_name: str
    metric: str
    factor: float = 1.0
    digits: int = 2


COLUMNS = (
    Column("PSNR / dB", "phantoms", "psnr_db"),
    Column("SSIM", "phantoms", "ssim", digits=3),
    Column("mass R²", "phantoms", "mass_r2", digits=4),
    Column("mass bias / %", "phantoms", "mass_bias", 100),
    Column("non-uniformity", "phantoms", "non_uniformity", digits=3),
    Column("ghosts", "phantoms", "ghost_energy", digits=4),
    Column("non-uniformity of pairs", "pairs along x, 0.4 mm", "disc_non_uniformity", digits=3),
    Column("resolvable gap along x / mm", "pairs along x, 0.4 mm", "resolvable_gap_m", 1e3),
    Column("… along y / mm", "pairs along y, 0.4 mm", "resolvable_gap_m", 1e3),
    Column("capsules split / %", "capsules along x, 0.4 mm", "false_splits", 100, 1),
    Column("… any angle / %", "capsules any angle, 0.4 mm", "false_splits", 100, 1),
    Column("width of a 0.4 mm disc / mm", "discs 0.4 mm", "width_m", 1e3),
    Column("its place error / mm", "discs 0.4 mm", "localisation_error_m", 1e3, 3),
)
"""What the summary table shows."""


def write_csv(path: Path, rows: Sequence[Summary | Difference | Result | Limit | Progress]) -> None:
    """Writes named tuples of one kind as CSV; nothing for no rows."""
    if not rows:
        return
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0]._fields)
        writer.writerows(rows)


def write_json(path: Path, provenance: Mapping[str, Any], summaries: Sequence[Summary]) -> None:
    """Writes where the numbers come from, and the numbers; NaN becomes null."""
    rows = [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in summary._asdict().items()
        }
        for summary in summaries
    ]
    path.write_text(json.dumps({**provenance, "results": rows}, indent=1) + "\n")


def summary_table(
    summaries: Sequence[Summary], times_s: Mapping[str, float], columns: Sequence[Column] = COLUMNS
) -> str:
    """Returns a Markdown table: a row per method and image, best PSNR first.

    Args:
        summaries: The results.
        times_s: Time per image of each label in s.
        columns: What to show, each with its 95 % interval.
    """
    found = {
        (item.label, item.image, item.set_name, item.metric): item
        for item in summaries
        if item.gap_mm is None
    }
    keys = list(dict.fromkeys((item.label, item.image) for item in summaries))
    first = columns[0]

    def quality(key: tuple[str, str]) -> float:
        item = found.get((*key, first.set_name, first.metric))
        return -math.inf if item is None or math.isnan(item.value) else item.value

    titles = [column.title for column in columns]
    head = ["method", "seeds", *titles, "worst capsules split / %", "ms per image"]
    rows: list[list[str]] = []
    for label, image in sorted(keys, key=quality, reverse=True):
        items = [found.get((label, image, column.set_name, column.metric)) for column in columns]
        seeds = max(item.num_seeds for item in summaries if item.label == label)
        time = f"{1e3 * times_s[label]:.3g}" if image == FINAL else ""
        name = label if image == FINAL else f"{label}, {PRELIMINARY}"
        cells = [_cell(item, column) for item, column in zip(items, columns, strict=True)]
        rows.append([name, str(seeds), *cells, _worst_split(summaries, label, image), time])
    return markdown_table(head, rows)


def difference_table(differences: Sequence[Difference], columns: Sequence[Column] = COLUMNS) -> str:
    """Returns a Markdown table of paired differences: a row per label."""
    found = {(item.label, item.set_name, item.metric): item for item in differences}
    head = ["minus " + differences[0].reference, "seeds", *(column.title for column in columns)]
    rows: list[list[str]] = []
    for label in dict.fromkeys(item.label for item in differences):
        items = [found.get((label, column.set_name, column.metric)) for column in columns]
        cells = [_cell(item, column) for item, column in zip(items, columns, strict=True)]
        num_seeds = next(item.num_seeds for item in differences if item.label == label)
        rows.append([label, str(num_seeds), *cells])
    return markdown_table(head, rows)


def limit_table(limits: Sequence[Limit], set_name: str) -> str:
    """Returns a Markdown table of d′ against the gap."""
    chosen = [limit for limit in limits if limit.set_name == set_name]
    head = ["gap / mm", *(f"{limit.gap_mm:g}" for limit in chosen)]
    rows = [
        ["d′, any capsule", *(f"{limit.d_prime:.1f}" for limit in chosen)],
        ["d′, outline's capsule", *(f"{limit.outline_d_prime:.1f}" for limit in chosen)],
    ]
    return markdown_table(head, rows)


def convergence_table(progress: Sequence[Progress]) -> str:
    """Returns a Markdown table of PSNR against iterations, and whether it has settled."""
    rows: list[list[str]] = []
    for label in dict.fromkeys(step.label for step in progress):
        steps = [step for step in progress if step.label == label]
        path = ", ".join(f"{step.iteration} → {step.psnr_db:.2f}" for step in steps)
        settled = "yes" if has_converged(steps) else "no"
        rows.append([label, path, f"{1e3 * steps[-1].time_s:.3g}", settled])
    return markdown_table(["method", "iterations → PSNR / dB", "ms per image", "converged"], rows)


def _worst_split(summaries: Sequence[Summary], label: str, image: str) -> str:
    """Returns the share of the outline, of any set, whose capsules are split most often."""
    of_outlines = [
        item
        for item in summaries
        if (item.label, item.image, item.metric) == (label, image, "false_splits")
        and item.gap_mm is not None
    ]
    worst = max(of_outlines, key=lambda item: item.value, default=None)
    return _cell(worst, Column("", "", "false_splits", 100, 1))


def _cell(item: Summary | Difference | None, column: Column) -> str:
    if item is None:
        return ""
    if math.isnan(item.value):
        return "–"
    value = f"{column.factor * item.value:.{column.digits}f}"
    if math.isnan(item.low) and math.isnan(item.high):
        return value
    low, high = (
        "?" if math.isnan(end) else f"{column.factor * end:.{column.digits}f}"
        for end in (item.low, item.high)
    )
    return f"{value} ({low} … {high})"
