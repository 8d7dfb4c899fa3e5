from dataclasses import replace

import numpy as np
import pytest
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.system_matrix import SystemMatrix
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


# Which axes have mirror images that scan alike: both, y with harmonics of unequal parity along x,
# none of an odd number, and none of a matrix without any symmetry.
MODELS = {
    "both": lambda scanner: ForwardModel(scanner, (16, 16)),
    "y": lambda scanner: ForwardModel(replace(scanner, harmonics=(2, 3)), (32, 32)),
    "x": lambda scanner: ForwardModel(scanner, (7, 16)),
    "none": lambda scanner: SystemMatrix(
        scanner, torch.randn(128, 128), (8, 16), (1, 8, 16), (8, 16)
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_every_eigenvalue_and_mode_is_that_of_the_whole_matrix(small_scanner, kind):
    model = MODELS[kind](small_scanner)
    solver = Tikhonov(model, relative_regularisation=1e-2)
    matrix = model.matrix().double()
    gram = matrix @ matrix.T
    eigenvalues = torch.linalg.eigvalsh(gram)
    largest = eigenvalues[-1]
    found = solver.eigenvalues.double()
    torch.testing.assert_close(found, eigenvalues[-len(found) :], rtol=1e-5, atol=1e-6 * largest)
    inverse = matrix.T @ torch.linalg.inv(gram + 1e-2 * largest * torch.eye(len(gram)))
    atol = 1e-5 * float(inverse.abs().max())
    torch.testing.assert_close(solver.inverse_matrix().double(), inverse, rtol=0, atol=atol)


def test_modes_are_even_or_odd(small_scanner):
    """All of them, so that the matrix was decomposed in four parts."""
    modes = Tikhonov(ForwardModel(small_scanner, (16, 16))).from_signal.T.reshape(256, 16, 16)
    for axis in (1, 2):
        parity = (modes * modes.flip(axis)).sum(dim=(1, 2))
        torch.testing.assert_close(parity.abs(), torch.ones(256), rtol=0, atol=1e-5)
