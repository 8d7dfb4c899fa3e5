"""Writes the images of ``predict``."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from mpi_cascade.data.simulated import Sample
from mpi_cascade.models.cascade import Reconstruction


class PredictionWriter(BasePredictionWriter):
    """Writes one ``predictions/<rank>-<batch>.npz`` per batch: indices, signal, truth, both images.

    Args:
        directory: Directory of the run.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(write_interval="batch")
        self.directory = directory / "predictions"

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Reconstruction,
        batch_indices: Any,
        batch: Sample,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Writes one batch."""
        self.directory.mkdir(parents=True, exist_ok=True)
        np.savez(
            self.directory / f"{trainer.global_rank}-{batch_idx:05d}.npz",
            indices=batch.indices.cpu().numpy(),
            signal=batch.signal.cpu().numpy(),
            concentration=batch.concentration.cpu().numpy(),
            preliminary=prediction.preliminary.float().cpu().numpy(),
            final=prediction.final.float().cpu().numpy(),
        )
