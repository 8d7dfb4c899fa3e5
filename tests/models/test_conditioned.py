"""Steps that are told the scanner and the noise."""

from functools import partial

import numpy as np
import pytest
import steps
import torch
from steps import Recorder

from mpi_cascade.models.conditioned import ConditionedRefinement
from mpi_cascade.models.conditions import NoiseLevel, PsfDetail
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SHAPE = (24, 24)
MODEL = ForwardModel(Scanner(num_ffp_x=24, num_ffp_y=24), SHAPE)
# Other pixels, other positions, other harmonics: twice as many measurements as pixels.
OTHER = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=32, harmonics=(2, 3)), (32, 16))


stage_of = partial(steps.stage_of, ConditionedRefinement, model=MODEL)


def scans(model, noise, num=3):
    """Scans of random images, and the images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(num, 1, *model.image_shape, generator=generator)
    signal = model(images)
    noise = noise * signal.abs().max()
    return images, signal + noise * torch.randn(signal.shape, generator=generator)


@pytest.mark.parametrize("model", [MODEL, OTHER], ids=["square", "tall"])
@pytest.mark.parametrize("noise", [0.003, 0.1])
def test_networks_are_told_what_noise_leaves_of_a_scan(model, noise):
    """The degrees of freedom Σ Λ/(Λ + λ) per pixel, by NumPy on the explicit matrix."""
    recorder, (images, signal) = Recorder(), scans(model, noise)
    stage = stage_of(recorder, model=model, num_filters=2, noise_factors=(1.0, 100.0), num_steps=1)
    stage(images, signal)
    levels = stage.filters.noise_level(signal).numpy()
    eigenvalues = np.linalg.svd(model.matrix().double().numpy(), compute_uv=False) ** 2
    told = recorder.told[0].numpy()
    np.testing.assert_allclose(told[:, 0], np.log10(levels / 1e-4) / 2, atol=1e-5)
    for number, factor in zip((1, 2), (1.0, 100.0), strict=True):
        shares = np.minimum(factor * levels, 1)[:, None] * eigenvalues[0]
        freedom = (eigenvalues / (eigenvalues + shares)).sum(axis=1) / images[0].numel()
        expected = np.log10((freedom + 1e-4) / 0.1)
        np.testing.assert_allclose(told[:, number], expected, rtol=0, atol=1e-3)


def test_networks_are_told_what_the_conditions_say():
    recorder, (images, signal) = Recorder(), scans(MODEL, 0.01)
    conditions = [PsfDetail(), NoiseLevel()]
    stage = stage_of(recorder, shares_weights=True, conditions=conditions)
    stage(images, signal)
    first, second = recorder.told
    assert torch.equal(first, second)
    assert first.shape == (3, 3 + 1 + 4)
    detail, noise = stage.conditions
    assert torch.equal(first[:, :3], torch.cat((detail(signal), noise(signal)), dim=1))


def test_no_number_depends_on_the_unit_of_a_scan():
    recorder, (images, signal) = Recorder(), scans(MODEL, 0.01)
    stage = stage_of(recorder, num_steps=1, conditions=[PsfDetail(), NoiseLevel()])
    stage(images, signal)
    stage(1e-3 * images, 1e-3 * signal)
    torch.testing.assert_close(recorder.told[1], recorder.told[0], rtol=1e-4, atol=1e-4)
    atol = 1e-4 * float(recorder.channels[0].abs().max())
    torch.testing.assert_close(1e3 * recorder.channels[1], recorder.channels[0], rtol=0, atol=atol)


def test_every_step_looks_at_the_image_of_the_one_before():
    recorder, (_, signal) = Recorder(), scans(MODEL, 0.001)
    image = torch.zeros(3, 1, *SHAPE)
    stage_of(recorder, num_steps=3, shares_weights=True)(image, signal)
    seen = [channels[:, :1] for channels in recorder.channels]
    left = [float((signal - MODEL(image)).square().mean()) for image in seen]
    assert left[2] < 0.9 * left[1] < 0.81 * left[0]


def test_the_same_weights_serve_scanners_of_every_shape():
    torch.manual_seed(0)
    network = ResidualUNet((8,), num_channels=5, num_told=8)
    stage = ConditionedRefinement(network, conditions=[PsfDetail(), NoiseLevel()])
    with torch.no_grad():
        for weights in stage.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    before = {name: weights.clone() for name, weights in stage.state_dict().items()}
    for model in (MODEL, OTHER):
        for part in (stage, *stage.conditions):
            part.use(model)
        images, signal = scans(model, 0.01)
        found = stage(images, signal)
        assert found.shape == images.shape
        assert found.isfinite().all()
    after = stage.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
