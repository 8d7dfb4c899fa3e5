"""Steps that are told what their image doesn't explain of the signal."""

import itertools
from functools import partial

import numpy as np
import pytest
import steps
import torch
from steps import MODEL, SHAPE, TALL, Recorder, images

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.data_consistency import DataConsistentRefinement
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.models.refinement import ResidualUNet

stage_of = partial(steps.stage_of, DataConsistentRefinement)


@pytest.mark.parametrize("model", [MODEL, TALL], ids=["square", "tall"])
def test_the_channels_are_tikhonov_images_of_the_residual(model):
    """By plain algebra on the explicit matrix: Sᵀ (S Sᵀ + λ)⁻¹ (u − S c)."""
    recorder, options = Recorder(), {"num_filters": 2, "relative_regularisation": (1e-2, 1e-1)}
    image, signal = images(0), model(images(1))
    stage_of(recorder, model, **options)(image, signal)
    matrix = model.matrix().double().numpy()
    residual = (signal - model(image)).flatten(1).double().numpy()
    gram = matrix @ matrix.T
    largest = np.linalg.eigvalsh(gram)[-1]
    assert torch.equal(recorder.channels[0][:, :1], image)
    for channel, share in zip((1, 2), options["relative_regularisation"], strict=True):
        weights = np.linalg.solve(gram + share * largest * np.eye(len(gram)), residual.T)
        expected = (matrix.T @ weights).T.reshape(3, *SHAPE)
        found = recorder.channels[0][:, channel].numpy()
        # Modes below 1 % of the smallest λ are left out.
        np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


def test_an_image_that_explains_the_signal_leaves_no_residual():
    recorder, image = Recorder(), images(0)
    found = stage_of(recorder)(image, MODEL(image))
    assert recorder.channels[0][:, 1:].abs().max() < 1e-2
    torch.testing.assert_close(found, image, rtol=0, atol=1e-2)


def test_every_step_looks_at_the_image_of_the_one_before():
    recorder, image, signal = Recorder(), images(0), MODEL(images(1))
    stage_of(recorder, num_steps=4, shares_weights=True)(image, signal)
    left = [(signal - MODEL(channels[:, :1])).square().mean() for channels in recorder.channels]
    assert len(left) == 4
    assert all(later < 0.9 * earlier for earlier, later in itertools.pairwise(left))


class Remembering(Recorder):
    """Returns two memories, too: twice and three times the image that entered."""

    def forward(self, channels):
        image = channels[:, :1]
        return torch.cat((super().forward(channels), 2 * image, 3 * image), dim=1)


def test_memory_enters_the_next_network_and_nothing_else():
    network, recorder = Remembering(), Recorder()
    image, signal = images(0), MODEL(images(1))
    options = {"num_steps": 3, "shares_weights": True}
    found = stage_of(network, num_memory=2, **options)(image, signal)
    expected = stage_of(recorder, **options)(image, signal)
    assert torch.equal(found, expected)
    memory = torch.zeros(3, 2, *SHAPE)
    for with_memory, without in zip(network.channels, recorder.channels, strict=True):
        assert torch.equal(with_memory[:, 1:3], memory)
        assert torch.equal(with_memory[:, [0, 3, 4, 5, 6]], without)
        memory = torch.cat((2 * without[:, :1], 3 * without[:, :1]), dim=1)


class Nearsighted(Recorder):
    """Adds the smoothest residual of its own step."""

    def forward(self, channels):
        super().forward(channels)
        return channels[:, :1] + channels[:, 4:5]


@pytest.mark.parametrize("num_looks", [2, 3, 5])
def test_looks_before_enter_behind_its_own(num_looks):
    several, recorder = Nearsighted(), Recorder()
    image, signal = images(0), MODEL(images(1))
    options = {"num_steps": 4, "shares_weights": True}
    found = stage_of(several, num_looks=num_looks, **options)(image, signal)
    expected = stage_of(recorder, **options)(image, signal)
    assert torch.equal(found, expected)
    looks = [torch.zeros(3, 4, *SHAPE)] * num_looks
    for with_looks, without in zip(several.channels, recorder.channels, strict=True):
        looks = [without[:, 1:], *looks[:-1]]
        assert torch.equal(with_looks, torch.cat((without[:, :1], *looks), dim=1))


@pytest.mark.parametrize("num_corrected", [1, 2, 4])
def test_a_network_that_returns_another_number_of_memories_is_refused(num_corrected):
    network = ResidualUNet((8,), num_channels=7, num_corrected=num_corrected)
    stage = DataConsistentRefinement(network, num_steps=2, num_memory=2)
    with pytest.raises(InputError, match="networks fail on a signal"):
        Cascade(FixedTikhonov(), stage).use(MODEL)
