"""The directory that a command writes into, and what explains its results."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import torch

from mpi_cascade.checks import InputError
from mpi_cascade.results.files import refusing_unwritable

ROOT = Path("runs")
"""Where directories are made that nobody has named."""

_LEAST_SPACE = 2**20  # Bytes: what a run of any size writes at once.
_PACKAGES = ("torch", "lightning", "torchmetrics", "wandb", "numpy", "omegaconf", "jsonargparse")


def new_directory(command: str, root: Path = ROOT) -> Path:
    """Returns a name for the directory of a command, of the present time; makes nothing.

    Commands that start in the same second, on whatever machines, have different ones.

    Args:
        command: Name of the command.
        root: Directory of all runs.
    """
    return root / f"{command}-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{token_hex(3)}"


def output_directory(output: Path | None, command: str) -> Path:
    """Returns the directory that a command writes into: the given one, or a new one.

    Args:
        output: What ``--output`` names, if anything.
        command: Name of the command.

    Raises:
        InputError: If it has something in it.
    """
    directory = output or new_directory(command)
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty: choose another directory with --output")
    return directory


def make_directory(directory: Path) -> None:
    """Makes the directory of a run, with all above it.

    Args:
        directory: The directory.

    Raises:
        InputError: If it can't be made or written.
    """
    with refusing_unwritable(directory, "choose another directory with --output"):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_LEAST_SPACE))


def listing(directory: Path) -> str:
    """Returns a line for each file of a directory, but those of W&B, under a line that names it."""
    paths = [path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file()]
    names = [f"  {path}" for path in paths if "wandb" not in path.parts]
    return "\n".join([f"Everything lies in {directory}", *names])


def describe_environment() -> dict[str, Any]:
    """Returns the command, versions and machine of this process."""
    return {
        "command": sys.argv,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "mpi_cascade": importlib.metadata.version("mpi-cascade"),
        "git": _git_state(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _git_state() -> str | None:
    """Returns the commit of the package's checkout, marked if it has changes; None outside one."""
    folder = str(Path(__file__).parent)
    command = ["git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
