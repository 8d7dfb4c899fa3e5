"""The directory of a run: where it lies, and what explains it."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from mpi_cascade import __version__
from mpi_cascade.checks import InputError

CONFIG_KEY = "mpi_cascade_config"
"""Key of a checkpoint that holds the resolved configuration as YAML text."""

WANDB_RUN_KEY = "wandb_run_id"
"""Key of a checkpoint that holds the identifier of its run in Weights & Biases."""

_LEAST_SPACE = 2**20  # Bytes: what a run of any size writes at once.
_PACKAGES = ("torch", "lightning", "torchmetrics", "wandb", "numpy", "omegaconf", "jsonargparse")


def choose_run_directory(root: Path, subcommand: str, continued: Path | None) -> Path:
    """Returns the directory of a run: a new one, or that of the run which ``fit`` continues.

    Of several processes each chooses, and the choice of rank 0 counts: what writes on every rank
    asks it in its ``setup``.

    Args:
        root: Directory of all runs.
        subcommand: Name of the subcommand.
        continued: The checkpoint of the run that is continued in its own directory, if any.
    """
    if continued:
        return continued.parent.parent
    name = f"{subcommand}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    directory = root / name
    for number in range(2, 1000):
        if not directory.exists():
            break
        directory = root / f"{name}-{number}"
    return directory


def choose_output_directory(output: Path | None, subcommand: str) -> Path:
    """Returns the directory that a subcommand writes into: the given one, or a new one.

    Args:
        output: What ``--output`` names, if anything.
        subcommand: Name of the subcommand.

    Raises:
        InputError: If it has something in it.
    """
    directory = output or choose_run_directory(Path("runs"), subcommand, None)
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty: choose another directory with --output")
    return directory


def is_continuation(checkpoint: Mapping[str, Any], path: Path, config: str) -> bool:
    """Returns whether ``fit`` goes on with the run that wrote a checkpoint, as it was configured.

    That is so for the last state of a run with the same networks and data; from any other
    checkpoint a new run starts.

    Args:
        checkpoint: Contents of the checkpoint.
        path: Where it was read.
        config: The resolved configuration as YAML text.
    """
    if path.name != "last.ckpt" or not (path.parent.parent / "config.yaml").is_file():
        return False
    earlier, now = yaml.safe_load(checkpoint.get(CONFIG_KEY, "{}")), yaml.safe_load(config)
    return all(earlier.get(part) == now[part] for part in ("model", "data"))


def make_run_directory(directory: Path, option: str = "--trainer.default_root_dir") -> None:
    """Makes the directory of a run, with all above it.

    Args:
        directory: The directory.
        option: What chooses it on the command line.

    Raises:
        InputError: If it can't be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_LEAST_SPACE))
    except OSError as error:
        raise InputError(
            f"the run directory {directory} can't be written ({error.strerror}): choose another "
            f"with {option}"
        ) from error


class RunRecord(Callback):
    """Writes what explains a run, and puts the configuration into its checkpoints.

    Args:
        directory: Directory of the run.
        config: The resolved configuration as YAML text.
    """

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.config = config
        self._is_noted = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes ``config.yaml`` and ``environment.json``, and tells the loggers; once."""
        if self._is_noted or not trainer.is_global_zero:
            return
        self._is_noted = True
        (self.directory / "config.yaml").write_text(self.config)
        self._note_session()
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams(yaml.safe_load(self.config))

    def _note_session(self) -> None:
        """Adds this process to ``environment.json``; a resumed run has several."""
        path = self.directory / "environment.json"
        sessions = json.loads(path.read_text()) if path.is_file() else []
        path.write_text(json.dumps([*sessions, describe_environment()], indent=2) + "\n")

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Puts the configuration into the checkpoint, and what continues its run in W&B."""
        checkpoint[CONFIG_KEY] = self.config
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                checkpoint[WANDB_RUN_KEY] = logger.version


def describe_environment() -> dict[str, Any]:
    """Returns the command, versions and machine of this process."""
    return {
        "command": sys.argv,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "mpi_cascade": __version__,
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
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
