"""Figures of intervals: how far each pixel may be off."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.physics.scanner import Scanner, cell_centres

_COLOURS = "inferno"
_PANEL_INCH = 2.1
_LINE_INCH = 1.5
_FOOT_INCH = 1.1


class ShownInterval(NamedTuple):
    """An image and the interval of each pixel.

    Attributes:
        title: What it is called.
        final: The image, (y, x).
        lower: Lower end, (y, x); NaN where it is withheld.
        upper: Upper end, (y, x).
        withheld: Why there are none; empty where there are.
    """

    title: str
    final: NDArray[np.float32]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    withheld: str


def intervals_sheet(images: Sequence[ShownInterval], scanner: Scanner) -> Figure:
    """Returns images between the ends of their intervals, and half of the width, on one scale.

    All of an image have the colours of one scale, from 0 to the highest upper end, which is written
    into it. Lines are profiles with a band.

    Args:
        images: The images.
        scanner: Their scanner.
    """
    is_line = images[0].final.shape[0] == 1
    height = _LINE_INCH if is_line else _PANEL_INCH
    num_columns = 1 if is_line else 4
    size = (6.4 if is_line else 4 * _PANEL_INCH + 1.2), len(images) * height + _FOOT_INCH
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(images), num_columns, squeeze=False, sharex=True, sharey="row")
    for row, image in zip(axes, images, strict=True):
        draw = _draw_line if is_line else _draw_images
        draw(list(row), image, scanner)
        row[0].set_ylabel(image.title if is_line else f"{image.title}\ny / mm", fontsize="small")
        for axis in row:
            axis.tick_params(labelsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("x / mm", fontsize="small")
    if is_line:
        return figure
    titles = ("final image", "lower end", "upper end", "half width")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize="small")
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), _COLOURS), ax=axes, orientation="horizontal",
        ticks=[0, 1], aspect=60, shrink=0.6, fraction=0.2 / size[1], pad=0.1 / size[1],
    )  # fmt: skip
    bar.set_label("tracer concentration ÷ the highest upper end", fontsize="small")
    bar.ax.tick_params(labelsize="small")
    return figure


def _draw_images(axes: Sequence[Axes], image: ShownInterval, scanner: Scanner) -> None:
    half_y_mm, half_x_mm = (1e3 * size_m / 2 for size_m in scanner.field_of_view_m)
    highest = max(0.0, float((image.final if image.withheld else image.upper).max()))
    panels = (image.final, image.lower, image.upper, 0.5 * (image.upper - image.lower))
    for axis, values in zip(axes, panels, strict=True):
        axis.imshow(
            values, extent=(-half_x_mm, half_x_mm, -half_y_mm, half_y_mm), origin="lower",
            cmap=_COLOURS, vmin=0, vmax=highest or 1.0,
        )  # fmt: skip
    _write(axes[0], f"0 … {highest:.2g}")
    if image.withheld:
        _write(axes[1], f"withheld:\n{image.withheld}")


def _draw_line(axes: Sequence[Axes], image: ShownInterval, scanner: Scanner) -> None:
    x_mm = 1e3 * cell_centres(image.final.shape[1], scanner.field_of_view_x_m).numpy()
    (axis,) = axes
    axis.plot(x_mm, image.final[0], linewidth=1)
    if image.withheld:
        _write(axis, f"withheld: {image.withheld}")
    else:
        axis.fill_between(x_mm, image.lower[0], image.upper[0], alpha=0.3, linewidth=0)


def _write(axis: Axes, text: str) -> None:
    axis.text(
        0.03, 0.97, text, transform=axis.transAxes, fontsize="x-small", va="top",
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
    )  # fmt: skip
