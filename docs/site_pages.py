"""Writes the pages of the site that are made from the code: commands, configuration, interface.

Also those that lie outside ``docs``: contributing, changes and weights. ``conf.py`` calls it.
"""

import argparse
import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from house import floors

from mpi_cascade.cli import COMMANDS
from mpi_cascade.commands.parsing import typed_parser
from mpi_cascade.refusals import classes
from mpi_cascade.results.tables import markdown_table
from mpi_cascade.training.configuration import CLASSES, training_parser

_CONFIGURED = ("experiment", "data")
"""Parameters of commands' functions that a configuration describes."""

_FROM_CHECKPOINT = (
    "What the checkpoint was trained for can be changed by `--experiment.…` (see "
    "[the configuration](configuration.md)), and the scans by `--data.num_test`, "
    "`--data.num_validation` and `--data.two_points.…`."
)

_SECTIONS = {
    "experiment": "What is scanned, how, and the two networks that reconstruct it.",
    "model": "Losses, strategy, optimiser and learning rate.",
    "data": "How many scans, in which batches.",
    "trainer": "Lightning's trainer: devices, precision, epochs, checkpoints. "
    "What is not named here is Lightning's own default.",
}

_PARTS = {
    "Phantoms": (
        "experiment.phantoms",
        "Named under `experiment.phantoms`, and mixed by `experiment.phantom_weights`.",
    ),
    "Disturbances": (
        "experiment.disturbances",
        "Listed in `experiment.disturbances`; they act in this order, before the noise.",
    ),
    "Networks: first stage": (
        "experiment.preliminary",
        "`experiment.preliminary`: from the signal to the preliminary image.",
    ),
    "Networks: second stage": (
        "experiment.refinement",
        "`experiment.refinement`: from the preliminary image to the final one.",
    ),
    "Losses": (
        "model.final_loss",
        "`model.final_loss` and `model.preliminary_loss`; those of `torch.nn` serve as well.",
    ),
    "Strategies": ("model.strategy", "`model.strategy`: which stage is trained when."),
}
"""What a configuration can name: a key that takes it, and where the name goes."""

_OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "weights/README.md": "weights.md",
}
"""Pages that lie outside ``docs``, and their names in it."""


def write_pages(root: Path) -> None:
    """Writes every page, those that have changed.

    Args:
        root: The checkout.
    """
    docs = root / "docs"
    pages = {
        docs / "reference" / "commands.md": _commands(),
        docs / "reference" / "configuration.md": _configuration(),
        docs / "reference" / "parts.md": _parts(),
        **{docs / "reference" / name: text for name, text in _interface(root)},
        **{docs / name: _from_outside(root / path) for path, name in _OUTSIDE.items()},
    }
    for path, text in pages.items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _commands() -> str:
    """Returns the reference of the command line, made from the commands' parsers."""
    parts = [
        "# Commands",
        "`python -m mpi_cascade COMMAND` is the same as `mpi-cascade COMMAND`. Every command "
        "writes into a directory of its own: `--output`, or a new one in `runs/`. This page is "
        "made from the parsers of the commands.",
        _table(("command", "what it does"), [(f"[`{n}`](#{n})", t) for n, t in COMMANDS.items()]),
    ]
    for name, does in COMMANDS.items():
        parts += [f"## {name}", f"{does[0].upper()}{does[1:]}."]
        parser = training_parser() if name == "fit" else typed_parser(_function(name), _CONFIGURED)
        actions = [action for action in parser._actions if _is_own(action)]
        rows = [(_words(action), _text(action.help)) for action in actions]
        parts.append(_table(("option", "meaning"), rows))
        if name == "fit":
            parts.append("All else is [the configuration](configuration.md).")
        elif "data" in inspect.signature(_function(name)).parameters:
            parts.append(_FROM_CHECKPOINT)
        elif name == "simulate-matrix":
            parts.append(
                "The scanner and the grid of the images come from `--config` and "
                "`--experiment.…`, as for `fit`."
            )
    return "\n\n".join(parts) + "\n"


def _function(command: str) -> Callable[..., None]:
    name = command.replace("-", "_")
    return getattr(importlib.import_module(f"mpi_cascade.commands.{name}"), name)


def _is_own(action: argparse.Action) -> bool:
    """Returns whether an option is the command's, and no key of the configuration but a few."""
    keys = ("experiment", "model", "data", "trainer")
    return action.help != argparse.SUPPRESS and action.dest.split(".")[0] not in (*keys, "help")


