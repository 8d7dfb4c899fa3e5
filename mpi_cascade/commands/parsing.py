"""A typed function as a command: its parameters are the options, its docstring is their help."""

import argparse
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import docstring_parser
from jsonargparse import ArgumentParser, Namespace

from mpi_cascade.checks import InputError
from mpi_cascade.refusals import Homes, refusal

_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "NAME", Path: "PATH"}
_NO_CLASSES: Homes = types.MappingProxyType({})


def run_typed(function: Callable[..., None], arguments: Sequence[str]) -> None:
    """Calls a command's function with what its command line says.

    A parameter without a default is positional, one with a default an option of its name. A
    ``list`` or ``Sequence`` takes several words, a ``tuple`` as many as it has entries, and a
    ``bool``, which is off by default, none. A ``Literal`` names the choices. A value must keep the
    rule in its annotation.

    Args:
        function: The function, named as the command.
        arguments: All after the command's name.

    Raises:
        InputError: If the command line can't be understood, or a value breaks a rule.
    """
    values = vars(parsed(typed_parser(function), arguments))
    check_values(function, values)
    for name, hint in typing.get_type_hints(function).items():
        if any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint))):
            values[name] = values[name] and tuple(values[name])
    function(**values)


def typed_parser(
    function: Callable[..., None], without: Sequence[str] = (), parser_mode: str = "yaml"
) -> ArgumentParser:
    """Returns the parser of a typed function's parameters.

    Args:
        function: The function, named as the command.
        without: Parameters that are no options of their own.
        parser_mode: How jsonargparse reads values.
    """
    description = docstring_parser.parse(function.__doc__ or "")
    helps = {item.arg_name: " ".join(str(item.description).split()) for item in description.params}
    layout = functools.partial(argparse.HelpFormatter, max_help_position=32, width=100)
    parser = ArgumentParser(
        prog=f"mpi-cascade {function.__name__.replace('_', '-')}",
        description=description.short_description,
        formatter_class=layout,  # type: ignore[arg-type]  # Called as a class is.
        exit_on_error=False,
        allow_abbrev=False,
        parser_mode=parser_mode,
    )
    hints = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in without:
            _add(parser, parameter, hints[name], helps[name])
    return parser


def parsed(
    parser: ArgumentParser, arguments: Sequence[str], homes: Homes = _NO_CLASSES
) -> Namespace:
    """Returns what a command line says, its classes built.

    Args:
        parser: The parser; it raises its errors.
        arguments: The command line.
        homes: Where the classes are that it may name.

    Raises:
        InputError: If it can't be understood.
    """
    try:
        return parser.instantiate_classes(parser.parse_args(list(arguments)))
    except argparse.ArgumentError as error:
        sentence = refusal(error, homes, parser.get_defaults().keys())
    name, _, rest = sentence.partition(" ")
    if name in parser.get_defaults():
        sentence = f"{_option(name)} {rest}"
    raise InputError(f"{sentence} ({parser.prog} --help shows the options)")


def check_values(function: Callable[..., None], values: Mapping[str, Any]) -> None:
    """Raises an InputError unless every value keeps the rule in its parameter's annotation.

    Args:
        function: The function.
        values: The values by parameter; what is None is left out.
    """
    for name, hint in typing.get_type_hints(function, include_extras=True).items():
        for part in (hint, *typing.get_args(hint)):
            for rule in getattr(part, "__metadata__", ()):
                if values.get(name) is not None and not rule.is_kept(values[name]):
                    raise InputError(f"{_option(name)} is {values[name]}: it must {rule.demand}")


def _add(parser: ArgumentParser, parameter: inspect.Parameter, hint: Any, text: str) -> None:
    """Adds the argument of a parameter."""
    name, default = parameter.name, parameter.default
    if default is parameter.empty:
        parser.add_argument(name, help=text, **_words(hint, several="+"))
    elif hint is bool:
        parser.add_argument(_option(name), action="store_true", help=text)
    else:
        words = _words(hint, several="*")
        if isinstance(default, tuple):
            default = list(default)
            text = f"{text} (default: {' '.join(map(str, default))})"
        elif default is not None:
            text = f"{text} (default: {default})"
        metavar = _METAVARS.get(words.get("type"))
        parser.add_argument(_option(name), default=default, help=text, metavar=metavar, **words)


def _words(hint: Any, several: str) -> dict[str, Any]:
    """Returns what the words of a parameter must be, and how many it takes.

    Args:
        hint: Its type.
        several: How many a sequence takes.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _words(next(part for part in parts if part is not types.NoneType), several)
    if origin is Literal:
        return {"choices": parts}
    if origin in (list, Sequence):
        return {**_words(parts[0], several), "nargs": several}
    if origin is tuple:
        return {**_words(parts[0], several), "nargs": len(parts)}
    return {"type": hint}


def _option(name: str) -> str:
    return f"--{name}" if "." in name else f"--{name.replace('_', '-')}"
