import numpy as np
import pytest
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.tikhonov import Tikhonov


@pytest.mark.parametrize("image_shape", [(8, 12), (32, 16)], ids=["few pixels", "many pixels"])
def test_is_the_least_squares_solution_of_the_augmented_system(small_scanner, image_shape):
    """NumPy's lstsq of [S; √λ I] c = [u; 0], another algorithm for the same minimum."""
    model = ForwardModel(small_scanner, image_shape)
    num_pixels = image_shape[0] * image_shape[1]
    solver = Tikhonov(model, relative_regularisation=1e-3)
    system = model.matrix().double().numpy()
    weight = 1e-3 * np.linalg.norm(system, ord=2) ** 2
    signal = torch.randn(1, 1, 16, 16)
    augmented = np.vstack((system, np.sqrt(weight) * np.eye(num_pixels)))
    right_side = np.concatenate((signal.flatten().numpy(), np.zeros(num_pixels)))
    expected = np.linalg.lstsq(augmented, right_side, rcond=None)[0].reshape(image_shape)
    np.testing.assert_allclose(solver(signal)[0, 0], expected, rtol=1e-3, atol=1e-3)


def test_explicit_inverse_is_the_same_map(small_scanner):
    solver = Tikhonov(ForwardModel(small_scanner, (16, 16)), relative_regularisation=1e-2)
    signal = torch.randn(3, 1, 16, 16)
    expected = (signal.flatten(1) @ solver.inverse_matrix().T).reshape(3, 1, 16, 16)
    torch.testing.assert_close(solver(signal), expected, rtol=1e-4, atol=1e-4)
