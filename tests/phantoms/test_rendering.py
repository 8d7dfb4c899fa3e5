import math

import numpy as np
import pytest
import torch
from skimage.draw import disk, polygon2mask
from skimage.transform import downscale_local_mean

from mpi_cascade.phantoms.rendering import Blobs, Strokes, render, signed_distance

FINER = 16


def strokes(*each, is_flat=False):
    """Returns strokes of (sample, start, end, start radius, end radius, amplitude)."""
    sample, start, end, start_radius, end_radius, amplitude = zip(*each, strict=True)
    return Strokes(
        sample=torch.tensor(sample),
        start=torch.tensor(start),
        end=torch.tensor(end),
        start_radius=torch.tensor(start_radius),
        end_radius=torch.tensor(end_radius),
        amplitude=torch.tensor(amplitude),
        is_flat=torch.full((len(each),), is_flat),
    )


def stroke(start, end, radius_m, is_flat=False, amplitude=1.0, sample=0):
    each = (sample, start, end, radius_m, radius_m, amplitude)
    return strokes(each, is_flat=is_flat)


def disc(centre, radius_m, amplitude=1.0, sample=0):
    return stroke(centre, centre, radius_m, amplitude=amplitude, sample=sample)


def image_of(shape, image_shape=(64, 64), size_m=(6.4e-3, 6.4e-3)):
    return render([shape], 1, image_shape, size_m)[0, 0].double().numpy()


def area(image, size_m=(6.4e-3, 6.4e-3)):
    return image.mean() * size_m[0] * size_m[1]


def supersampled(start, end, radius_m, is_flat, image_shape=(64, 64), size_m=(6.4e-3, 6.4e-3)):
    """Returns the coverage of a stroke, drawn by scikit-image at 16 × 16 points per pixel."""
    fine_shape = (image_shape[0] * FINER, image_shape[1] * FINER)
    step_m = size_m[1] / fine_shape[1]
    corner_m = np.array(size_m) / 2

    def index(point):  # (x, y) in m → (row, column)
        return (np.asarray(point, dtype=float)[::-1] + corner_m) / step_m - 0.5

    mask = np.zeros(fine_shape, dtype=bool)
    axis = np.subtract(end, start)
    if length := math.hypot(*axis):
        across = radius_m * np.array([-axis[1], axis[0]]) / length
        sides = ((start, across), (end, across), (end, -across), (start, -across))
        outline = [index(np.add(point, side)) for point, side in sides]
        mask |= polygon2mask(fine_shape, np.array(outline))
    if not is_flat:
        for point in (start, end):
            mask[disk(tuple(index(point)), radius_m / step_m, shape=fine_shape)] = True
    return downscale_local_mean(mask.astype(float), (FINER, FINER))


# The smallest disc of the default families, on the default simulation grid, and larger ones.
@pytest.mark.parametrize("radius_m", [0.1e-3, 0.2e-3, 0.4e-3, 1.3e-3])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.037e-3, -0.051e-3), (1.13e-3, 0.92e-3)])
def test_a_disc_has_its_area(radius_m, centre):
    image = image_of(disc(centre, radius_m), (128, 128))
    assert area(image) == pytest.approx(math.pi * radius_m**2, rel=0.01)


# The tip of the thinnest branch of the default vessels is 0.03 mm wide.
@pytest.mark.parametrize("is_flat", [True, False])
def test_a_stroke_thinner_than_a_pixel_keeps_its_area(is_flat):
    start, end, width_m = (-1e-3, -0.63e-3), (1.1e-3, 0.8e-3), 0.03e-3
    image = image_of(stroke(start, end, width_m / 2, is_flat), (128, 128))
    assert area(image) == pytest.approx(width_m * math.dist(start, end), rel=0.02)


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, math.pi / 2, 2.5])
@pytest.mark.parametrize("is_flat", [True, False])
def test_bars_and_capsules_have_their_area(angle, is_flat):
    radius_m, length_m = 0.25e-3, 2e-3
    end = (length_m * math.cos(angle) + 0.1e-3, length_m * math.sin(angle) - 0.2e-3)
    image = image_of(stroke((0.1e-3, -0.2e-3), end, radius_m, is_flat))
    caps = 0 if is_flat else math.pi * radius_m**2
    assert area(image) == pytest.approx(2 * radius_m * length_m + caps, rel=0.01)


def test_a_tapering_stroke_has_the_area_of_its_outline():
    start_m, end_m, length_m = 0.4e-3, 0.2e-3, 3e-3
    shape = strokes((0, (-1.5e-3, 0.1e-3), (1.5e-3, 0.3e-3), start_m, end_m, 1.0))
    length_m = math.hypot(length_m, 0.2e-3)
    trapezoid = (start_m + end_m) * length_m
    caps = math.pi / 2 * (start_m**2 + end_m**2)
    assert area(image_of(shape)) == pytest.approx(trapezoid + caps, rel=0.01)


