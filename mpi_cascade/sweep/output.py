"""Writes what a sweep has found: tables and pictures."""

import math
from collections.abc import Sequence

from mpi_cascade.results.files import write_text
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.sweep.figures import history_figure, slices_figure
from mpi_cascade.sweep.naming import setting_text, value_text
from mpi_cascade.sweep.study import State, SweepStudy
from mpi_cascade.sweep.summary import Setting, settings, varying, without_seeds

_NUM_SHOWN = 10


def write_sweep(study: SweepStudy) -> str:
    """Writes ``sweep.md``, ``sweep.csv``, ``trials.csv``, ``sweep.png`` and ``history.png``.

    Args:
        study: The trials, in the directory that is written.

    Returns:
        The best settings as a Markdown table.
    """
    found = settings(study.trials, study.file.is_maximised)
    columns = varying(found)
    _write_settings(study, found)
    _write_trials(study)
    write_text(study.directory / "sweep.md", _document(study, found))
    if found:
        history_figure(study.trials, study.file).savefig(study.directory / "history.png")
    if columns:
        figure = slices_figure(study.trials, study.file, columns)
        figure.savefig(study.directory / "sweep.png")
    return _table(found[:_NUM_SHOWN], study.file.metric, columns)


def _write_settings(study: SweepStudy, found: Sequence[Setting]) -> None:
    names = list(without_seeds(study.file.parameters))
    head = [*names, "num_seeds", "num_stopped", study.file.metric, "low", "high"]
    rows = ([*(item.parameters[name] for name in names), *item[1:]] for item in found)
    write_csv(study.directory / "sweep.csv", head, rows)


def _write_trials(study: SweepStudy) -> None:
    names = list(study.file.parameters)
    head = ["trial", *names, "state", study.file.metric, "seconds", "directory", "message"]
    rows = (
        [trial.number, *(trial.parameters[name] for name in names), *trial[2:]]
        for trial in study.trials
    )
    write_csv(study.directory / "trials.csv", head, rows)


def _document(study: SweepStudy, found: Sequence[Setting]) -> str:
    file, columns = study.file, varying(found)
    extreme = "highest" if file.is_maximised else "lowest"
    parts = [
        f"# Sweep {file.path.name}",
        _table(found, file.metric, columns) if found else "No trial has logged the metric.",
        f"Each trial counts with its best {file.metric}, the {extreme} that it logged. Trials of "
        "one setting and seed are one training, and count once. Where a setting has several seeds "
        "its value is their mean, and in brackets stands the 95 % interval over seeds (Student's "
        "t).",
    ]
    same = found[0].parameters if found else {}
    fixed = [f"{name} = {value_text(same[name])}" for name in same if name not in columns]
    if fixed:
        parts.append(f"The same in every trial: {', '.join(fixed)}.")
    failed = [trial for trial in study.trials if trial.state == State.FAILED]
    if failed:
        parts.append("## Failed trials")
        parts += [
            f"- trial {trial.number} ({setting_text(trial.parameters)}): {trial.message}"
            for trial in failed
        ]
    return "\n\n".join(parts) + "\n"


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
