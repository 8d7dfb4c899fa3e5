"""What Optuna makes of a sweep file: distributions, a sampler and a pruner."""

import math
from collections.abc import Mapping
from operator import index
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from mpi_cascade.checks import InputError

_NUM_RANDOM = 5
"""Trials at random before TPE has something to learn from; each bracket of hyperband has its own."""


def read_distribution(where: str, how: Any) -> BaseDistribution:
    """Returns what one parameter is drawn from.

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
    kind = how.get("distribution") or _kind(how)
    unknown = how.keys() - {"distribution", "value", "values", "min", "max", "q"}
    if kind not in _KINDS or unknown:
        raise InputError(
            f"{where} is {how}, which can't be searched here: use one of the distributions "
            f"{', '.join(_KINDS)}, with value, values, or min, max and q"
        )
    try:
        return _KINDS[kind](how)
    # Optuna's own bounds, what is no number, and what isn't there.
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            f"{where} is {how}, which is no {kind} ({error}): write value, values, or min and max"
        ) from error


def ends(distribution: BaseDistribution) -> list[Any]:
    """Returns all values of a list, and of a range its lower and upper end."""
    match distribution:
        case CategoricalDistribution(choices=choices):
            return list(choices)
        case IntDistribution(low=low, high=high) | FloatDistribution(low=low, high=high):
            return [low, high]
    raise AssertionError(distribution)


def grid(distribution: BaseDistribution) -> list[Any]:
    """Returns all values that can be drawn, of which there must be an end."""
    match distribution:
        case IntDistribution(low=low, high=high, step=step):
            return list(range(low, high + 1, step))
        case FloatDistribution(low=low, high=high, step=float(step)):
            return [low + number * step for number in range(round((high - low) / step) + 1)]
    return ends(distribution)


def has_end(distribution: BaseDistribution) -> bool:
    """Returns whether a grid can hold all values that can be drawn."""
    return not (isinstance(distribution, FloatDistribution) and distribution.step is None)


def sampler(method: str, number: int) -> BaseSampler:
    """Returns what chooses a trial, the same for the same number whatever has been interrupted.

    Args:
        method: ``random``, ``bayes``, or ``grid``, whose trials are given to the study.
        number: Number of the trial.
    """
    if method == "bayes":
        return TPESampler(seed=number, n_startup_trials=_NUM_RANDOM)
    return RandomSampler(seed=number)


def read_pruner(where: str, how: Any) -> BasePruner:
    """Returns what ends trials early, by the number of validations that they have behind them.

    Args:
        where: Name of the part of the file.
        how: What the file says there; ``type: median`` is known here alone.

    Raises:
        InputError: If Optuna can't do that.
    """
    if how is None:
        return NopPruner()
    if not isinstance(how, dict) or how.get("type") not in ("hyperband", "median"):
        raise InputError(
            f"{where} is {how}: use the type hyperband, or median, which W&B doesn't know"
        )
    numbers = {"min_iter": 1, "max_iter": 1, "s": 1, "eta": 3} | how
    for name, least in {"min_iter": 1, "max_iter": 1, "s": 1, "eta": 2}.items():
        if not (isinstance(numbers[name], int) and numbers[name] >= least):
            raise InputError(
                f"{name} of {where} is {numbers[name]}: it must be a whole number from {least} on"
            )
    if how["type"] == "median":
        return MedianPruner(n_warmup_steps=numbers["min_iter"])
    if "max_iter" not in how:
        return HyperbandPruner(numbers["min_iter"], "auto", numbers["eta"])
    first = max(1, numbers["max_iter"] // numbers["eta"] ** numbers["s"])
    return HyperbandPruner(first, numbers["max_iter"], numbers["eta"])


def _kind(how: Mapping[str, Any]) -> str:
    """Returns the distribution that W&B takes where none is named."""
    if "value" in how:
        return "constant"
    if "values" in how:
        return "categorical"
    return "int_uniform" if _are_whole(how.get("min"), how.get("max")) else "uniform"


def _are_whole(*numbers: Any) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _choices(values: Any) -> CategoricalDistribution:
    """Returns a list of values, as text where Optuna can't keep them: so the command has them."""
    if not isinstance(values, list):
        raise TypeError("values must be a list")
    kept = [str(value) if isinstance(value, list | dict) else value for value in values]
    return CategoricalDistribution(list(dict.fromkeys(kept)))


def _steps(low: float, high: float, step: float = 1) -> IntDistribution | FloatDistribution:
    if _are_whole(low, high, step):
        return IntDistribution(index(low), index(high), step=index(step))
    return FloatDistribution(low, high, step=step)


_KINDS = {
    "constant": lambda how: _choices([how["value"]]),
    "categorical": lambda how: _choices(how["values"]),
    "int_uniform": lambda how: IntDistribution(index(how["min"]), index(how["max"])),
    "uniform": lambda how: FloatDistribution(how["min"], how["max"]),
    "q_uniform": lambda how: _steps(how["min"], how["max"], how.get("q", 1)),
    "log_uniform": lambda how: FloatDistribution(
        math.exp(how["min"]), math.exp(how["max"]), log=True
    ),
    "log_uniform_values": lambda how: FloatDistribution(how["min"], how["max"], log=True),
    "q_log_uniform_values": lambda how: IntDistribution(
        index(how["min"]), index(how["max"]), log=True, step=index(how.get("q", 1))
    ),
}
"""W&B's distributions that Optuna has."""
