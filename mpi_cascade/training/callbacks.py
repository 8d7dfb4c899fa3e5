"""What watches over a training: a loss that stays finite, and a stop that loses nothing."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from mpi_cascade.checks import InputError


class StopOnSignal(Callback):
    """Ctrl-C and SIGTERM end the training after the step they fall in, with a checkpoint.

    A second Ctrl-C interrupts at once. Lightning ends the step, its logging and a validation that
    is due, and then raises ``SIGTERMException``.

    Args:
        checkpoint: Path of the checkpoint to write.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.signum = signal.SIGTERM

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets Ctrl-C do what SIGTERM does."""

        def stop(signum: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.signum = signal.SIGINT
            trainer._signal_connector.received_sigterm = True

        signal.signal(signal.SIGINT, stop)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets Ctrl-C interrupt again."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Writes the checkpoint if a signal ended the training."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.checkpoint)


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
        interval = trainer.log_every_n_steps  # type: ignore[attr-defined]
        is_logged = (batch_idx + 1) % interval == 0
        if loss.device.type == "cpu" or is_logged:
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
