import math

import optuna
import pytest
from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner
from sweep_files import ROOT

from mpi_cascade.checks import InputError
from mpi_cascade.sweep.definition import read_sweep
from mpi_cascade.sweep.searching import ends, grid, read_distribution, read_pruner

LOG = "log_uniform_values"
DISTRIBUTIONS = {
    "value": ({"value": 3}, [3], [3]),
    "lists are the command's text": ({"values": [[8], [16, 32]]}, ["[8]", "[16, 32]"], None),
    "a value twice": ({"values": ["a", "b", "a"]}, ["a", "b"], ["a", "b"]),
    "whole numbers": ({"min": 1, "max": 4}, [1, 4], [1, 2, 3, 4]),
    "numbers": ({"min": 0.0, "max": 4}, [0.0, 4.0], []),
    "named": ({"distribution": "uniform", "min": 0, "max": 4}, [0.0, 4.0], []),
    "steps": ({"distribution": "q_uniform", "min": 8, "max": 24, "q": 8}, [8, 24], [8, 16, 24]),
    "small steps": (
        {"distribution": "q_uniform", "min": 0, "max": 0.5, "q": 0.25}, [0.0, 0.5], [0.0, 0.25, 0.5]
    ),
    "decades": ({"distribution": LOG, "min": 1e-4, "max": 1e-2}, [1e-4, 1e-2], []),
    "exponents": (
        {"distribution": "log_uniform", "min": -2, "max": 0}, [math.exp(-2), 1.0], []
    ),
    "whole decades": ({"distribution": f"q_{LOG}", "min": 1, "max": 3}, [1, 3], [1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize(("how", "its_ends", "its_grid"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_parameters(how, its_ends, its_grid):
    """Drawn values are within their ends, and numbers of Python: an argument reads 0.001."""
    distribution = read_distribution("rate of sweep.yaml", how)
    assert ends(distribution) == its_ends
    assert grid(distribution) == (its_ends if its_grid is None else its_grid)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(5):
        drawn = study.ask({"rate": distribution}).params["rate"]
        assert type(drawn) in (int, float, str)
        assert drawn in its_ends or its_ends[0] <= drawn <= its_ends[1]


@pytest.mark.parametrize(
    "how",
    [
        3,
        {"parameters": {"learning_rate": {"value": 1}}},
        {"values": 3},
        {"min": 1},
        {"min": 4, "max": 1},
        {"min": "low", "max": 1.0},
        {"min": math.nan, "max": 1.0},
        {"min": 0.0, "max": math.inf},
        {"values": [1, 2], "probabilities": [0.1, 0.9]},
        {"distribution": "normal", "mu": 0, "sigma": 1},
        {"distribution": ["uniform"], "min": 0, "max": 1},
        {"distribution": LOG, "min": 0.0, "max": 1.0},
        {"distribution": "int_uniform", "min": 0.5, "max": 3},
        {"distribution": f"q_{LOG}", "min": 8, "max": 64, "q": 8},
    ],
    ids=str,
)
def test_parameters_that_optuna_does_not_have(how):
    with pytest.raises(InputError, match=r"^rate of sweep.yaml is .*write|use one of") as refused:
        read_distribution("rate of sweep.yaml", how)
    assert str(how) in str(refused.value)


def stops(pruner, *histories):
    """Returns after how many values each trial of a study is stopped, 0 if it isn't."""
    study = optuna.create_study(direction="maximize", pruner=pruner, study_name="sweep")
    found = []
    for history in histories:
        trial, stopped = study.ask(), 0
        for step, value in enumerate(history, start=1):
            trial.report(value, step)
            if trial.should_prune():
                stopped = step
                break
        state = optuna.trial.TrialState.PRUNED if stopped else None
        study.tell(trial, None if stopped else history[-1], state=state)
        found.append(stopped)
    return found


def test_hyperband_judges_every_trial_by_the_same_bands():
    """Of 8, halved twice: at the 2nd and the 4th, where the better half goes on."""
    pruner = read_pruner("it", {"type": "hyperband", "max_iter": 8, "s": 2, "eta": 2})
    assert isinstance(pruner, SuccessiveHalvingPruner)
    good, poor, fading = [5.0] * 8, [1.0] * 8, [6.0, 6.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert stops(pruner, good, poor, fading, poor) == [0, 2, 4, 2]


def test_hyperband_without_an_end_begins_at_its_first_band():
    pruner = read_pruner("it", {"type": "hyperband", "min_iter": 2})
    assert stops(pruner, *([level] * 9 for level in (9.0, 8.0, 7.0))) == [0, 2, 2]


def test_the_median_pruner_waits_for_its_first_validations():
    pruner = read_pruner("it", {"type": "median", "min_iter": 3})
    assert isinstance(pruner, MedianPruner)
    assert stops(pruner, *([level] * 5 for level in (9, 8, 7, 6, 5, 4))) == [0, 0, 0, 0, 0, 3]


def test_without_early_terminate_nothing_is_stopped():
    assert isinstance(read_pruner("it", None), NopPruner)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("hyperband", "it is hyperband: use the type hyperband, or median"),
        ({"type": "bandit"}, "use the type hyperband"),
        ({"type": "hyperband", "min_iter": 0}, "min_iter of it is 0"),
        ({"type": "hyperband", "max_iter": 8, "s": 2, "eta": 1.5}, "eta of it is 1.5"),
    ],
)
def test_early_terminate_that_optuna_does_not_have(how, sentence):
    with pytest.raises(InputError, match=sentence):
        read_pruner("it", how)


def test_the_command_of_a_trial_is_that_of_wandb_agent():
    file = read_sweep(ROOT / "sweeps" / "networks.yaml")
    words = file.command({"model.learning_rate": 0.001, "config": "a.yaml"}, "/bin/python")
    assert words == [
        "/usr/bin/env", "/bin/python", "-m", "mpi_cascade", "fit", "--config",
        "configs/comparison.yaml", "--config=a.yaml", "--model.learning_rate=0.001",
    ]  # fmt: skip
    assert file.resuming(ROOT / "last.ckpt", "/bin/python")[4:] == [
        "fit", f"--resume={ROOT / 'last.ckpt'}"
    ]  # fmt: skip


def test_keys_that_only_wandb_heeds_are_named():
    file = read_sweep(ROOT / "sweeps" / "training.yaml")
    (sentence,) = file.left_out()
    assert sentence == f"metric.impute of {file.path} can't be honoured here, and is left out"
    file.content["prior_runs"] = ["a"]
    file.content["early_terminate"]["strict"] = True
    file.content["name"] = "rates"
    assert [sentence.split()[0] for sentence in file.left_out()] == [
        "prior_runs", "metric.impute", "early_terminate.strict"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "ignored"),
    [
        ({"type": "median", "max_iter": 8, "s": 2, "eta": 2}, ["max_iter", "s", "eta"]),
        ({"type": "hyperband", "min_iter": 2, "max_iter": 8, "s": 2, "eta": 2}, ["min_iter"]),
        ({"type": "hyperband", "min_iter": 2, "s": 2}, ["s"]),
    ],
)
def test_keys_that_a_pruner_does_not_heed_are_named(how, ignored):
    file = read_sweep(ROOT / "sweeps" / "training.yaml")
    file.content["early_terminate"] = how
    sentences = [sentence.split()[0] for sentence in file.left_out()]
    assert sentences == ["metric.impute", *(f"early_terminate.{name}" for name in ignored)]
