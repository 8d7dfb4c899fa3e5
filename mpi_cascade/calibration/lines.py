"""Whether one scanner explains all lines of a grid as well as one of its own explains each.

Must not know of files.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mpi_cascade.calibration.fit import Fit, fit_scanner
from mpi_cascade.calibration.scan import DeltaSampleScan


class Unexplained(NamedTuple):
    """What a fit leaves, and how much it needs for that.

    Attributes:
        share: Of the spread around each harmonic's mean, averaged over the harmonics.
        num_parameters: Fitted quantities, scales and constants.
    """

    share: float
    num_parameters: int


def left_by_one_scanner(fit: Fit) -> Unexplained:
    """Returns what a fit of the whole grid leaves."""
    everywhere = np.ones(fit.measured.shape[1], np.bool_)
    share = float((1 - fit.r_squared(everywhere)).mean())
    return Unexplained(share, _num_parameters(fit))


def left_by_separate_lines(scan: DeltaSampleScan, fit: Fit) -> Unexplained:
    """Returns what one-dimensional fits leave, one for each line by itself.

    Args:
        scan: The scan of a grid.
        fit: The scanner fitted to all of it, whose spread is the measure.

    Raises:
        InputError: If a line has too few positions.
    """
    fits = []
    residual = np.zeros(len(fit.harmonics))
    for y_m in scan.line_y_m:
        here = scan.y_m == y_m
        line = replace(scan, x_m=scan.x_m[here], y_m=scan.y_m[here], spectra=scan.spectra[here])
        fits.append(fit_scanner(line, fit.harmonics))
        residual += ((fits[-1].measured - fits[-1].fitted) ** 2).sum(axis=1)
    spread = fit.measured - fit.measured.mean(axis=1, keepdims=True)
    share = float((residual / (spread**2).sum(axis=1)).mean())
    return Unexplained(share, sum(map(_num_parameters, fits)))


def _num_parameters(fit: Fit) -> int:
    return len(fit.estimates) + 2 * len(fit.harmonics)
