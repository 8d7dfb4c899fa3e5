"""What Optuna makes of a sweep file: distributions, samplers and a pruner."""

import math
from collections.abc import Callable, Mapping
from operator import index
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from mpi_cascade.checks import InputError

_KEYS = {"distribution", "value", "values", "min", "max", "q"}
_PRUNING = {"min_iter": 1, "max_iter": 1, "s": 1, "eta": 2}
"""The least that the numbers of ``early_terminate`` can be."""

_NUM_RANDOM = 5
"""Trials at random before TPE learns from them."""


def read_distribution(where: str, how: Any) -> BaseDistribution:
    """Returns what a parameter is drawn from.

    Args:
        where: The parameter's name and that of the file.
        how: What the file says of it.

    Raises:
        InputError: If Optuna can't draw from that.
    """
    if not isinstance(how, dict) or "parameters" in how:
        raise InputError(
            f"{where} is {how}: write value, values, or min and max, and name nested keys with "
            "dots (model.learning_rate)"
        )
    if "value" in how or "values" in how:
        kind = "categorical"
    else:
        is_whole = isinstance(how.get("min"), int) and isinstance(how.get("max"), int)
        kind = how.get("distribution", "int_uniform" if is_whole else "uniform")
    # In a list, as YAML may give another one, which has no hash.
    if kind not in list(_KINDS) or how.keys() - _KEYS:
        raise InputError(
            f"{where} is {how}, which can't be searched here: use one of the distributions "
            f"{', '.join(_KINDS)}, with value, values, or min, max and q"
        )
    try:
        # Optuna lets them pass, and draws nothing else.
        if not all(math.isfinite(how.get(name, 0)) for name in ("min", "max", "q")):
            raise ValueError("not finite")
        return _KINDS[kind](how)
    # Optuna's own bounds, what is no number, and what isn't there.
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            f"{where} is {how}, which is not {kind} ({error}): write value, values, or min and max"
        ) from error


def ends(distribution: BaseDistribution) -> list[Any]:
    """Returns all values of a list, and of a range its lower and upper end."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def grid(distribution: BaseDistribution) -> list[Any]:
    """Returns all values that can be drawn; none if they have no end."""
    match distribution:
        case IntDistribution(low=low, high=high, step=step):
            return list(range(low, high + 1, step))
        case FloatDistribution(low=low, high=high, step=step):
            count = 0 if step is None else round((high - low) / step) + 1
            return [low + number * (step or 0.0) for number in range(count)]
    return ends(distribution)


def sampler(method: str, number: int) -> BaseSampler:
    """Returns what chooses a trial, the same for the same number whatever was interrupted before.

    Args:
        method: ``random``, ``bayes``, or ``grid``, whose trials the study is told.
        number: Number of the trial.
    """
    if method == "bayes":
        return TPESampler(seed=number, n_startup_trials=_NUM_RANDOM)
    return RandomSampler(seed=number)


def read_pruner(where: str, how: Any) -> BasePruner:
    """Returns what ends trials early, by the validations that they have behind them.

    Args:
        where: Name of ``early_terminate`` and that of the file.
        how: What the file says there.

    Raises:
        InputError: If Optuna can't do that.
    """
    if how is None:
        return NopPruner()
    if not isinstance(how, dict) or how.get("type") not in ("hyperband", "median"):
        raise InputError(
            f"{where} is {how}: use the type hyperband, or median, which W&B doesn't know"
        )
    for name, least in _PRUNING.items():
        number = how.get(name, least)
        if not (isinstance(number, int) and number >= least):
            raise InputError(f"{name} of {where} is {number}: it must be a number from {least} on")
    first, share = how.get("min_iter", 1), how.get("eta", 3)
    if how["type"] == "median":
        return MedianPruner(n_warmup_steps=first)
    # W&B judges every trial by the same bands. That is one bracket of Hyperband, or successive
    # halving; Optuna's own Hyperband would leave the trials of its last bracket alone.
    if "max_iter" in how:
        first = max(1, how["max_iter"] // share ** how.get("s", 1))
    return SuccessiveHalvingPruner(min_resource=first, reduction_factor=share)


def heeded(pruning: Mapping[str, Any]) -> set[str]:
    """Returns which keys of ``early_terminate`` its pruner heeds.

    Args:
        pruning: What the file says there.
    """
    if pruning["type"] == "median":
        return {"type", "min_iter"}
    return {"type", "eta", *(("max_iter", "s") if "max_iter" in pruning else ("min_iter",))}


def _list(values: Any) -> CategoricalDistribution:
    """Returns a list of values, those that Optuna can't keep as the command's text."""
    if not isinstance(values, list):
        raise TypeError("values must be a list")
    kept = [str(value) if isinstance(value, list | dict) else value for value in values]
    return CategoricalDistribution(list(dict.fromkeys(kept)))


def _steps(low: Any, high: Any, step: Any) -> IntDistribution | FloatDistribution:
    if all(isinstance(number, int) for number in (low, high, step)):
        return IntDistribution(low, high, step=step)
    return FloatDistribution(low, high, step=step)


_KINDS: dict[str, Callable[[dict[str, Any]], BaseDistribution]] = {
    "categorical": lambda how: _list([how["value"]] if "value" in how else how["values"]),
    "int_uniform": lambda how: IntDistribution(index(how["min"]), index(how["max"])),
    "uniform": lambda how: FloatDistribution(how["min"], how["max"]),
    "q_uniform": lambda how: _steps(how["min"], how["max"], how.get("q", 1)),
    "log_uniform": lambda how: FloatDistribution(
        math.exp(how["min"]), math.exp(how["max"]), log=True
    ),
    "log_uniform_values": lambda how: FloatDistribution(how["min"], how["max"], log=True),
    "q_log_uniform_values": lambda how: IntDistribution(
        index(how["min"]), index(how["max"]), step=index(how.get("q", 1)), log=True
    ),
}
"""W&B's distributions that Optuna has."""
