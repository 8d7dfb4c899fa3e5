"""Writes ``configuration.schema.json``: the keys of a configuration of ``fit``, for editors.

    python docs/configuration_schema.py

It is what jsonargparse makes of the parser of ``fit``, but for four things. No key is required, as
a file may be an overlay on others. A class may go by its name alone, where that is enough. Only
classes of this project are described: any other class may have any arguments. A value may be
``${another}`` one.
"""

import importlib
import json
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from jsonargparse._completions_jsonschema import ParserJsonschema, anyof_schema
from jsonargparse._typehints import get_all_subclass_paths

from mpi_cascade.experiment import EXPERIMENT_CLASSES
from mpi_cascade.training.configuration import training_parser

PATH = Path(__file__).with_name("configuration.schema.json")

_MODULES = (
    *(name for modules, _ in EXPERIMENT_CLASSES.values() for name in modules),
    "mpi_cascade.models.conditions", "mpi_cascade.losses", "mpi_cascade.training.strategies",
)  # fmt: skip
"""Where the classes are that a configuration may name."""

_NOT_IN_FILES = ("output", "resume", "weights")
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}


class _Schema(ParserJsonschema):
    def subclass_def(self, class_type: type, action: Any) -> dict[str, Any]:
        paths = get_all_subclass_paths(class_type)
        known = [
            self.class_path_schema(path, action) for path in paths if path.startswith(_MODULES)
        ]
        names = [name for one in known for name in one["properties"]["class_path"]["enum"]]
        other = self.unknown_class_path_schema()
        other["properties"]["class_path"]["not"] = {"enum": names}
        # Of a plain class the arguments alone will do.
        alone = [self.class_parser_schema(class_type, action)] * is_dataclass(class_type)
        return anyof_schema([{"type": "string"}, *alone, *known, other])

    def class_path_schema(self, class_path: str, action: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super().class_path_schema(class_path, action)
        schema["properties"]["class_path"] = {"enum": [class_path, class_path.rpartition(".")[2]]}
        return schema

    def callable_schema(self, typehint: Any, action: Any) -> dict[str, Any]:
        return anyof_schema([{"type": "string"}, self.unknown_class_path_schema()])


def schema() -> dict[str, Any]:
    """Returns the schema."""
    for name in _MODULES:
        importlib.import_module(name)
    made: dict[str, Any] = _Schema().generate(training_parser())
    for name in _NOT_IN_FILES:
        del made["properties"][name]
    return {"$schema": made.pop("$schema"), **_for_files(made)}


def _for_files(part: Any) -> Any:
    """Returns a part of a schema in which nothing is required, and ``${another}`` is a value."""
    if isinstance(part, list):
        return [_for_files(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _for_files(part[key]) for key in part if key not in ("required", "$schema")}
    if str(kept.get("default")).startswith("<class "):
        del kept["default"]
    if kept.get("type") in ("integer", "number", "boolean"):
        about = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {**about, "anyOf": [kept, _REFERENCE]}
    return kept


if __name__ == "__main__":
    PATH.write_text(f"{json.dumps(schema(), indent=1, ensure_ascii=False)}\n", encoding="utf-8")
