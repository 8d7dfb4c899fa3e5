"""What watches over a training: a loss that stays finite, and a stop that loses nothing."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from mpi_cascade.checks import InputError


class TrainingStoppedError(Exception):
    """A signal stopped the training after a whole step, with a checkpoint to go on from.

    Args:
        signum: Number of the signal.
        step: Optimiser steps done.
        checkpoint: Where the training can go on from.
    """

    def __init__(self, signum: int, step: int, checkpoint: Path) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}")
        self.signum = signum
        self.checkpoint = checkpoint


class StopOnSignal(Callback):
    """Ctrl-C and SIGTERM end the training after the step they fall in, with a checkpoint.

    A second Ctrl-C interrupts at once.

    Args:
        checkpoint: Path of the checkpoint to write.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts to listen."""
        self._previous = {number: signal.signal(number, self._note) for number in self._SIGNALS}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves and stops if a signal has come to any process."""
        has_received = self._received is not None
        if trainer.world_size > 1:
            has_received = trainer.strategy.reduce_boolean_decision(has_received, all=False)
        if has_received:
            trainer.save_checkpoint(self.checkpoint)
            signum = self._received or signal.SIGTERM
            raise TrainingStoppedError(signum, trainer.global_step, self.checkpoint)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops to listen."""
        self._restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stops to listen."""
        self._restore()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = signum

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


class FiniteLoss(Callback):
    """Ends the training when the loss is NaN or infinite, before a checkpoint can be spoilt.

    On a CPU every step is looked at; on other devices, where looking waits for the device, every
    ``log_every_n_steps``-th and before each validation.
    """

    def __init__(self) -> None:
        self._first_bad_step: Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Notes the first step whose loss is not finite."""
        loss: Tensor = outputs["loss"] if isinstance(outputs, Mapping) else outputs
        step = torch.where(loss.detach().isfinite(), torch.inf, float(trainer.global_step))
        seen = self._first_bad_step
        self._first_bad_step = step if seen is None else torch.minimum(seen, step)
        if loss.device.type == "cpu" or (batch_idx + 1) % trainer.log_every_n_steps == 0:
            self._check(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks before the validation decides on a checkpoint."""
        self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        if self._first_bad_step is None or torch.isinf(self._first_bad_step):
            return
        checkpoint = trainer.checkpoint_callback
        assert isinstance(checkpoint, ModelCheckpoint)
        good = checkpoint.last_model_path or "none: no validation had ended yet"
        raise InputError(
            f"the loss is not finite at step {int(self._first_bad_step)}: lower learning_rate or "
            f"check the loss, and go on from the last good checkpoint ({good})"
        )


class CompileRefinement(Callback):
    """Compiles stage 2, where nearly all time goes, with ``torch.compile``."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compiles in place, so that checkpoints keep their names."""
        pl_module.cascade.refinement.compile()  # type: ignore[union-attr]
