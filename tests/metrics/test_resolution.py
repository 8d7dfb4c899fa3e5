import math
from functools import partial

import numpy as np
import pytest
import torch
from pairs import make_pairs
from scipy.integrate import quad

from mpi_cascade.metrics.resolution import (
    RAYLEIGH_DIP,
    disc_non_uniformity,
    full_width_half_maximum,
    localisation_error,
    pair_dip,
    pair_profile,
    resolvable_gap,
)
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import PairGeometry, pair_shapes
from mpi_cascade.physics.scanner import cell_centres

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)
X = torch.tensor([[1.0, 0.0]])
off_centre = partial(make_pairs, centre_mm=(0.37, -0.61))


def two_gaussians(pairs: PairGeometry, sigma_m: float, num_pixels: int = 256) -> torch.Tensor:
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
    pairs, sigma_m = off_centre(0.3, angle=angle), 0.2e-3
    spacing = 0.7e-3
    valley = 2 * math.exp(-(spacing**2) / (8 * sigma_m**2))
    peak = 1 + math.exp(-(spacing**2) / (2 * sigma_m**2))
    dip = pair_dip(two_gaussians(pairs, sigma_m), pairs, FIELD_OF_VIEW_M)
    assert dip.item() == pytest.approx(1 - valley / peak, abs=3e-3)


def test_dip_of_the_rendered_truth_is_complete_and_of_the_capsule_around_it_none():
    pairs = off_centre(0.3)
    truth = render(pair_shapes(pairs), 1, (128, 128), FIELD_OF_VIEW_M)
    assert pair_dip(truth, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(1, abs=1e-6)
    (discs,) = pair_shapes(pairs)
    capsule = discs._replace(end=discs.start.flip(0))
    image = render([capsule], 1, (128, 128), FIELD_OF_VIEW_M)
    assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=1e-6)


def test_dip_takes_the_lower_peak():
    pairs = off_centre(0.4, diameter_mm=0.4)
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
    pairs = off_centre(gap_mm)
    blob = two_gaussians(off_centre(gap_mm, diameter_mm=-gap_mm), 0.25e-3)
    assert pair_dip(blob, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=5e-3)
    slope = torch.linspace(0.2, 1, 256).expand(1, 1, 256, 256)
    for image in (slope, slope.flip(-1)):
        assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == pytest.approx(0, abs=1e-5)


def test_dip_of_an_empty_or_negative_image_is_zero():
    pairs = off_centre(0.3)
    for value in (0.0, -1.0):
        image = torch.full((1, 1, 64, 64), value)
        assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == 0
        image[..., 32:34] -= 0.02
        assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() == 0


@pytest.mark.parametrize("factor", [1e-6, 0.01, 0.1, 3.0, 1e4])
def test_dip_of_a_multiple_of_an_image_is_the_same(factor):
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(200, 1, 64, 64, generator=generator)
    images[100:] = images[100:].abs() + two_gaussians(off_centre(0.3), 0.15e-3, 64)
    pairs = off_centre(0.3).cases(torch.zeros(200, dtype=torch.long))
    dip = pair_dip(images, pairs, FIELD_OF_VIEW_M)
    assert (dip > 0).any()
    assert (dip[:100] == 0).any()
    multiplied = pair_dip(factor * images, pairs, FIELD_OF_VIEW_M)
    torch.testing.assert_close(multiplied, dip, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("brightest", "is_shown"), [(9.0, True), (11.0, False)])
def test_discs_under_a_tenth_of_an_images_maximum_are_no_pair(brightest, is_shown):
    pairs = off_centre(0.3)
    image = render(pair_shapes(pairs), 1, (64, 64), FIELD_OF_VIEW_M)
    image[0, 0, 60, 60] = brightest * image.max()
    assert (pair_dip(image, pairs, FIELD_OF_VIEW_M).item() > 0) == is_shown


