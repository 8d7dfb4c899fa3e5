import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.refinement import ResidualBlock, ResidualCNN, ResidualUNet


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


def test_repeated_images_enter_coarser_scales_as_means():
    """Their means over 4 × 4 pixels reach the coarser scale of two; what has no mean doesn't."""
    torch.manual_seed(0)
    network = ResidualUNet((4, 6), num_channels=3, num_repeated=2)
    with torch.no_grad():
        network.entry.weight.zero_()
        nn.init.normal_(network.exit.weight)
    image = torch.zeros(1, 3, 16, 16)
    first, flat, checks = image.clone(), image.clone(), image.clone()
    first[:, 0] = 1
    flat[:, 2, 4:8, 4:8] = 1
    checks[:, 2, 4:8, 4:8] = torch.tensor([1.0, -1.0]).repeat(4, 2)
    usual = network(image)
    torch.testing.assert_close(network(first) - first[:, :1], usual)
    torch.testing.assert_close(network(checks), usual)
    assert (network(flat) - usual).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["corrected", "repeated"])
def test_no_more_images_than_enter_are_corrected_or_repeated(name):
    with pytest.raises(InputError, match=f"num_{name} is 4: of 3 images .* can be {name}"):
        ResidualUNet((4,), num_channels=3, **{f"num_{name}": 4})


def test_cascade_returns_both_images_of_any_modules():
    double, square = nn.Linear(4, 4, bias=False), nn.Tanh()
    double.weight.data = 2 * torch.eye(4)
    signal = torch.randn(2, 1, 4, 4)
    preliminary, final = Cascade(double, square, is_equivariant=False)(signal)
    torch.testing.assert_close(preliminary, 2 * signal)
    torch.testing.assert_close(final, torch.tanh(2 * signal))


def test_what_a_block_is_told_scales_and_shifts_its_hidden_features():
    """Against the block written out, with the modulation's weights set by hand."""
    torch.manual_seed(0)
    block, features = ResidualBlock(3, 2), torch.randn(2, 3, 6, 6)
    nn.init.normal_(block.second.weight, std=0.3)
    told = torch.tensor([[0.5, 0.0], [0.0, -2.0]])
    with torch.no_grad():
        block.modulation.weight[0, 0] = 2.0  # The first feature's scale.
        block.modulation.weight[5, 1] = 3.0  # The last feature's shift.
    hidden = block.first(features.relu())
    expected = hidden.clone()
    expected[0, 0] *= 1 + 2.0 * 0.5
    expected[1, 2] += 3.0 * -2.0
    torch.testing.assert_close(block(features, told), features + block.second(expected.relu()))


def test_what_a_u_net_is_told_has_no_effect_before_a_training_and_some_after_it():
    torch.manual_seed(0)
    network, image = ResidualUNet((8, 12), num_told=3), torch.rand(2, 1, 16, 16)
    nn.init.normal_(network.exit.weight)
    told, other = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(network(image, told), network(image, other))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(3):  # The second convolutions begin at zero, and the modulations behind them.
        optimizer.zero_grad()
        network(image, told).square().mean().backward()
        optimizer.step()
    assert all(weights.grad.abs().sum() > 0 for weights in network.embedding.parameters())
    assert not torch.equal(network(image, told), network(image, other))


@pytest.mark.parametrize(("num_told", "told"), [(0, [torch.zeros(1, 3)]), (3, [])])
def test_a_u_net_is_told_what_it_was_made_for_or_nothing(num_told, told):
    with pytest.raises(InputError, match=f"num_told is {num_told}: inside a Conditioned"):
        ResidualUNet((8,), num_told=num_told)(torch.zeros(1, 1, 8, 8), *told)


def test_a_u_net_that_is_told_nothing_has_no_weights_for_it():
    names = ResidualUNet((8, 12)).state_dict()
    assert not [name for name in names if "embedding" in name or "modulation" in name]
    with pytest.raises(InputError, match=r"ResidualUNet\.num_told is -1"):
        ResidualUNet((8, 12), num_told=-1)
