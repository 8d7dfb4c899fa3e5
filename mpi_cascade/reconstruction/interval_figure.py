"""Figures of intervals: how far each pixel may be off."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.physics.scanner import Scanner, cell_centres
from mpi_cascade.reconstruction.sheets import Scale, draw_images, rows_of_panels, write_into

_SCALE = Scale("inferno", 0, "tracer concentration ÷ the highest upper end")
_TITLES = ("final image", "lower end", "upper end", "half width")
_PANEL_INCH = 2.1
_LINE_WIDTH_INCH = 5.2


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
    titles = [image.title for image in images]
    if images[0].final.shape[0] == 1:
        return rows_of_panels(
            titles,
            lambda number, axes: _draw_line(axes, images[number], scanner),
            ("",), _LINE_WIDTH_INCH, None,
        )  # fmt: skip
    return rows_of_panels(
        titles,
        lambda number, axes: _draw_images(axes, images[number], scanner),
        _TITLES, _PANEL_INCH, _SCALE,
    )  # fmt: skip


def _draw_images(axes: Sequence[Axes], image: ShownInterval, scanner: Scanner) -> None:
    highest = max(0.0, float((image.final if image.withheld else image.upper).max()))
    panels = (image.final, image.lower, image.upper, 0.5 * (image.upper - image.lower))
    draw_images(axes, panels, scanner, _SCALE, highest)
    write_into(axes[0], f"0 … {highest:.2g}")
    if image.withheld:
        write_into(axes[1], f"withheld:\n{image.withheld}")


def _draw_line(axes: Sequence[Axes], image: ShownInterval, scanner: Scanner) -> None:
    x_mm = 1e3 * cell_centres(image.final.shape[1], scanner.field_of_view_x_m).numpy()
    (axis,) = axes
    axis.plot(x_mm, image.final[0], linewidth=1)
    if image.withheld:
        write_into(axis, f"withheld: {image.withheld}")
    else:
        axis.fill_between(x_mm, image.lower[0], image.upper[0], alpha=0.3, linewidth=0)
