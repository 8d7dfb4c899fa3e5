"""The benchmark as a table, as JSON and as a picture. Must not know how numbers were measured."""

import json
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure

from mpi_cascade import __version__
from mpi_cascade.benchmark.timing import Row

_SIZED = re.compile(r"(.+), (\d+) × \d+ pixels")


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as text: name, median, quartiles, unit, a block for each section."""
    width = max((len(row.name) for row in rows), default=0)
    lines: list[str] = []
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section]
        around = "" if row.low == row.high else f"({_number(row.low)} … {_number(row.high)})"
        value = _number(row.value)
        lines.append(f"  {row.name:<{width}}  {value:>9} {row.unit:<13} {around}".rstrip())
    return "\n".join(lines[1:]) + "\n"


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Writes the rows and what they were measured on."""
    machine = {
        "processor": _processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "platform": platform.platform(), "python": platform.python_version(),
        "torch": torch.__version__, "mpi_cascade": __version__,
    }  # fmt: skip
    result = {"machine": machine, "rows": [row._asdict() for row in rows]}
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def scaling_figure(rows: Sequence[Row]) -> Figure | None:
    """Returns the cost per sample against pixels with the fitted exponents, where it was measured.

    Args:
        rows: All rows.
    """
    curves: dict[str, list[tuple[int, Row]]] = {}
    for row in rows:
        match = _SIZED.fullmatch(row.name)
        if match and row.section == "scaling" and row.unit == "ms per sample":
            curves.setdefault(match[1], []).append((int(match[2]) ** 2, row))
    if not curves:
        return None
    exponents = {row.name: row.value for row in rows if row.unit == "a"}
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        pixels = [number for number, _ in points]
        costs = [row.value for _, row in points]
        below = [row.value - row.low for _, row in points]
        above = [row.high - row.value for _, row in points]
        exponent = exponents[f"exponent of {name}: cost ∝ pixelsᵃ"]
        axes.errorbar(
            pixels, costs, (below, above), fmt="o-", capsize=3,
            label=f"{name}: pixels^{exponent:.2f}",
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(pixels, [f"{round(number**0.5)}²" for number in pixels])
    axes.set_xlabel("pixels of the image, as many FFP positions")
    axes.set_ylabel("time per sample / ms")
    reference = exponents["exponent of n log n over these sizes"]
    axes.legend(title=f"n log n: pixels^{reference:.2f}", frameon=False)
    return figure


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.is_file() else ""
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.processor()
