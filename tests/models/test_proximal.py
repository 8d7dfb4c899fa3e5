"""Exact proximal steps between networks."""

from functools import partial

import numpy as np
import pytest
import steps
import torch
from steps import MODEL, SHAPE, TALL, images
from torch import nn

from mpi_cascade.models.proximal import ProximalRefinement

stage_of = partial(steps.stage_of, ProximalRefinement)


class Halved(nn.Module):
    def forward(self, image):
        return image / 2


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
