import math
import time
from collections.abc import Callable

import pytest
import torch

from mpi_cascade.evaluation.convergence import (
    Progress,
    converge,
    has_converged,
    not_converged,
)
from mpi_cascade.evaluation.measures import PAIRS
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.evaluation.suites import tuning_sets
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.metrics.resolution import pair_dip
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA

PAIRS_SET = EvaluationSet(
    name="pairs", kind=PAIRS, scene=TwoPoints(gaps_mm=(0.5, 0.9), cases_per_gap=2), indices=range(4)
)


@pytest.fixture(scope="module")
def scanned(experiment):
    """The model, scans of phantoms and of pairs, and the field of view."""
    (phantoms,), (pairs,) = (
        list(s.batches(experiment)) for s in (tuning_sets(3, 1).phantoms, PAIRS_SET)
    )
    # An empty image has no quality.
    phantoms.concentration[2] = 0
    return experiment.forward_model, phantoms, pairs, experiment.scanner.field_of_view_m


def nothing(number):
    pass


def steps(*values_db, iterations=(1, 2, 5, 10, 20, 50), dips=None):
    dips = dips or [0.5] * len(values_db)
    return [
        Progress("ART", iteration, 0.1, value_db, dip)
        for iteration, value_db, dip in zip(iterations, values_db, dips, strict=False)
    ]


def test_quality_and_dips_are_those_of_a_solver_stopped_there(scanned):
    model, phantoms, pairs, size_m = scanned
    done: list[int] = []
    found = converge("ART", ART(model, num_sweeps=7), phantoms, pairs, size_m, done.append)
    assert [step.iteration for step in found] == [1, 2, 5, 7]
    assert done == [1] * 7
    for step in found:
        solver = ART(model, num_sweeps=step.iteration)
        expected = psnr(solver(phantoms.signal), phantoms.concentration)[:2].mean().item()
        assert step.psnr_db == pytest.approx(expected, abs=1e-4)
        expected = pair_dip(solver(pairs.signal), pairs.pairs, size_m).mean().item()
        assert step.mean_dip == pytest.approx(expected, abs=1e-3)
        assert step.label == "ART"
    times_s = [step.time_s for step in found]
    assert times_s == sorted(times_s)
    assert times_s[0] > 0


@pytest.mark.parametrize("kind", [ADMM, FISTA])
def test_the_last_iteration_is_what_the_solver_returns(scanned, kind, monkeypatch):
    monkeypatch.setattr("mpi_cascade.evaluation.convergence._MOST_ITERATIONS", 12)
    model, phantoms, *others = scanned
    solver = kind(model, num_iterations=12)
    *_, last = converge("TV", solver, phantoms, *others, nothing)
    assert last.iteration == solver.num_iterations == 12
    expected = psnr(solver(phantoms.signal), phantoms.concentration).nanmean().item()
    assert last.psnr_db == pytest.approx(expected, abs=1e-2)


def test_a_last_iteration_that_is_shown_anyway_is_shown_once(scanned):
    model, *scans = scanned
    found = converge("ART", ART(model, num_sweeps=10), *scans, nothing)
    assert [step.iteration for step in found] == [1, 2, 5, 10]


def test_time_leaves_out_what_is_not_the_solver(scanned):
    model, *scans = scanned
    found = converge("ART", ART(model, num_sweeps=5), *scans, lambda number: time.sleep(0.2))
    assert 7 * found[-1].time_s < 0.8


class Brightening(ADMM):
    """Images that are the same but for a factor, a function of the iteration."""

    image: torch.Tensor
    factor: Callable[[int], float]

    def iterates(self, signal):
        for number in range(1, self.num_iterations + 1):
            yield self.image * self.factor(number)


def settling(number):
    return 1 - 0.9**number


def unsettled(number):
    return 1 + 0.2 * math.log(number)


@pytest.mark.parametrize(
    ("num_iterations", "factor", "expected"),
    [(10, settling, 100), (300, settling, 500), (10, unsettled, 2000), (3000, unsettled, 3000)],
)
def test_a_minimiser_goes_on_until_it_has_converged(scanned, num_iterations, factor, expected):
    model, phantoms, pairs, size_m = scanned
    solver = Brightening(model, num_iterations=num_iterations)
    # Not the truth itself: nothing would end the rise of its PSNR.
    solver.image = torch.cat((phantoms.concentration, pairs.concentration)) + 0.1
    solver.factor = factor
    found = converge("ADMM", solver, phantoms, pairs, size_m, nothing)
    assert solver.num_iterations == found[-1].iteration == expected
    assert has_converged(found) == (factor is settling)


@pytest.mark.parametrize(
    ("progress", "is_settled"),
    [
        (steps(10, 20, 30, 31, 31.4, 31.42), True),
        (steps(10, 20, 30, 31, 31.4, 31.5), False),
        # Getting worse is not settling either.
        (steps(10, 20, 30, 31, 31.5, 31.4), False),
        (steps(10, 20, 31, 31.01), True),
        (steps(10, 20, 30.5, 31), False),
        (steps(31), False),
        # The half before the last of 7 iterations begins at the second that was looked at.
        (steps(30, 31, 31, 31, iterations=(1, 2, 5, 7)), True),
        (steps(31, 30, 31, 31, iterations=(1, 2, 5, 7)), False),
        # Dips have to settle too.
        (steps(31, 31, 31, 31, dips=(0.3, 0.4, 0.5, 0.51)), True),
        (steps(31, 31, 31, 31, dips=(0.3, 0.4, 0.5, 0.53)), False),
        (steps(31, 31, 31, 31, dips=(0.3, 0.4, 0.53, 0.5)), False),
        # One more iteration says nothing.
        (steps(30, 31, 31, iterations=(100, 200, 201)), False),
    ],
)
def test_settled_is_hardly_changed_over_the_last_half(progress, is_settled):
    assert has_converged(progress) == is_settled


def test_a_sentence_names_each_method_that_has_not_converged():
    progress = {"ADMM": steps(10, 20, 30, 31), "ART": steps(10, 20, 31, 31)}
    (sentence,) = not_converged(progress)
    assert sentence.startswith("ADMM has not converged after 10 iterations")
