"""The pictures of a reconstruction: of the first scans together, and of each if wanted."""

from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.evidence_figure import ShownParts, parts_sheet
from mpi_cascade.reconstruction.figures import Shown, contact_sheet
from mpi_cascade.reconstruction.interval_figure import ShownInterval, intervals_sheet

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
        self._first: list[tuple[Shown, ShownParts, ShownInterval | None]] = []

    def add(self, shown: Shown, parts: ShownParts, interval: ShownInterval | None) -> None:
        """Keeps what is shown of one scan, and writes its own pictures where wanted.

        Args:
            shown: Its signal and images.
            parts: Its image in parts.
            interval: Its intervals, where the cascade has any.
        """
        if len(self._first) < _MOST_SHOWN:
            self._first.append((shown, parts, interval))
        if self._has_each:
            directory = self._directory / "png"
            directory.mkdir(exist_ok=True)
            name = shown.title.replace(" ", "-")
            self._write([(shown, parts, interval)], directory, f"{name}{{}}.png", "")

    def write_first(self) -> None:
        """Writes the pictures of the first scans."""
        self._write(self._first, self._directory, "{}.png", "images")

    def _write(
        self,
        scans: Sequence[tuple[Shown, ShownParts, ShownInterval | None]],
        directory: Path,
        pattern: str,
        name_of_images: str,
    ) -> None:
        dash = "" if name_of_images else "-"
        shown, parts, intervals = zip(*scans, strict=True)
        sheets = {
            name_of_images: contact_sheet(shown, self._scanner, self._unit),
            f"{dash}parts": parts_sheet(parts, self._scanner),
        }
        if intervals[0] is not None:
            sheets[f"{dash}intervals"] = intervals_sheet(intervals, self._scanner)
        for name, sheet in sheets.items():
            # Tight, as the layout of panels of a fixed shape may reach beyond the figure.
            path = directory / pattern.format(name)
            sheet.savefig(path, dpi=_DPI, bbox_inches="tight", pad_inches=_PAD_INCH)
