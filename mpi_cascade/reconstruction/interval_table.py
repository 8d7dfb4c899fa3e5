"""The intervals of many scans: those of pixels, and a table of the masses of objects."""

from collections import Counter
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from mpi_cascade.guarantee.intervals import Intervals
from mpi_cascade.guarantee.objects import ObjectMass
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.models.intervals import Interval
from mpi_cascade.physics.linear import Signals
from mpi_cascade.results.tables import write_csv

_HEAD = ("scan", "x_mm", "y_mm", "mass_mm2", "lowest_mm2", "highest_mm2")


class IntervalTable:
    """Gives scans their intervals, and keeps what is to be said of them.

    Args:
        intervals: The cascade's; None where it has none.
        concentration: What 1 of the network's images is, in the unit of the images.

    Attributes:
        intervals: The cascade's, if it has any.
        withheld: For each scan why it has no intervals; empty where it has some.
    """

    def __init__(self, intervals: Intervals | None, concentration: float) -> None:
        self.intervals, self._concentration = intervals, concentration
        self.withheld: list[str] = []
        self._objects: list[tuple[int, ObjectMass]] = []

    def add(
        self, signal: Signals, images: Reconstruction, is_usable: Bool[Tensor, " batch"]
    ) -> Interval:
        """Returns the intervals of some scans, in the units of the network; NaN where withheld.

        Args:
            signal: The scans, (batch, channel, y, x).
            images: What the cascade made of them.
            is_usable: Whether each scan can be used, (batch,).
        """
        if self.intervals is None:
            missing = torch.full_like(images.final, torch.nan)
            return Interval(missing, missing)
        found = self.intervals(signal, images)
        first_scan = len(self.withheld)
        reasons = [
            reason if usable else "not usable"
            for reason, usable in zip(found.withheld, is_usable.tolist(), strict=True)
        ]
        self.withheld += reasons
        for scan, (objects, reason) in enumerate(
            zip(found.masses, reasons, strict=True), first_scan
        ):
            if not reason:
                self._objects += [(scan, one) for one in objects]
        return Interval(found.lower, found.upper)

    def column(self, num_scans: int) -> list[str]:
        """Returns what the table of scans says of each scan's intervals.

        Args:
            num_scans: How many scans there are.
        """
        if self.intervals is None:
            return [""] * num_scans
        percent = f"{100 * self.intervals.level:g} %"
        return [f"withheld: {reason}" if reason else percent for reason in self.withheld]

    def write(self, path: Path) -> None:
        """Writes a row per object as CSV, if there are intervals.

        Args:
            path: The file.
        """
        if self.intervals is not None:
            write_csv(path, _HEAD, map(self._cells, self._objects))

    def lines(self) -> list[str]:
        """Returns what is to be said of the intervals, a line each."""
        if self.intervals is None:
            return []
        shown = self.withheld.count("")
        lines = [f"intervals: {shown} of {len(self.withheld)} scans have some"]
        if shown:
            lines[0] += (
                f"; of the pixels with tracer, and of the objects' masses (objects.csv), at least "
                f"{100 * self.intervals.level:g} % lie inside, in the mean over scans like those "
                "of the calibration"
            )
        for reason, count in Counter(filter(None, self.withheld)).items():
            first = self.withheld.index(reason)
            lines.append(
                f"warning: no intervals for {count} of {len(self.withheld)} scans, the first is "
                f"{first}: {reason}"
            )
        return lines

    def _cells(self, row: tuple[int, ObjectMass]) -> list[object]:
        scan, one = row
        masses = (one.mass_m2, one.lowest_m2, one.highest_m2)
        return [
            scan, round(1e3 * one.x_m, 4), round(1e3 * one.y_m, 4),
            *(float(f"{1e6 * self._concentration * mass:.4g}") for mass in masses),
        ]  # fmt: skip
