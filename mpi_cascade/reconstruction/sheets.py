"""A sheet of images on one scale: a row for each scan, a column for each kind."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.physics.scanner import Scanner

_LINE_INCH = 1.5
_FOOT_INCH = 1.1


class Scale(NamedTuple):
    """The scale of all panels of a row.

    Attributes:
        colours: Name of the colours.
        lowest: What the lowest colour stands for, in units of the highest: 0 or −1.
        label: What it shows.
    """

    colours: str
    lowest: int
    label: str


def rows_of_panels(
    rows: Sequence[str],
    draw: Callable[[int, Sequence[Axes]], None],
    columns: Sequence[str],
    panel_inch: float,
    scale: Scale | None,
) -> Figure:
    """Returns a row of panels for each scan, with the bar of their scale below.

    Args:
        rows: Titles of the scans.
        draw: Draws the scan of a number, from 0, into its panels.
        columns: Titles of the kinds.
        panel_inch: Width of a panel, and the height of an image's.
        scale: The scale of images; None for profiles of line scans.
    """
    height = panel_inch if scale else _LINE_INCH
    size = len(columns) * panel_inch + 1.2, len(rows) * height + _FOOT_INCH
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey="row")
    for number, (panels, title) in enumerate(zip(axes, rows, strict=True)):
        draw(number, list(panels))
        panels[0].set_ylabel(f"{title}\ny / mm" if scale else title, fontsize="small")
        for axis in panels:
            axis.tick_params(labelsize="small")
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title, fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("x / mm", fontsize="small")
    if scale:
        mappable = ScalarMappable(Normalize(scale.lowest, 1), scale.colours)
        bar = figure.colorbar(
            mappable, ax=axes, orientation="horizontal", ticks=list(range(scale.lowest, 2)),
            aspect=60, shrink=0.6, fraction=0.2 / size[1], pad=0.1 / size[1],
        )  # fmt: skip
        bar.set_label(scale.label, fontsize="small")
        bar.ax.tick_params(labelsize="small")
    return figure


def draw_images(
    axes: Sequence[Axes],
    images: Sequence[NDArray[np.float32]],
    scanner: Scanner,
    scale: Scale,
    highest: float,
) -> None:
    """Draws images of one scan on one scale.

    Args:
        axes: A panel for each.
        images: The images, (y, x).
        scanner: Their scanner.
        scale: The scale.
        highest: What its highest colour stands for, ≥ 0.
    """
    half_y_mm, half_x_mm = (1e3 * size_m / 2 for size_m in scanner.field_of_view_m)
    limit = highest or 1.0
    for axis, values in zip(axes, images, strict=True):
        axis.imshow(
            values, extent=(-half_x_mm, half_x_mm, -half_y_mm, half_y_mm), origin="lower",
            cmap=scale.colours, vmin=scale.lowest * limit, vmax=limit,
        )  # fmt: skip


def write_into(axis: Axes, text: str) -> None:
    """Writes a few words into a panel's upper left corner."""
    axis.text(
        0.03, 0.97, text, transform=axis.transAxes, fontsize="x-small", va="top",
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
    )  # fmt: skip
