import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from mpi_cascade.metrics.functional import (
    ghost_energy,
    non_uniformity,
    nrmse,
    psnr,
    ssim,
    tracer_mass,
)
from mpi_cascade.phantoms.rendering import Strokes, render

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)


@pytest.fixture
def images():
    torch.manual_seed(0)
    interior = torch.zeros(32, 32)
    interior[10:22, 10:22] = 1
    truth = torch.rand(5, 1, 32, 32) * interior
    return truth + 0.1 * torch.randn_like(truth) * interior, truth


def test_psnr_agrees_with_scikit_image(images):
    expected = [
        peak_signal_noise_ratio(t[0].numpy(), e[0].numpy(), data_range=1)
        for e, t in zip(*images, strict=True)
    ]
    np.testing.assert_allclose(psnr(*images), expected, rtol=1e-5)


@pytest.mark.parametrize("rows", [slice(None), slice(15, 16)], ids=["images", "lines"])
def test_ssim_agrees_with_scikit_image(images, rows):
    """On images with an empty border, where the two pad differently."""
    estimate, truth = (image[:, :, rows] for image in images)
    expected = [
        structural_similarity(
            t.squeeze().numpy(), e.squeeze().numpy(), data_range=1,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
        )[1].mean()
        for e, t in zip(estimate, truth, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(estimate, truth), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "is_defined"),
    [((2, 16), False), ((5, 16), False), ((6, 16), True), ((16, 5), False), ((16, 6), True),
     ((1, 5), False), ((1, 6), True), ((1, 1), False)],
)  # fmt: skip
def test_ssim_is_undefined_for_images_smaller_than_half_its_window(shape, is_defined):
    truth = torch.rand(3, 1, *shape)
    values = ssim(0.9 * truth, truth)
    assert values.shape == (3,)
    assert (values.isfinite() == is_defined).all()


def test_nrmse_agrees_with_scikit_image(images):
    expected = [
        normalized_root_mse(t[0].numpy(), e[0].numpy()) for e, t in zip(*images, strict=True)
    ]
    np.testing.assert_allclose(nrmse(*images), expected, rtol=1e-5)


@pytest.mark.parametrize("metric", [psnr, ssim, nrmse])
def test_is_undefined_for_an_empty_truth(metric):
    truth = torch.zeros(2, 1, 16, 16)
    truth[1, 0, 4:8, 4:8] = 1
    values = metric(truth + 0.1, truth)
    assert values[0].isnan()
    assert values[1].isfinite()


def make_objects() -> torch.Tensor:
    """Boxes and a ramp of several concentrations; the last image is empty."""
    truth = torch.zeros(4, 1, 24, 24)
    truth[0, 0, 4:12, 4:12] = 1
    truth[0, 0, 15:21, 10:20] = 0.3
    truth[1, 0, 3:20, 5:19] = torch.linspace(0.5, 1, 14)
    truth[2, 0, 6:9, 6:9] = 1
    return truth


def test_non_uniformity_agrees_with_scipy():
    torch.manual_seed(1)
    truth = make_objects()
    estimate = 0.7 * truth + 0.05 * torch.randn_like(truth)
    values = non_uniformity(estimate, truth)
    for number in (0, 1):
        t, e = truth[number, 0].double().numpy(), estimate[number, 0].double().numpy()
        footprint = np.ones((3, 3))
        lowest = ndimage.minimum_filter(t, footprint=footprint, mode="nearest")
        highest = ndimage.maximum_filter(t, footprint=footprint, mode="nearest")
        inside = (lowest >= 0.9 * highest) & (highest > 0.01)
        expected = stats.variation((e / np.where(t > 0, t, 1))[inside])
        assert values[number].item() == pytest.approx(expected, rel=1e-5)


def test_non_uniformity_ignores_the_scale_edges_and_outside():
    truth = make_objects()[:2]
    estimate = 0.4 * truth
    estimate[truth == 0] = torch.rand_like(estimate)[truth == 0]
    estimate[0, 0, 4] = 9  # an edge
    np.testing.assert_allclose(non_uniformity(estimate, truth), 0, atol=1e-6)


def test_non_uniformity_is_undefined_for_tiny_objects_and_empty_reconstructions():
    truth = make_objects()
    assert non_uniformity(truth, truth)[2:].isnan().all()
    for factor in (0.0, -1.0):
        assert non_uniformity(factor * truth, truth).isnan().all()


def test_ghost_energy_agrees_with_numpy():
    torch.manual_seed(2)
    truth = make_objects()
    estimate = truth + 0.1 * torch.randn_like(truth)
    values = ghost_energy(estimate, truth)
    for number in range(3):
        t, e = truth[number, 0].double().numpy(), estimate[number, 0].double().numpy()
        outside = ~ndimage.binary_dilation(t > 0.01, np.ones((5, 5)))
        expected = (e[outside] ** 2).sum() / (t**2).sum()
        assert values[number].item() == pytest.approx(expected, rel=1e-5)
    assert values[3].isnan()
    assert ghost_energy(truth, truth)[:3].eq(0).all()


def test_ghost_energy_is_undefined_where_objects_fill_the_image():
    truth = torch.ones(1, 1, 8, 8)
    assert ghost_energy(truth, truth).isnan().all()


@pytest.mark.parametrize("shape", [(64, 64), (128, 96)])
def test_tracer_mass_of_a_disc_is_its_area(shape):
    radius_m = 0.8e-3
    disc = Strokes(
        sample=torch.zeros(1, dtype=torch.long),
        start=torch.zeros(1, 2), end=torch.zeros(1, 2),
        start_radius=torch.tensor([radius_m]), end_radius=torch.tensor([radius_m]),
        amplitude=torch.tensor([0.5]), is_flat=torch.tensor([False]),
    )  # fmt: skip
    image = render([disc], 1, shape, FIELD_OF_VIEW_M)
    expected = 0.5 * math.pi * radius_m**2
    assert tracer_mass(image, FIELD_OF_VIEW_M).item() == pytest.approx(expected, rel=2e-3)
