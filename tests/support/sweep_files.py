"""Sweep files of trials that take seconds, and what their processes leave behind."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from results import table

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "training" / "tiny.yaml"
METRIC = "val/final/psnr_db"


def write_sweep_file(
    path: Path, method: str, parameters: Mapping[str, Any], *arguments: str
) -> Path:
    """Writes a sweep of tiny trainings of one epoch, with further arguments."""
    fit = ["fit", "--config", str(TINY), "--trainer.max_epochs=1", "--report.tikhonov=false"]
    sweep = {
        "program": "mpi_cascade",
        "project": "mpi_cascade",
        "method": method,
        "metric": {"name": METRIC, "goal": "maximize"},
        "parameters": dict(parameters),
        "command": [
            "${env}", "${interpreter}", "-m", "${program}", *fit, *arguments, "${args}",
        ],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(sweep, sort_keys=False))
    return path


def processes_of(directory: Path) -> list[str]:
    """Returns the command of every process that names a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(directory).encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def logged_values(run: Path) -> list[float]:
    """Returns the values of the metric in a run's metrics.csv."""
    path = run / "metrics.csv"
    if not path.is_file():
        return []
    values = [float(row.get(METRIC) or "nan") for row in table(path)]
    return [value for value in values if math.isfinite(value)]
