"""What explains a run: its configuration and environment, in its directory and its checkpoints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from mpi_cascade.results.directory import describe_environment

CONFIG_KEY = "mpi_cascade_config"
"""Key of a checkpoint that holds the resolved configuration as YAML text."""

WANDB_RUN_KEY = "wandb_run_id"
"""Key of a checkpoint that holds the identifier of its run in Weights & Biases."""


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
