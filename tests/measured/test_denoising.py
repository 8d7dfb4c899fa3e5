import numpy as np
import pytest
import torch

from mpi_cascade.measured.denoising import denoised
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SCANNER = Scanner(num_ffp_x=32, num_ffp_y=32, harmonics=(2, 3))
GRID = (32, 32)


@pytest.fixture(scope="module")
def truth():
    return ForwardModel(SCANNER, GRID).matrix()


def noise_of(std, seed):
    generator = torch.Generator().manual_seed(seed)
    by_channel = torch.tensor(std).repeat_interleave(32 * 32)[:, None]
    return by_channel * torch.randn(2048, 1024, generator=generator)


def error(matrix, truth):
    return (matrix - truth).norm() / truth.norm()


@pytest.mark.parametrize("share", [0.1, 0.01])
def test_it_beats_the_truncated_decomposition_of_the_best_rank(truth, share):
    """Even with the rank chosen by knowing the truth."""
    sigma = share * truth.abs().max().item()
    noisy = truth + noise_of((sigma, sigma), 0)
    left, values, right = torch.linalg.svd(noisy, full_matrices=False)
    ranks = range(5, 200, 5)
    truncated = [error(left[:, :r] * values[:r] @ right[:r], truth) for r in ranks]
    found = denoised(noisy, np.full(2, sigma), SCANNER.signal_shape, GRID)
    assert error(found, truth) < 0.8 * min(truncated)
    assert error(found, truth) < 0.3 * error(noisy, truth)


def test_of_noise_alone_next_to_nothing_remains():
    """By chance a few frequencies of 3,000 stand out by three standard deviations."""
    noise = noise_of((3.0, 3.0), 1)
    left = denoised(noise, np.full(2, 3.0), SCANNER.signal_shape, GRID)
    assert left.norm() < 0.02 * noise.norm()


def test_without_noise_nothing_changes(truth):
    found = denoised(truth, np.full(2, 1e-7), SCANNER.signal_shape, GRID)
    assert error(found, truth) < 1e-4


def test_channels_of_unequal_noise_are_weighed(truth):
    std = (5e-4, 5e-3)
    noisy = truth + noise_of(std, 2)
    weighed = denoised(noisy, np.array(std), SCANNER.signal_shape, GRID)
    plain = denoised(
        noisy, np.full(2, np.sqrt(np.mean(np.square(std)))), SCANNER.signal_shape, GRID
    )
    quiet = slice(0, 1024)
    assert error(weighed[quiet], truth[quiet]) < 0.7 * error(plain[quiet], truth[quiet])