@pytest.mark.parametrize(
    ("start", "end", "radius_m"),
    [
        ((0.03e-3, -0.02e-3), (0.03e-3, -0.02e-3), 0.4e-3),
        ((-0.9e-3, 0.3e-3), (1.2e-3, 1.4e-3), 0.3e-3),
        ((0.2e-3, -1.4e-3), (0.2e-3, 1.1e-3), 0.15e-3),
        # Over a side and over a corner of the image.
        ((3.1e-3, 0.5e-3), (3.1e-3, 0.5e-3), 0.5e-3),
        ((-3.5e-3, -3.0e-3), (-2.6e-3, -3.6e-3), 0.45e-3),
    ],
)
def test_discs_and_capsules_cover_each_pixel_as_a_supersampled_drawing_does(start, end, radius_m):
    expected = supersampled(start, end, radius_m, is_flat=False)
    difference = image_of(stroke(start, end, radius_m)) - expected
    # A distance gives the coverage of an edge to 0.04 (an edge at 45° through a pixel's corner);
    # curvature and the 1/16 steps of the drawing add as much.
    assert np.abs(difference).max() < 0.09
    assert abs(difference.sum()) < 0.01 * expected.sum()


@pytest.mark.parametrize("angle", [0.0, 0.2, math.pi / 4, 1.9])
def test_bars_cover_each_pixel_as_a_supersampled_drawing_does(angle):
    start = np.array([-0.4e-3, 0.23e-3])
    end = start + 1.5e-3 * np.array([math.cos(angle), math.sin(angle)])
    expected = supersampled(start, end, 0.35e-3, is_flat=True)
    shape = stroke(tuple(start.tolist()), tuple(end.tolist()), 0.35e-3, is_flat=True)
    difference = np.abs(image_of(shape) - expected)
    # The distance to the nearer side knows no corners: there a quarter pixel counts as a half.
    assert (difference > 0.09).sum() <= 8
    assert difference.max() < 0.35


@pytest.mark.parametrize("image_shape", [(20, 27), (7, 9), (1, 30), (65, 64), (8, 8)])
def test_sizes_that_are_no_multiple_of_a_tile_are_drawn_whole(image_shape):
    size_m = (image_shape[0] * 0.1e-3, image_shape[1] * 0.1e-3)
    start, end = (-size_m[1] / 2, size_m[0] / 2 - 0.2e-3), (size_m[1] / 2, 0.0)
    expected = supersampled(start, end, 0.3e-3, False, image_shape, size_m)
    image = image_of(stroke(start, end, 0.3e-3), image_shape, size_m)
    assert image.shape == image_shape
    assert np.abs(image - expected).max() < 0.09


@pytest.mark.parametrize("shift_m", np.linspace(0.0, 0.8e-3, 9).tolist())
def test_moving_a_stroke_by_a_pixel_moves_its_image_across_tiles(shift_m):
    first = image_of(stroke((-1.0e-3 + shift_m, -0.7e-3), (0.2e-3 + shift_m, 0.9e-3), 0.2e-3))
    second = image_of(stroke((-0.9e-3 + shift_m, -0.7e-3), (0.3e-3 + shift_m, 0.9e-3), 0.2e-3))
    # 1e-3 of a pixel is 1e-7 m: float32 holds positions of 3 mm to 2e-10 m.
    np.testing.assert_allclose(second[:, 1:], first[:, :-1], atol=1e-4)


@pytest.mark.parametrize("image_shape", [(64, 32), (32, 64)])
def test_mass_is_right_on_pixels_that_are_not_square(image_shape):
    image = image_of(disc((0.3e-3, -0.2e-3), 1.2e-3), image_shape)
    assert area(image) == pytest.approx(math.pi * 1.2e-3**2, rel=0.02)


def test_x_is_the_last_axis_and_y_the_one_before():
    size_m = (3.2e-3, 6.4e-3)
    image = image_of(disc((2e-3, -0.5e-3), 0.3e-3), (32, 64), size_m)
    rows, columns = np.indices(image.shape)
    y_m = ((rows * image).sum() / image.sum() + 0.5) * 0.1e-3 - 1.6e-3
    x_m = ((columns * image).sum() / image.sum() + 0.5) * 0.1e-3 - 3.2e-3
    assert (x_m, y_m) == pytest.approx((2e-3, -0.5e-3), abs=1e-6)


def test_a_disc_outside_the_image_leaves_it_empty():
    assert image_of(disc((4e-3, 0.0), 0.5e-3)).max() == 0


def test_overlapping_strokes_count_once_with_the_largest_concentration():
    small, large = disc((0.2e-3, 0.0), 0.5e-3, 0.7), disc((-0.2e-3, 0.0), 0.6e-3, 0.4)
    together = render([small, large], 1, (64, 64), (6.4e-3, 6.4e-3))[0, 0].double().numpy()
    np.testing.assert_array_equal(together, np.maximum(image_of(small), image_of(large)))