def _words(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.dest}`"
    takes = "" if action.nargs == 0 else f" {_metavar(action)}"
    return ", ".join(f"`{option}{takes}`" for option in action.option_strings)


def _metavar(action: argparse.Action) -> str:
    if action.choices:
        name = "|".join(map(str, action.choices))
    else:
        name = str(action.metavar or action.dest.rpartition(".")[2].upper()).lstrip("\b")
    several = {"*": f"{name} …", "+": f"{name} …"}
    if isinstance(action.nargs, int):
        return " ".join([name] * action.nargs)
    return several.get(str(action.nargs), name)


def _configuration() -> str:
    """Returns the reference of the configuration, made from the parser of ``fit``."""
    parts = [
        "# Configuration",
        "A configuration is YAML. Every key can stand in a `--config` file or on the command line, "
        "and later ones win: `--data.batch_size 16` and\n\n"
        "```yaml\ndata:\n  batch_size: 16\n```\n\n"
        "are the same. `python -m mpi_cascade fit --print_config --config FILE` shows what a "
        "command would run. Where a key takes a class, give its import path, alone or as "
        "`class_path` with its arguments in `init_args`; classes of this project go by their name "
        "alone ([which there are](parts.md)). [An editor can complete the keys](../how-to/"
        "configure.md#let-the-editor-help). This page is made from the parser.",
    ]
    parser = training_parser()
    for section, about in _SECTIONS.items():
        rows = [
            (f"`{action.dest}`", _kind(action), _default(action), _text(action.help))
            for action in parser._actions
            if action.dest.startswith(f"{section}.")
            and not action.dest.endswith(".help")
            and action.help not in (argparse.SUPPRESS, "Path to a configuration file.")
        ]
        parts += [f"## {section}", about, _table(("key", "type", "default", "meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def _kind(action: argparse.Action) -> str:
    hint = getattr(action, "_typehint", None) or action.type
    name = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)
    if name == "None" or "<" in name:
        return ""
    name = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", name)
    name = re.sub(r"Annotated\[(.*?), must [^\]]*\]", r"\1", name)
    name = re.sub(r"Optional\[(.*)\]", r"\1 | None", name)
    return f"`{name}`" if len(name) < 80 else ""


def _default(action: argparse.Action) -> str:
    value = action.default
    if value is None or value == argparse.SUPPRESS or "object at" in str(value):
        return ""
    shown = str(value)
    return f"`{shown}`" if len(shown) < 60 else ""


def _parts() -> str:
    """Returns the reference of the classes that a configuration can name."""
    parts = [
        "# Parts",
        "These classes go by their name alone in a configuration. Those of your own, or of another "
        "library, go by their import path ([lesson 3](../lessons/lesson_3_your_own_parts)). This "
        "page is made from the code.",
    ]
    for title, (key, where) in _PARTS.items():
        found = sorted(classes(*CLASSES[key]).items())
        rows = [(_link(kind), _about(kind), _arguments(kind)) for _, kind in found]
        parts += [f"## {title}", where, _table(("class", "what it is", "arguments"), rows)]
    return "\n\n".join(parts) + "\n"


def _link(kind: type) -> str:
    return f"{{py:class}}`~{kind.__module__}.{kind.__qualname__}`"


def _about(kind: type) -> str:
    """Returns the first paragraph of a class's docstring."""
    return _text((kind.__doc__ or "").split("\n\n")[0])


def _arguments(kind: type) -> str:
    parameters = list(inspect.signature(kind).parameters.values())
    shown = [
        f"`{item.name}`" if item.default is item.empty else f"`{item.name} = {item.default!r}`"
        for item in parameters
        if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
    ]
    return ", ".join(shown) if all(len(text) < 80 for text in shown) else ""


def _interface(root: Path) -> Iterator[tuple[str, str]]:
    """Yields the pages of the Python interface: one for each room of the house."""
    yield "api/index.rst", _interface_index(root)
    for room in _rooms(root):
        path = root / "mpi_cascade" / room
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        modules = [
            ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            for file in files
        ]
        about = ast.get_docstring(ast.parse(files[0].read_text(encoding="utf-8"))) or ""
        parts = [_heading(room, "="), about.splitlines()[0]]
        for module, file in zip(modules, files, strict=True):
            is_package = file.name == "__init__.py"
            if is_package and len(modules) > 1:
                continue
            parts.append(_heading(module.rpartition(".")[2], "-"))
            parts.append(f".. automodule:: {module}\n   :members:\n   :show-inheritance:")
        yield f"api/{room}.rst", "\n\n".join(parts) + "\n"


def _interface_index(root: Path) -> str:
    toctree = "\n".join(f"   {room}" for room in _rooms(root))
    return (
        f"{_heading('Python interface', '=')}\n\n"
        "What ``import mpi_cascade`` offers first: ``load``, ``save``, ``Experiment``, "
        "``Scanner``, ``Particle``, ``ForwardModel``, ``Cascade``. Below are all modules, room by "
        "room, from the command line down to the physics; each room imports only those below it."
        f"\n\n.. toctree::\n   :maxdepth: 1\n\n{toctree}\n"
    )


def _rooms(root: Path) -> list[str]:
    """Returns the rooms of the package, from the top floor down, as the import contract has them.

    Args:
        root: The checkout.
    """
    return [room for floor in floors(root) for room in floor]


def _from_outside(path: Path) -> str:
    """Returns a page that lies outside ``docs``, with links that lead from there."""
    up = "../" if path.parent.name != "weights" else "../weights/"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\]\((?!https?:|#|mailto:)", f"]({up}", text)
    return text.replace("(../docs/", "(").replace("(../weights/../docs/", "(")


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return markdown_table(head, [[cell.replace("|", r"\|") for cell in row] for row in rows])


def _text(text: str | None) -> str:
    """Returns a help text as a cell of a table: Markdown's own signs are letters there."""
    plain = " ".join((text or "").split())
    plain = re.sub(r"\s*\((?:required, )?type: .*\)$", "", plain).replace("%%", "%")
    plain = re.sub(r"``(.*?)``", r"`\1`", plain)
    return re.sub(r"([\[\]<>*_])(?=[^`]*(?:`[^`]*`[^`]*)*$)", r"\\\1", plain)
