import time

import pytest
import torch

from mpi_cascade.evaluation.convergence import Progress, converge, has_converged
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA


@pytest.fixture
def model(small_scanner):
    return ForwardModel(small_scanner, (16, 16))


@pytest.fixture
def truth():
    image = torch.zeros(3, 1, 16, 16)
    image[0, 0, 4:8, 4:10] = image[1, 0, 9:12, 3:6] = 1
    return image


def steps(*values_db, iterations=(1, 2, 5, 10, 20, 50)):
    return [
        Progress("ART", iteration, 0.1, value_db)
        for iteration, value_db in zip(iterations, values_db, strict=False)
    ]


def test_quality_is_that_of_a_solver_stopped_there(model, truth):
    signal = model(truth)
    done: list[int] = []
    found = converge("ART", ART(model, num_sweeps=7), signal, truth, done.append)
    assert [step.iteration for step in found] == [1, 2, 5, 7]
    assert done == [1] * 7
    for step in found:
        image = ART(model, num_sweeps=step.iteration)(signal)
        # The third image is empty: it has no quality.
        expected = psnr(image, truth)[:2].mean().item()
        assert step.psnr_db == pytest.approx(expected, abs=1e-4)
        assert step.label == "ART"
    times_s = [step.time_s for step in found]
    assert times_s == sorted(times_s)
    assert times_s[0] > 0


@pytest.mark.parametrize("kind", [ADMM, FISTA])
def test_the_last_iteration_is_what_the_solver_returns(model, truth, kind):
    signal = model(truth)
    solver = kind(model, num_iterations=12)
    *_, last = converge("TV", solver, signal, truth, lambda number: None)
    assert last.iteration == 12
    assert last.psnr_db == pytest.approx(psnr(solver(signal), truth).nanmean().item(), abs=1e-4)


def test_a_last_iteration_that_is_shown_anyway_is_shown_once(model, truth):
    found = converge("ART", ART(model, num_sweeps=10), model(truth), truth, lambda number: None)
    assert [step.iteration for step in found] == [1, 2, 5, 10]


def test_time_leaves_out_what_is_not_the_solver(model, truth):
    found = converge(
        "ART", ART(model, num_sweeps=5), model(truth), truth, lambda number: time.sleep(0.2)
    )
    assert len(truth) * found[-1].time_s < 0.8


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
        # One more iteration says nothing.
        (steps(30, 31, 31, iterations=(100, 200, 201)), False),
    ],
)
def test_settled_is_hardly_changed_over_the_last_half(progress, is_settled):
    assert has_converged(progress) == is_settled


def test_the_tolerance_can_be_chosen():
    assert has_converged(steps(10, 20, 30, 31), tolerance_db=1.0)
