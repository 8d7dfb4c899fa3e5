"""A scan of k times the signal has an image of k times the concentration, for every solver."""

from functools import partial

import pytest
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov

SOLVERS = {
    "Tikhonov": Tikhonov,
    "ART": partial(ART, num_sweeps=100),
    "ADMM": partial(ADMM, num_iterations=100),
    "FISTA": partial(FISTA, num_iterations=300),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_scales_with_the_signal(small_scanner, solver):
    model = ForwardModel(small_scanner, (16, 16))
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, 0, 4:8, 4:7] = truth[1, 0, 9:12, 3:6] = 0.3
    generator = torch.Generator().manual_seed(0)
    signal = model(truth)
    signal = signal + 0.03 * signal.max() * torch.randn(signal.shape, generator=generator)
    solver = solver(model)
    image = solver(signal)
    for factor in (0.125, 8):
        # Nothing is rounded otherwise.
        assert torch.equal(solver(factor * signal), factor * image)
    scale = image.abs().max().item()
    for factor in (0.1, 10):
        # Single precision, over hundreds of iterations.
        torch.testing.assert_close(
            solver(factor * signal) / factor, image, rtol=1e-4, atol=5e-4 * scale
        )
