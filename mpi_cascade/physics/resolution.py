"""How fine a scanner sees along its drive direction, and what lengths that sets for phantoms."""

import math

import torch

from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.scanner import Scanner

_STEPS_PER_DETAIL = 16
_TAIL_PER_DETAIL = 24.0
_MOST_STEPS = 8192
_REFERENCE_PIXEL_M = 1e-4
"""The pixels of the ``reference`` scanner's images."""


def psf_detail_m(scanner: Scanner) -> float:
    """Returns the length over which the PSF changes along x, ‖h‖/‖∂h/∂x‖, in m.

    It is 1/2π over the root mean square of the spatial frequencies that the scanner transmits, all
    its harmonics together. Unlike the width of the main lobe it stays that of the finest details
    where a strong drive field makes the PSF wide.

    Args:
        scanner: Gradient, drive field, harmonics and particle; the field of view and the FFP
            positions have no part in it.

    Source:
        D. Gabor, "Theory of communication", 1946, for widths by second moments of the spectrum.
    """
    particle_m = 1 / (scanner.particle.field_sensitivity_per_t * scanner.gradient_x_t_per_m)
    half_m = scanner.drive_amplitude_t / scanner.gradient_x_t_per_m + _TAIL_PER_DETAIL * particle_m
    # The n-th harmonic has n − 1 sign changes within the drive field's reach.
    detail_m = min(particle_m, half_m / max(scanner.harmonics))
    # Of an implausible particle the steps are coarser: more points would take minutes.
    num = min(2 * math.ceil(_STEPS_PER_DETAIL * half_m / detail_m), _MOST_STEPS)
    x_m = torch.linspace(-half_m, half_m, num + 1, dtype=torch.float64)
    values = torch.stack(
        [voltage_psf(scanner, n, x_m, torch.zeros_like(x_m)) for n in scanner.harmonics]
    )
    energy = values.abs().square().sum()
    slopes = values.diff(dim=-1).abs().square().sum() / (x_m[1] - x_m[0]) ** 2
    return math.sqrt(energy / slopes)


def length_scale(scanner: Scanner, image_shape: tuple[int, int]) -> float:
    """Returns what the lengths of phantoms for the ``reference`` scanner are to be multiplied by.

    It is the ratio of both scanners' ``psf_detail_m``, at which an ideal observer tells a pair of
    discs from a capsule about as surely as there: within 15 % for gradients of 2.5 … 5 T/m, cores
    of 20 … 30 nm, drive fields of 1.5 … 12 mT and harmonics 2 … 5. It is no less than the ratio of
    the pixels.

    Args:
        scanner: The scanner.
        image_shape: Pixels (y, x) of the images over its field of view.

    Returns:
        The ratio with two digits: 1 for the ``reference`` scanner and its images of 64 × 64 pixels.
    """
    # Of one line the pixels are as high as the field of view, and say nothing.
    pixel_m = max(
        size_m / num
        for size_m, num in zip(scanner.field_of_view_m, image_shape, strict=True)
        if num > 1 or image_shape == (1, 1)
    )
    details = psf_detail_m(scanner) / psf_detail_m(Scanner())
    return float(f"{max(details, pixel_m / _REFERENCE_PIXEL_M):.2g}")
