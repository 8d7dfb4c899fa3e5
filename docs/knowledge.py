"""Draws how well the scanner must be known, from the CSV files of ``docs/results/knowledge``.

    python docs/knowledge.py

makes ``knowledge.png`` there: what weights do that were trained for a scanner known exactly, and to
± 1, 2 and 5 %.
"""

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from mpi_cascade.evaluation.thresholds import ALL_NULLS

DIRECTORY = Path(__file__).parent / "results" / "knowledge"
WEIGHTS = ("exact", "1 percent", "2 percent", "5 percent")
KNOWN_TO = ("exactly", "± 1 %", "± 2 %", "± 5 %")
PAIRS = "pairs along x, 0.3–0.6 mm"
OFF = ("gradient -5 %", "gradient +5 %", "core diameter -5 %", "core diameter +5 %")


def main() -> None:
    """Draws the picture."""
    rows = {}
    with (DIRECTORY / "comparison.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["image"] == "final":
                key = row["label"], row["set_name"], row["metric"], float(row["gap_mm"] or "nan")
                if not row["gap_mm"]:
                    key = (*key[:3], None)
                rows[key] = [float(row[name] or "nan") for name in ("value", "low", "high")]
    figure, (resolved, split, psnr) = pyplot.subplots(
        1, 3, figsize=(12, 4), constrained_layout=True
    )
    for gap_mm in (0.1, 0.15, 0.2, 0.3):
        curve = [rows[label, PAIRS, "resolved_at_1pct", gap_mm] for label in WEIGHTS]
        _draw(resolved, curve, f"{gap_mm:g} mm", 100)
    for name in OFF:
        curve = [rows[label, f"nulls, {name}", "split_at_1pct", None] for label in WEIGHTS]
        _draw(split, curve, name, 100)
        curve = [rows[label, name, "psnr_db", None] for label in WEIGHTS]
        _draw(psnr, curve, name, 1, has_intervals=False)
    curve = [rows[label, ALL_NULLS, "split_at_1pct", None] for label in WEIGHTS]
    _draw(split, curve, "as believed", 100)
    curve = [rows[label, "phantoms", "psnr_db", None] for label in WEIGHTS]
    _draw(psnr, curve, "as believed", 1, has_intervals=False)
    resolved.set(title="pairs on the scanner that is believed in", ylabel="resolved / %")
    split.set(title="single objects on five scanners", ylabel="split / %")
    psnr.set(title="phantoms on five scanners", ylabel="PSNR / dB")
    for axes in (resolved, split, psnr):
        axes.set_xticks(range(len(KNOWN_TO)), KNOWN_TO)
        axes.set_xlabel("gradient and core are known, in training")
    resolved.set_ylim(0, 104)
    split.set_ylim(-1, 60)
    resolved.legend(title="gap", loc="lower left", ncols=2)
    split.legend(title="true scanner, also of the picture beside it")
    figure.savefig(DIRECTORY / "knowledge.png", dpi=110)


def _draw(
    axes: pyplot.Axes,
    curve: list[list[float]],
    label: str,
    factor: float,
    has_intervals: bool = True,
) -> None:
    """Draws values with their intervals, each weights' beside those of the others."""
    shift = 0.06 * len(axes.get_lines()) - 0.12
    values, lows, highs = (
        [factor * number for number in column] for column in zip(*curve, strict=True)
    )
    places = [number + shift for number in range(len(values))]
    (line,) = axes.plot(places, values, "o-", label=label)
    if has_intervals:
        axes.vlines(places, lows, highs, color=line.get_color(), alpha=0.5)


if __name__ == "__main__":
    main()
