"""Whether every trial of a sweep could run: its keys, its values, and its metric."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentParser

from mpi_cascade.checks import InputError
from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.engine import Space
from mpi_cascade.training.configuration import Built, build, read_training, training_parser
from mpi_cascade.training.logged import logged_names


def check_sweep(file: SweepFile) -> None:
    """Builds networks and data for every value of every parameter, as a trial would.

    Values are tried one parameter at a time, the others at their first value.

    Raises:
        InputError: If a parameter is no key of the configuration, a value is refused, nobody logs
            the metric, or it is one of the test scans.
    """
    if file.metric.startswith("test/"):
        raise InputError(
            f"the metric of {file.path} is {file.metric}, and nothing may be tuned on the test "
            f"scans: search for val/{file.metric.removeprefix('test/')}"
        )
    parser = training_parser()
    logged: dict[str, None] = {}
    for setting in _settings(file.space):
        built = _build(parser, file, setting)
        if file.metric not in logged:
            logged |= dict.fromkeys(logged_names(built))
    if file.metric not in logged:
        raise InputError(
            f"the metric of {file.path} is {file.metric}, which no training logs: the nearest "
            f"that is logged is {_nearest(file.metric, [n for n in logged if 'test/' not in n])}"
        )


def _settings(space: Space) -> Iterator[dict[str, Any]]:
    first = {name: values[0] for name, values in space.items()}
    yield first
    for name, values in space.items():
        yield from ({**first, name: value} for value in values[1:])


def _build(parser: ArgumentParser, file: SweepFile, setting: Mapping[str, Any]) -> Built:
    try:
        return build(parser, read_training(parser, file.fit_arguments(setting)))
    except InputError as error:
        raise _explained(parser, file, setting, error) from error


def _explained(
    parser: ArgumentParser, file: SweepFile, setting: Mapping[str, Any], refusal: InputError
) -> InputError:
    """Returns an error that names the parameter without which the command can be built."""
    for name, value in setting.items():
        rest = {other: setting[other] for other in setting if other != name}
        try:
            config = read_training(parser, file.fit_arguments(rest))
            build(parser, config)
        except InputError:
            continue
        keys = ["config", *config.keys()]
        if any(f"{_short(key)}.".startswith(f"{_short(name)}.") for key in keys):
            return InputError(f"{name} of {file.path} can't be {value}: {refusal}")
        return _unknown(name, file, keys, str(refusal))
    return InputError(f"the trials of {file.path} can't run: {refusal}")


def _unknown(name: str, file: SweepFile, keys: Sequence[str], reason: str) -> InputError:
    return InputError(
        f"{name} of {file.path} is no key of the configuration: the nearest is "
        f"{_nearest(_short(name), [_short(key) for key in keys])}"
        f" ({reason})"
    )


def _short(key: str) -> str:
    """Returns a key as short as the command line takes it."""
    return key.replace(".init_args.", ".")


def _nearest(name: str, names: Sequence[str]) -> str:
    return difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
