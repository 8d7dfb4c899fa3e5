"""Callbacks that the tests put into a run from the command line."""

import os

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from mpi_cascade.data.simulated import Sample


class SignalAt(Callback):
    """Sends this process a signal in the middle of a step."""

    def __init__(self, step: int, signum: int = 15) -> None:
        self.step = step
        self.signum = signum

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.signum)


class PoisonAt(Callback):
    """Makes a weight NaN before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == self.step:
            next(pl_module.parameters()).data.fill_(torch.nan)


class RecordSamples(Callback):
    """Appends the indices and a checksum of every training batch to a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_batch_start(self, trainer, pl_module, batch: Sample, batch_idx) -> None:
        with open(self.path, "a") as file:  # noqa: PTH123
            file.write(f"{batch.indices.tolist()} {batch.signal.double().sum().item()!r}\n")
