import math

import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.tuning import tune


@pytest.fixture
def validation(small_scanner):
    torch.manual_seed(0)
    truth = torch.zeros(4, 1, 16, 16)
    truth[:, :, 6:10, 4:7] = 1
    signal = ForwardModel(small_scanner, (16, 16))(truth)
    return [(signal + 0.03 * signal.abs().max() * torch.randn_like(signal), truth)]


class Paraboloid(nn.Module):
    """An image that is highest, 0, at gain 3 and offset 2, each best at another value alone."""

    def __init__(self):
        super().__init__()
        self.gain, self.offset = 0.0, 0.0
        self.calls = []

    def forward(self, signal):
        self.calls.append((self.gain, self.offset))
        a, b = self.gain - 3, self.offset - 2
        return signal - (a**2 + b**2 + a * b)


SCANS = [(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))]


def mean_value(estimate, truth):
    return estimate.mean(dim=(1, 2, 3))


def test_finds_the_best_candidate(small_scanner, validation):
    solver = Tikhonov(ForwardModel(small_scanner, (16, 16)))
    candidates = [1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
    best = tune(solver, {"relative_regularisation": candidates}, validation, psnr)
    assert best.values == {"relative_regularisation": solver.relative_regularisation}
    quality = psnr(solver(validation[0][0]), validation[0][1]).mean().item()
    assert best.quality == quality
    for candidate in candidates:
        solver.relative_regularisation = candidate
        assert psnr(solver(validation[0][0]), validation[0][1]).mean() <= quality


def test_goes_round_until_nothing_changes_and_asks_nothing_twice():
    """One round leaves the offset where it was best for a poor gain."""
    solver = Paraboloid()
    candidates = {"gain": [0, 1, 2, 3, 4, 5, 6, 7], "offset": [-1, 0, 1, 2, 3, 4]}
    best = tune(solver, candidates, SCANS, mean_value)
    assert best.values == {"gain": 3, "offset": 2}
    assert best.quality == 0
    assert (solver.gain, solver.offset) == (3, 2)
    assert len(solver.calls) == len(set(solver.calls)) < 48


def test_quality_is_the_mean_over_all_scans_that_have_one():
    def quality(estimate, truth):
        return truth.flatten(1).mean(dim=1)

    batches = [
        (torch.zeros(2, 1, 1, 1), torch.tensor([1.0, math.nan]).reshape(2, 1, 1, 1)),
        (torch.zeros(3, 1, 1, 1), torch.tensor([5.0, 5.0, 9.0]).reshape(3, 1, 1, 1)),
    ]
    with pytest.warns(UserWarning):
        assert tune(Paraboloid(), {"gain": [1.0]}, batches, quality).quality == 5


def test_warns_when_the_best_lies_on_the_edge(small_scanner, validation):
    solver = Tikhonov(ForwardModel(small_scanner, (16, 16)))
    message = "relative_regularisation of Tikhonov, 1, lies on the edge of the search from 1 to 10"
    with pytest.warns(UserWarning, match=message):
        tune(solver, {"relative_regularisation": [1.0, 10.0]}, validation, psnr)


def test_a_term_may_be_left_out_without_a_warning():
    solver = Paraboloid()
    solver.offset = 10
    assert tune(solver, {"gain": [0, 1, 2]}, SCANS, mean_value).values == {"gain": 0}
    solver.offset = 5
    with pytest.warns(UserWarning, match="gain of Paraboloid, 0, lies on the edge"):
        tune(solver, {"gain": [-1, 0]}, SCANS, mean_value)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"gian": [1.0]}, "Paraboloid has no gian: it cannot be tuned"),
        ({"gain": []}, "gain has no candidates: name one or more"),
    ],
)
def test_bad_input(candidates, message):
    with pytest.raises(InputError, match=message):
        tune(Paraboloid(), candidates, SCANS, mean_value)
