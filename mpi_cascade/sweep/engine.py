"""wandb's search engine: which trial comes next, and which are stopped early.

Must not know how trials run.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mpi_cascade.checks import InputError

Space = dict[str, list[Any]]
"""Values of every parameter by name: all of a list; of a distribution its lower and upper end."""

# Inside the ends of a distribution: some, as the normal one, are infinite there.
_QUANTILES = (0.01, 0.99)
_MORE_THAN_ANY_GRID = 10**9
_LISTS = ("param_categorical", "param_categorical_w_probabilities")


class Observed(NamedTuple):
    """A trial, as far as the engine has to know it.

    Attributes:
        number: Its number.
        parameters: Its values by name.
        state: ``pending``, ``running``, ``finished``, ``killed`` or ``failed``.
        history: The metric, in the order in which it was logged.
    """

    number: int
    parameters: Mapping[str, Any]
    state: str
    history: Sequence[float]


def search_space(path: Path, method: str, parameters: Mapping[str, Any]) -> Space:
    """Returns what a sweep searches.

    Args:
        path: The sweep file.
        method: Its method.
        parameters: Its parameters.

    Raises:
        InputError: If the engine can't search a parameter.
    """
    space: Space = {}
    for name, specification in sorted(parameters.items()):
        with _engine() as engine:
            try:
                (parameter,) = engine.params.HyperParameterSet.from_config({name: specification})
                assert parameter.name == name, "the engine has unnested it"
                space[name] = _values(parameter)
                if method == "grid":
                    engine.next_run({"method": method, "parameters": {name: specification}}, [])
            # The engine raises what its parts raise: asserts, schema errors, unpacking.
            except Exception as error:
                raise InputError(
                    f"parameter {name} of {path} is {specification}: {method} can't search that; "
                    "write value, values, or min and max with a distribution that wandb knows, "
                    "and name nested keys with dots (model.learning_rate)"
                ) from error
    return space


def violations(config: Mapping[str, Any]) -> str:
    """Returns what the engine's schema has against a sweep; nothing if it is valid."""
    with _engine() as engine:
        found = engine.schema_violations_from_proposed_config(dict(config))
    return "; ".join(" ".join(message.split()) for message in found)


def next_parameters(config: Mapping[str, Any], trials: Sequence[Observed]) -> dict[str, Any] | None:
    """Returns the values of the trial that comes next; None if a grid has no more.

    Args:
        config: The sweep.
        trials: All trials so far.
    """
    with _engine() as engine:
        run = engine.next_run(dict(config), _runs(engine, config, trials))
    return None if run is None else _parameters(run)


def grid_size(config: Mapping[str, Any]) -> int:
    """Returns the number of trials of a grid."""
    with _engine() as engine:
        found = engine.next_runs(dict(config), [], n=_MORE_THAN_ANY_GRID)
    return sum(run is not None for run in found)


def trials_to_stop(config: Mapping[str, Any], trials: Sequence[Observed]) -> list[int]:
    """Returns the numbers of the running trials that hyperband ends."""
    if "early_terminate" not in config:
        return []
    with _engine() as engine:
        stopped = engine.stop_runs(dict(config), _runs(engine, config, trials))
    return [int(run.name) for run in stopped]


def best(history: Sequence[float], is_maximised: bool) -> float:
    """Returns the value that a trial counts with: the best that it ever logged."""
    return max(history) if is_maximised else min(history)


def _values(parameter: Any) -> list[Any]:
    if parameter.type == "param_single_value":
        return [parameter.config["value"]]
    if parameter.type in _LISTS:
        return list(parameter.config["values"])
    return [_plain(parameter.ppf(quantile)) for quantile in _QUANTILES]


def _parameters(run: Any) -> dict[str, Any]:
    return {name: _plain(entry["value"]) for name, entry in run.config.items()}


def _plain(value: Any) -> Any:
    """Returns a number of Python for one of numpy, whose repr is no argument."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def _runs(engine: ModuleType, config: Mapping[str, Any], trials: Sequence[Observed]) -> list[Any]:
    name = config["metric"]["name"]
    return [
        engine.SweepRun(
            name=str(trial.number),
            state=trial.state,
            config={key: {"value": value} for key, value in trial.parameters.items()},
            sampledHistory=[{name: value} for value in trial.history],
        )
        for trial in trials
    ]


@contextmanager
def _engine() -> Iterator[ModuleType]:
    """Gives the engine, without its warnings: of pydantic's new names, of fits to few points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import sweeps.params
        except ImportError as error:
            raise InputError(
                "sweeps need wandb's search engine: pip install -c constraints.txt -e '.[sweep]'"
            ) from error
        yield sweeps
