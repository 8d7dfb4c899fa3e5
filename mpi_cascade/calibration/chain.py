"""The receive chain of a fitted scanner: what its sample gave, per concentration and area."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.checks import InputError
from mpi_cascade.physics.forward import signal_unit
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner

_IRON_MG_PER_MMOL = 55.845  # Its standard atomic weight.
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*((?:[^\W\d_]|[%‰(]).*?)\s*")
_SHARE_OF_VIEW = 1 / 16
"""Edge that a sample of unknown size is counted as, of the region's smaller side: a phantom's."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How much tracer a sample holds.

    Args:
        value: Its concentration, or its mass, > 0.
        unit: The unit; of a mass, that of the mass.
        is_mass: Whether it is a mass. Images are then of mass per mm².
    """

    value: float
    unit: str
    is_mass: bool


def known_sample(
    scan: DeltaSampleScan, concentration: str | None, mass: str | None, has_size: bool
) -> Sample:
    """Returns what is known of a sample: what the user says, else the file, else that it is 1.

    Args:
        scan: Its scan.
        concentration: A number and a unit.
        mass: A number and a unit.
        has_size: Whether the sample's edge is known.

    Raises:
        InputError: If both are given, one can't be read, or a concentration lacks the size.
    """
    if concentration and mass:
        raise InputError("--concentration and --mass both say how much tracer there is: give one")
    if mass:
        return _amount("--mass", mass, is_mass=True)
    if concentration:
        if not has_size:
            raise InputError(
                f"--concentration is {concentration}, but how large the sample is nobody says: "
                "give its edge with --sample-mm, or its mass with --mass"
            )
        return _amount("--concentration", concentration, is_mass=False)
    if not has_size:
        return Sample(value=1.0, unit="samples", is_mass=True)
    if scan.stated_iron_mol_per_l:
        iron_mg_per_ml = _IRON_MG_PER_MMOL * scan.stated_iron_mol_per_l
        return Sample(value=iron_mg_per_ml, unit="mg Fe/ml", is_mass=False)
    return Sample(value=1.0, unit="of the sample", is_mass=False)


def fitted_scanner(scan: DeltaSampleScan, fit: Fit) -> Scanner:
    """Returns the scanner that was fitted; its field of view is the region that was measured.

    Of a line, the gradient along y is taken as that along x, and the region is a quarter as high as
    it is wide.

    Args:
        scan: The scan.
        fit: The scanner fitted to it.
    """
    x_m = _extent_m(scan.x_m)
    return Scanner(
        gradient_x_t_per_m=_rounded(fit.value("gradient_x_t_per_m")),
        gradient_y_t_per_m=_rounded(fit.value(f"gradient_{'x' if scan.is_line else 'y'}_t_per_m")),
        drive_amplitude_t=_rounded(scan.drive_amplitude_t),
        drive_frequency_hz=_rounded(scan.drive_frequency_hz),
        field_of_view_x_m=_rounded(x_m),
        field_of_view_y_m=_rounded(x_m / 4 if scan.is_line else _extent_m(scan.y_m)),
        num_ffp_y=1 if scan.is_line else Scanner.num_ffp_y,
        harmonics=fit.harmonics,
        particle=Particle(core_diameter_m=_rounded(fit.value("core_diameter_m"))),
    )


def receive_chain(scan: DeltaSampleScan, fit: Fit, sample: Sample) -> ReceiveChain:
    """Returns the receive chain: g_n = a_n·∫ |PSF_n| dr ÷ area of the sample.

    Of a sample whose mass is known its size does not count: a concentration of 1 is then that mass
    on a square of a sixteenth of the region, about as large as a phantom.

    Args:
        scan: The scan.
        fit: The scanner fitted to it.
        sample: How much tracer was measured.
    """
    scanner = fitted_scanner(scan, fit)
    known_m = _SHARE_OF_VIEW * min(scanner.field_of_view_m)
    edge_m = known_m if sample.is_mass else fit.value("sample_size_m")
    area_mm2 = (1e3 * edge_m) ** 2
    units_m2 = [signal_unit(replace(scanner, harmonics=(n,))) for n in fit.harmonics]
    background = scan.background[:, list(fit.harmonics)]
    mean = background.mean(axis=0) if len(background) else np.zeros(0)
    return ReceiveChain(
        scanner=scanner,
        harmonics=fit.harmonics,
        gain=_rounded_all(fit.scale * units_m2 / edge_m**2),
        phase_rad=_rounded_all(fit.phase_rad),
        gain_relative_std=_rounded_all(fit.response_relative_std),
        phase_std_rad=_rounded_all(fit.phase_std_rad),
        background_real=_rounded_all(mean.real),
        background_imag=_rounded_all(mean.imag),
        unit=scan.unit,
        concentration=_rounded(sample.value / area_mm2 if sample.is_mass else sample.value),
        concentration_unit=f"{sample.unit}/mm²" if sample.is_mass else sample.unit,
        is_transfer_function_corrected=scan.is_transfer_function_corrected,
    )


def _extent_m(positions_m: NDArray[np.float64]) -> float:
    """Returns the width of the region that evenly spaced positions stand for."""
    num = len(np.unique(positions_m))
    return float(np.ptp(positions_m)) * num / (num - 1)


def _amount(name: str, text: str, is_mass: bool) -> Sample:
    found = _AMOUNT.fullmatch(text)
    value = float(found[1]) if found else math.nan
    if not found or not 0 < value < math.inf:
        raise InputError(
            f'{name} is {text}: give a number above 0 and its unit, for example "5 mg Fe/ml" or '
            '"20 µg Fe"'
        )
    return Sample(value=value, unit=found[2], is_mass=is_mass)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _rounded_all(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(map(_rounded, values.tolist()))
