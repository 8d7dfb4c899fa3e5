"""A system matrix as a calibration would measure it: position by position, noisy."""

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.psf import sample_psf
from mpi_cascade.physics.scanner import Scanner


def simulate_calibration(
    scanner: Scanner,
    nominal_scanner: Scanner,
    image_shape: tuple[int, int],
    sample_m: float,
    snr_db: float,
    background_frames: int,
    seed: int,
) -> tuple[Float[Tensor, "measurements pixels"], Float[Tensor, "frames measurements"]]:
    """Returns the noisy system matrix, and frames of the background.

    Args:
        scanner: The scanner that is calibrated.
        nominal_scanner: The scanner whose ∫ |PSF| dr is the unit.
        image_shape: Positions (y, x) of the sample over the field of view.
        sample_m: Edge of the sample in m; 0 is a point.
        snr_db: 20·log10(max|S|/σ) of white noise.
        background_frames: Frames without a sample.
        seed: Seed of the noise.
    """
    model = ForwardModel(scanner, image_shape, sample_psf(sample_m), unit_scanner=nominal_scanner)
    matrix = model.matrix()
    sigma = matrix.abs().max() * 10 ** (-snr_db / 20)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(matrix), matrix.shape[1], generator=generator)
    background = torch.randn(background_frames, len(matrix), generator=generator)
    return matrix + sigma * noise, sigma * background
