"""Writes what a sweep has found: tables and a figure.

Must not know how trials were run.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.figures import sweep_figure, varying
from mpi_cascade.sweep.naming import setting_text, value_text
from mpi_cascade.sweep.record import Record, State
from mpi_cascade.sweep.summary import SEEDS, Setting, settings, value_of

_NUM_SHOWN = 10


def write_sweep(record: Record) -> str:
    """Writes ``sweep.md``, ``sweep.csv``, ``trials.csv`` and ``sweep.png``.

    Args:
        record: The trials, in the directory that is written.

    Returns:
        The best settings as a Markdown table.
    """
    found = settings(record)
    _write_settings(record.directory / "sweep.csv", record.file, found)
    _write_trials(record.directory / "trials.csv", record)
    (record.directory / "sweep.md").write_text(_document(record, found))
    if found:
        figure = sweep_figure(
            found, record.file.metric, record.file.is_maximised, record.file.logarithmic
        )
        figure.savefig(record.directory / "sweep.png", dpi=130)
    return _table(found[:_NUM_SHOWN], record.file.metric, varying(found))


def _write_settings(path: Path, file: SweepFile, found: Sequence[Setting]) -> None:
    names = [name for name in file.space if name not in SEEDS]
    head = [*names, "num_seeds", "num_stopped", file.metric, "low", "high"]
    rows = ([*(item.parameters[name] for name in names), *item[1:]] for item in found)
    write_csv(path, head, rows)


def _write_trials(path: Path, record: Record) -> None:
    names = list(record.file.space)
    head = ["trial", *names, "state", record.file.metric, "seconds", "directory", "message"]
    rows = (
        [
            trial.number, *(trial.parameters[name] for name in names), trial.state.value,
            value_of(record, trial), trial.seconds,
            record.directory_of(trial).relative_to(record.directory), trial.message,
        ]
        for trial in record.trials
    )  # fmt: skip
    write_csv(path, head, rows)


def _document(record: Record, found: Sequence[Setting]) -> str:
    file = record.file
    columns = varying(found)
    fixed = [f"{name} = {value_text(value)}" for name, value in _fixed(found, columns)]
    extreme = "highest" if file.is_maximised else "lowest"
    parts = [
        f"# Sweep {file.path.name}",
        _table(found, file.metric, columns) if found else "No trial has logged the metric.",
        f"Each trial counts with its best {file.metric}, the {extreme} that it logged: so does "
        "wandb's engine when it searches. Trials of one setting and seed are one training, and "
        "count once. Where a setting has several seeds its value is their mean, and in brackets "
        "stands the 95 % interval over seeds (Student's t).",
    ]
    if fixed:
        parts.append(f"The same in every trial: {', '.join(fixed)}.")
    failed = [trial for trial in record.trials if trial.state == State.FAILED]
    if failed:
        parts.append("## Failed trials")
        parts += [
            f"- trial {trial.number} ({setting_text(trial.parameters)}): {trial.message}"
            for trial in failed
        ]
    return "\n\n".join(parts) + "\n"


def _fixed(found: Sequence[Setting], columns: Sequence[str]) -> list[tuple[str, Any]]:
    if not found:
        return []
    return [(name, value) for name, value in found[0].parameters.items() if name not in columns]


def _table(found: Sequence[Setting], metric: str, columns: Sequence[str]) -> str:
    rows = [
        [*(value_text(item.parameters[name]) for name in columns), _seeds(item), _value(item)]
        for item in found
    ]
    return markdown_table([*columns, "seeds", metric], rows)


def _seeds(item: Setting) -> str:
    stopped = f", {item.num_stopped} stopped early" if item.num_stopped else ""
    return f"{item.num_seeds}{stopped}"


def _value(item: Setting) -> str:
    interval = "" if math.isnan(item.low) else f" ({item.low:.4g} … {item.high:.4g})"
    return f"{item.value:.4g}{interval}"
