"""Exact proximal steps between networks."""

import numpy as np
import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.proximal import ProximalRefinement
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SHAPE = (16, 16)
MODEL = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16), SHAPE)
# Twice as many measurements as pixels.
TALL = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16, harmonics=(2, 3)), SHAPE)


class Halved(nn.Module):
    def forward(self, image):
        return image / 2


def stage_of(network, model=MODEL, **options):
    stage = ProximalRefinement(network, **options)
    stage.use(model)
    return stage


def images(seed, num=3):
    return torch.rand(num, 1, *SHAPE, generator=torch.Generator().manual_seed(seed))


def solved(model, image, signal, share):
    """The minimiser of ‖S z − u‖² + λ‖z − c‖² as least squares of the stacked equations."""
    matrix = model.matrix().double().numpy()
    root = np.sqrt(share) * np.linalg.norm(matrix, 2)
    stacked = np.concatenate((matrix, root * np.eye(matrix.shape[1])))
    wanted = np.concatenate((signal.reshape(3, -1), root * image.reshape(3, -1)), axis=1)
    return np.linalg.lstsq(stacked, wanted.T, rcond=None)[0].T.reshape(3, 1, *SHAPE)


@pytest.mark.parametrize("model", [MODEL, TALL], ids=["square", "tall"])
def test_each_step_minimises_the_distance_to_the_scan_and_to_its_network(model):
    image, signal = images(0), model(images(1))
    stage = stage_of(Halved(), model, relative_regularisation=1e-2)
    shares = (3e-2, 5e-3)
    with torch.no_grad():
        stage.log_regularisations.copy_(torch.tensor(shares).log())
        found = stage(image, signal)
    expected = image.double().numpy()
    for share in shares:
        expected = solved(model, expected / 2, signal.double().numpy(), share)
    # Modes below 0.1 % of the first λ are left out.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * np.abs(expected).max())


def test_it_starts_with_the_regularisation_that_is_asked_for():
    image, signal = images(0), MODEL(images(1))
    stage = stage_of(nn.Identity(), num_steps=1, relative_regularisation=0.1)
    expected = solved(MODEL, image.double().numpy(), signal.double().numpy(), 0.1)
    np.testing.assert_allclose(stage(image, signal).detach(), expected, rtol=0, atol=2e-3)


def test_an_image_that_explains_the_signal_stays():
    image = images(0)
    found = stage_of(nn.Identity(), num_steps=3)(image, MODEL(image))
    torch.testing.assert_close(found, image, rtol=0, atol=1e-4)


def test_a_scan_that_counts_for_nothing_leaves_what_the_networks_make():
    image, stage = images(0), stage_of(Halved(), relative_regularisation=1e6)
    found = stage(image, MODEL(images(1))).detach()
    torch.testing.assert_close(found, image / 4, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shares_weights", [True, False])
def test_networks_share_weights_or_have_their_own_and_every_step_its_regularisation(shares_weights):
    network = ResidualUNet((8,))
    stage = stage_of(network, num_steps=3, shares_weights=shares_weights)
    alone = sum(weight.numel() for weight in network.parameters())
    copies = 1 if shares_weights else 3
    assert sum(weight.numel() for weight in stage.parameters()) == alone * copies + 3
    stage(images(0), MODEL(images(1))).square().mean().backward()
    assert all(weight.grad.isfinite().all() for weight in stage.parameters())
    assert (stage.log_regularisations.grad != 0).all()


def test_the_scanner_is_in_no_weight():
    stage = stage_of(ResidualUNet((8,)))
    assert stage.state_dict().keys() == dict(stage.named_parameters()).keys()
    assert {name.partition(".")[0] for name in stage.state_dict()} == {
        "networks", "log_regularisations",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": 0}, "num_steps is 0"),
        ({"relative_regularisation": 0.0}, "relative_regularisation is 0"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        ProximalRefinement(ResidualUNet((8,)), **options)
