"""What holds for every solver."""

from functools import partial

import pytest
import torch

from mpi_cascade.checks import InputError
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
def test_a_scan_of_k_times_the_signal_has_k_times_the_concentration(small_scanner, solver):
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


@pytest.mark.parametrize(
    ("solver", "name", "value", "rule"),
    [
        (ART, "relative_regularisation", 0.0, "be greater than 0"),
        (ART, "num_sweeps", 0, "be greater than 0"),
        (FISTA, "num_prox_iterations", 0, "be greater than 0"),
        *((solver, "num_iterations", 0, "be greater than 0") for solver in (ADMM, FISTA)),
        *((solver, "tv_weight", -1e-3, "not be negative") for solver in (ADMM, FISTA)),
        *((solver, "l1_weight", -1.0, "not be negative") for solver in (ADMM, FISTA)),
    ],
)
def test_what_is_out_of_range_is_refused(small_scanner, solver, name, value, rule):
    with pytest.raises(InputError, match=rf"^{solver.__name__}\.{name} is {value}: it must {rule}"):
        solver(ForwardModel(small_scanner, (8, 8)), **{name: value})
