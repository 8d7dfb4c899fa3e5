"""What disturbs a measured scan: noise, feed-through, drift and gain, relative to the peak.

Drift and gain are what is left of their scatter without the noise, so that nothing is counted
twice.
"""

import cmath
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.scan import DeltaSampleScan

# Share of scans of noise alone in which a disturbance is seen.
_FALSE_ALARMS = 0.05
# Rounding of a Fourier transform, relative to the largest component.
_ROUNDING = 1e-14


class Levels(NamedTuple):
    """The disturbances of one harmonic; None where the scan can't tell or noise explains them.

    Attributes:
        harmonic: The harmonic n.
        unexplained_snr_db: 20·log10 of the signal's peak ÷ RMS of what the fit leaves: receiver
            noise, the model's error, and what the subtraction of the background has left or added.
            The lines' gains count here only where ``gain_std`` is None; the background's drift
            doesn't, as it was subtracted.
        quadrature_snr_db: The same of the RMS of the part in quadrature.
        receiver_snr_db: The same of the RMS of one part of the highest quarter of all components,
            where there is no signal.
        feed_through: Amplitude of the mean background ÷ peak. It is the same in every scan, and
            subtracted: a scan without its background has none.
        feed_through_phase_rad: Its phase against the signal.
        drift_std: Standard deviation of the background's in-phase steps from one measurement to the
            next ÷ peak, beyond that of its silent components; needs two of them.
        gain_std: Standard deviation of the lines' gains against the fit, each line weighted by its
            energy, beyond what the scatter within the lines gives; needs two lines.
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
    silent = _silent(scan, fit)
    received = scan.spectra[:, silent]
    background = scan.background[:, harmonic] * turn
    feed_through = complex(background.mean()) / peak if len(background) else None
    gain_std, left_rms = _gains(scan, fit, index)
    drift_std = _drift_std(scan, background.real, silent, left_rms)
    return Levels(
        harmonic=harmonic,
        unexplained_snr_db=_snr_db(peak, np.array([left_rms])),
        quadrature_snr_db=_snr_db(peak, (scan.spectra[:, harmonic] * turn).imag),
        receiver_snr_db=_snr_db(peak, np.stack((received.real, received.imag))),
        feed_through=None if feed_through is None else abs(feed_through),
        feed_through_phase_rad=None if feed_through is None else cmath.phase(feed_through),
        drift_std=None if drift_std is None else drift_std / peak,
        gain_std=gain_std,
    )


def _silent(scan: DeltaSampleScan, fit: Fit) -> NDArray[np.int64]:
    """Returns the components of the highest quarter; those that a file lacks are 0 throughout."""
    num_components = scan.spectra.shape[1]
    highest = np.arange(max(max(fit.harmonics) + 1, 3 * num_components // 4), num_components)
    return highest[scan.spectra[:, highest].any(axis=0)]


def _snr_db(peak: float, values: NDArray[np.float64]) -> float:
    rms = float(np.sqrt((values**2).mean())) if values.size else 0.0
    return 20 * math.log10(peak / rms) if rms > 0 else math.inf


def _gains(scan: DeltaSampleScan, fit: Fit, index: int) -> tuple[float | None, float]:
    """Returns the standard deviation of the lines' gains, and the RMS of what is left without it.

    Source:
        R. DerSimonian and N. Laird, Control. Clin. Trials 7, 1986, for the variance of what was
        measured with unequal errors.
    """
    fitted, residual = fit.fitted[index], fit.measured[index] - fit.fitted[index]
    is_on_line = scan.y_m == scan.line_y_m[:, None]
    # Noise of a line's background is one constant along it: no gain.
    fitted, offset_free = (_without_line_means(values, is_on_line) for values in (fitted, residual))
    energy = is_on_line @ fitted**2
    is_on_line, energy = is_on_line[energy > 0], energy[energy > 0]
    num_lines, unexplained = len(energy), float((residual**2).sum())
    freedom = len(residual) - 2 * num_lines
    left_rms = math.sqrt(unexplained / len(residual))
    if num_lines < 2 or freedom < 1:
        return None, left_rms
    # Of each line's gain, what it has beyond that of the fit.
    excess = is_on_line @ (fitted * offset_free) / energy
    explained = float((energy * excess**2).sum())
    within = max(float((offset_free**2).sum()) - explained, 0.0) / freedom
    scatter = energy * (excess - np.average(excess, weights=energy)) ** 2
    between = float(scatter.sum()) / (num_lines - 1)
    if not _stands_out(between, within, num_lines - 1, freedom):
        return None, left_rms
    spread = float(energy.sum() - (energy**2).sum() / energy.sum()) / (num_lines - 1)
    left_rms = math.sqrt(max(unexplained - explained, 0.0) / (len(residual) - num_lines))
    return math.sqrt((between - within) / spread), left_rms


def _without_line_means(
    values: NDArray[np.float64], is_on_line: NDArray[np.bool_]
) -> NDArray[np.float64]:
    means = is_on_line @ values / is_on_line.sum(axis=1)
    return values - means @ is_on_line


def _drift_std(
    scan: DeltaSampleScan,
    background: NDArray[np.float64],
    silent: NDArray[np.int64],
    left_rms: float,
) -> float | None:
    """Returns the standard deviation of the steps of a background in phase, (B,), without noise.

    Noise is what the steps of silent components have; where a file has none, it is at most the RMS
    of what the fit leaves.
    """
    if len(background) < 2:
        return None
    variance = float((np.diff(background) ** 2).mean())
    noise_steps = np.abs(np.diff(scan.background[:, silent], axis=0)) ** 2
    noise = float(noise_steps.mean()) / 2 if noise_steps.size else 0.0
    # Neighbouring steps share a measurement: n of them are worth 2n²/(3n − 1).
    num = len(background) - 1
    freedom = 2 * num**2 / (3 * num - 1)
    noise_freedom = 2 * len(silent) * freedom
    if not noise > (_ROUNDING * float(np.abs(scan.background).max())) ** 2:
        noise, noise_freedom = 2 * left_rms**2, float(scan.spectra.shape[0])
    if not _stands_out(variance, noise, freedom, noise_freedom):
        return None
    return math.sqrt(variance - noise)


def _stands_out(variance: float, noise: float, freedom: float, noise_freedom: float) -> bool:
    """Whether a variance is larger than that of noise gives by chance."""
    return bool(variance > noise * stats.f.isf(_FALSE_ALARMS, freedom, noise_freedom))
