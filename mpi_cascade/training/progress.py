"""What a training says while it runs, where there is no terminal for a progress bar."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from mpi_cascade.results.progress import Progress


class ProgressLines(Callback):
    """A line every half minute, and one for each validation.

    Args:
        progress: Where they are written.
        monitored: The metric that the lines of validations tell.
    """

    def __init__(self, progress: Progress, monitored: str) -> None:
        self.progress = progress
        self.monitored = monitored

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to count."""
        total = int(trainer.estimated_stepping_batches)
        self._task = self.progress.task("training, steps", total, trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts the step."""
        self._task.move_to(trainer.global_step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells the metric."""
        if not trainer.sanity_checking and trainer.is_global_zero:
            value = float(trainer.callback_metrics[self.monitored])
            self.progress.write(f"step {trainer.global_step}: {self.monitored} {value:.4g}")
