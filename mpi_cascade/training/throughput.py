"""How fast a training is: samples per second, and the share of the time that the data take."""

from time import perf_counter
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.callbacks import is_accumulating
from mpi_cascade.training.datamodule import SimulatedDataModule

SPEED = ("throughput/samples_per_second", "throughput/data_share")
"""What is logged of a training's speed."""


class Throughput(Callback):
    """Logs how fast training was since the last values were logged; validation doesn't count.

    ``throughput/samples_per_second`` counts the samples of all processes;
    ``throughput/data_share`` is the share of the time in which scans were moved and simulated.

    Args:
        data: What simulates them.
    """

    def __init__(self, data: SimulatedDataModule) -> None:
        self.data = data

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts to count."""
        self._start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Sample,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Counts the batch, and logs with the other values of the step."""
        self._samples += len(batch.indices) * trainer.world_size
        interval = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if is_accumulating(trainer, batch_idx) or trainer.global_step % interval:
            return
        self._pause(trainer)
        values = (self._samples / self._seconds, self._data_seconds / self._seconds)
        pl_module.log_dict(dict(zip(SPEED, values, strict=True)), rank_zero_only=True)
        self._start()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops to count."""
        if not trainer.sanity_checking:
            self._pause(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on counting."""
        self._go()

    def _start(self) -> None:
        self._samples, self._seconds, self._data_seconds = 0, 0.0, 0.0
        self._go()

    def _go(self) -> None:
        self._since, self._data_since = perf_counter(), self.data.seconds

    def _pause(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":
            # Otherwise the steps that the process has only launched would count as done.
            torch.cuda.synchronize()
        self._seconds += perf_counter() - self._since
        self._data_seconds += self.data.seconds - self._data_since
