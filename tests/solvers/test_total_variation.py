import pytest
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.total_variation import (
    clip_vectors,
    gradient,
    gradient_adjoint,
    peaks,
    squared_norm,
)


def test_gradient_is_forward_differences_with_a_flat_far_edge():
    image = torch.tensor([[1.0, 4.0, 2.0], [0.0, 7.0, 7.0]]).reshape(1, 1, 2, 3)
    along_y, along_x = gradient(image)[0]
    assert along_y.tolist() == [[-1, 3, 5], [0, 0, 0]]
    assert along_x.tolist() == [[3, -2, 0], [7, 0, 0]]


@pytest.mark.parametrize("shape", [(7, 5), (1, 6), (6, 1)])
def test_gradient_and_its_adjoint(shape):
    image = torch.randn(2, 1, *shape, dtype=torch.float64)
    field = torch.randn(2, 2, *shape, dtype=torch.float64)
    forwards = (gradient(image) * field).sum()
    torch.testing.assert_close((image * gradient_adjoint(field)).sum(), forwards)


def test_peak_of_an_empty_scan_can_be_divided_by():
    signal = torch.zeros(2, 3, 4, 5)
    signal[1, 2, 3, 4] = -7
    assert peaks(signal).flatten().tolist() == [1, 7]


def test_clipping_keeps_directions_and_bounds_lengths():
    field = torch.tensor([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]]).reshape(1, 2, 1, 3)
    expected = torch.tensor([[0.6, 0.3, 0.0], [0.8, 0.4, 0.0]]).reshape(1, 2, 1, 3)
    torch.testing.assert_close(clip_vectors(field, 1.0), expected)
    assert clip_vectors(field, 0.0).abs().max() == 0


@pytest.mark.parametrize("image_shape", [(16, 16), (8, 32), (32, 24)])
def test_squared_norm_is_a_close_upper_bound(small_scanner, image_shape):
    model = ForwardModel(small_scanner, image_shape)
    exact = torch.linalg.matrix_norm(model.matrix().double(), ord=2).item() ** 2
    assert exact < squared_norm(model) < 1.1 * exact
