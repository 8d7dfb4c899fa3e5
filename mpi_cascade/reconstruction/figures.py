"""The sheet of signals and images side by side."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.sheets import (
    Scale,
    Shown,
    draw_images,
    draw_profile,
    rows_of_panels,
    write_into,
)

_OF_SIGNALS = Scale("RdBu_r", -1, "signal ÷ its peak")
_OF_IMAGES = Scale("inferno", 0, "tracer concentration ÷ the image's peak")
_SCALES = (_OF_SIGNALS, _OF_IMAGES, _OF_IMAGES)


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

    def draw(axes: Sequence[Axes], scan: Shown) -> None:
        arrays = (scan.signal[0], scan.preliminary, scan.final)
        for axis, scale, values in zip(axes, _SCALES, arrays, strict=True):
            if is_line:
                draw_profile(axis, values, scanner)
                axis.ticklabel_format(axis="y", scilimits=(-2, 3))
                axis.yaxis.get_offset_text().set_fontsize("x-small")
            else:
                # Negative concentrations have no colour.
                highest = max(float(values.max()), scale.lowest * float(values.min()), 0.0)
                draw_images([axis], [values], scanner, scale, highest)
                write_into(axis, f"{'±' if scale.lowest else '0 …'} {highest:.2g}")

    part = ", in phase" if scanner.is_complex else ""
    of_images = f" / {unit}" if unit else ""
    titles = (
        f"signal: harmonic {scanner.harmonics[0]}{part} / a.u.",
        f"preliminary image{of_images}",
        f"final image{of_images}",
    )
    panel_inch = 2.6 if len(scans) == 1 else 2.1
    return rows_of_panels(scans, draw, titles, panel_inch, scanner, () if is_line else _SCALES)
