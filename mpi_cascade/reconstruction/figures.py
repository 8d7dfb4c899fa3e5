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
_PANEL_INCH = 1.9
_LARGE_PANEL_INCH = 2.6
_GAP_INCH = 0.15
_LINE_GAP_INCH = 0.6
_LINE_ROW_GAP_INCH = 0.3
_LEFT_INCH = 0.8
_TOP_INCH = 0.45
_BOTTOM_INCH = 0.55
_BARS_INCH = 0.7
_BAR_INSET_INCH = 0.15


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


class _Kind(NamedTuple):
    """A kind of column: its title, and how its values are shown."""

    title: str
    colours: str
    has_signs: bool


class _Sheet(NamedTuple):
    """Where the panels of a sheet lie, in inches; all of them have one size."""

    num_rows: int
    num_blocks: int
    panel: tuple[float, float]
    gap: float
    row_gap: float
    bottom: float

    @property
    def block_width(self) -> float:
        return _LEFT_INCH + 3 * self.panel[0] + 2 * self.gap

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        rows = self.num_rows * (self.panel[1] + self.row_gap)
        return self.num_blocks * self.block_width + 0.2, self.bottom + rows + _TOP_INCH

    def place(self, number: int, kind: int) -> tuple[float, float, float, float]:
        """Returns left, bottom, width and height of a panel relative to the figure."""
        block, row = divmod(number, self.num_rows)
        left = block * self.block_width + _LEFT_INCH + kind * (self.panel[0] + self.gap)
        bottom = self.bottom + (self.num_rows - 1 - row) * (self.panel[1] + self.row_gap)
        width, height = self.size
        return left / width, bottom / height, self.panel[0] / width, self.panel[1] / height


def contact_sheet(scans: Sequence[Shown], scanner: Scanner, unit: str | None = None) -> Figure:
    """Returns signal, preliminary and final image of scans side by side, each on its own scale.

    A weak scan is seen beside a strong one: what both ends of its colours stand for is written into
    each picture. Of a signal the first channel is shown. One line is drawn as a profile along x.

    Args:
        scans: The scans.
        scanner: Their scanner; all images are of its field of view.
        unit: Unit of the images, if they have one.
    """
    is_line = scans[0].final.shape[0] == scans[0].signal.shape[1] == 1
    sheet = _sheet(len(scans), scanner, is_line)
    kinds = _kinds(scanner, unit)
    figure = Figure(figsize=sheet.size)
    for number, scan in enumerate(scans):
        row = number % sheet.num_rows
        is_last = row == sheet.num_rows - 1 or number == len(scans) - 1
        arrays = (scan.signal[0], scan.preliminary, scan.final)
        for column, (kind, values) in enumerate(zip(kinds, arrays, strict=True)):
            axis = figure.add_axes(sheet.place(number, column))
            if is_line:
                _draw_line(axis, values[0], scanner.field_of_view_x_m)
            else:
                _draw_image(axis, values, scanner.field_of_view_m, kind)
                axis.tick_params(labelleft=column == 0)
            axis.tick_params(labelsize="small", labelbottom=is_last)
            if column == 0:
                y_label = "" if is_line else "\ny / mm"
                axis.set_ylabel(f"{scan.title}{y_label}", fontsize="small")
            if row == 0:
                axis.set_title(kind.title, fontsize="small", y=1.0, pad=14 if is_line else 4)
            if is_last:
                axis.set_xlabel("x / mm", fontsize="small")
    if not is_line:
        _draw_bars(figure, sheet, kinds)
    return figure


def _sheet(num_scans: int, scanner: Scanner, is_line: bool) -> _Sheet:
    num_blocks = -(-num_scans // _ROWS)
    width = _LARGE_PANEL_INCH if num_scans == 1 else _PANEL_INCH
    size_y_m, size_x_m = scanner.field_of_view_m
    height = 1.3 if is_line else width * min(max(size_y_m / size_x_m, 0.4), 2.5)
    return _Sheet(
        num_rows=-(-num_scans // num_blocks),
        num_blocks=num_blocks,
        panel=(width, height),
        gap=_LINE_GAP_INCH if is_line else _GAP_INCH,
        # The power of ten of a profile's values stands above it.
        row_gap=_LINE_ROW_GAP_INCH if is_line else _GAP_INCH,
        bottom=_BOTTOM_INCH + (0.0 if is_line else _BARS_INCH),
    )


def _kinds(scanner: Scanner, unit: str | None) -> tuple[_Kind, ...]:
    part = ", in phase" if scanner.is_complex else ""
    of_images = f" / {unit}" if unit else ""
    return (
        _Kind(f"signal: harmonic {scanner.harmonics[0]}{part} / a.u.", "RdBu_r", True),
        _Kind(f"preliminary image{of_images}", "inferno", False),
        _Kind(f"final image{of_images}", "inferno", False),
    )


def _draw_image(
    axis: Axes, values: NDArray[np.float32], size_m: tuple[float, float], kind: _Kind
) -> None:
    half_y_mm, half_x_mm = (1e3 * size / 2 for size in size_m)
    # Negative concentrations have no colour.
    highest = float(np.abs(values).max() if kind.has_signs else max(values.max(), 0.0))
    limit = highest or 1.0
    axis.imshow(
        values, extent=(-half_x_mm, half_x_mm, -half_y_mm, half_y_mm), origin="lower",
        cmap=kind.colours, vmin=-limit if kind.has_signs else 0.0, vmax=limit,
    )  # fmt: skip
    axis.text(
        0.03, 0.97, f"± {highest:.2g}" if kind.has_signs else f"0 … {highest:.2g}",
        transform=axis.transAxes, fontsize="x-small", va="top",
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
    )  # fmt: skip


def _draw_line(axis: Axes, values: NDArray[np.float32], size_m: float) -> None:
    x_mm = 1e3 * cell_centres(len(values), size_m).numpy()
    axis.plot(x_mm, values, linewidth=1)
    axis.axhline(0, color="0.7", linewidth=0.8)
    axis.ticklabel_format(axis="y", scilimits=(-2, 3))
    axis.yaxis.get_offset_text().set_fontsize("x-small")


def _draw_bars(figure: Figure, sheet: _Sheet, kinds: tuple[_Kind, ...]) -> None:
    """Draws the colours of signals and of images, from end to end of each picture's own scale."""
    width, height = sheet.size
    for column, kind, label in (
        (0, kinds[0], "signal ÷ its peak"), (1, kinds[2], "tracer concentration ÷ the image's peak")
    ):  # fmt: skip
        left, _, panel_width, _ = sheet.place(0, column)
        # The images' bar is below both of their columns; the ends have room for their numbers.
        below = panel_width if column == 0 else 2 * panel_width + sheet.gap / width
        inset = _BAR_INSET_INCH / width
        bar = figure.add_axes((left + inset, 0.45 / height, below - 2 * inset, 0.1 / height))
        scale = ScalarMappable(Normalize(-1 if kind.has_signs else 0, 1), kind.colours)
        ticks = [-1, 0, 1] if kind.has_signs else [0, 0.5, 1]
        colour_bar = figure.colorbar(scale, cax=bar, orientation="horizontal", ticks=ticks)
        colour_bar.ax.set_xticklabels([f"{tick:g}" for tick in ticks])
        colour_bar.set_label(label, fontsize="small")
        bar.tick_params(labelsize="small")
