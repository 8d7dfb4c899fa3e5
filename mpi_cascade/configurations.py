"""What configurations say, of experiments and of scanners, and what command lines name of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from mpi_cascade.checks import InputError
from mpi_cascade.experiment import EXPERIMENT_CLASSES, OF_ONE_SCANNER, PARSER_MODE, Experiment
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.refusals import refusal
from mpi_cascade.scans.scanner_range import ScannerRange

_Built = TypeVar("_Built")

_OF_A_SCANNER = (
    "scanner", "image_shape", "system_matrix", "delta_sample_m", "receive_chain", "unusual"
)  # fmt: skip
"""What of an experiment describes a scanner and how it is read."""


def read_scanner(path: Path | str, needed: str = "scanner") -> dict[str, Any]:
    """Returns what a configuration says of a scanner, as ``calibrate`` writes it.

    Args:
        path: The file, such as ``scanner.yaml``; what else it says is left aside.
        needed: What it must say: ``scanner`` or ``receive_chain``.

    Raises:
        InputError: If it can't be read, or doesn't say that.
    """
    path = Path(path)
    advice = "name the scanner.yaml that calibrate has written"
    try:
        described = read_yaml(path)["experiment"]
        found = {name: described[name] for name in _OF_A_SCANNER if name in described}
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} has no experiment.{needed}: {advice}") from error
    if not isinstance(found.get(needed), dict):
        raise InputError(f"{path} has no experiment.{needed}: {advice}")
    return found


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file says.

    Args:
        path: The file.

    Raises:
        InputError: If it can't be read, or isn't YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): name a YAML file") from error
    except UnicodeError as error:
        raise InputError(f"{path} is no text in UTF-8: name a YAML file") from error
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{where}: this is not valid YAML ({error.problem})") from error
    except (yaml.YAMLError, ValueError) as error:  # A date in the 13th month is a ValueError.
        raise InputError(f"{path} is not valid YAML: name another file") from error


def read_receive_chain(path: Path | str) -> ReceiveChain:
    """Returns the receive chain in a configuration, as ``calibrate`` writes it.

    Args:
        path: The file ``scanner.yaml``.

    Raises:
        InputError: If it can't be read, or has none.
    """
    return built(ReceiveChain, "receive_chain", read_scanner(path, "receive_chain"), str(path))


def built(kind: type[_Built], key: str, values: Mapping[str, Any], source: str) -> _Built:
    """Returns an object from its arguments as a configuration has them.

    Args:
        kind: Its class.
        key: The key of its arguments.
        values: What holds that key.
        source: Where it was read, for a refusal.

    Raises:
        InputError: If the arguments are refused.
    """
    try:
        return _instantiated(kind, key, values[key])
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def build_experiment(description: Mapping[str, Any]) -> Experiment:
    """Returns the experiment that a configuration describes.

    Args:
        description: The configuration's part ``experiment``.

    Raises:
        InputError: If it can't be built.
    """
    # Errors come as exceptions; relative paths inside are those of the working directory.
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    return _instantiated(Experiment, "experiment", description)


def _instantiated(kind: type[_Built], key: str, values: Mapping[str, Any]) -> _Built:
    """Returns an object from its arguments, which a refusal names by their key."""
    parser = ArgumentParser(exit_on_error=False, parser_mode=PARSER_MODE)
    parser.add_class_arguments(kind, key)
    try:
        # Parsing changes what it is given.
        parsed = parser.parse_object({key: deepcopy(dict(values))})
        return parser.instantiate_classes(parsed)[key]
    # jsonargparse and a user's own classes raise whatever they raise.
    except Exception as error:
        known = parser.get_defaults().keys()
        raise InputError(refusal(error, EXPERIMENT_CLASSES, known)) from error


def is_for_any_scanner(configuration: Mapping[str, Any]) -> bool:
    """Returns whether a training had many scanners, so that its weights hold none.

    Args:
        configuration: Its configuration.
    """
    return bool((configuration.get("data") or {}).get("scanners"))


def on_scanner(
    configuration: Mapping[str, Any], scanner: Path, path: Path
) -> tuple[dict[str, Any], Sequence[str]]:
    """Returns a training's experiment on another scanner, and what to say where that departs.

    Its phantoms are the standard ones, as large as that scanner needs.

    Args:
        configuration: Configuration of the training.
        scanner: Configuration of the scanner.
        path: The checkpoint.

    Raises:
        InputError: If the weights are for one scanner, or the file can't be used.
    """
    if not is_for_any_scanner(configuration):
        raise InputError(
            f"{path} was trained for one scanner: leave {scanner} out, or use weights that were "
            "trained for many (fit with configs/training/any_scanner.yaml)"
        )
    trained_for = dict(configuration["experiment"])
    described = {
        **trained_for, **OF_ONE_SCANNER, **read_scanner(scanner),
        "phantoms": None, "phantom_weights": None,
    }  # fmt: skip
    nominal, wanted = (
        built(Scanner, "scanner", one, source)
        for one, source in ((trained_for, str(path)), (described, str(scanner)))
    )
    drawn = built(ScannerRange, "scanners", configuration["data"], str(path))
    shape = described["image_shape"]
    phrases = drawn.departures(wanted, (shape[0], shape[1]), nominal)
    return described, [f"beyond the scanners of the training: {phrase}" for phrase in phrases]


def with_shipped_configs(arguments: Sequence[str]) -> list[str]:
    """Returns a command line whose ``--config configs/…`` is found outside of a checkout, too.

    A path that leads nowhere from the working directory is taken from the package, which has a copy
    of ``configs`` where it was installed.

    Args:
        arguments: The command line.

    Raises:
        InputError: If one isn't YAML.
    """
    found = list(arguments)
    for number, word in enumerate(found):
        name, has_value, value = word.partition("=")
        if name in ("-c", "--config") and has_value:
            found[number] = f"{name}={_shipped(value)}"
        elif number and found[number - 1] in ("-c", "--config"):
            found[number] = _shipped(word)
    return found


def early_path(arguments: Sequence[str], option: str) -> Path | None:
    """Returns the path that a command line gives to an option, before it can be parsed.

    Args:
        arguments: The command line.
        option: The option, as ``--resume``.
    """
    for number, word in enumerate(arguments):
        name, has_value, value = word.partition("=")
        if name == option:
            return Path(value if has_value else "".join(arguments[number + 1 : number + 2]))
    return None


def _shipped(path: str) -> str:
    shipped = Path(__file__).parent / path
    is_meant = path.startswith("configs/") and not Path(path).exists() and shipped.is_file()
    # It may be YAML itself, and long. Of a file, the parser's refusal wouldn't say which.
    with suppress(OSError):
        if not is_meant and Path(path).is_file():
            read_yaml(Path(path))
    return str(shipped) if is_meant else path
