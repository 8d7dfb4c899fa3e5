"""A sweep file: what it searches, and the command of each trial."""

import difflib
import itertools
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner

from mpi_cascade.checks import InputError
from mpi_cascade.configurations import read_yaml
from mpi_cascade.sweep.searching import grid, heeded, read_distribution, read_pruner

_METHODS = ("grid", "random", "bayes")
_HONOURED = {
    "": {"method", "metric", "parameters", "command", "program", "early_terminate", "run_cap"},
    "metric.": {"name", "goal", "target"},
}
_LABELS = {"name", "project", "entity", "description"}


@dataclass(frozen=True, kw_only=True)
class SweepFile:
    """A sweep, as ``wandb sweep`` takes it.

    Attributes:
        path: Where it was read.
        content: What stands there.
        space: What each parameter is drawn from.
        pruner: What ends trials early.
    """

    path: Path
    content: dict[str, Any]
    space: dict[str, BaseDistribution]
    pruner: BasePruner

    @property
    def method(self) -> str:
        """How it is searched: ``grid``, ``random`` or ``bayes``."""
        return str(self.content["method"])

    @property
    def metric(self) -> str:
        """Name of the metric that is searched for."""
        return str(self.content["metric"]["name"])

    @property
    def is_maximised(self) -> bool:
        """Whether a higher metric is better; as W&B has it, not so if the file is silent."""
        return self.content["metric"].get("goal") == "maximize"

    def best(self, values: Iterable[float]) -> float:
        """Returns the value that a trial counts with: the best that it ever logged."""
        return max(values) if self.is_maximised else min(values)

    def num_trials(self, count: int | None) -> int:
        """Returns how many trials the sweep has.

        Args:
            count: Most trials, if the user limits them.

        Raises:
            InputError: If nothing limits them.
        """
        limits = [limit for limit in (count, self.content.get("run_cap")) if limit is not None]
        if self.method == "grid":
            limits.append(math.prod(len(grid(values)) for values in self.space.values()))
        if not limits:
            raise InputError(
                f"{self.path} searches without an end ({self.method}): say how many trials with "
                "--count"
            )
        return min(limits)

    def command(self, values: Mapping[str, Any], interpreter: str) -> list[str]:
        """Returns the command of a trial, its macros expanded as W&B's agent does.

        Args:
            values: Values of the parameters.
            interpreter: The Python of ``${interpreter}``.

        Raises:
            InputError: If it has a macro that ``fit`` has no use for.
        """
        words = {
            "${env}": ["/usr/bin/env"] if os.name == "posix" else [],
            "${interpreter}": [interpreter],
            "${program}": [str(self.content.get("program", ""))],
            "${args}": [f"--{name}={values[name]}" for name in sorted(values)],
        }
        command = [str(part) for part in self.content.get("command", [])]
        for part in command:
            if "${" in part and part not in words:
                raise InputError(
                    f"the command of {self.path} has {part}, which isn't expanded here: use "
                    f"{', '.join(words)}"
                )
        return [word for part in command for word in words.get(part, [part])]

    def resuming(self, checkpoint: Path, interpreter: str) -> list[str]:
        """Returns the command that goes on with a trial.

        Args:
            checkpoint: Where the trial has left its state.
            interpreter: The Python of ``${interpreter}``.
        """
        words = self.command({}, interpreter)
        return [*words[: words.index("fit") + 1], f"--resume={checkpoint}"]

    def fit_arguments(self, values: Mapping[str, Any]) -> list[str]:
        """Returns what the ``fit`` of a trial is given.

        Raises:
            InputError: If the command runs no ``fit`` with the trial's parameters.
        """
        words = self.command(values, "python")
        starts = [
            number
            for number, (program, word) in enumerate(itertools.pairwise(words), start=2)
            if word == "fit" and PurePath(program).name in ("mpi_cascade", "mpi-cascade")
        ]
        if not starts:
            raise InputError(
                f"the command of {self.path} doesn't run python -m mpi_cascade fit: write "
                'command: ["${env}", "${interpreter}", "-m", mpi_cascade, fit, …, "${args}"]'
            )
        if "${args}" not in self.content["command"]:
            raise InputError(
                f"the command of {self.path} doesn't pass its parameters on: end it with "
                '"${args}"'
            )
        return words[starts[0] :]

    def left_out(self) -> list[str]:
        """Returns a sentence for each key of the file that isn't heeded here."""
        keys = [
            f"{prefix}{key}"
            for prefix, honoured in _HONOURED.items()
            for key in (self.content.get(prefix[:-1], {}) if prefix else self.content)
            if key not in honoured | _LABELS
        ]
        pruning = self.content.get("early_terminate") or {}
        keys += [f"early_terminate.{key}" for key in pruning if key not in heeded(pruning)]
        return [f"{key} of {self.path} can't be honoured here, and is left out" for key in keys]


def read_sweep(path: Path) -> SweepFile:
    """Returns the sweep of a YAML file.

    Raises:
        InputError: If it can't be read, or Optuna can't search it.
    """
    content = _read(path)
    run_cap = content.get("run_cap", 1)
    if not (isinstance(run_cap, int) and run_cap >= 1):
        raise InputError(f"the run_cap of {path} is {run_cap}: it must be 1 or more trials")
    method = content.get("method")
    if method not in _METHODS:
        near = difflib.get_close_matches(str(method), _METHODS, n=1, cutoff=0)[0]
        raise InputError(
            f"the method of {path} is {method}: use {', '.join(_METHODS)} (the nearest is {near})"
        )
    _check_metric(path, content.get("metric"))
    named = content.get("parameters")
    if not isinstance(named, dict) or not named:
        raise InputError(f"{path} has no parameters: name what it searches, each with its values")
    space = {
        str(name): read_distribution(f"parameter {name} of {path}", how)
        for name, how in named.items()
    }
    for name, distribution in space.items():
        if method == "grid" and not grid(distribution):
            raise InputError(
                f"parameter {name} of {path} is {named[name]}: a grid needs value or values, or a "
                "range of whole numbers or steps (q_uniform)"
            )
    pruner = read_pruner(f"early_terminate of {path}", content.get("early_terminate"))
    return SweepFile(path=path, content=content, space=space, pruner=pruner)


def _read(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(
            f"the sweep file {path} holds no sweep: it must have a method and parameters"
        )
    return content


def _check_metric(path: Path, metric: Any) -> None:
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise InputError(
            f"{path} names no metric: write metric: {{name: val/final/psnr_db, goal: maximize}}"
        )
    goal, target = metric.get("goal", "minimize"), metric.get("target", 0)
    if goal not in ("minimize", "maximize"):
        raise InputError(f"the goal of {path} is {goal}: use minimize or maximize")
    if not isinstance(target, int | float):
        raise InputError(f"the target of {path} is {target}: it must be a number")
