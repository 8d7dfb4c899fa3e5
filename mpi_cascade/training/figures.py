"""The pictures of every validation, in Weights & Biases."""

import torch
import wandb
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from mpi_cascade.evaluation.pair_figures import pair_figures
from mpi_cascade.results.messages import going_on_without
from mpi_cascade.training.datamodule import SimulatedDataModule


class ValidationFigures(Callback):
    """Sends the paper's figures, of the pairs in the middle of the validation, to W&B."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sends both figures."""
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        if trainer.sanity_checking or not trainer.is_global_zero or not loggers:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, SimulatedDataModule)
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            figures = pair_figures(
                lambda signal: pl_module(signal)._asdict(),
                data.validation, data.experiment, pl_module.device,
            )  # fmt: skip
        images = {f"val/{name}": wandb.Image(figure) for name, figure in figures.items()}
        for logger in loggers:
            with going_on_without("a figure of the validation"):
                logger.experiment.log({**images, "trainer/global_step": trainer.global_step})
