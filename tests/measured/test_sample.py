import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.measured.sample import without_sample_blur
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.psf import DeltaSamplePSF
from mpi_cascade.physics.scanner import Scanner

GRID = (32, 48)


@pytest.mark.parametrize(("edge_mm", "gain"), [(0.2, 30), (0.4, 15)])
def test_what_a_sample_has_blurred_is_what_a_point_would_have_measured(edge_mm, gain):
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16, harmonics=(2, 3))
    sample = DeltaSamplePSF(sample_size_m=1e-3 * edge_mm)
    point, blurred = ForwardModel(scanner, GRID), ForwardModel(scanner, GRID, sample)
    cells = (edge_mm * 32 / 6.4, edge_mm * 48 / 6.4)
    found = without_sample_blur(blurred.matrix(), GRID, cells)
    before = (blurred.matrix() - point.matrix()).norm()
    assert (found - point.matrix()).norm() < before / gain


def test_a_row_of_positions_is_sharpened_along_itself_alone():
    matrix = torch.randn(3, 20)
    flat = without_sample_blur(matrix, (1, 20), (5.0, 0.0))
    torch.testing.assert_close(flat, matrix)
    assert (without_sample_blur(matrix, (1, 20), (5.0, 1.0)) - matrix).abs().max() > 1e-2


def test_too_few_positions_are_refused():
    with pytest.raises(InputError, match="has 3 positions along an axis, too few to correct"):
        without_sample_blur(torch.ones(2, 9), (3, 3), (1.0, 1.0))
