"""Writes the images of ``predict``."""

from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from mpi_cascade.data.simulated import Sample
from mpi_cascade.models.cascade import Reconstruction


class PredictionWriter(Callback):
    """Writes one ``predictions/<rank>-<batch>.npz`` per batch: indices, signal, truth, both images.

    Args:
        directory: Directory of the run.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "predictions"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the directory that rank 0 has chosen."""
        self.directory = trainer.strategy.broadcast(self.directory)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Reconstruction,
        batch: Sample,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Writes one batch."""
        self.directory.mkdir(parents=True, exist_ok=True)
        np.savez(
            self.directory / f"{trainer.global_rank}-{batch_idx:05d}.npz",
            indices=batch.indices.cpu().numpy(),
            signal=batch.signal.cpu().numpy(),
            concentration=batch.concentration.cpu().numpy(),
            preliminary=outputs.preliminary.float().cpu().numpy(),
            final=outputs.final.float().cpu().numpy(),
        )