@pytest.mark.parametrize("gap_mm", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_dip_of_a_capsule_with_the_outline_of_a_pair_is_no_split(gap_mm, angle):
    pairs = off_centre(gap_mm, angle=angle)
    (discs,) = pair_shapes(pairs)
    capsule = discs._replace(end=discs.start.flip(0))
    image = render([capsule], 1, (64, 64), FIELD_OF_VIEW_M)
    assert pair_dip(image, pairs, FIELD_OF_VIEW_M).item() < 0.5 * RAYLEIGH_DIP
    truth = render(pair_shapes(pairs), 1, (128, 128), FIELD_OF_VIEW_M)
    assert pair_dip(truth, pairs, FIELD_OF_VIEW_M).item() >= RAYLEIGH_DIP


def gaussian(centre_mm, sigma_mm, num_pixels=256) -> torch.Tensor:
    pixels_mm = ((torch.arange(num_pixels) + 0.5) / num_pixels - 0.5) * 6.4
    y, x = torch.meshgrid(pixels_mm, pixels_mm, indexing="ij")
    squares = ((x - centre_mm[0]) / sigma_mm[0]) ** 2 + ((y - centre_mm[1]) / sigma_mm[1]) ** 2
    return torch.exp(-0.5 * squares)[None, None]


def width_mm(image, centre_mm, direction=X, diameter_mm=0.4) -> float:
    width_m = full_width_half_maximum(
        image,
        1e-3 * torch.tensor([centre_mm]),
        direction,
        torch.tensor([1e-3 * diameter_mm]),
        FIELD_OF_VIEW_M,
    )
    return 1e3 * width_m.item()


GAUSSIAN_FWHM = 2 * math.sqrt(2 * math.log(2))


@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2])
@pytest.mark.parametrize("centre_mm", [(0.0, 0.0), (1.234, -0.871)])
def test_width_of_a_gaussian_is_the_closed_form(angle, centre_mm):
    sigma_x, sigma_y = 0.35, 0.5
    cosine, sine = math.cos(angle), math.sin(angle)
    sigma = 1 / math.sqrt((cosine / sigma_x) ** 2 + (sine / sigma_y) ** 2)
    direction = torch.tensor([[cosine, sine]])
    image = gaussian(centre_mm, (sigma_x, sigma_y))
    assert width_mm(image, centre_mm, direction) == pytest.approx(GAUSSIAN_FWHM * sigma, rel=2e-3)


def test_width_of_a_triangle_is_interpolated_exactly():
    ramp = 1 - ((torch.arange(64) + 0.5) / 64 - 0.5).sub(0.5 / 64).abs() * 6.4
    image = ramp.expand(1, 1, 64, 64)
    assert width_mm(image, (0.05, 0.3)) == pytest.approx(1.0, abs=1e-4)


def test_width_is_that_of_the_disc_and_not_of_a_brighter_neighbour():
    image = gaussian((-0.5, 0.2), (0.2, 0.2)) + 3 * gaussian((1.8, 0.2), (0.2, 0.2))
    assert width_mm(image, (-0.5, 0.2)) == pytest.approx(GAUSSIAN_FWHM * 0.2, rel=5e-3)


def test_width_is_undefined_without_a_fall_to_half_inside_the_image_or_a_maximum():
    assert math.isnan(width_mm(torch.ones(1, 1, 64, 64), (0.0, 0.0)))
    assert math.isnan(width_mm(torch.zeros(1, 1, 64, 64), (0.0, 0.0)))
    assert math.isnan(width_mm(-gaussian((0.0, 0.0), (0.3, 0.3)), (0.0, 0.0)))
    assert math.isnan(width_mm(gaussian((3.1, 0.0), (0.3, 0.3)), (3.1, 0.0)))


def test_widths_of_a_batch_are_those_of_its_images():
    centres_mm = torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.1, 0.0]])
    sigmas = (0.2, 0.4, 0.3)
    images = torch.cat(
        [gaussian(c.tolist(), (s, s)) for c, s in zip(centres_mm, sigmas, strict=True)]
    )
    widths = full_width_half_maximum(
        images, 1e-3 * centres_mm, X.expand(3, 2), torch.full((3,), 0.4e-3), FIELD_OF_VIEW_M
    )
    expected = torch.tensor([0.2e-3, 0.4e-3, math.nan]) * GAUSSIAN_FWHM
    torch.testing.assert_close(widths, expected, rtol=5e-3, atol=0, equal_nan=True)


