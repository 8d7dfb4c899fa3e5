"""What explains a run: its configuration and environment, in its directory and its checkpoints."""

import json
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from mpi_cascade.checkpoints import CONFIG_KEY
from mpi_cascade.results.directory import describe_environment
from mpi_cascade.results.files import write_text
from mpi_cascade.results.tables import write_json

WANDB_RUN_KEY = "wandb_run_id"
"""Key of a checkpoint that holds the identifier of its run in Weights & Biases."""


class RunRecord(Callback):
    """Writes what explains a run, and puts the configuration into its checkpoints.

    Args:
        directory: Directory of the run.
        config: The resolved configuration as YAML text.
    """

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.config = config

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes ``config.yaml`` and ``environment.json``, and tells the loggers."""
        if not trainer.is_global_zero:
            return
        write_text(self.directory / "config.yaml", self.config)
        path = self.directory / "environment.json"
        # A resumed run has several sessions.
        sessions = json.loads(path.read_text()) if path.is_file() else []
        write_json(path, [*sessions, describe_environment()])
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams(yaml.safe_load(self.config))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Puts the configuration into the checkpoint, and what continues its run in W&B."""
        checkpoint[CONFIG_KEY] = self.config
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                checkpoint[WANDB_RUN_KEY] = logger.version
