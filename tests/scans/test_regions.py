import pytest
import torch
from scipy import ndimage

from mpi_cascade.scans.regions import exterior, interior


def disc(radius: float, height: float = 1.0, num: int = 48) -> torch.Tensor:
    """A disc around the middle, its edge blurred over one pixel."""
    place = torch.arange(num) - (num - 1) / 2
    distance = torch.hypot(place[:, None], place)
    return height * (radius + 0.5 - distance).clamp(0, 1)[None, None]


@pytest.mark.parametrize("height", [1.0, 0.05])
def test_the_interior_of_a_disc_leaves_out_its_edge(height):
    truth = disc(10, height)
    full = (truth[0, 0] == truth.max()).numpy()
    inside = interior(truth)[0, 0].numpy()
    eroded = ndimage.binary_erosion(full, torch.ones(3, 3).numpy())
    assert inside[eroded].all()
    # An edge pixel that holds 0.9 of the height counts as even.
    assert not inside[~ndimage.binary_dilation(eroded)].any()
    assert not inside[truth[0, 0].numpy() < 0.9 * height].any()


def test_the_exterior_keeps_two_pixels_away():
    truth = disc(10)
    near = ndimage.binary_dilation((truth[0, 0] > 0.01).numpy(), torch.ones(5, 5).numpy())
    assert (exterior(truth)[0, 0].numpy() == ~near).all()


def test_no_pixel_is_both():
    torch.manual_seed(0)
    truth = torch.cat((disc(10), disc(1), torch.rand(1, 1, 48, 48), torch.zeros(1, 1, 48, 48)))
    assert not (interior(truth) & exterior(truth)).any()


def test_an_empty_image_is_all_exterior():
    truth = torch.zeros(1, 1, 8, 8)
    assert not interior(truth).any()
    assert exterior(truth).all()


def test_slopes_and_small_objects_have_no_interior():
    place = torch.arange(48) - 23.5
    blob = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * 3.0**2))[None, None]
    steep = (blob > 0.02) & (blob < 0.8)
    assert not (interior(blob) & steep).any()
    assert not interior(disc(1)).any()


def test_objects_at_the_border_of_the_image_have_an_interior_up_to_it():
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., :5] = 1
    inside = interior(truth)
    assert inside[..., :4].all()
    assert not inside[..., 4:].any()
    assert (exterior(truth)[0, 0, 0] == (torch.arange(16) >= 7)).all()


def test_two_discs_side_by_side_have_no_interior_between_them():
    truth = torch.zeros(1, 1, 16, 20)
    truth[..., 4:12, 2:9] = 1
    truth[..., 4:12, 10:17] = 1
    assert not interior(truth)[..., 8:11].any()
    assert not exterior(truth)[..., 8:11][..., 4:12, :].any()
