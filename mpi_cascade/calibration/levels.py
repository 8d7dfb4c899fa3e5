"""What disturbs a measured scan: noise, feed-through, drift and gain, relative to the peak.

Must not know of files or how the scanner was fitted.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.scan import DeltaSampleScan


class Levels(NamedTuple):
    """The disturbances of one harmonic; None where the scan can't tell.

    Attributes:
        harmonic: The harmonic n.
        unexplained_snr_db: 20·log10 of the signal's peak ÷ RMS of what the fit leaves.
        quadrature_snr_db: The same of the RMS of the part in quadrature.
        receiver_snr_db: The same of the RMS of one part of the highest quarter of all components,
            where there is no signal.
        feed_through: Amplitude of the mean background ÷ peak.
        feed_through_phase_rad: Its phase against the signal.
        drift_std: Standard deviation of the background's in-phase steps from one measurement to the
            next ÷ peak; needs two of them.
        gain_std: Standard deviation of the lines' gains against the fit; needs two lines.
    """

    harmonic: int
    unexplained_snr_db: float
    quadrature_snr_db: float
    receiver_snr_db: float
    feed_through: float | None
    feed_through_phase_rad: float | None
    drift_std: float | None
    gain_std: float | None


def find_levels(scan: DeltaSampleScan, fit: Fit) -> list[Levels]:
    """Returns the disturbances of each fitted harmonic.

    Args:
        scan: The scan.
        fit: The scanner fitted to it.
    """
    return [_levels_of(scan, fit, index) for index in range(len(fit.harmonics))]


def _levels_of(scan: DeltaSampleScan, fit: Fit, index: int) -> Levels:
    harmonic = fit.harmonics[index]
    peak = float(np.abs(fit.measured[index]).max())
    turn = np.exp(-1j * fit.phase_rad[index])
    num_components = scan.spectra.shape[1]
    silent = scan.spectra[:, max(max(fit.harmonics) + 1, 3 * num_components // 4) :]
    background = scan.background[:, harmonic] * turn
    has_background = len(background) > 0
    steps = np.diff(background.real)
    return Levels(
        harmonic=harmonic,
        unexplained_snr_db=_snr_db(peak, fit.measured[index] - fit.fitted[index]),
        quadrature_snr_db=_snr_db(peak, (scan.spectra[:, harmonic] * turn).imag),
        receiver_snr_db=_snr_db(peak, np.stack((silent.real, silent.imag))),
        feed_through=float(np.abs(background.mean())) / peak if has_background else None,
        feed_through_phase_rad=float(np.angle(background.mean())) if has_background else None,
        drift_std=float(np.sqrt((steps**2).mean())) / peak if len(steps) else None,
        gain_std=None if scan.is_line else _gain_std(scan, fit, index),
    )


def _snr_db(peak: float, values: NDArray[np.float64]) -> float:
    rms = float(np.sqrt((values**2).mean())) if values.size else 0.0
    return 20 * math.log10(peak / rms) if rms > 0 else math.inf


def _gain_std(scan: DeltaSampleScan, fit: Fit, index: int) -> float:
    gains = []
    for y_m in scan.line_y_m:
        on_line = scan.y_m == y_m
        fitted = fit.fitted[index, on_line] - fit.constant[index]
        measured = fit.measured[index, on_line] - fit.constant[index]
        gains.append(float((fitted * measured).sum() / (fitted**2).sum()))
    return float(np.std(gains, ddof=1))
