"""Figures of what scans determine of their images, and of which pairs they support."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.evidence.pairs import Pair
from mpi_cascade.physics.scanner import Scanner, cell_centres

_COLOURS = "RdBu_r"
_PANEL_INCH = 2.4
_LINE_INCH = 1.5
_FOOT_INCH = 1.1
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
    height = _LINE_INCH if is_line else _PANEL_INCH
    size = 3 * _PANEL_INCH + 1.2, len(images) * height + _FOOT_INCH
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(images), 3, squeeze=False, sharex=True, sharey="row")
    for row, image in zip(axes, images, strict=True):
        draw = _draw_lines if is_line else _draw_images
        draw(list(row), image, scanner)
        row[0].set_ylabel(image.title if is_line else f"{image.title}\ny / mm", fontsize="small")
        for axis in row:
            axis.tick_params(labelsize="small")
    titles = ("final image", "what the scan determines", "what the prior adds")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("x / mm", fontsize="small")
    if not is_line:
        scale = ScalarMappable(Normalize(-1, 1), _COLOURS)
        bar = figure.colorbar(
            scale, ax=axes, orientation="horizontal", ticks=[-1, 0, 1], aspect=60, shrink=0.6,
            fraction=0.2 / size[1], pad=0.1 / size[1],
        )  # fmt: skip
        bar.set_label("tracer concentration ÷ the image's peak", fontsize="small")
        bar.ax.tick_params(labelsize="small")
    return figure


def _draw_images(axes: Sequence[Axes], image: ShownParts, scanner: Scanner) -> None:
    half_y_mm, half_x_mm = (1e3 * size_m / 2 for size_m in scanner.field_of_view_m)
    peak = float(np.abs(image.final).max())
    for axis, values in zip(axes, image[1:4], strict=True):
        axis.imshow(
            values, extent=(-half_x_mm, half_x_mm, -half_y_mm, half_y_mm), origin="lower",
            cmap=_COLOURS, vmin=-(peak or 1.0), vmax=peak or 1.0,
        )  # fmt: skip
    _write(axes[0], f"± {peak:.2g}")
    _write(axes[1], _share_text(image.share))
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
    _write(axes[1], _share_text(image.share))


def _share_text(share: float) -> str:
    return "not known" if np.isnan(share) else f"{100 * share:.0f} %"


def _write(axis: Axes, text: str) -> None:
    axis.text(
        0.03, 0.97, text, transform=axis.transAxes, fontsize="x-small", va="top",
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
    )  # fmt: skip
