"""What the parser of configurations refuses, in sentences: keys as users write them, and classes.

A class of the package is listed where it is chosen: ``Homes`` says in which module those of a key
are.
"""

import difflib
import importlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mpi_cascade.checks import InputError

Homes = Mapping[str, tuple[tuple[str, ...], type]]
"""Of a key that names a class: the modules of those to choose from, and what they are a kind of."""

_KEYS = {
    "Experiment": "experiment",
    "WhiteNoise": "experiment",
    "Scanner": "experiment.scanner",
    "Particle": "experiment.scanner.particle",
    "MeasuredMatrix": "experiment.system_matrix",
    "Splits": "data",
    "TwoPoints": "data.two_points",
    "TwoPointSuite": "data.two_points",
    "ReceiveChain": "experiment.receive_chain",
    "ScannerRange": "data.scanners",
    "ScannerSpread": "data.scanner_spread",
}
"""The keys of classes that a configuration has once, and need not name."""

_CLASS_NAME = re.compile(rf"\b({'|'.join(_KEYS)})\.(?=[a-z])")
_KEY = re.compile(r'(?:Parser key "|Key "|argument --|--)([\w.]+)"?:? (.*)')
_INNER_KEY = re.compile(r'.*Parser key "([\w.]+)":? (.*)')
_WRONG_CLASS = re.compile(
    r"Expected a dot import path string: (\S+)"
    r"|Problem with given class_path '([^']*)': (?:module|No module|Unable to import)"
    r"|(?:Import path|class) \"?([\w.]+)\"? (?:does not correspond|is not a)"
    r"|\"([\w.]+)\" is not a"
    r"|Expected an import path corresponding to .* Got value: (\S+)"
)
_WRONG_VALUE = re.compile(r"Expected a <class '(\w+)'>(?:\. Got value: ?(.*))?")
_UNKNOWN = re.compile(r"(?:Group '([\w.]+)' does not accept option|Option) '([\w.]+)'.*")
_ABSENT = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_UNION = re.compile(
    r"Does not validate against any of the Union subtypes Subtypes: .*? Errors: - (.*?)"
    r" - Expected a <class 'NoneType'>.*"
)
_NO_CONFIG = re.compile(r"Unexpected config: ?(.*)")
_NO_FILE = re.compile(r"(?:Path is not a file|File does not exist): '([^']*)'")
_NO_MAPPING = "argument after ** must be a mapping, not NoneType"
_WANTED = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word",
    "tuple": "a list", "list": "a list", "dict": "a mapping of names to values",
}  # fmt: skip


def refusal(error: Exception, homes: Homes, known: Iterable[str] = ()) -> str:
    """Returns in one sentence what a parser, or a class that it built, refuses.

    Args:
        error: What it raised.
        homes: Where the classes of each key are.
        known: The keys that there are, as far as they are known.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, InputError):
        return with_keys(text)
    if isinstance(error, UnicodeError):
        return "a file of the configuration is no text in UTF-8: name a YAML file with --config"
    text = _UNION.sub(lambda union: union[1], text)
    if absent := _ABSENT.search(text):
        for place, (modules, kind) in homes.items():
            if absent[1] in modules:
                named = ".".join(absent.groups())
                return f"{place} is {named}: {_choice(absent[2], modules, kind)}"
    if text.endswith(_NO_MAPPING):
        return "a part of the configuration is empty: fill it, or leave its key out"
    if unknown := _UNKNOWN.fullmatch(text):
        key = ".".join(filter(None, unknown.groups()))
        near = difflib.get_close_matches(key, known, n=1)
        return f"{key} is no key: {f'the nearest is {near[0]}' if near else 'leave it out'}"
    if scalar := _NO_CONFIG.fullmatch(text):
        return f"--config is {scalar[1] or 'empty'}: name a YAML file"
    found = _KEY.fullmatch(text)
    if found is None:
        return with_keys(text)
    key, problem = found.groups()
    if inner := _INNER_KEY.search(problem):
        key, problem = f"{key}.{inner[1]}", inner[2]
    if wrong := _WRONG_CLASS.search(problem):
        name = "".join(group or "" for group in wrong.groups())
        if home := next((place for place in homes if f"{key}.".startswith(f"{place}.")), None):
            return f"{key.removesuffix('.help')} is {name}: {_choice(name, *homes[home])}"
    if wrong := _WRONG_VALUE.search(problem):
        wanted, value = wrong.groups()
        # Of some keys the parser doesn't say what they were.
        found_to_be = "" if value is None else f"is {value or 'empty'}: it "
        return f"{key} {found_to_be}must be {_WANTED.get(wanted, wanted)}"
    if missing := _NO_FILE.search(problem):
        return f"{key} is {missing[1]}, which is no file: name a YAML file"
    return with_keys(text)


def with_keys(sentence: str) -> str:
    """Returns a sentence with keys of the configuration in place of the names of classes.

    Examples:
        >>> with_keys("Particle.core_diameter_m is 0.0: it must be greater than 0")
        'experiment.scanner.particle.core_diameter_m is 0.0: it must be greater than 0'
    """
    return _CLASS_NAME.sub(lambda found: f"{_KEYS[found[1]]}.", sentence)


def listed_classes(arguments: Sequence[str], homes: Homes) -> str | None:
    """Returns the classes to choose from, where ``--KEY.help`` asks for them without a name.

    Args:
        arguments: The command line.
        homes: Where the classes of each key are.
    """
    for number, word in enumerate(arguments):
        key = word.removeprefix("--").removesuffix(".help")
        following = arguments[number + 1 : number + 2]
        if word == f"--{key}.help" and key in homes and not _is_value(following):
            found = classes(*homes[key]).items()
            lines = [f"  {name:22} {_first_line(made)}" for name, made in found]
            hint = f"--{key}.help NAME shows the options of one."
            return "\n".join([f"{key} is one of", *lines, "", hint, ""])
    return None


def key_homes(modules: tuple[str, ...], kind: type, *keys: str) -> Homes:
    """Returns where the classes of keys are.

    Args:
        modules: Names of the modules that have them.
        kind: What they are a kind of.
        *keys: The keys.
    """
    return MappingProxyType(dict.fromkeys(keys, (modules, kind)))


def classes(modules: tuple[str, ...], kind: type) -> dict[str, Any]:
    """Returns the classes of a key by name: those that can be made.

    Args:
        modules: Names of the modules that have them.
        kind: What they are a kind of.
    """
    return {
        name: found
        for module in modules
        for name, found in sorted(vars(importlib.import_module(module)).items())
        if inspect.isclass(found) and issubclass(found, kind) and found is not kind
        and found.__module__.startswith(module)
        and not inspect.isabstract(found) and not name.startswith("_")
    }  # fmt: skip


def _choice(name: str, modules: tuple[str, ...], kind: type) -> str:
    names = list(classes(modules, kind))
    near = difflib.get_close_matches(name.rpartition(".")[2], names, n=1, cutoff=0.5)
    nearest = f" (the nearest is {near[0]})" if near else ""
    return (
        f"it must be one of {', '.join(names)}{nearest}, or a class of your own, named with its "
        "module"
    )


def _is_value(words: Sequence[str]) -> bool:
    return bool(words) and not words[0].startswith("--")


def _first_line(made: type) -> str:
    return (inspect.getdoc(made) or "").partition("\n")[0]
