import json
import math
from pathlib import Path

import pytest

from mpi_cascade.sweep.engine import (
    Observed,
    grid_size,
    next_parameters,
    search_space,
    trials_to_stop,
)

METRIC = {"name": "val/final/psnr", "goal": "maximize"}
RATE = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
DISTRIBUTIONS = {
    "rate": RATE,
    "batch": {"distribution": "q_uniform", "min": 8, "max": 64, "q": 8},
    "depth": {"min": 1, "max": 4},
    "widths": {"values": [[8], [16, 32]]},
    "share": {"distribution": "uniform", "min": 0.0, "max": 1.0},
    "scale": {"distribution": "normal", "mu": 0.0, "sigma": 1.0},
}


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_chosen_values_are_numbers_of_python(method):
    """As arguments they must read 0.001, not np.float64(0.001)."""
    config = {"method": method, "metric": METRIC, "parameters": DISTRIBUTIONS}
    trials: list[Observed] = []
    for number in range(4):
        parameters = next_parameters(config, trials)
        assert {type(value) for value in parameters.values()} <= {int, float, list}
        assert json.loads(json.dumps(parameters)) == parameters
        trials.append(Observed(number, parameters, "finished", [20.0 + number]))


def test_a_bayesian_search_goes_where_the_metric_was_high():
    """Of ten trials with an optimum at 3·10⁻³ the second half is nearer to it than the ends are."""
    config = {"method": "bayes", "metric": METRIC, "parameters": {"rate": RATE}}
    trials = [
        Observed(number, {"rate": rate}, "finished", [-abs(math.log10(rate / 3e-3))])
        for number, rate in enumerate((1e-4, 3e-4, 1e-3, 3e-3, 1e-2))
    ]
    for number in range(5, 10):
        rate = next_parameters(config, trials)["rate"]
        trials.append(Observed(number, {"rate": rate}, "finished", [-abs(math.log10(rate / 3e-3))]))
    distances = [-trial.history[0] for trial in trials[5:]]
    assert sorted(distances)[2] < 0.5


def test_a_grid_has_every_combination_once():
    config = {
        "method": "grid",
        "metric": METRIC,
        "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}, "c": {"value": 0}},
    }
    trials: list[Observed] = []
    while parameters := next_parameters(config, trials):
        trials.append(Observed(len(trials), parameters, "finished", [1.0]))
    found = {(trial.parameters["a"], trial.parameters["b"]) for trial in trials}
    assert len(found) == len(trials) == grid_size(config) == 6


def test_hyperband_stops_the_running_trial_that_lags():
    config = {
        "method": "random", "metric": METRIC, "parameters": {"rate": RATE},
        "early_terminate": {"type": "hyperband", "max_iter": 8, "s": 2, "eta": 2},
    }  # fmt: skip
    good = Observed(1, {"rate": 1e-3}, "running", [20, 21, 22, 23])
    poor = Observed(2, {"rate": 1e-4}, "running", [10, 11, 12, 13])
    young = Observed(3, {"rate": 1e-4}, "running", [10, 11])
    done = Observed(4, {"rate": 1e-2}, "finished", [19, 20, 21, 22])
    assert trials_to_stop(config, [good, poor, young, done]) == [2]
    del config["early_terminate"]
    assert trials_to_stop(config, [good, poor, young, done]) == []


def test_a_space_has_every_listed_value_and_the_ends_of_a_distribution():
    space = search_space(Path("sweep.yaml"), "random", {**DISTRIBUTIONS, "fixed": {"value": "a"}})
    assert space["widths"] == [[8], [16, 32]]
    assert space["fixed"] == ["a"]
    assert space["depth"] == [1, 4]
    assert space["rate"] == pytest.approx([1e-4 * 100**0.01, 1e-4 * 100**0.99])
