"""Which part of an image its scan determines."""

import numpy as np
import pytest
import scipy.linalg
import torch

from mpi_cascade.evidence.measured_part import MeasuredPart, measured_share
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

SHAPE = (16, 16)
MODEL = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16), SHAPE)
PART = MeasuredPart(MODEL)


def images(num=3):
    return torch.rand(num, 1, *SHAPE, generator=torch.Generator().manual_seed(0))


RELAXED = ForwardModel(
    Scanner(num_ffp_x=16, num_ffp_y=16, particle=Particle(relaxation_time_s=2e-6)), SHAPE
)
"""More measurements, of two channels, than pixels."""


@pytest.mark.parametrize("model", [MODEL, RELAXED], ids=["square", "tall"])
@pytest.mark.parametrize("noise", [1e-3, 1e-2, 0.1])
def test_is_the_averaging_kernel_of_the_posterior_mean(noise, model):
    """By SciPy: A = τ² Sᵀ (τ² S Sᵀ + σ²)⁻¹ S, from Gaussian conditioning."""
    image = images()
    matrix = model.matrix().double().numpy()
    for found, one in zip(MeasuredPart(model)(image, torch.full((3,), noise)), image, strict=True):
        variance = float(one.square().mean())
        gram = variance * matrix @ matrix.T + noise**2 * np.eye(len(matrix))
        flat = one.flatten().double().numpy()
        expected = variance * matrix.T @ scipy.linalg.solve(gram, matrix @ flat, assume_a="pos")
        np.testing.assert_allclose(found.flatten().numpy(), expected, atol=2e-3)


def test_less_noise_determines_more_and_none_of_it_is_made_up():
    image = images(1)
    errors = [
        float((PART(image, torch.tensor([noise])) - image).norm())
        for noise in (1.0, 0.1, 1e-2, 1e-3)
    ]
    assert errors == sorted(errors, reverse=True)
    assert float(PART(image, torch.tensor([1e6])).abs().max()) < 1e-6


def test_scales_with_image_and_noise():
    image, noise = images(), torch.tensor([0.01, 0.02, 0.03])
    scaled = PART(1e3 * image, 1e3 * noise)
    torch.testing.assert_close(scaled, 1e3 * PART(image, noise), rtol=1e-4, atol=1e-2)


def test_an_empty_image_has_an_empty_part_and_an_unknown_noise_an_unknown_one():
    image = images()
    image[0] = 0
    part = PART(image, torch.tensor([0.0, 0.1, torch.nan]))
    assert torch.equal(part[0], torch.zeros_like(part[0]))
    assert part[1].isfinite().all() and part[2].isnan().all()


def test_noise_alone_decides_what_a_pair_along_y_shows():
    """Along y the reference scanner's gradient is half: the same two discs are told apart less."""
    line = torch.zeros(1, 1, *SHAPE)
    line[0, 0, 8, [5, 10]] = 1
    noise = torch.tensor([0.03 * float(MODEL(line).abs().max())])
    along_x, along_y = PART(line, noise)[0, 0], PART(line.mT.contiguous(), noise)[0, 0].mT
    dip = [float(1 - part[8, 7:9].mean() / part[8].max()) for part in (along_x, along_y)]
    assert dip[0] > dip[1] + 0.05


def modes():
    """By SciPy: the singular values and vectors (mode, pixel) of S, the strongest first."""
    _, strengths, vectors = scipy.linalg.svd(MODEL.matrix().double().numpy())
    return strengths, torch.from_numpy(vectors).float()


def test_an_image_in_determined_modes_is_measured_and_one_beyond_them_is_not():
    strengths, vectors = modes()
    amounts = torch.tensor([3.0, -2.0, 1.0])
    known = (amounts @ vectors[:3]).reshape(1, 1, *SHAPE)
    unseen = vectors[-1].reshape(1, 1, *SHAPE)
    noise = torch.tensor([1e-4 * float(strengths[2])])
    for image, expected in ((known, 1.0), (unseen, 0.0)):
        part = PART(image, noise)
        assert measured_share(image, part).item() == pytest.approx(expected, abs=1e-3)
        torch.testing.assert_close(part, expected * image, atol=2e-3, rtol=0)


def test_the_share_of_one_mode_is_the_gain_of_a_wiener_filter():
    strengths, vectors = modes()
    image = vectors[4].reshape(1, 1, *SHAPE)
    signal = float(strengths[4]) / 16  # τ is the root mean square of 256 pixels.
    for noise in (0.1 * signal, signal, 10 * signal):
        share = measured_share(image, PART(image, torch.tensor([noise]))).item()
        assert share == pytest.approx(signal**2 / (signal**2 + noise**2), rel=1e-3)


def test_an_empty_image_has_no_share():
    assert measured_share(torch.zeros(1, 1, *SHAPE), torch.zeros(1, 1, *SHAPE)).isnan().all()
