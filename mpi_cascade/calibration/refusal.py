"""Why a calibration is none: what a scan does not tell, or tells otherwise than the model."""

import numpy as np

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.scan import DeltaSampleScan

_NAMES = {
    "gradient_x_t_per_m": "gradient along x",
    "gradient_y_t_per_m": "gradient along y",
    "core_diameter_m": "core diameter",
}
"""Quantities without which there is no scanner, and what they are called."""

_MOST_UNCERTAIN = 0.5
_NOT_AT_ALL = 10.0
_LEAST_R_SQUARED = 0.9


def reasons_against(scan: DeltaSampleScan, fit: Fit) -> list[str]:
    """Returns a sentence for each reason not to take a fit for a scanner; none as a rule.

    Args:
        scan: The scan.
        fit: The scanner fitted to it.
    """
    sentences = []
    if noisy := _below_noise(scan, fit):
        sentences.append(
            f"below the noise are the harmonics {', '.join(noisy.values())}: leave them out with "
            "--harmonics, or average more"
        )
    unexplained = [text for harmonic, text in _unexplained(fit).items() if harmonic not in noisy]
    if unexplained:
        sentences.append(
            f"no scanner explains the harmonics {', '.join(unexplained)}, at least R² "
            f"{_LEAST_R_SQUARED} is needed: check positions, drive field and background"
        )
    return [*sentences, *_outside(scan, fit), *_uncertain(fit)]


def _below_noise(scan: DeltaSampleScan, fit: Fit) -> dict[int, str]:
    """Returns the harmonics whose fitted profile is weaker than what is left of either part."""
    found = {}
    for index, harmonic in enumerate(fit.harmonics):
        turned = scan.spectra[:, harmonic] * np.exp(-1j * fit.phase_rad[index])
        left = fit.measured[index] - fit.fitted[index]
        noise = max(float(np.std(turned.imag)), float(np.std(left)))
        signal = float(np.std(fit.fitted[index]))
        if signal < noise:
            found[harmonic] = f"{harmonic} ({signal:.2g} against {noise:.2g} {scan.unit} RMS)"
    return found


def _unexplained(fit: Fit) -> dict[int, str]:
    r_squared = fit.r_squared(np.ones(fit.measured.shape[1], np.bool_))
    return {
        harmonic: f"{harmonic} (R² {value:.2f})"
        for harmonic, value in zip(fit.harmonics, r_squared, strict=True)
        if value < _LEAST_R_SQUARED
    }


def _outside(scan: DeltaSampleScan, fit: Fit) -> list[str]:
    sentences = []
    for axis, positions_m in (("x", scan.x_m), ("y", scan.y_m)):
        found = fit.estimates.get(f"offset_{axis}_m")
        low_m, high_m = float(positions_m.min()), float(positions_m.max())
        if found and not low_m <= found.value <= high_m:
            sentences.append(
                f"the field-free point lies at {axis} = {1e3 * found.value:.4g} mm, outside the "
                f"scan of {1e3 * low_m:.4g} … {1e3 * high_m:.4g} mm: measure around it"
            )
    return sentences


def _uncertain(fit: Fit) -> list[str]:
    shares = {
        label: fit.estimates[name].std / fit.value(name)
        for name, label in _NAMES.items()
        if name in fit.estimates
    }
    for harmonic, share in zip(fit.harmonics, fit.response_relative_std, strict=True):
        shares[f"size of harmonic {harmonic}"] = float(share)
    poor = {label: share for label, share in shares.items() if not share <= _MOST_UNCERTAIN}
    if not poor:
        return []
    shown = [
        f"{label} ({100 * share:.0f} %)" if share < _NOT_AT_ALL else f"{label} (not at all)"
        for label, share in poor.items()
    ]
    return [
        f"the data don't determine the {', '.join(shown)}: an uncertainty of at most "
        f"{100 * _MOST_UNCERTAIN:.0f} % is needed, so measure more positions, or closer ones"
    ]
