import math

import numpy as np
import pytest
import torch
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from mpi_cascade.data.rendering import render
from mpi_cascade.data.suites import Pairs, pair_shapes
from mpi_cascade.metrics.functional import nrmse, pair_dip, pair_profile, psnr, ssim

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


def test_ssim_agrees_with_scikit_image(images):
    """On images with an empty border, where the two pad differently."""
    expected = [
        structural_similarity(
            t[0].numpy(), e[0].numpy(), data_range=1,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
        )[1].mean()
        for e, t in zip(*images, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(*images), expected, atol=1e-5)


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


def make_pairs(gap_mm, angle=0.0, centre_mm=(0.37, -0.61), diameter_mm=0.4) -> Pairs:
    return Pairs(
        centre_m=1e-3 * torch.tensor([centre_mm]),
        direction=torch.tensor([[math.cos(angle), math.sin(angle)]]),
        diameter_m=torch.tensor([1e-3 * diameter_mm]),
        gap_m=torch.tensor([1e-3 * gap_mm]),
    )


def two_gaussians(pairs: Pairs, sigma_m: float, num_pixels: int = 256) -> torch.Tensor:
    pixels = ((torch.arange(num_pixels) + 0.5) / num_pixels - 0.5) * 6.4e-3
    y, x = torch.meshgrid(pixels, pixels, indexing="ij")
    half_spacing = 0.5 * (pairs.gap_m + pairs.diameter_m)
    image = torch.zeros(num_pixels, num_pixels)
    for sign in (-1, 1):
        centre = (pairs.centre_m + sign * half_spacing * pairs.direction)[0]
        image += torch.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * sigma_m**2))
    return image[None, None]


@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2])
def test_dip_of_two_gaussians_is_the_closed_form(angle):
    """With spacing s ≫ σ: the valley is 2·exp(−s²/8σ²), the peak 1 + exp(−s²/2σ²)."""
    pairs, sigma_m = make_pairs(gap_mm=0.3, angle=angle), 0.2e-3
    spacing = 0.7e-3
    valley = 2 * math.exp(-(spacing**2) / (8 * sigma_m**2))
    peak = 1 + math.exp(-(spacing**2) / (2 * sigma_m**2))
    dip = pair_dip(two_gaussians(pairs, sigma_m), pairs, FIELD_OF_VIEW_M)
    assert dip.item() == pytest.approx(1 - valley / peak, abs=3e-3)


def test_dip_of_the_rendered_truth_is_complete_and_of_the_capsule_around_it_none():
    pairs = make_pairs(gap_mm=0.3)
    truth = render(pair_shapes(pairs), 1, (128, 128), FIELD_OF_VIEW_M)
    assert pair_dip(truth, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(1, abs=1e-6)
    (discs,) = pair_shapes(pairs)
    capsule = discs._replace(end=discs.start.flip(0))
    image = render([capsule], 1, (128, 128), FIELD_OF_VIEW_M)
    assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=1e-6)


def test_dip_takes_the_lower_peak():
    pairs = make_pairs(gap_mm=0.4, diameter_mm=0.4)
    image = two_gaussians(pairs, 0.1e-3)
    image[..., : int(256 * (0.5 + 0.37 / 6.4))] *= 0.5
    positions_m = torch.linspace(-0.6e-3, 0.6e-3, 201)[None]
    profile = pair_profile(image, pairs, positions_m, FIELD_OF_VIEW_M)[0]
    lower = profile[:100].max()
    valley = profile[34:167].min()
    dip = pair_dip(image, pairs, FIELD_OF_VIEW_M).item()
    assert dip == pytest.approx((1 - valley / lower).item(), abs=1e-2)


@pytest.mark.parametrize("gap_mm", [0.0, 0.1, 0.3])
def test_a_single_blob_between_the_discs_and_a_slope_have_no_dip(gap_mm):
    pairs = make_pairs(gap_mm)
    blob = two_gaussians(make_pairs(gap_mm, diameter_mm=-gap_mm), 0.25e-3)
    assert pair_dip(blob, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=5e-3)
    slope = torch.linspace(0.2, 1, 256).expand(1, 1, 256, 256)
    for image in (slope, slope.flip(-1)):
        assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=1e-5)


def test_dip_of_an_empty_or_negative_image_is_zero():
    pairs = make_pairs(gap_mm=0.3)
    for value in (0.0, -1.0, 0.05):
        image = torch.full((1, 1, 64, 64), value)
        image[..., 32:34] -= 0.02
        assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == 0
