"""Whether one scanner explains all lines of a grid as well as one of its own explains each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mpi_cascade.calibration.fit import Fit, fit_scanner
from mpi_cascade.calibration.scan import DeltaSampleScan


class Unexplained(NamedTuple):
    """What fits leave, and how much they need for that.

    Attributes:
        share: Of the spread around each harmonic's mean, averaged over the harmonics.
        num_parameters: Fitted quantities, scales and constants.
    """

    share: float
    num_parameters: int


def unexplained(fits: Sequence[Fit], whole: Fit) -> Unexplained:
    """Returns what fits of parts of a scan leave of its spread.

    Args:
        fits: The fits, one of each part.
        whole: A fit of the whole scan.
    """
    residual = np.concatenate([fit.measured - fit.fitted for fit in fits], axis=1)
    spread = whole.measured - whole.measured.mean(axis=1, keepdims=True)
    share = (residual**2).sum(axis=1) / (spread**2).sum(axis=1)
    num_parameters = sum(len(fit.estimates) + 2 * len(fit.harmonics) for fit in fits)
    return Unexplained(float(share.mean()), num_parameters)


def fits_of_lines(scan: DeltaSampleScan, harmonics: tuple[int, ...]) -> list[Fit]:
    """Returns one-dimensional fits, one for each line by itself.

    Args:
        scan: The scan.
        harmonics: The harmonics to explain.

    Raises:
        InputError: If a line has too few positions.
    """
    return [fit_scanner(scan.at(scan.y_m == y_m), harmonics) for y_m in scan.line_y_m]
