"""Filters whose regularisation follows the noise of each scan."""

import numpy as np
import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.models.filters import Eigenmodes, NoiseFilters
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SHAPE = (24, 24)
MODEL = ForwardModel(Scanner(num_ffp_x=24, num_ffp_y=24), SHAPE)
# Twice as many measurements as pixels.
TALL = ForwardModel(Scanner(num_ffp_x=24, num_ffp_y=24, harmonics=(2, 3)), SHAPE)
EVERY = pytest.mark.parametrize("model", [MODEL, TALL], ids=["square", "tall"])


def filters_of(model, num=1, factors=(1.0, 1.0)):
    filters = NoiseFilters(num, factors)
    filters.use(model)
    return filters


def white(model, std, noise, num=200):
    """White images, and their signals in noise that is given relative to the signals'."""
    generator = torch.Generator().manual_seed(0)
    images = std * torch.randn(num, 1, *SHAPE, generator=generator)
    clean = model(images)
    noise = noise * float(clean.std())
    return images, clean + noise * torch.randn(clean.shape, generator=generator), noise


@EVERY
@pytest.mark.parametrize("std", [1e-3, 1.0])
@pytest.mark.parametrize("noise", [0.03, 0.3])
def test_the_level_is_the_noise_over_the_images_variance(model, std, noise):
    """The λ of the best linear estimate of white images, whatever their unit."""
    _, signal, sigma = white(model, std, noise)
    largest = np.linalg.norm(model.matrix().double().numpy(), 2) ** 2
    # Its inverse is the mean square of a scan, which scatters as few modes do.
    found = float((1 / filters_of(model).noise_level(signal)).mean())
    assert found == pytest.approx(largest / (sigma / std) ** 2, rel=0.05)


@EVERY
def test_no_other_regularisation_comes_closer_to_white_images(model):
    factors = (0.1, 10.0)
    images, signal, _ = white(model, 1.0, 0.1)
    filters = filters_of(model, 3, factors)
    inverse = filters.inverse(filters.noise_level(signal))
    found = filters.mapped(filters.coefficients(signal)[:, None] * inverse)
    sharper, best, smoother = (found - images).square().mean(dim=(0, 2, 3)).tolist()
    assert best < 0.99 * sharper
    assert best < 0.99 * smoother


@EVERY
def test_each_scan_has_its_own_filters(model):
    """By plain algebra on the explicit matrix: Sᵀ (S Sᵀ + λ)⁻¹ u."""
    filters = filters_of(model, 2, (10.0, 100.0))
    levels = torch.tensor([1e-4, 1e-3])
    signal = model(torch.rand(2, 1, *SHAPE, generator=torch.Generator().manual_seed(1)))
    found = filters.mapped(filters.coefficients(signal)[:, None] * filters.inverse(levels))
    matrix = model.matrix().double().numpy()
    gram = matrix @ matrix.T
    largest = np.linalg.eigvalsh(gram)[-1]
    for images, one, level in zip(found, signal, levels.tolist(), strict=True):
        for image, factor in zip(images.numpy(), (10.0, 100.0), strict=True):
            regularised = gram + factor * level * largest * np.eye(len(gram))
            expected = matrix.T @ np.linalg.solve(regularised, one.flatten().double().numpy())
            atol = 1e-3 * np.abs(expected).max()
            np.testing.assert_allclose(image, expected.reshape(SHAPE), rtol=0, atol=atol)


def test_of_nothing_all_is_noise_and_of_noise_alone_nearly_all():
    filters = filters_of(MODEL)
    noise = torch.randn(20, 1, 24, 24, generator=torch.Generator().manual_seed(3))
    assert float(filters.noise_level(torch.zeros(1, 1, 24, 24))) == pytest.approx(0.1)
    levels = filters.noise_level(noise)
    assert levels.min() > 0.01
    assert filters.inverse(levels).isfinite().all()


def test_a_scan_of_few_positions_has_no_such_filters():
    tiny = ForwardModel(Scanner(num_ffp_x=3, num_ffp_y=5), (5, 3))
    with pytest.raises(InputError, match=r"\[1, 5, 3\] have too few FFP positions .* NoiseFilters"):
        NoiseFilters(1, (1.0, 1.0)).use(tiny)


@EVERY
def test_modes_are_an_orthonormal_basis_of_what_is_kept(model):
    modes = Eigenmodes(1e-4)
    modes.use(model)
    matrix = model.matrix().double().numpy()
    singular = np.linalg.svd(matrix, compute_uv=False)
    kept = singular[singular**2 > 1e-4 * singular[0] ** 2]
    np.testing.assert_allclose(modes.eigenvalues.numpy(), kept[::-1] ** 2, rtol=1e-3)
    product = modes.from_signal.T @ modes.from_signal
    torch.testing.assert_close(product, torch.eye(len(kept)), rtol=0, atol=1e-3)
    image = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(2))
    explained, scan = modes.explained(image), model(image)
    atol = 1e-4 * float(explained.abs().max())
    torch.testing.assert_close(explained, modes.coefficients(scan), rtol=0, atol=atol)
