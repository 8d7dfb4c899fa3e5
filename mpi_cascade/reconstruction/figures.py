"""Figures of scans and their images: matplotlib figures from arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.physics.scanner import Scanner, cell_centres

_ROWS = 8


class Shown(NamedTuple):
    """A scan and its images.

    Attributes:
        title: What it is called.
        signal: Signal, (channel, y, x).
        preliminary: Preliminary image, (y, x).
        final: Final image, (y, x).
    """

    title: str
    signal: NDArray[np.float32]
    preliminary: NDArray[np.float32]
    final: NDArray[np.float32]


def contact_sheet(scans: Sequence[Shown], scanner: Scanner, unit: str | None = None) -> Figure:
    """Returns signal, preliminary and final image of scans side by side, one colour scale a kind.

    Of a signal the first channel is shown. One line is drawn as a profile along x.

    Args:
        scans: The scans.
        scanner: Their scanner; all images are of its field of view.
        unit: Unit of the images, if they have one.
    """
    num_blocks = -(-len(scans) // _ROWS)
    num_rows = -(-len(scans) // num_blocks)
    size_y_m, size_x_m = scanner.field_of_view_m
    is_line = scans[0].final.shape[0] == scans[0].signal.shape[1] == 1
    height = 1.8 if is_line else 0.3 + 1.9 * min(max(size_y_m / size_x_m, 0.4), 2.5)
    size = (6.6 * num_blocks + 0.6, height * num_rows + 1.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(num_rows + 1, 3 * num_blocks, height_ratios=[1] * num_rows + [0.06])
    for kind, (title, label, colours) in enumerate(_kinds(scanner, unit)):
        stack = [(scan.signal[0], scan.preliminary, scan.final)[kind] for scan in scans]
        limits = _limits(stack, has_signs=kind == 0, is_line=is_line)
        for number, values in enumerate(stack):
            row, block = number % num_rows, number // num_rows
            axis = figure.add_subplot(grid[row, 3 * block + kind])
            if is_line:
                _draw_line(axis, values[0], size_x_m, limits)
            else:
                _draw_image(axis, values, (size_y_m, size_x_m), limits, colours)
                axis.tick_params(labelleft=kind == 0)
            if kind == 0:
                y_label = "" if is_line else "\ny / mm"
                axis.set_ylabel(f"{scans[number].title}{y_label}", fontsize="small")
            if row == 0:
                axis.set_title(f"{title}\n{label}" if is_line else title, fontsize="small")
            is_last = row == num_rows - 1 or number == len(stack) - 1
            axis.set_xlabel("x / mm" if is_last else "", fontsize="small")
            axis.tick_params(labelsize="small", labelbottom=is_last)
        if not is_line:
            bar = figure.add_subplot(grid[-1, kind * num_blocks : (kind + 1) * num_blocks])
            scale = ScalarMappable(Normalize(*limits), colours)
            figure.colorbar(scale, cax=bar, orientation="horizontal", label=f"{title}: {label}")
    return figure


def _kinds(scanner: Scanner, unit: str | None) -> tuple[tuple[str, str, str], ...]:
    """Returns of each kind of column its name, what it shows in which unit, and its colours."""
    part = ", in phase" if scanner.is_complex else ""
    concentration = "tracer concentration" + (f" in {unit}" if unit else "")
    return (
        ("signal", f"harmonic {scanner.harmonics[0]}{part} / a.u.", "RdBu_r"),
        ("preliminary image", concentration, "inferno"),
        ("final image", concentration, "inferno"),
    )


def _draw_image(
    axis: Axes,
    values: NDArray[np.float32],
    size_m: tuple[float, float],
    limits: tuple[float, float],
    colours: str,
) -> None:
    half_y_mm, half_x_mm = (1e3 * size / 2 for size in size_m)
    axis.imshow(
        values, extent=(-half_x_mm, half_x_mm, -half_y_mm, half_y_mm), origin="lower",
        cmap=colours, vmin=limits[0], vmax=limits[1],
    )  # fmt: skip


def _draw_line(
    axis: Axes, values: NDArray[np.float32], size_m: float, limits: tuple[float, float]
) -> None:
    x_mm = 1e3 * cell_centres(len(values), size_m).numpy()
    axis.plot(x_mm, values, linewidth=1)
    axis.axhline(0, color="0.7", linewidth=0.8)
    span = limits[1] - limits[0]
    axis.set_ylim(limits[0] - 0.05 * span, limits[1] + 0.05 * span)


def _limits(
    stack: Sequence[NDArray[np.float32]], has_signs: bool, is_line: bool
) -> tuple[float, float]:
    """Returns the values at both ends of a scale; negative concentrations have no colour."""
    lowest = min(0.0, *(float(values.min()) for values in stack))
    highest = max(0.0, *(float(values.max()) for values in stack))
    if has_signs:
        highest = max(-lowest, highest) or 1.0
        return -highest, highest
    if not is_line:
        lowest = 0.0
    return lowest, highest if highest > lowest else 1.0
