"""The pairs of many scans: which are tested, and a table with a row for each."""

from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from mpi_cascade.evidence.pair_test import LARGEST_FALSE_ALARMS
from mpi_cascade.evidence.pairs import Pair, PairTest, Points
from mpi_cascade.physics.linear import Images, Signals
from mpi_cascade.results.tables import write_csv

_HEAD = (
    "scan", "x1_mm", "y1_mm", "x2_mm", "y2_mm", "log_ratio", "form_log_ratio",
    "false_alarms", "misfit", "supported"
)  # fmt: skip


class PairRow(NamedTuple):
    """A pair and the number of its scan."""

    scan: int
    pair: Pair


class PairTable:
    """Tests pairs scan by scan, until there are enough: each takes about half a second of a core.

    Args:
        test: The test.
        most: Pairs of all scans that are tested, ≥ 0.
        points_m: The pair to test in every scan, (x, y) in m each; by default those that are found.

    Attributes:
        rows: What was tested.
        num_found: How many pairs there were, tested or not.

    Raises:
        InputError: If the points are no pair in the field of view.
    """

    def __init__(self, test: PairTest, most: int, points_m: Points | None = None) -> None:
        if points_m:
            test.check(points_m)
        self._test, self._most, self._points_m = test, most, points_m
        self.rows: list[PairRow] = []
        self.num_found = 0

    def add(
        self, first_scan: int, signal: Signals, image: Images, noise: Float[Tensor, " batch"]
    ) -> None:
        """Tests the pairs of some scans; one without a known noise has none.

        Args:
            first_scan: Number of the first one.
            signal: Scans, (batch, channel, y, x).
            image: Their images, (batch, 1, y, x).
            noise: σ of the scans, (batch,).
        """
        for number, sigma in enumerate(noise.tolist(), first_scan):
            of_scan, final = signal[number - first_scan], image[number - first_scan, 0]
            pairs = self._test.wanted(final, sigma, self._points_m)
            self.num_found += len(pairs)
            for wanted in pairs[: self._most - len(self.rows)]:
                pair = self._test(of_scan, final, sigma, wanted)
                self.rows.append(PairRow(number, pair))

    def of_scan(self, scan: int) -> list[Pair]:
        """Returns the pairs of a scan that were tested."""
        return [row.pair for row in self.rows if row.scan == scan]

    def write(self, path: Path) -> None:
        """Writes a row per pair as CSV: places, ratio, false alarms, misfit and the verdict.

        Args:
            path: The file.
        """
        write_csv(path, _HEAD, map(_cells, self.rows))

    def lines(self) -> list[str]:
        """Returns what is to be said of the pairs, a line each; nothing if there are none."""
        if not self.num_found:
            return []
        weak, unclear, supported = (
            [row for row in self.rows if row.pair.verdict.answer == answer]
            for answer in ("no", "unclear", "yes")
        )
        left_out = self.num_found - len(self.rows)
        untested = f"; {left_out} more were not tested (--pairs)" if left_out else ""
        lines = [
            f"pairs of peaks: {len(self.rows)} tested, {len(supported)} supported by "
            f"their scans at {100 * LARGEST_FALSE_ALARMS:g} % false alarms{untested}"
        ]
        if weak:
            lines.append(
                f"warning: may be single objects (pairs.csv): {len(weak)}, the first is in scan "
                f"{weak[0].scan}"
            )
        if unclear:
            lines.append(
                f"warning: unclear, as neither two discs nor one object explain the scan: "
                f"{len(unclear)}, the first is in scan {unclear[0].scan}"
            )
        return lines


def _cells(row: PairRow) -> list[object]:
    first_m, second_m, verdict = row.pair
    places = [round(1e3 * value, 4) for value in (*first_m, *second_m)]
    numbers = [float(f"{value:.4g}") for value in verdict]
    return [row.scan, *places, *numbers, verdict.answer]
