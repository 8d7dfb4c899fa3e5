"""Figures of what scans determine of their images, and of which pairs they support."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.evidence.pairs import Pair
from mpi_cascade.physics.scanner import Scanner, cell_centres
from mpi_cascade.reconstruction.sheets import Scale, draw_images, rows_of_panels, write_into

_SCALE = Scale("RdBu_r", -1, "tracer concentration ÷ the image's peak")
_TITLES = ("final image", "what the scan determines", "what the prior adds")
_PANEL_INCH = 2.4
_SUPPORTED, _WEAK = "tab:green", "black"


class ShownParts(NamedTuple):
    """An image in its parts.

    Attributes:
        title: What it is called.
        final: The image, (y, x).
        measured: What the scan determines of it, (y, x).
        prior: What the prior adds, (y, x).
        share: Share of the image's energy that is measured.
        pairs: Pairs that were tested.
    """

    title: str
    final: NDArray[np.float32]
    measured: NDArray[np.float32]
    prior: NDArray[np.float32]
    share: float
    pairs: Sequence[Pair] = ()


def parts_sheet(images: Sequence[ShownParts], scanner: Scanner) -> Figure:
    """Returns images beside what their scans determine and what the prior adds, on one scale.

    All three of an image have the colours of one scale, that of the image's peak, which is written
    into it. On the image itself each tested pair is a line: whole where the scan supports two
    objects, broken where it may be one, with the false-alarm rate beside it. Lines are profiles.

    Args:
        images: The images.
        scanner: Their scanner.
    """
    is_line = images[0].final.shape[0] == 1
    draw, scale = (_draw_lines, None) if is_line else (_draw_images, _SCALE)
    return rows_of_panels(
        [image.title for image in images],
        lambda number, axes: draw(axes, images[number], scanner),
        _TITLES, _PANEL_INCH, scale,
    )  # fmt: skip


def _draw_images(axes: Sequence[Axes], image: ShownParts, scanner: Scanner) -> None:
    peak = float(np.abs(image.final).max())
    draw_images(axes, image[1:4], scanner, _SCALE, peak)
    write_into(axes[0], f"± {peak:.2g}")
    write_into(axes[1], _share_text(image.share))
    for pair in image.pairs:
        _draw_pair(axes[0], pair)


def _draw_pair(axis: Axes, pair: Pair) -> None:
    first_mm, second_mm = (1e3 * np.array(place) for place in (pair.first_m, pair.second_m))
    verdict = pair.verdict
    colour = _SUPPORTED if verdict.is_supported else _WEAK
    axis.plot(
        *np.stack((first_mm, second_mm), axis=1), color=colour, linewidth=1, marker=".",
        markersize=4, linestyle="-" if verdict.is_supported else ":",
    )  # fmt: skip
    said = f"{100 * verdict.false_alarms:.2g} %" + ("" if verdict.is_supported else ": one?")
    x_mm, y_mm = ((first_mm + second_mm) / 2).tolist()
    # Below the pair where its label would leave the picture.
    is_high = y_mm > 0.7 * axis.get_ylim()[1]
    axis.annotate(
        said, (x_mm, y_mm), xytext=(0, -14 if is_high else 8), textcoords="offset points",
        ha="center", color=colour, fontsize="x-small",
    )  # fmt: skip


def _draw_lines(axes: Sequence[Axes], image: ShownParts, scanner: Scanner) -> None:
    x_mm = 1e3 * cell_centres(image.final.shape[1], scanner.field_of_view_x_m).numpy()
    for axis, values in zip(axes, image[1:4], strict=True):
        axis.plot(x_mm, values[0], linewidth=1)
        axis.axhline(0, color="0.7", linewidth=0.8)
    write_into(axes[1], _share_text(image.share))


def _share_text(share: float) -> str:
    return "not known" if np.isnan(share) else f"{100 * share:.0f} %"
