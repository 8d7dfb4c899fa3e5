"""A sweep file: what it searches, and the command of each trial.

Must not know what the parameters mean.
"""

import difflib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from mpi_cascade.checks import InputError
from mpi_cascade.sweep.engine import Space, search_space, violations

_METHODS = ("grid", "random", "bayes")


@dataclass(frozen=True, kw_only=True)
class SweepFile:
    """A sweep, as ``wandb sweep`` takes it.

    Attributes:
        path: Where it was read.
        config: What the engine is given.
        run_cap: Most trials of the sweep, if the file limits them.
        space: What is searched.
    """

    path: Path
    config: dict[str, Any]
    run_cap: int | None
    space: Space

    @property
    def metric(self) -> str:
        """Name of the metric that is searched for."""
        return str(self.config["metric"]["name"])

    @property
    def is_maximised(self) -> bool:
        """Whether a higher metric is better; as wandb has it, not so if the file is silent."""
        return self.config["metric"].get("goal") == "maximize"

    @property
    def logarithmic(self) -> set[str]:
        """The parameters that are drawn evenly over decades."""
        specified = self.config["parameters"].items()
        return {name for name, how in specified if "log" in how.get("distribution", "")}

    def command(self, parameters: Mapping[str, Any], interpreter: str) -> list[str]:
        """Returns the command of a trial, its macros expanded as wandb's agent does.

        Args:
            parameters: Values of the trial by name.
            interpreter: The Python of ``${interpreter}``.
        """
        ordered = {"args": {name: {"value": parameters[name]} for name in sorted(parameters)}}
        macros = {
            **create_sweep_command_args(ordered),
            "env": ["/usr/bin/env"],
            "interpreter": [interpreter],
            "program": [self.config.get("program", "")],
        }
        template = create_sweep_command(list(self.config.get("command", [])))
        parts = [
            macros.get(str(part)[2:-1], []) if _is_macro(part) else [part] for part in template
        ]
        return [str(word) for words in parts for word in words]

    def fit_arguments(self, parameters: Mapping[str, Any]) -> list[str]:
        """Returns what the ``fit`` of a trial is given.

        Raises:
            InputError: If the command runs no ``fit`` with the trial's parameters.
        """
        words = self.command(parameters, "python")
        starts = [i for i, pair in enumerate(itertools.pairwise(words))
                  if pair == ("-m", "mpi_cascade")]  # fmt: skip
        if not starts or words[starts[0] + 2 : starts[0] + 3] != ["fit"]:
            raise InputError(
                f"the command of {self.path} doesn't run python -m mpi_cascade fit: write "
                'command: ["${env}", "${interpreter}", "-m", mpi_cascade, fit, …, "${args}"]'
            )
        if "${args}" not in self.config["command"]:
            raise InputError(
                f"the command of {self.path} doesn't pass its parameters on: end it with "
                '"${args}"'
            )
        return words[starts[0] + 3 :]


def read_sweep(path: Path) -> SweepFile:
    """Returns the sweep of a YAML file.

    Raises:
        InputError: If it can't be read, or the engine can't run it.
    """
    config = _read(path)
    run_cap = config.pop("run_cap", None)
    if run_cap is not None and not (isinstance(run_cap, int) and run_cap >= 1):
        raise InputError(f"the run_cap of {path} is {run_cap}: it must be 1 or more trials")
    method = config.get("method")
    if method not in _METHODS:
        near = difflib.get_close_matches(str(method), _METHODS, n=1, cutoff=0)[0]
        raise InputError(
            f"the method of {path} is {method}: use {', '.join(_METHODS)} (the nearest is {near})"
        )
    metric = config.get("metric")
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise InputError(
            f"{path} names no metric: write metric: {{name: val/final/psnr_db, goal: maximize}}"
        )
    parameters = config.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        raise InputError(f"{path} has no parameters: name what it searches, each with its values")
    space = search_space(path, method, parameters)
    if found := violations(config):
        raise InputError(f"{path} is no sweep that wandb's engine takes: {found}")
    return SweepFile(path=path, config=config, run_cap=run_cap, space=space)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InputError(f"the sweep file {path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the sweep file {path} is no YAML: {reason}") from error
    if not isinstance(config, dict):
        raise InputError(
            f"the sweep file {path} holds no sweep: it must have a method and parameters"
        )
    return config


def _is_macro(part: Any) -> bool:
    return str(part).startswith("${") and str(part).endswith("}")
