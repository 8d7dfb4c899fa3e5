"""The pictures of a reconstruction: of the first scans together, and of each if wanted."""

from pathlib import Path

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.figures import contact_sheet
from mpi_cascade.reconstruction.sheets import Shown, intervals_sheet, parts_sheet

_MOST_SHOWN = 16
_PAD_INCH = 0.1
_DPI = 110


class Pictures:
    """Writes the sheets images, parts and intervals of the first 16 scans, and of every one.

    Args:
        directory: Where they go; those of single scans into ``png``.
        scanner: The scanner of the images.
        unit: Unit of the images, if they have one.
        has_each: Whether every scan has pictures of its own.
    """

    def __init__(self, directory: Path, scanner: Scanner, unit: str | None, has_each: bool) -> None:
        self._directory, self._scanner, self._unit = directory, scanner, unit
        self._has_each = has_each
        self._first: list[Shown] = []

    def add(self, shown: Shown) -> None:
        """Keeps what is shown of one scan, and writes its own pictures where wanted.

        Args:
            shown: The scan.
        """
        if len(self._first) < _MOST_SHOWN:
            self._first.append(shown)
        if self._has_each:
            directory = self._directory / "png"
            directory.mkdir(exist_ok=True)
            name = shown.title.replace(" ", "-")
            self._write([shown], directory, name, f"{name}-")

    def write_first(self) -> None:
        """Writes the pictures of the first scans."""
        self._write(self._first, self._directory, "images", "")

    def _write(self, scans: list[Shown], directory: Path, images: str, stem: str) -> None:
        sheets = {
            images: contact_sheet(scans, self._scanner, self._unit),
            f"{stem}parts": parts_sheet(scans, self._scanner),
        }
        if scans[0].withheld is not None:
            sheets[f"{stem}intervals"] = intervals_sheet(scans, self._scanner)
        for name, sheet in sheets.items():
            # Tight, as the layout of panels of a fixed shape may reach beyond the figure.
            path = directory / f"{name}.png"
            sheet.savefig(path, dpi=_DPI, bbox_inches="tight", pad_inches=_PAD_INCH)
