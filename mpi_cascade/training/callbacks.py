"""What watches over a training: a loss that stays finite, and a stop that loses nothing."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from mpi_cascade.checks import InputError


class StoppableTrainer(Trainer):
    """A trainer that is stopped after a step by its own word, not by a signal alone."""

    is_stopping = False

    @property
    def received_sigterm(self) -> bool:
        """Whether to stop after this step with a ``SIGTERMException``."""
        return self.is_stopping

    @property
    def was_stopped_early(self) -> bool:
        """Whether SIGTERM came before the first step, when Lightning alone listens."""
        return super().received_sigterm


class StopOnSignal(Callback):
    """Ctrl-C, SIGTERM and SIGUSR1 end the training after the step they fall in, with a checkpoint.

    SIGUSR1, which Windows doesn't have, is what clusters send before a job's time is up. The step's
    logging, and a validation that is due, are completed first; then Lightning raises
    ``SIGTERMException``. A second signal of the same kind acts at once. Several processes on GPUs,
    which would have to wait for each other, ask each other after every ``log_every_n_steps``-th
    step.

    Args:
        checkpoint: Path of the checkpoint to write.
    """

    _SIGNALS = tuple(
        signal.Signals[name]
        for name in ("SIGINT", "SIGTERM", "SIGUSR1")
        if name in signal.Signals.__members__
    )

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received: signal.Signals | None = None
        self.has_saved = False
        self._stop_requested = False
        self._previous: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts to listen, and heeds what came while the training was set up."""
        assert isinstance(trainer, StoppableTrainer)
        if trainer.was_stopped_early:
            self.received = signal.SIGTERM
        self._previous = {number: signal.signal(number, self._note) for number in self._SIGNALS}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Asks Lightning to stop after this step if any process has received a signal."""
        assert isinstance(trainer, StoppableTrainer)
        if is_accumulating(trainer, batch_idx):
            return  # A checkpoint would lose the gradients that wait for the rest of their step.
        has_received = self.received is not None
        if trainer.world_size > 1:
            interval = trainer.log_every_n_steps  # type: ignore[attr-defined]
            if pl_module.device.type != "cpu" and trainer.global_step % interval:
                return
            has_received = trainer.strategy.reduce_boolean_decision(has_received, all=False)
        trainer.is_stopping = has_received

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps Lightning from stopping in the middle of a validation."""
        assert isinstance(trainer, StoppableTrainer)
        self._stop_requested, trainer.is_stopping = trainer.is_stopping, False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets Lightning stop after the validation."""
        assert isinstance(trainer, StoppableTrainer)
        trainer.is_stopping = self._stop_requested

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops to listen."""
        self._restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Writes the checkpoint if a signal ended the training."""
        self._restore()
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.checkpoint, weights_only=False)
            self.has_saved = self.checkpoint.is_file()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(signum)
        default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
        signal.signal(signum, default)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


def is_accumulating(trainer: Trainer, batch_idx: int) -> bool:
    """Returns whether a batch's gradients wait for those of further batches.

    Args:
        trainer: The trainer.
        batch_idx: Number of the batch in its epoch.
    """
    is_last = batch_idx + 1 == trainer.num_training_batches
    return not is_last and (batch_idx + 1) % trainer.accumulate_grad_batches != 0


class FiniteLoss(Callback):
    """Ends the training when the loss is NaN or infinite, before a checkpoint can be spoilt.

    On a CPU every step is looked at; on other devices, where looking waits for the device, every
    ``log_every_n_steps``-th and before each validation. After a validation the weights are, too:
    the last step may have spoilt them with a loss that was still finite.

    Args:
        checkpoints: Writes a checkpoint after every validation.
    """

    def __init__(self, checkpoints: ModelCheckpoint) -> None:
        self.checkpoints = checkpoints
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
            self._check()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks before the validation decides on a checkpoint."""
        self._check()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the weights before they are written."""
        if not all(bool(weights.isfinite().all()) for weights in pl_module.parameters()):
            self._refuse(f"weights are not finite after step {trainer.global_step}")

    def _check(self) -> None:
        if self._first_bad_step is not None and not torch.isinf(self._first_bad_step):
            self._refuse(f"the loss is not finite at step {int(self._first_bad_step)}")

    def _refuse(self, what: str) -> None:
        good = self.checkpoints.best_model_path or "none: no validation had ended yet"
        raise InputError(
            f"{what}: lower learning_rate or check the loss, and go on from the last good "
            f"checkpoint ({good})"
        )


class CompileRefinement(Callback):
    """Compiles stage 2, where nearly all time goes, with ``torch.compile``.

    Args:
        mode: As ``torch.compile`` has it; with ``reduce-overhead`` a GPU repeats what it was told
            once, as CUDA graphs.
    """

    def __init__(
        self, mode: Literal["default", "reduce-overhead", "max-autotune"] = "default"
    ) -> None:
        self.mode = mode

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compiles in place, so that checkpoints keep their names."""
        pl_module.cascade.refinement.compile(mode=self.mode)  # type: ignore[union-attr]