def error_mm(image, centre_mm, diameter_mm=0.6) -> float:
    error_m = localisation_error(
        image, 1e-3 * torch.tensor([centre_mm]), torch.tensor([1e-3 * diameter_mm]), FIELD_OF_VIEW_M
    )
    return 1e3 * error_m.item()


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0), (0.1, 0.0), (-0.06, 0.08)])
def test_localisation_error_is_the_shift(shift_mm):
    centre_mm = (0.83, -1.21)
    place = (centre_mm[0] + shift_mm[0], centre_mm[1] + shift_mm[1])
    image = gaussian(place, (0.08, 0.08))
    far = gaussian((-2.0, 2.0), (0.1, 0.1))
    assert error_mm(image + far, centre_mm) == pytest.approx(math.hypot(*shift_mm), abs=1e-3)


def test_localisation_error_without_positive_mass_is_undefined():
    assert math.isnan(error_mm(torch.zeros(1, 1, 64, 64), (0.0, 0.0)))
    assert math.isnan(error_mm(-torch.ones(1, 1, 64, 64), (0.0, 0.0)))
    assert math.isnan(error_mm(gaussian((-2.0, 2.0), (0.01, 0.01)), (1.0, 0.0)))


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0.1),
        ([0.0, 0.5, 0.95, 1.0], 0.3),
        ([1.0, 0.5, 0.96, 1.0], 0.3),  # resolved by luck at 0.1
        ([1.0, 1.0, 1.0, 0.9], math.nan),  # not at the largest
        ([0.0, 0.0, 0.0, 0.0], math.nan),
        ([0.0, 0.0, 0.0, 1.0], 0.5),
        ([1.0, math.nan, 1.0, 1.0], 0.3),
    ],
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_resolvable_gap(fractions, expected, order):
    gaps, shares = torch.tensor([0.1, 0.2, 0.3, 0.5]), torch.tensor(fractions)
    gap = resolvable_gap(gaps[order], shares[order]).item()
    assert gap == pytest.approx(expected, nan_ok=True)


def test_resolvable_gap_has_a_level_and_of_no_gaps_there_is_none():
    gaps, shares = torch.tensor([0.1, 0.2]), torch.tensor([0.6, 0.9])
    assert resolvable_gap(gaps, shares).isnan()
    assert resolvable_gap(gaps, shares, level=0.5).item() == pytest.approx(0.1)
    assert resolvable_gap(torch.zeros(0), torch.zeros(0)).isnan()


def test_disc_non_uniformity_is_that_of_a_known_wave():
    """A concentration 1 + a·cos(k·x) over a disc of inner radius r: 1-D integrals by SciPy."""
    size_m, wave, depth = (6.4e-3, 6.4e-3), 2 * np.pi / 0.5e-3, 0.3
    x_m = cell_centres(256, size_m[1])
    image = (1 + depth * torch.cos(wave * x_m)).expand(256, 256)[None, None].float()
    pairs = make_pairs(0.2, diameter_mm=0.8)  # discs at x = ±0.5 mm: both at a crest
    radius = 0.2e-3

    def moment(power):
        value, _ = quad(
            lambda x: (1 + depth * np.cos(wave * x)) ** power * 2 * np.sqrt(radius**2 - x**2),
            -radius, radius,
        )  # fmt: skip
        return value / (np.pi * radius**2)

    expected = np.sqrt(moment(2) - moment(1) ** 2) / moment(1)
    assert disc_non_uniformity(image, pairs, size_m).item() == pytest.approx(expected, rel=0.05)


def test_disc_non_uniformity_of_even_discs_is_small_and_undefined_without_tracer():
    pairs = make_pairs(0.2)
    truth = render(pair_shapes(pairs), 1, (64, 64), FIELD_OF_VIEW_M)
    assert disc_non_uniformity(truth, pairs, FIELD_OF_VIEW_M).item() < 0.03
    assert disc_non_uniformity(0 * truth, pairs, FIELD_OF_VIEW_M).isnan().all()
