"""Writes what a sweep has found: tables and pictures."""

import math
from collections.abc import Sequence

from optuna.trial import TrialState

from mpi_cascade.results.files import write_text
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.sweep.figures import sweep_figures
from mpi_cascade.sweep.naming import setting_text, value_text
from mpi_cascade.sweep.study import STATES, Sweep
from mpi_cascade.sweep.summary import SEEDS, Setting, settings, varying

_NUM_SHOWN = 10
_ATTRIBUTES = ("seconds", "directory", "message")


def write_sweep(sweep: Sweep) -> str:
    """Writes ``sweep.md``, ``sweep.csv``, ``trials.csv``, ``sweep.png`` and ``history.png``.

    Args:
        sweep: The trials, in the directory that is written.

    Returns:
        The best settings as a Markdown table.
    """
    found = settings(sweep)
    columns = varying(found)
    metric, names = sweep.file.metric, [name for name in sweep.file.space if name not in SEEDS]
    write_csv(
        sweep.directory / "sweep.csv",
        [*names, "num_seeds", "num_stopped", metric, "low", "high"],
        ([*(item.parameters[name] for name in names), *item[1:]] for item in found),
    )
    write_csv(
        sweep.directory / "trials.csv",
        ["trial", *sweep.file.space, "state", metric, *_ATTRIBUTES],
        (
            [trial.number, *(trial.params[name] for name in sweep.file.space),
             STATES[trial.state], sweep.value(trial), *map(trial.user_attrs.get, _ATTRIBUTES)]
            for trial in sweep.trials
        ),
    )  # fmt: skip
    write_text(sweep.directory / "sweep.md", _document(sweep, found))
    for name, figure in sweep_figures(sweep, columns).items():
        figure.savefig(sweep.directory / f"{name}.png", dpi=130, bbox_inches="tight")
    return _table(found[:_NUM_SHOWN], metric, columns)


def trial_line(sweep: Sweep, number: int) -> str:
    """Returns how a trial has ended, in a line."""
    trial = sweep.trials[number]
    value, attributes = sweep.value(trial), trial.user_attrs
    result = attributes["message"] if value is None else f"{sweep.file.metric} {value:.4g}"
    return (
        f"trial {number}: {STATES[trial.state]} after {attributes['seconds']:.0f} s, {result} "
        f"({setting_text(trial.params)})"
    )


def _document(sweep: Sweep, found: Sequence[Setting]) -> str:
    file, columns = sweep.file, varying(found)
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
    failed = [trial for trial in sweep.trials if trial.state == TrialState.FAIL]
    if failed:
        parts.append("## Failed trials")
        parts += [
            f"- trial {trial.number} ({setting_text(trial.params)}): {trial.user_attrs['message']}"
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
