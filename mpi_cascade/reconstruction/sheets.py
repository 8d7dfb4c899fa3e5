"""Sheets of images: a row for each scan, a column for each kind."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mpi_cascade.evidence.pairs import Pair
from mpi_cascade.physics.scanner import Scanner, cell_centres

_LINE_INCH = 1.5
_FOOT_INCH = 1.5


class Shown(NamedTuple):
    """What is shown of a scan; images are (y, x).

    Attributes:
        title: What it is called.
        share: Share of the image's energy that is measured.
        pairs: Pairs that were tested.
        withheld: Why there are no intervals, empty where there are; None if the cascade has none.
        signal: Signal, (channel, y, x).
        preliminary: Preliminary image.
        final: Final image.
        measured: What the scan determines of it.
        prior: What the prior adds.
        lower: Lower end of each pixel's interval; NaN where it is withheld.
        upper: Upper end.
    """

    title: str
    share: float
    pairs: Sequence[Pair]
    withheld: str | None
    signal: NDArray[np.float32]
    preliminary: NDArray[np.float32]
    final: NDArray[np.float32]
    measured: NDArray[np.float32]
    prior: NDArray[np.float32]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]


class Scale(NamedTuple):
    """The scale of the images of a kind.

    Attributes:
        colours: Name of the colours.
        lowest: What the lowest colour stands for, in units of the highest: 0 or −1.
        label: What it shows.
    """

    colours: str
    lowest: int
    label: str


_PARTS = Scale("RdBu_r", -1, "tracer concentration ÷ the image's peak")
_ENDS = Scale("inferno", 0, "tracer concentration ÷ the highest upper end")
_SUPPORTED, _WEAK = "tab:green", "black"
_BOX = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
"""Behind words on a picture."""

_DOUBTS = {"yes": "", "no": ": one?", "unclear": ": unclear"}


def rows_of_panels(
    scans: Sequence[Shown],
    draw: Callable[[Sequence[Axes], Shown], None],
    columns: Sequence[str],
    panel_inch: float,
    scanner: Scanner,
    scales: Sequence[Scale],
) -> Figure:
    """Returns a row of panels for each scan, with a bar for each of their scales below.

    Args:
        scans: The scans.
        draw: Draws a scan into its panels.
        columns: Titles of the kinds.
        panel_inch: Width of a panel; an image's is as high as the field of view.
        scanner: The scanner.
        scales: The scale of each kind of images; none for profiles of line scans.
    """
    size_y_m, size_x_m = scanner.field_of_view_m
    height = panel_inch * min(max(size_y_m / size_x_m, 0.4), 2.5) if scales else _LINE_INCH
    size = len(columns) * panel_inch + 1.2, len(scans) * height + _FOOT_INCH
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(
        len(scans), len(columns), squeeze=False, sharex=True, sharey="row" if scales else False
    )
    for panels, scan in zip(axes, scans, strict=True):
        draw(list(panels), scan)
        panels[0].set_ylabel(f"{scan.title}\ny / mm" if scales else scan.title, fontsize="small")
        for axis in panels:
            axis.tick_params(labelsize="small")
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title, fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("x / mm", fontsize="small")
    for scale in dict.fromkeys(scales):
        above = axes[:, [other == scale for other in scales]]
        bar = figure.colorbar(
            ScalarMappable(Normalize(scale.lowest, 1), scale.colours), ax=above,
            orientation="horizontal", ticks=range(scale.lowest, 2), aspect=20 * above.shape[1],
            shrink=0.6, fraction=0.2 / size[1], pad=0.1 / size[1],
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


def draw_profile(axis: Axes, values: NDArray[np.float32], scanner: Scanner) -> None:
    """Draws a line scan, (1, x), over x."""
    x_mm = 1e3 * cell_centres(values.shape[1], scanner.field_of_view_x_m).numpy()
    axis.plot(x_mm, values[0], linewidth=1)
    axis.axhline(0, color="0.7", linewidth=0.8)


def write_into(axis: Axes, text: str) -> None:
    """Writes a few words into a panel's upper left corner."""
    axis.text(
        0.03, 0.97, text, transform=axis.transAxes, fontsize="x-small", va="top",
        bbox=_BOX,
    )  # fmt: skip