def test_each_stroke_is_drawn_in_its_own_sample():
    first, second = disc((1e-3, 0.0), 0.4e-3, sample=2), disc((0.0, 1e-3), 0.3e-3, 0.5, sample=0)
    images = render([first, second], 4, (32, 32), (6.4e-3, 6.4e-3))
    assert images.shape == (4, 1, 32, 32)
    assert images[1].max() == images[3].max() == 0
    alone = render([first._replace(sample=torch.tensor([0]))], 1, (32, 32), (6.4e-3, 6.4e-3))
    assert torch.equal(images[2], alone[0])
    assert images[0].max() == 0.5


def blobs(*each):
    sample, centre, sigma, amplitude = zip(*each, strict=True)
    return Blobs(*(torch.tensor(column) for column in (sample, centre, sigma, amplitude)))


def gaussian(centre, sigma, amplitude, image_shape, size_m):
    y_m = (np.arange(image_shape[0]) + 0.5) * size_m[0] / image_shape[0] - size_m[0] / 2
    x_m = (np.arange(image_shape[1]) + 0.5) * size_m[1] / image_shape[1] - size_m[1] / 2
    along_x = ((x_m - centre[0]) / sigma[0]) ** 2
    along_y = ((y_m - centre[1]) / sigma[1]) ** 2
    return amplitude * np.exp(-(along_x[None, :] + along_y[:, None]) / 2)


def test_blobs_are_gaussian_and_add_up():
    grid = (20, 40), (3e-3, 5e-3)
    first = ((0.5e-3, -0.4e-3), (0.3e-3, 0.6e-3), 0.7)
    second = ((-0.1e-3, 0.2e-3), (0.5e-3, 0.2e-3), 0.6)
    image = image_of(blobs((0, *first), (0, *second)), *grid)
    expected = gaussian(*first, *grid) + gaussian(*second, *grid)
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_a_blob_has_the_mass_of_its_integral():
    image = image_of(blobs((0, (0.1e-3, 0.2e-3), (0.3e-3, 0.5e-3), 0.8)))
    assert area(image) == pytest.approx(2 * math.pi * 0.3e-3 * 0.5e-3 * 0.8, rel=1e-5)


def test_blobs_add_to_strokes():
    blob, stroke_ = blobs((0, (0.0, 0.0), (0.3e-3, 0.3e-3), 0.5)), disc((0.0, 0.0), 0.5e-3)
    both = render([blob, stroke_], 1, (32, 32), (6.4e-3, 6.4e-3))[0, 0].double().numpy()
    separate = image_of(blob, (32, 32)) + image_of(stroke_, (32, 32))
    np.testing.assert_allclose(both, separate, atol=1e-6)


def nothing(shape):
    return type(shape)(*(column[:0] for column in shape))


@pytest.mark.parametrize("num_samples", [0, 3])
def test_no_shapes_give_empty_images(num_samples):
    empty = [nothing(disc((0.0, 0.0), 1e-3)), nothing(blobs((0, (0.0, 0.0), (1e-3, 1e-3), 1.0)))]
    for shapes in (empty, empty[:1], empty[1:]):
        images = render(shapes, num_samples, (12, 9), (6.4e-3, 6.4e-3))
        assert torch.equal(images, torch.zeros(num_samples, 1, 12, 9))


def test_a_flat_bar_without_length_covers_nothing():
    # Away from the stroke at least: what half a pixel around it holds is a matter of definition.
    image = image_of(stroke((0.0, 0.0), (0.0, 0.0), 0.3e-3, is_flat=True))
    assert image[:20].max() == image[-20:].max() == 0


def test_a_shorter_flat_bar_has_less_mass_down_to_none():
    masses = [
        area(image_of(stroke((0.0, 0.0), (length_m, 0.0), 0.3e-3, is_flat=True)))
        for length_m in (0.4e-3, 0.2e-3, 0.1e-3)
    ]
    np.testing.assert_allclose(masses, [0.6e-3 * m for m in (0.4e-3, 0.2e-3, 0.1e-3)], rtol=0.01)


@pytest.mark.parametrize("is_flat", [True, False])
def test_signed_distance_of_a_stroke_along_x(is_flat):
    shape = stroke((-1.0, 0.0), (1.0, 0.0), 0.5, is_flat)
    points = torch.tensor([[[0.0, 0.0], [0.0, 0.75], [1.5, 0.0], [2.0, 0.0], [-2.0, 0.0]]])
    expected = [-0.5, 0.25, 0.5, 1.0, 1.0] if is_flat else [-0.5, 0.25, 0.0, 0.5, 0.5]
    np.testing.assert_allclose(signed_distance(shape, points)[0], expected, atol=1e-6)


def test_signed_distance_of_a_disc_is_the_distance_to_its_edge():
    points = torch.rand(1, 50, 2, generator=torch.Generator().manual_seed(0))
    expected = np.linalg.norm(points[0].numpy() - [0.3, 0.4], axis=1) - 0.2
    shape = disc((0.3, 0.4), 0.2)
    np.testing.assert_allclose(signed_distance(shape, points)[0], expected, atol=1e-6)
