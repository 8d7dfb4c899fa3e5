"""Mirrored scans, where the scanner can't tell them apart."""

import pytest
import torch

from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.mirrors import mirrors_of
from mpi_cascade.models.preliminary import TikhonovBank
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.physics.system_matrix import SystemMatrix

SHAPE = (16, 16)
AXES = [(3,), (2,), (2, 3)]


def model(**options):
    return ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16, **options), SHAPE)


def images(num=2):
    return torch.rand(num, 1, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("harmonics", [(3,), (2,), (2, 3)])
def test_the_signal_of_mirrored_tracer_is_the_mirrored_signal(harmonics):
    """Odd harmonics are even functions of the offset along x, and even harmonics odd ones."""
    forward_model = model(harmonics=harmonics)
    mirrors = mirrors_of(forward_model)
    assert [mirror.axes for mirror in mirrors] == AXES
    signs_along_x = mirrors[0].signs.flatten().tolist()
    assert signs_along_x == [1.0 if harmonic % 2 else -1.0 for harmonic in harmonics]
    assert mirrors[1].signs.flatten().tolist() == [1.0] * len(harmonics)
    image = images()
    for mirror in mirrors:
        torch.testing.assert_close(
            forward_model(mirror.image(image)), mirror.signal(forward_model(image)),
            rtol=0, atol=1e-5,
        )  # fmt: skip


def test_a_line_has_one_mirror_and_a_matrix_without_symmetry_none():
    line = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=1), (1, 16))
    assert [mirror.axes for mirror in mirrors_of(line)] == [(3,)]
    generator = torch.Generator().manual_seed(0)
    matrix = model().matrix() * (1 + 0.1 * torch.rand(256, 256, generator=generator))
    measured = SystemMatrix(model().scanner, matrix, SHAPE, (1, 16, 16), SHAPE)
    assert mirrors_of(measured) == []


def averaging(**options):
    torch.manual_seed(0)
    cascade = Cascade(TikhonovBank(3, 4), ResidualUNet((8, 8)), averages_mirrors=True)
    cascade.use(model(**options))
    with torch.no_grad():
        for weights in cascade.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    return cascade


@torch.no_grad()
@pytest.mark.parametrize("harmonics", [(3,), (2,)])
def test_images_of_mirrored_scans_are_mirror_images(harmonics):
    cascade = averaging(harmonics=harmonics).eval()
    signal = torch.randn(2, 1, *SHAPE, generator=torch.Generator().manual_seed(2))
    plain = cascade(signal)
    assert len(cascade.mirrors) == 3
    for mirror in cascade.mirrors:
        for found, expected in zip(cascade(mirror.signal(signal)), plain, strict=True):
            scale = float(expected.abs().max())
            assert not torch.allclose(expected, mirror.image(expected), atol=0.1 * scale)
            torch.testing.assert_close(found, mirror.image(expected), rtol=0, atol=1e-5 * scale)


def test_training_sees_one_orientation():
    cascade, signal = averaging(), torch.randn(2, 1, *SHAPE)
    image = cascade.refined(cascade.first_image(signal), signal)
    assert torch.equal(cascade.train()(signal).final, image)
    assert not torch.allclose(cascade.eval()(signal).final, image, atol=1e-3)
