"""The tracer: superparamagnetic particles and their equilibrium magnetisation."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import Checked, NonNegative, Positive, Usual

_SERIES_LIMIT = 0.1

_BOLTZMANN_J_PER_K = 1.380649e-23  # By definition.


@dataclass(frozen=True, kw_only=True)
class Particle(Checked):
    """Superparamagnetic iron oxide particles in thermal equilibrium.

    Args:
        core_diameter_m: Median core diameter d in m, > 0.
        saturation_magnetisation_a_per_m: Saturation magnetisation Ms of the core in A/m, > 0.
        temperature_k: Temperature T in K, > 0.
        diameter_log_std: σ of the log-normal distribution of the core diameters, ≥ 0; 0 means
            that all cores are equal. Real tracers have 0.1–0.3.
        relaxation_time_s: Debye relaxation time τ in s, ≥ 0; 0 means that the magnetisation
            follows the field at once, and the signals are real. Real tracers have 1–5 µs.

    Raises:
        InputError: If a value is out of its range.
    """

    core_diameter_m: Annotated[Positive, Usual(1e-9, 100e-9, "m", "a tracer's core")] = 25e-9
    saturation_magnetisation_a_per_m: Annotated[
        Positive, Usual(10e3, 2e6, "A/m", "the saturation of a core")
    ] = 446e3
    temperature_k: Annotated[Positive, Usual(100, 500, "K", "the temperature of a tracer")] = 300.0
    diameter_log_std: NonNegative = 0.0
    relaxation_time_s: Annotated[
        NonNegative, Usual(1e-9, 10e-3, "s", "the relaxation of a tracer")
    ] = 0.0

    @property
    def field_sensitivity_per_t(self) -> float:
        """β = Ms·V/(k_B·T) in 1/T, with the core volume V = π·d³/6."""
        volume_m3 = math.pi / 6.0 * self.core_diameter_m**3
        moment_a_m2 = self.saturation_magnetisation_a_per_m * volume_m3
        return moment_a_m2 / (_BOLTZMANN_J_PER_K * self.temperature_k)


def langevin_ratio(xi: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Returns L(ξ)/ξ, even, smooth and positive, 1/3 at ξ = 0.

    The direction of the magnetisation is that of the field, so M/Ms = (L(ξ)/ξ)·β·B needs no
    division by |B|. Below |ξ| = 0.1 a series replaces coth ξ − 1/ξ, which cancels.

    Args:
        xi: ξ = β·|B|, dimensionless; use float64 for point spread functions.

    Returns:
        L(ξ)/ξ, of the shape of ``xi``, with finite derivatives everywhere.
    """
    is_small = xi.abs() < _SERIES_LIMIT
    large = torch.where(is_small, torch.ones_like(xi), xi)
    square = torch.where(is_small, xi, torch.zeros_like(xi)) ** 2
    series = 1 / 3 - square / 45 * (
        1 - square * 2 / 21 * (1 - square / 10 * (1 - square * 10 / 99))
    )
    return torch.where(is_small, series, (1.0 / torch.tanh(large) - 1.0 / large) / large)
