"""Figures of scans and their images: matplotlib figures from arrays."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.sheets import (
    Scale,
    Shown,
    draw_images,
    draw_profile,
    scale_bar,
    write_into,
)

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

_OF_SIGNALS = Scale("RdBu_r", -1, "signal ÷ its peak")
_OF_IMAGES = Scale("inferno", 0, "tracer concentration ÷ the image's peak")


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
        for column, ((title, scale), values) in enumerate(zip(kinds, arrays, strict=True)):
            axis = figure.add_axes(sheet.place(number, column))
            if is_line:
                draw_profile(axis, values, scanner)
                axis.ticklabel_format(axis="y", scilimits=(-2, 3))
                axis.yaxis.get_offset_text().set_fontsize("x-small")
            else:
                # Negative concentrations have no colour.
                highest = max(float(values.max()), scale.lowest * float(values.min()), 0.0)
                draw_images([axis], [values], scanner, scale, highest)
                write_into(axis, f"{'±' if scale.lowest else '0 …'} {highest:.2g}")
                axis.tick_params(labelleft=column == 0)
            axis.tick_params(labelsize="small", labelbottom=is_last)
            if column == 0:
                y_label = "" if is_line else "\ny / mm"
                axis.set_ylabel(f"{scan.title}{y_label}", fontsize="small")
            if row == 0:
                axis.set_title(title, fontsize="small", y=1.0, pad=14 if is_line else 4)
            if is_last:
                axis.set_xlabel("x / mm", fontsize="small")
    if not is_line:
        _draw_bars(figure, sheet)
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


def _kinds(scanner: Scanner, unit: str | None) -> tuple[tuple[str, Scale], ...]:
    """Returns the title of each column, and how its values are shown."""
    part = ", in phase" if scanner.is_complex else ""
    of_images = f" / {unit}" if unit else ""
    return (
        (f"signal: harmonic {scanner.harmonics[0]}{part} / a.u.", _OF_SIGNALS),
        (f"preliminary image{of_images}", _OF_IMAGES),
        (f"final image{of_images}", _OF_IMAGES),
    )


def _draw_bars(figure: Figure, sheet: _Sheet) -> None:
    """Draws the colours of signals and of images, from end to end of each picture's own scale."""
    width, height = sheet.size
    for column, scale in enumerate((_OF_SIGNALS, _OF_IMAGES)):
        left, _, panel_width, _ = sheet.place(0, column)
        # The images' bar is below both of their columns; the ends have room for their numbers.
        below = panel_width if column == 0 else 2 * panel_width + sheet.gap / width
        inset = _BAR_INSET_INCH / width
        bar = figure.add_axes((left + inset, 0.45 / height, below - 2 * inset, 0.1 / height))
        ticks = [-1, 0, 1] if scale.lowest else [0, 0.5, 1]
        scale_bar(figure, scale, ticks, cax=bar).ax.set_xticklabels([f"{t:g}" for t in ticks])
