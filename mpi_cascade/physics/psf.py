"""The point spread function of one harmonic: what one point of tracer induces.

Computed in float64.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Complex128, Float64
from torch import Tensor

from mpi_cascade.checks import Checked, Finite, Positive
from mpi_cascade.physics.particle import Particle, langevin_ratio
from mpi_cascade.physics.scanner import Scanner

_NUM_DIAMETERS = 12
NUM_SAMPLE_NODES = 8
"""Points along each axis that a delta sample is averaged over."""


def harmonic_psf(
    scanner: Scanner, harmonic: int, x_m: Float64[Tensor, "..."], y_m: Float64[Tensor, "..."]
) -> Float64[Tensor, "..."]:
    """Returns the signed n-th harmonic c_n of M_x/Ms, dimensionless.

    c_n(r − r_F) = (2/2π) ∫ M_x/Ms cos(nθ) dθ over one drive period, with
    M/Ms = L(β|B|)·B/|B| and B = G·(r − r_F) + A·cos θ·x̂. Even in x for odd n, odd in x for even
    n, even in y. The midpoint rule over a period converges spectrally.

    Args:
        scanner: Gradient, drive field and particle; the particle's diameters are averaged over
            their log-normal distribution, each weighted by its volume (its share of the moment).
        harmonic: n, 1 or higher.
        x_m: x component of r − r_F in m.
        y_m: y component of r − r_F in m; broadcasts against ``x_m``.

    Returns:
        c_n of the broadcast shape.

    Source:
        B. Gleich and J. Weizenecker, Nature 435, 2005, doi:10.1038/nature03808; P. W. Goodwill and
        S. M. Conolly, IEEE TMI 29, 2010, doi:10.1109/TMI.2010.2052284.
    """
    if x_m.dim() == y_m.dim() == 2 and x_m.shape[0] == y_m.shape[1] == 1:
        # On a grid, rows on either side of the x axis are the same.
        heights_m, rows = torch.unique(y_m[:, 0].abs(), return_inverse=True)
        return _harmonic_psf(scanner, harmonic, x_m, heights_m[:, None])[rows]
    return _harmonic_psf(scanner, harmonic, x_m, y_m)


def _harmonic_psf(
    scanner: Scanner, harmonic: int, x_m: Float64[Tensor, "..."], y_m: Float64[Tensor, "..."]
) -> Float64[Tensor, "..."]:
    static_x_t = scanner.gradient_x_t_per_m * x_m
    static_y_t = scanner.gradient_y_t_per_m * y_m
    response = torch.zeros(torch.broadcast_shapes(x_m.shape, y_m.shape), dtype=torch.float64)
    for particle, weight in _diameter_nodes(scanner.particle):
        beta = particle.field_sensitivity_per_t
        phases = _phases(beta * scanner.drive_amplitude_t, harmonic)
        total = torch.zeros_like(response)
        for phase in phases:
            field_x_t = static_x_t + scanner.drive_amplitude_t * torch.cos(phase)
            field_t = torch.sqrt(field_x_t**2 + static_y_t**2)
            magnetisation = langevin_ratio(beta * field_t) * beta * field_x_t
            total += torch.cos(harmonic * phase) * magnetisation
        response += total * (2.0 * weight / len(phases))
    return response


def harmonic_psfs(
    scanner: Scanner,
    harmonics: Sequence[int],
    x_m: Float64[Tensor, "..."],
    y_m: Float64[Tensor, "..."],
) -> Float64[Tensor, "harmonics ..."]:
    """Returns ``harmonic_psf`` of several harmonics, for few positions far faster than each alone.

    All phases of the drive period are in memory at once.

    Args:
        scanner: The scanner.
        harmonics: n, each 1 or higher.
        x_m: x component of r − r_F in m.
        y_m: y component of r − r_F in m; broadcasts against ``x_m``.

    Returns:
        c_n, the harmonics first, then the broadcast shape.
    """
    orders = torch.tensor(harmonics, dtype=torch.float64, device=x_m.device)
    response = torch.zeros((), dtype=torch.float64, device=x_m.device)
    for particle, weight in _diameter_nodes(scanner.particle):
        beta = particle.field_sensitivity_per_t
        phases = _phases(beta * scanner.drive_amplitude_t, max(harmonics)).to(x_m.device)
        projection = torch.cos(phases[:, None] * orders) * (2.0 / len(phases))
        drive_t = scanner.drive_amplitude_t * torch.cos(phases)
        field_x_t = scanner.gradient_x_t_per_m * x_m[..., None] + drive_t
        field_t = torch.hypot(field_x_t, scanner.gradient_y_t_per_m * y_m[..., None])
        magnetisation = langevin_ratio(beta * field_t) * beta * field_x_t
        response = response + weight * (magnetisation @ projection)
    return response.movedim(-1, 0)


def voltage_psf(
    scanner: Scanner, harmonic: int, x_m: Float64[Tensor, "..."], y_m: Float64[Tensor, "..."]
) -> Float64[Tensor, "..."] | Complex128[Tensor, "..."]:
    """Returns the harmonic's induced voltage, n·c_n, times the Debye factor if relaxation is on.

    The factor ω, the receive sensitivity and the chain's transfer function are the same for every
    position and are left to the scale of the signal. A complex value holds the part in phase with
    the equilibrium response and the quadrature part.

    Args:
        scanner: The scanner; its ``particle.relaxation_time_s`` is τ.
        harmonic: n, 1 or higher.
        x_m: x component of r − r_F in m.
        y_m: y component of r − r_F in m.

    Returns:
        n·c_n, or n·c_n/(1 + i·n·ω·τ), of the broadcast shape.

    Source:
        P. Debye, Polar Molecules, 1929, for the relaxation of each harmonic on its own.
    """
    voltage = harmonic * harmonic_psf(scanner, harmonic, x_m, y_m)
    if not scanner.is_complex:
        return voltage
    omega = 2.0 * math.pi * scanner.drive_frequency_hz
    return voltage / (1.0 + 1j * harmonic * omega * scanner.particle.relaxation_time_s)


@dataclass(frozen=True, kw_only=True)
class DeltaSamplePSF(Checked):
    """The PSF that a calibration measures with a delta sample of finite size instead of a point.

    The sample is a square, and what it gives is the mean response over its area.

    Args:
        sample_size_m: Edge of the delta sample in m, > 0.

    Raises:
        InputError: If ``sample_size_m`` is not above 0.
    """

    sample_size_m: Positive

    def __call__(
        self,
        scanner: Scanner,
        harmonic: int,
        x_m: Float64[Tensor, "..."],
        y_m: Float64[Tensor, "..."],
    ) -> Float64[Tensor, "..."] | Complex128[Tensor, "..."]:
        """Returns ``voltage_psf`` averaged over the delta sample, by Gauss-Legendre quadrature."""
        nodes, weights = np.polynomial.legendre.leggauss(NUM_SAMPLE_NODES)
        half_m = self.sample_size_m / 2
        total = torch.zeros((), dtype=torch.float64)
        for node_y, weight_y in zip(nodes, weights, strict=True):
            for node_x, weight_x in zip(nodes, weights, strict=True):
                shifted = voltage_psf(
                    scanner, harmonic, x_m + half_m * node_x, y_m + half_m * node_y
                )
                total = total + weight_x * weight_y / 4 * shifted
        return total


@dataclass(frozen=True, kw_only=True)
class ReceivedPSF(Checked):
    """The PSF of a scanner whose FFP isn't where it is thought to be, received with another gain.

    Exact, whatever the offset: no signal is interpolated, and the field of view has no edge.

    Args:
        offset_x_m: True minus believed position of the FFP along x in m.
        offset_y_m: The same along y.
        gain: What the voltage is multiplied by, > 0.

    Raises:
        InputError: If ``gain`` is not above 0, or an offset is not finite.
    """

    offset_x_m: Finite = 0.0
    offset_y_m: Finite = 0.0
    gain: Positive = 1.0

    def __call__(
        self,
        scanner: Scanner,
        harmonic: int,
        x_m: Float64[Tensor, "..."],
        y_m: Float64[Tensor, "..."],
    ) -> Float64[Tensor, "..."] | Complex128[Tensor, "..."]:
        """Returns ``voltage_psf`` at the true positions, times the gain."""
        return self.gain * voltage_psf(
            scanner, harmonic, x_m - self.offset_x_m, y_m - self.offset_y_m
        )


def sample_psf(
    sample_size_m: float,
) -> Callable[[Scanner, int, Tensor, Tensor], Tensor]:
    """Returns the PSF that a square delta sample measures, ``voltage_psf`` for a point.

    Args:
        sample_size_m: Edge of the delta sample in m, ≥ 0; 0 is a point.
    """
    return DeltaSamplePSF(sample_size_m=sample_size_m) if sample_size_m else voltage_psf


def num_phases(scanner: Scanner) -> int:
    """Returns for how many phases, of all diameters and harmonics, a PSF is computed at a point."""
    saturations = [
        particle.field_sensitivity_per_t * scanner.drive_amplitude_t
        for particle, _ in _diameter_nodes(scanner.particle)
    ]
    return sum(
        _num_phases(saturation, harmonic)
        for saturation in saturations
        for harmonic in scanner.harmonics
    )


def _phases(saturation: float, harmonic: int) -> Float64[Tensor, " phases"]:
    """Returns phases at which the midpoint rule gives harmonics up to this one to 10⁻¹⁰.

    cos θ is even: the midpoints of half a period stand for the whole. The error falls as exp(−2Nρ)
    with N points and the distance ρ of the singularities of L(β|B|) from the real phases, which
    comes down to π/βA for strong drives.

    Args:
        saturation: βA, the largest ξ of the drive field.
        harmonic: The highest harmonic.
    """
    num = _num_phases(saturation, harmonic)
    return (torch.arange(num, dtype=torch.float64) + 0.5) * (math.pi / num)


def _num_phases(saturation: float, harmonic: int) -> int:
    return 8 * harmonic + max(64, math.ceil(4 * saturation))


def _diameter_nodes(particle: Particle) -> list[tuple[Particle, float]]:
    """Returns particles of one diameter each and their weights, which sum to 1."""
    if particle.diameter_log_std == 0:
        return [(particle, 1.0)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NUM_DIAMETERS)
    diameters_m = particle.core_diameter_m * np.exp(particle.diameter_log_std * nodes)
    moments = weights * diameters_m**3
    return [
        (replace(particle, core_diameter_m=float(diameter_m), diameter_log_std=0.0), float(weight))
        for diameter_m, weight in zip(diameters_m, moments / moments.sum(), strict=True)
    ]
