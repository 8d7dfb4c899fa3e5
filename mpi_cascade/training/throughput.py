"""How fast a training is: samples per second, and the share of the time that the data take."""

from time import perf_counter
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from mpi_cascade.scans.simulated import Sample

SPEED = ("throughput/samples_per_second", "throughput/data_share")
"""What is logged of a training's speed."""


class DataClock(Profiler):
    """Adds up the time that fetching, moving and simulating batches takes.

    On a GPU that is the time to launch the simulation, which runs beside the process.
    """

    _ACTIONS = ("train_dataloader_next", "batch_to_device")

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._started = 0.0

    def start(self, action_name: str) -> None:
        """Starts the clock if the action is about data."""
        if action_name.endswith(self._ACTIONS):
            self._started = perf_counter()

    def stop(self, action_name: str) -> None:
        """Stops the clock."""
        if action_name.endswith(self._ACTIONS):
            self.seconds += perf_counter() - self._started


class Throughput(Callback):
    """Logs how fast training was since the last values were logged; validation doesn't count.

    ``throughput/samples_per_second`` counts the samples of all processes;
    ``throughput/data_share`` is the share of the time that ``clock`` has counted.

    Args:
        clock: The trainer's profiler.
    """

    def __init__(self, clock: DataClock) -> None:
        self.clock = clock
        self._start()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts to count."""
        self._start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Sample,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Counts the batch, and logs with the other values of the step."""
        self._samples += len(batch.indices) * trainer.world_size
        is_logged = trainer._logger_connector.should_update_logs
        if trainer.fit_loop._should_accumulate() or not is_logged:
            return
        self._pause(trainer)
        values = (self._samples / self._seconds, self._data_seconds / self._seconds)
        pl_module.log_dict(dict(zip(SPEED, values, strict=True)), rank_zero_only=True)
        self._start()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops to count."""
        self._pause(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on counting."""
        self._go()

    def _start(self) -> None:
        self._samples, self._seconds, self._data_seconds = 0, 0.0, 0.0
        self._go()

    def _go(self) -> None:
        self._since, self._data_since = perf_counter(), self.clock.seconds

    def _pause(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":
            # Otherwise the steps that the process has only launched would count as done.
            torch.cuda.synchronize()
        self._seconds += perf_counter() - self._since
        self._data_seconds += self.clock.seconds - self._data_since
