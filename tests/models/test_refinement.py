import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.refinement import ResidualUNet


@pytest.mark.parametrize("shape", [(16, 16), (32, 48), (8, 64)])
def test_keeps_the_shape(shape):
    assert ResidualUNet((8, 12, 16))(torch.randn(2, 1, *shape)).shape == (2, 1, *shape)


def test_sees_the_whole_image():
    """Every pixel of a 16 × 16 image reaches the middle through the coarsest scale."""
    torch.manual_seed(0)
    network = ResidualUNet((8, 12, 16))
    for block in network.modules():
        if isinstance(block, nn.Conv2d):
            nn.init.normal_(block.weight, std=0.3)
    image = torch.randn(1, 1, 16, 16, requires_grad=True)
    network(image)[0, 0, 8, 8].backward()
    assert image.grad.abs().min() > 0


def test_refuses_an_image_that_its_depth_does_not_divide():
    with pytest.raises(InputError, match=r"image_shape is \[20, 16\].*multiples of 8"):
        ResidualUNet((8, 12, 16))(torch.randn(1, 1, 20, 16))


def test_cascade_returns_both_images_of_any_modules():
    double, square = nn.Linear(4, 4, bias=False), nn.Tanh()
    double.weight.data = 2 * torch.eye(4)
    signal = torch.randn(2, 1, 4, 4)
    preliminary, final = Cascade(double, square)(signal)
    torch.testing.assert_close(preliminary, 2 * signal)
    torch.testing.assert_close(final, torch.tanh(2 * signal))