def parts_sheet(scans: Sequence[Shown], scanner: Scanner) -> Figure:
    """Returns images beside what their scans determine and what the prior adds, on one scale.

    All three of an image have the colours of one scale, that of the image's peak, which is written
    into it. On the image itself each tested pair is a line: whole where the scan supports two
    objects, broken where it may be one or nothing explains it, with the false-alarm rate beside it.
    Lines are profiles.

    Args:
        scans: The scans.
        scanner: Their scanner.
    """
    is_line = scans[0].final.shape[0] == 1

    def draw(axes: Sequence[Axes], scan: Shown) -> None:
        images = (scan.final, scan.measured, scan.prior)
        if is_line:
            for axis, values in zip(axes, images, strict=True):
                draw_profile(axis, values, scanner)
            for axis in axes[1:]:
                axis.sharey(axes[0])
                axis.tick_params(labelleft=False)
        else:
            peak = float(np.abs(scan.final).max())
            draw_images(axes, images, scanner, _PARTS, peak)
            write_into(axes[0], f"± {peak:.2g}")
            for pair in scan.pairs:
                _draw_pair(axes[0], pair)
        share = "not known" if np.isnan(scan.share) else f"{100 * scan.share:.0f} %"
        write_into(axes[1], share)

    has_pairs = any(scan.pairs for scan in scans)
    first = "final image; at pairs, how often\none object looks so" if has_pairs else "final image"
    titles = (first, "what the scan determines", "what the prior adds")
    return rows_of_panels(scans, draw, titles, 2.4, scanner, () if is_line else 3 * (_PARTS,))


def intervals_sheet(scans: Sequence[Shown], scanner: Scanner) -> Figure:
    """Returns images between the ends of their intervals, and half of the width, on one scale.

    All of an image have the colours of one scale, from 0 to the highest upper end, which is written
    into it. Lines are profiles with a band.

    Args:
        scans: The scans.
        scanner: Their scanner.
    """

    def draw_line(axes: Sequence[Axes], scan: Shown) -> None:
        (axis,) = axes
        x_mm = 1e3 * cell_centres(scan.final.shape[1], scanner.field_of_view_x_m).numpy()
        axis.plot(x_mm, scan.final[0], linewidth=1)
        if scan.withheld:
            write_into(axis, f"withheld: {scan.withheld}")
        else:
            axis.fill_between(x_mm, scan.lower[0], scan.upper[0], alpha=0.3, linewidth=0)

    def draw_plane(axes: Sequence[Axes], scan: Shown) -> None:
        highest = max(0.0, float((scan.final if scan.withheld else scan.upper).max()))
        panels = (scan.final, scan.lower, scan.upper, 0.5 * (scan.upper - scan.lower))
        draw_images(axes, panels, scanner, _ENDS, highest)
        write_into(axes[0], f"0 … {highest:.2g}")
        if scan.withheld:
            write_into(axes[1], f"withheld:\n{scan.withheld}")

    if scans[0].final.shape[0] == 1:
        return rows_of_panels(scans, draw_line, ("",), 5.2, scanner, ())
    titles = ("final image", "lower end", "upper end", "half width")
    return rows_of_panels(scans, draw_plane, titles, 2.1, scanner, 4 * (_ENDS,))


def _draw_pair(axis: Axes, pair: Pair) -> None:
    first_mm, second_mm = (1e3 * np.array(place) for place in (pair.first_m, pair.second_m))
    verdict = pair.verdict
    colour = _SUPPORTED if verdict.is_supported else _WEAK
    axis.plot(
        *np.stack((first_mm, second_mm), axis=1), color=colour, linewidth=1, marker=".",
        markersize=4, linestyle="-" if verdict.is_supported else ":",
    )  # fmt: skip
    said = f"{100 * verdict.false_alarms:.2g} %" + _DOUBTS[verdict.answer]
    x_mm, y_mm = ((first_mm + second_mm) / 2).tolist()
    # Below the pair where its label would leave the picture.
    is_high = y_mm > 0.7 * axis.get_ylim()[1]
    axis.annotate(
        said, (x_mm, y_mm), xytext=(0, -20 if is_high else 12), textcoords="offset points",
        ha="center", color=colour, fontsize="x-small",
        bbox=_BOX,
    )  # fmt: skip
