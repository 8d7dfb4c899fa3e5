"""The scanner that explains a measured scan best: least squares through the signal equation.

The measured harmonic n is a_n times ``ScanModel`` plus b_n, the scale of the receive chain and a
constant that background subtraction has left. a_n and b_n are solved for exactly inside the search
for the other quantities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize

from mpi_cascade.calibration.model import ScanModel
from mpi_cascade.calibration.quantities import (
    NOTHING,
    Estimate,
    Quantities,
    response_uncertainties,
    standard_uncertainties,
)
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.checks import InputError

_CPU = torch.device("cpu")

# Rounding of a Fourier transform, relative to the largest component.
_NO_SIGNAL = 1e-14
_CLEAR = 10.0

# A scan of a scanner takes ten as a rule; in noise the search wanders for hundreds.
_MOST_STEPS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A scanner fitted to a scan.

    Attributes:
        estimates: ``gradient_x_t_per_m``, ``core_diameter_m``, ``offset_x_m`` (where the FFP is),
            ``sample_size_m`` (edge of a square), ``sensitivity_slope_per_m`` (η), and for a grid
            ``gradient_y_t_per_m`` and ``offset_y_m``.
        harmonics: The harmonics n.
        phase_rad: Phase of each harmonic's receive chain, (harmonics,).
        phase_std_rad: Its standard uncertainty.
        scale: a_n > 0, (harmonics,).
        response_relative_std: Standard uncertainty of the size of the response, a_n·mean |⟨n·c_n⟩|
            over the positions, as a share of it; all other quantities are uncertain too.
        constant: b_n, (harmonics,).
        measured: Signed profiles, (harmonics, positions).
        fitted: The model at the same positions, (harmonics, positions).
    """

    estimates: dict[str, Estimate]
    harmonics: tuple[int, ...]
    phase_rad: NDArray[np.float64]
    phase_std_rad: NDArray[np.float64]
    scale: NDArray[np.float64]
    response_relative_std: NDArray[np.float64]
    constant: NDArray[np.float64]
    measured: NDArray[np.float64]
    fitted: NDArray[np.float64]

    def value(self, name: str) -> float:
        """Returns the value of a fitted quantity."""
        return self.estimates[name].value

    @property
    def misfit(self) -> float:
        """Sum over the harmonics of the unexplained share of each one's scatter."""
        residual = (self.measured - self.fitted) / self.measured.std(axis=1, keepdims=True)
        return float((residual**2).sum())

    def r_squared(self, positions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Returns 1 − (unexplained ÷ spread around the mean) of each harmonic, (harmonics,).

        Args:
            positions: The positions that count, for example those of one line.
        """
        measured, fitted = self.measured[:, positions], self.fitted[:, positions]
        spread = measured - measured.mean(axis=1, keepdims=True)
        return 1 - ((measured - fitted) ** 2).sum(axis=1) / (spread**2).sum(axis=1)


def signed_profiles(
    spectra: NDArray[np.complex128],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns real profiles (harmonics, positions) and the phase (harmonics,) turned away.

    The phase is the one that leaves the least in quadrature.

    Args:
        spectra: Complex harmonics, (harmonics, positions).
    """
    phase = np.angle((spectra**2).sum(axis=1)) / 2
    return (spectra * np.exp(-1j * phase[:, None])).real, phase


def clear_harmonics(scan: DeltaSampleScan, harmonics: Sequence[int]) -> tuple[int, ...]:
    """Returns the harmonics that stand out from the noise, all of them if none does.

    Those whose energy in phase is ten times that in quadrature, where an ideal signal has none: of
    a weaker one, a scanner could not explain nine tenths.

    Args:
        scan: The scan.
        harmonics: Harmonics that may be used; those that it lacks are left out.
    """
    present = [harmonic for harmonic in harmonics if harmonic < scan.spectra.shape[1]]
    spectra = scan.spectra[:, present].T
    turned = spectra * np.exp(-1j * signed_profiles(spectra)[1][:, None])
    is_clear = turned.real.var(axis=1) > _CLEAR * turned.imag.var(axis=1)
    clear = tuple(harmonic for harmonic, kept in zip(present, is_clear, strict=True) if kept)
    return clear or tuple(present)


def fit_scanner(
    scan: DeltaSampleScan,
    harmonics: tuple[int, ...],
    device: torch.device = _CPU,
    known: Mapping[str, float] = NOTHING,
    start: Mapping[str, float] = NOTHING,
) -> Fit:
    """Returns the scanner that explains a scan best.

    Every harmonic counts by its own scatter around the mean, so that weak ones count as much as
    strong ones.

    Args:
        scan: The scan.
        harmonics: The harmonics to explain, each 2 or higher.
        device: Where voltages are computed.
        known: Values of quantities that are not searched for, by name.
        start: Quantities to start the search from; without them it tries many.

    Raises:
        InputError: If a harmonic is absent, or there are too few positions.
    """
    _require_signal(scan, harmonics)
    measured, phase_rad = signed_profiles(scan.spectra[:, list(harmonics)].T)
    scatter = measured.std(axis=1, keepdims=True)
    quantities, num_harmonics = Quantities(scan, known), len(harmonics)
    if len(scan.x_m) * num_harmonics < len(quantities) + 3 * num_harmonics:
        raise InputError(
            f"the scan has {len(scan.x_m)} positions, too few for {len(quantities)} quantities and "
            "two more for each harmonic: measure more positions"
        )
    model = ScanModel(scan, harmonics, device)

    def residual(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        fitted, _ = _scaled(model.profiles(quantities.values(vector)), measured)
        return ((fitted - measured) / scatter).ravel()

    starts = [quantities.vector(**start)] if start else quantities.starts()
    best = min(starts, key=lambda vector: float((residual(vector) ** 2).sum()))
    found = optimize.least_squares(
        residual, best, bounds=quantities.bounds, x_scale="jac", max_nfev=_MOST_STEPS
    )
    fitted, linear = _scaled(model.profiles(quantities.values(found.x)), measured)
    std = standard_uncertainties(found.jac, found.fun, num_harmonics)
    response_relative_std = response_uncertainties(
        lambda vector: model.profiles(quantities.values(vector)),
        found.x, quantities.bounds, linear[:, 0], (fitted - measured) / scatter, scatter,
    )  # fmt: skip
    quadrature = (scan.spectra[:, list(harmonics)].T * np.exp(-1j * phase_rad[:, None])).imag
    # The angle that noise of this size in quadrature turns the whole profile by.
    phase_std_rad = quadrature.std(axis=1) / np.linalg.norm(measured, axis=1)
    # A phase is known up to half a turn: take the one of a positive scale.
    sign = np.where(linear[:, 0] < 0, -1.0, 1.0)
    return Fit(
        estimates=quantities.estimates(found.x, std),
        harmonics=harmonics,
        phase_rad=phase_rad + np.where(sign < 0, np.pi, 0.0),
        phase_std_rad=phase_std_rad,
        scale=sign * linear[:, 0],
        response_relative_std=response_relative_std,
        constant=sign * linear[:, 1],
        measured=sign[:, None] * measured,
        fitted=sign[:, None] * fitted,
    )


def _require_signal(scan: DeltaSampleScan, harmonics: tuple[int, ...]) -> None:
    if not harmonics or min(harmonics) < 2 or max(harmonics) >= scan.spectra.shape[1]:
        raise InputError(
            f"the harmonics are {list(harmonics)}: the scan has 2 … {scan.spectra.shape[1] - 1}"
        )
    largest = np.abs(scan.spectra).max()
    for harmonic in harmonics:
        if scan.spectra[:, harmonic].std() < _NO_SIGNAL * largest:
            raise InputError(f"harmonic {harmonic} has no signal: leave it out of the harmonics")


def _scaled(
    profiles: NDArray[np.float64], measured: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns a_n·profile + b_n nearest to the measurement, and (a_n, b_n) of each harmonic."""
    fitted, linear = np.empty_like(measured), np.empty((len(measured), 2))
    for index, (profile, target) in enumerate(zip(profiles, measured, strict=True)):
        columns = np.stack((profile, np.ones_like(profile)), axis=1)
        linear[index] = np.linalg.lstsq(columns, target)[0]
        fitted[index] = columns @ linear[index]
    return fitted, linear
