"""The objects of an image, and the sums over them."""

import numpy as np
import pytest
import torch

from mpi_cascade.guarantee.objects import objects, regions, sums


@pytest.fixture
def image():
    image = torch.zeros(24, 32)
    image[4:8, 6:10] = 1.0
    image[4:8, 10] = 0.05
    image[16, 20:24] = 0.5
    return image


def test_objects_hold_the_tracer_around_them(image):
    first, second = objects(image, 0.1 * image, 2.0, (0.024, 0.032))
    assert first.mass_m2 == pytest.approx((16 + 0.2) * 1e-6, rel=1e-6)
    assert second.mass_m2 == pytest.approx(2 * 1e-6, rel=1e-6)
    assert first.lowest_m2 == pytest.approx(0.8 * first.mass_m2, rel=1e-6)
    assert first.highest_m2 == pytest.approx(1.2 * first.mass_m2, rel=1e-6)
    assert (second.x_m, second.y_m) == pytest.approx((0.022 - 0.016, 0.0165 - 0.012), abs=1e-7)


def test_every_pixel_belongs_to_its_nearest_object(image):
    places, num = regions(image)
    assert num == 2
    assert {places[2, 7], places[12, 7]} == {1, 0}
    np.testing.assert_allclose(sums(image, places, num).sum(), float(image.sum()), rtol=1e-6)


def test_an_empty_image_has_no_objects():
    assert not objects(torch.zeros(8, 8), torch.ones(8, 8), 1.0, (0.01, 0.01))
