"""Whether every trial of a sweep could run: its keys, its values, and its metric."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mpi_cascade.checks import InputError
from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.engine import Space
from mpi_cascade.training.logged import logged_names
from mpi_cascade.training.parsing import Built, CommandReader


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
    reader = CommandReader()
    for name in file.space:
        if not any(name == key or name.startswith(f"{key}.") for key in reader.keys):
            raise _unknown(name, file, reader.keys)
    logged: dict[str, None] = {}
    for setting in _settings(file.space):
        built = _build(reader, file, setting)
        if file.metric not in logged:
            logged |= dict.fromkeys(logged_names(built.model, built.data))
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


def _build(reader: CommandReader, file: SweepFile, setting: Mapping[str, Any]) -> Built:
    try:
        return reader.read(file.fit_arguments(setting))
    except InputError as error:
        raise _explained(reader, file, setting, error) from error


def _explained(
    reader: CommandReader, file: SweepFile, setting: Mapping[str, Any], refusal: InputError
) -> InputError:
    """Returns an error that names the parameter without which the command can be built."""
    for name, value in setting.items():
        rest = {other: setting[other] for other in setting if other != name}
        try:
            keys = [*reader.keys, *reader.read(file.fit_arguments(rest)).keys]
        except InputError:
            continue
        if any(f"{_short(key)}.".startswith(f"{_short(name)}.") for key in keys):
            return InputError(f"{name} of {file.path} can't be {value}: {refusal}")
        return _unknown(name, file, keys, str(refusal))
    return InputError(f"the trials of {file.path} can't run: {refusal}")


def _unknown(name: str, file: SweepFile, keys: Sequence[str], reason: str = "") -> InputError:
    return InputError(
        f"{name} of {file.path} is no key of the configuration: the nearest is "
        f"{_nearest(_short(name), [_short(key) for key in keys])}"
        + (f" ({reason})" if reason else "")
    )


def _short(key: str) -> str:
    """Returns a key as short as the command line takes it."""
    return key.replace(".init_args.", ".")


def _nearest(name: str, names: Sequence[str]) -> str:
    return difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
