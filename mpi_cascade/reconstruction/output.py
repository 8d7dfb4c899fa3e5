"""What is said of scans: a table with a row for each, and a summary."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.reconstruction.judging import Quality, usual
from mpi_cascade.results.tables import markdown_table, write_csv

_COLUMNS = {
    "peak": "peak",
    "noise": "noise",
    "peak_snr_db": "peak SNR / dB",
    "residual": "residual",
    "residual_to_noise": "residual / noise",
    "measured_share": "share that the scan determines",
}


def write_table(
    path: Path,
    quality: Quality,
    intervals: Sequence[str],
    differences: Sequence[str],
    warnings: Sequence[Sequence[str]],
) -> None:
    """Writes a row per scan as CSV; what has no value is empty.

    Args:
        path: The file.
        quality: Quality of all scans.
        intervals: What each scan's intervals hold, or why they are withheld.
        differences: What the file says that is not as in training.
        warnings: What is wrong with each scan.
    """
    columns = [getattr(quality, name).tolist() for name in _COLUMNS]
    rows = [
        [
            scan,
            *(float(f"{value:.6g}") for value in values),
            held,
            "; ".join([*differences, *wrong]),
        ]
        for scan, (*values, held, wrong) in enumerate(
            zip(*columns, intervals, warnings, strict=True)
        )
    ]
    write_csv(path, ["scan", *_COLUMNS, "intervals", "warnings"], rows)


def summary(
    quality: Quality,
    training: Quality,
    differences: Sequence[str],
    warnings: Sequence[Sequence[str]],
) -> str:
    """Returns a table of scans beside training scans, and all warnings.

    Args:
        quality: Quality of all scans.
        training: Quality of training scans.
        differences: What the file says that is not as in training.
        warnings: What is wrong with each scan.
    """
    rows = []
    for name, title in _COLUMNS.items():
        values = getattr(quality, name)
        known = values[~values.isnan()]
        shown = (known.median(), known.min(), known.max()) if len(known) else ()
        low, high = usual(getattr(training, name))
        numbers = [f"{value:.3g}" for value in shown] or ["not known", "", ""]
        known_range = "not known" if math.isnan(low) else f"{low:.3g} … {high:.3g}"
        rows.append([title, *numbers, known_range])
    lines = [markdown_table(["scans", "median", "least", "most", "usual in training"], rows)]
    lines += [f"warning: the scanner is not the trained one: {phrase}" for phrase in differences]
    for word, count in Counter(word for wrong in warnings for word in wrong).items():
        first = next(scan for scan, wrong in enumerate(warnings) if word in wrong)
        lines.append(f"warning: {word}: {count} of {len(warnings)} scans, the first is {first}")
    return "\n".join(lines)
