"""Writes the scans and images of ``predict``."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from mpi_cascade.mdf import new_scans
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.scans.simulated import Sample


class PredictionWriter(Callback):
    """Writes one ``predictions/<rank>-<batch>.npz`` per batch: indices, signal, truth, both images.

    All signals of a process are ``predictions/<rank>-scans.mdf`` too, for ``reconstruct``, unless
    they have the units or channels of a measured system matrix.

    Args:
        directory: Directory of the run.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "predictions"
        self._scans = ExitStack()
        self._append: Callable[[Tensor], None] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the directory that rank 0 has chosen."""
        self.directory = trainer.strategy.broadcast(self.directory)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the file of scans."""
        self.directory.mkdir(parents=True, exist_ok=True)
        models = trainer.datamodule.models  # type: ignore[attr-defined]
        if models.are_as_simulated:
            path = self.directory / f"{trainer.global_rank}-scans.mdf"
            self._append = self._scans.enter_context(new_scans(path, models.scanner))

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
        if self._append:
            self._append(batch.signal)
        np.savez(
            self.directory / f"{trainer.global_rank}-{batch_idx:05d}.npz",
            indices=batch.indices.cpu().numpy(),
            signal=batch.signal.cpu().numpy(),
            concentration=batch.concentration.cpu().numpy(),
            preliminary=outputs.preliminary.float().cpu().numpy(),
            final=outputs.final.float().cpu().numpy(),
        )

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the file of scans its name."""
        self._scans.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leaves no half of a file of scans."""
        self._scans.__exit__(type(exception), exception, exception.__traceback__)
