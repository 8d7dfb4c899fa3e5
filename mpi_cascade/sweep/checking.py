"""Whether every trial of a sweep could run: its keys, its values, and its metric."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mpi_cascade.checks import InputError
from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.searching import ends
from mpi_cascade.training.configuration import build, read_training
from mpi_cascade.training.logged import logged_names


def check_sweep(file: SweepFile) -> None:
    """Builds networks and data as trials would, until every value of every parameter was in one.

    Raises:
        InputError: If a parameter is no key of the configuration, a value is refused, nobody logs
            the metric, or it is one of the test scans.
    """
    if file.metric.startswith("test/"):
        raise InputError(
            f"the metric of {file.path} is {file.metric}, and nothing may be tuned on the test "
            f"scans: search for val/{file.metric.removeprefix('test/')}"
        )
    logged: dict[str, None] = {}
    for setting in _settings(file):
        try:
            built = build(read_training(file.fit_arguments(setting)))
        except InputError as error:
            raise _explained(file, setting, error) from error
        if file.metric not in logged:
            logged |= dict.fromkeys(logged_names(built))
    if file.metric not in logged:
        raise InputError(
            f"the metric of {file.path} is {file.metric}, which no training logs: the nearest "
            f"that is logged is {_nearest(file.metric, [n for n in logged if 'test/' not in n])}"
        )


def _settings(file: SweepFile) -> Iterator[dict[str, Any]]:
    """Yields the first values of all parameters, the second ones, and so on: each at least once."""
    values = {name: ends(distribution) for name, distribution in file.space.items()}
    for number in range(max(map(len, values.values()))):
        yield {name: listed[number % len(listed)] for name, listed in values.items()}


def _explained(file: SweepFile, setting: Mapping[str, Any], refusal: InputError) -> InputError:
    """Returns an error that names the parameter without which the command can be built."""
    for name, value in setting.items():
        rest = {other: setting[other] for other in setting if other != name}
        try:
            config = read_training(file.fit_arguments(rest))
            build(config)
        except InputError:
            continue
        keys = ["config", *map(_short, config.keys())]
        if any(f"{key}.".startswith(f"{_short(name)}.") for key in keys):
            return InputError(f"{name} of {file.path} can't be {value}: {refusal}")
        return InputError(
            f"{name} of {file.path} is no key of the configuration: the nearest is "
            f"{_nearest(_short(name), keys)} ({refusal})"
        )
    return InputError(f"the trials of {file.path} can't run: {refusal}")


def _short(key: str) -> str:
    """Returns a key as short as the command line takes it."""
    return key.replace(".init_args.", ".")


def _nearest(name: str, names: Sequence[str]) -> str:
    return difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
