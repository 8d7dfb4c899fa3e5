import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.refinement import ResidualCNN, ResidualUNet


@pytest.mark.parametrize("network", [ResidualUNet((8, 12, 16)), ResidualCNN(4, 3)])
@pytest.mark.parametrize("shape", [(16, 16), (32, 48), (8, 64)])
def test_keeps_the_shape(network, shape):
    assert network(torch.randn(2, 1, *shape)).shape == (2, 1, *shape)


def test_a_plain_chain_takes_any_grid():
    assert ResidualCNN(4, 3)(torch.randn(1, 1, 7, 13)).shape == (1, 1, 7, 13)


@pytest.mark.parametrize("num_layers", [2, 3, 5])
def test_a_plain_chain_sees_one_pixel_more_per_layer(num_layers):
    network = ResidualCNN(num_features=2, num_layers=num_layers)
    for layer in network.correction:
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 0.1)
            nn.init.constant_(layer.bias, 0.1)
    image = torch.rand(1, 1, 15, 15, requires_grad=True)
    network(image)[0, 0, 7, 7].backward()
    seen = torch.nonzero(image.grad[0, 0])
    assert seen.amin(dim=0).tolist() == [7 - num_layers] * 2
    assert seen.amax(dim=0).tolist() == [7 + num_layers] * 2
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.correction) == num_layers


def test_a_plain_chain_adds_to_the_image():
    network = ResidualCNN(4, 3)
    for parameter in network.parameters():
        parameter.data.zero_()
    image = torch.randn(2, 1, 8, 8)
    assert torch.equal(network(image), image)


@pytest.mark.parametrize("network", [ResidualUNet((8,)), ResidualCNN(4, 3)])
def test_gradients_are_finite_for_an_empty_image(network):
    network(torch.zeros(2, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_an_image_does_not_depend_on_its_batch():
    network, images = ResidualCNN(4, 3), torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


def test_a_chain_of_one_layer_is_refused():
    with pytest.raises(InputError, match=r"^num_layers is 1: a ResidualCNN needs at least 2$"):
        ResidualCNN(num_layers=1)


@pytest.mark.parametrize("num_features", [(), (32, 0)])
def test_a_u_net_without_scales_or_channels_is_refused(num_features):
    with pytest.raises(
        InputError, match=r"^ResidualUNet\.num_features is \[.*\]: name one or more"
    ):
        ResidualUNet(num_features)


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
    preliminary, final = Cascade(double, square, is_equivariant=False)(signal)
    torch.testing.assert_close(preliminary, 2 * signal)
    torch.testing.assert_close(final, torch.tanh(2 * signal))
