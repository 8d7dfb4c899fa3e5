"""The pictures of a reconstruction: of the first scans together, and of each if wanted."""

from pathlib import Path

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.evidence_figure import ShownParts, parts_sheet
from mpi_cascade.reconstruction.figures import Shown, contact_sheet

_MOST_SHOWN = 16
_DPI = 110


class Pictures:
    """Writes ``images.png`` and ``parts.png`` of the first 16 scans, and pictures of every one.

    Args:
        directory: Where they go; those of single scans into ``png``.
        scanner: The scanner of the images.
        unit: Unit of the images, if they have one.
        has_each: Whether every scan has pictures of its own.
    """

    def __init__(self, directory: Path, scanner: Scanner, unit: str | None, has_each: bool) -> None:
        self._directory, self._scanner, self._unit = directory, scanner, unit
        self._has_each = has_each
        self._first: list[tuple[Shown, ShownParts]] = []

    def add(self, shown: Shown, parts: ShownParts) -> None:
        """Keeps what is shown of one scan, and writes its own pictures where wanted.

        Args:
            shown: Its signal and images.
            parts: Its image in parts.
        """
        if len(self._first) < _MOST_SHOWN:
            self._first.append((shown, parts))
        if self._has_each:
            directory = self._directory / "png"
            directory.mkdir(exist_ok=True)
            name = shown.title.replace(" ", "-")
            images, of_parts = directory / f"{name}.png", directory / f"{name}-parts.png"
            self._write([shown], [parts], images, of_parts)

    def write_first(self) -> None:
        """Writes the pictures of the first scans."""
        shown, parts = ([one for one, _ in self._first], [two for _, two in self._first])
        self._write(shown, parts, self._directory / "images.png", self._directory / "parts.png")

    def _write(
        self, shown: list[Shown], parts: list[ShownParts], images: Path, of_parts: Path
    ) -> None:
        contact_sheet(shown, self._scanner, self._unit).savefig(images, dpi=_DPI)
        parts_sheet(parts, self._scanner).savefig(of_parts, dpi=_DPI)
