"""Draws how well the scanner must be known, from the CSV files of ``docs/results/knowledge``.

    python docs/knowledge.py

makes ``knowledge.png`` there: what weights do that were trained for a scanner known exactly, and to
± 1, 2 and 5 %.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from results_tables import values_of

from mpi_cascade.evaluation.thresholds import ALL_NULLS

DIRECTORY = Path(__file__).parent / "results" / "knowledge"
WEIGHTS = ("exact", "1 percent", "2 percent", "5 percent")
KNOWN_TO = ("exactly", "± 1 %", "± 2 %", "± 5 %")
PAIRS = "pairs along x, 0.3–0.6 mm"
OFF = ("gradient -5 %", "gradient +5 %", "core diameter -5 %", "core diameter +5 %")


def main() -> None:
    """Draws the picture."""
    numbers = values_of(DIRECTORY / "comparison.csv")

    def draw(
        axes: pyplot.Axes, label: str, set_name: str, metric: str, gap_mm: float | None = None
    ) -> None:
        """Draws values with their intervals, each weights' beside those of the others."""
        factor = 1 if metric == "psnr_db" else 100
        curve = [numbers[name][set_name, metric, gap_mm] for name in WEIGHTS]
        values, lows, highs = ([factor * n for n in ends] for ends in zip(*curve, strict=True))
        shift = 0.06 * len(axes.get_lines()) - 0.12
        places = [number + shift for number in range(len(values))]
        (line,) = axes.plot(places, values, "o-", label=label)
        if metric != "psnr_db":
            axes.vlines(places, lows, highs, color=line.get_color(), alpha=0.5)

    figure, (resolved, split, psnr) = pyplot.subplots(
        1, 3, figsize=(12, 4), constrained_layout=True
    )
    for gap_mm in (0.1, 0.15, 0.2, 0.3):
        draw(resolved, f"{gap_mm:g} mm", PAIRS, "resolved_at_1pct", gap_mm)
    for name in OFF:
        draw(split, name, f"nulls, {name}", "split_at_1pct")
        draw(psnr, name, name, "psnr_db")
    draw(split, "as believed", ALL_NULLS, "split_at_1pct")
    draw(psnr, "as believed", "phantoms", "psnr_db")
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


if __name__ == "__main__":
    main()
