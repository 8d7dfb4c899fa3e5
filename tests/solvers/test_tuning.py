import itertools
import math

import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.tuning import FINE_RATIO, tune


class Hill(nn.Module):
    """A height of two weights w: 0 at (3, 20), each best at another value alone."""

    def __init__(self, top=(3.0, 20.0)):
        super().__init__()
        self.first, self.second = 1.0, 1.0
        self.top = top

    def height(self, first, second):
        a, b = math.log(first / self.top[0]), math.log(second / self.top[1])
        return -(a**2 + b**2 + a * b)

    def forward(self, signal):
        return signal + self.height(self.first, self.second)


def height(reconstruct):
    return (reconstruct(torch.zeros(1)).item(),)


CANDIDATES = {"first": (0.1, 0.3, 1.0, 3.5, 10.0), "second": (1.0, 3.0, 10.0, 30.0)}


def test_no_neighbour_on_the_fine_grid_is_better():
    """The best of all points of both grids, by brute force."""
    hill = Hill()
    found = tune(hill, CANDIDATES, height, height)
    assert found == {"first": hill.first, "second": hill.second}
    best = hill.height(**found)
    near = itertools.product((1 / FINE_RATIO, 1, FINE_RATIO), repeat=2)
    for factor, other in near:
        if 1 in (factor, other):
            assert hill.height(hill.first * factor, hill.second * other) <= best + 1e-6
    assert FINE_RATIO <= 1.5
    for value, top in zip(found.values(), hill.top, strict=True):
        assert max(value / top, top / value) <= FINE_RATIO


def test_each_search_asks_its_own_objective_and_nothing_twice():
    asked = {"coarse": [], "fine": []}
    hill = Hill()

    def objective(name):
        def score(reconstruct):
            asked[name].append((hill.first, hill.second))
            return height(reconstruct)

        return score

    tune(hill, CANDIDATES, objective("coarse"), objective("fine"))
    for calls in asked.values():
        assert len(calls) == len(set(calls)) < 20
    grid = set(itertools.product(*CANDIDATES.values()))
    # It begins at the solver's own values, which need not be candidates.
    assert {first for first, _ in asked["coarse"]} == set(CANDIDATES["first"])
    assert set(asked["coarse"][-3:]) <= grid
    assert not set(asked["fine"]) <= grid


def test_further_numbers_decide_between_equals():
    hill = Hill()

    def score(reconstruct):
        return (0.5, *height(reconstruct))

    assert hill.height(**tune(hill, CANDIDATES, score, score)) > -0.1


def test_the_best_may_lie_beyond_the_candidates():
    for top in (0.03, 40.0):
        hill = Hill((top, 20.0))
        tune(hill, CANDIDATES, height, height)
        assert max(hill.first / top, top / hill.first) <= FINE_RATIO


class Term(nn.Module):
    """A height of one weight, best at ``top``."""

    def __init__(self, top):
        super().__init__()
        self.weight, self.top = 1.0, top

    def forward(self, signal):
        return signal - abs(self.weight - self.top)


@pytest.mark.parametrize(("top", "expected"), [(0.0, 0.0), (0.02, 0.0173), (0.5, 0.444)])
def test_a_term_is_left_out_where_every_weight_is_worse(top, expected):
    """0.02 is five times smaller than the smallest candidate above 0."""
    found = tune(Term(top), {"weight": (0.0, 0.1, 0.3, 1.0)}, height, height)["weight"]
    assert found == pytest.approx(expected, rel=0.5)
    assert (found == 0) == (top == 0)


def test_warns_when_the_best_lies_on_the_edge_of_the_fine_grid():
    message = (
        r"the best weight of Term, 7.59375, lies on the edge of the search from 0.011561 to 7.59375"
    )
    with pytest.warns(UserWarning, match=message):
        tune(Term(100.0), {"weight": (0.1, 0.3, 1.0)}, height, height)


def test_finds_the_best_regularisation(small_scanner):
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(4, 1, 16, 16)
    truth[:, :, 6:10, 4:7] = 1
    model = ForwardModel(small_scanner, (16, 16))
    signal = model(truth)
    noise = torch.randn(signal.shape, generator=generator)
    signal = signal + 0.03 * signal.abs().max() * noise

    def quality(reconstruct):
        return (psnr(reconstruct(signal), truth).mean().item(),)

    solver = Tikhonov(model)
    candidates = {"relative_regularisation": [1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]}
    found = tune(solver, candidates, quality, quality)["relative_regularisation"]
    (best_db,) = quality(solver)
    brute_force = []
    for candidate in torch.logspace(-8, 0, 200).tolist():
        solver.relative_regularisation = candidate
        brute_force.append((quality(solver)[0], candidate))
    quality_db, optimum = max(brute_force)
    assert max(found / optimum, optimum / found) < FINE_RATIO
    assert best_db > quality_db - 0.05


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"frist": [1.0]}, "Hill has no frist: it cannot be tuned"),
        ({"first": []}, "first has no candidates: name one or more"),
        ({"first": [-1.0, 1.0]}, "first has the candidate -1: it must not be negative"),
    ],
)
def test_bad_input(candidates, message):
    with pytest.raises(InputError, match=message):
        tune(Hill(), candidates, height, height)
