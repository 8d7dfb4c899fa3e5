"""The training step: losses, optimiser and metrics around a cascade."""

import math
from typing import Any

import torch
from jsonargparse import lazy_instance  # type: ignore[attr-defined]
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.losses import SampleLoss, loss_terms
from mpi_cascade.metrics.collection import EvaluationMetrics
from mpi_cascade.models.cascade import Cascade, Reconstruction
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.processes import means_of_all, send_no_constants
from mpi_cascade.training.schedules import Schedule, WarmupCosine
from mpi_cascade.training.strategies import STAGES, DeepSupervision, Moment, Phase, Strategy


class CascadeModule(LightningModule):
    """Trains a cascade by a strategy, on a loss of its final and one of its preliminary image.

    Args:
        preliminary: Stage 1, from the signal (batch, channel, y, x) to an image (batch, 1, y, x).
        refinement: Stage 2, from that image to the final one of the same shape.
        final_loss: Loss of the final image, called as ``loss(estimate, truth)``; a ``SampleLoss``
            is given the whole scan.
        preliminary_loss: Loss of the preliminary image.
        strategy: Which stage trains when, and with which weights of the losses.
        optimizer: Class of the optimiser.
        learning_rate: Learning rate that the schedule scales, > 0.
        optimizer_options: Further arguments of the optimiser.
        schedule: Share of the learning rate over the share of a phase of the strategy that is done.

    Raises:
        InputError: If the rate is out of its range, the strategy's phases don't add up, or one of
            them has nothing to train.
    """

    def __init__(
        self,
        preliminary: nn.Module,
        refinement: nn.Module,
        final_loss: nn.Module = lazy_instance(nn.MSELoss),
        preliminary_loss: nn.Module = lazy_instance(nn.MSELoss),
        strategy: Strategy = lazy_instance(DeepSupervision),
        optimizer: type[torch.optim.Optimizer] = torch.optim.AdamW,
        learning_rate: float = 2e-3,
        optimizer_options: dict[str, Any] | None = None,
        schedule: Schedule = lazy_instance(WarmupCosine),
    ) -> None:
        super().__init__()
        if not learning_rate > 0:
            raise InputError(f"learning_rate is {learning_rate}: it must be greater than 0")
        self.cascade = Cascade(preliminary, refinement)
        self._check_phases(strategy)
        for part in self.cascade.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                # Convolutions on CPUs and tensor cores are fastest with the channels last.
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.final_loss = final_loss
        self.preliminary_loss = preliminary_loss
        self.strategy = strategy
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_options = optimizer_options or {}
        self.schedule = schedule
        self.metrics: dict[str, EvaluationMetrics] = {}

    def _check_phases(self, strategy: Strategy) -> None:
        strategy.at(0.0)
        for phase in strategy.phases:
            stages = [getattr(self.cascade, stage) for stage in phase.trained]
            if not any(weight.requires_grad for part in stages for weight in part.parameters()):
                raise InputError(
                    f"{type(strategy).__name__} has a phase that trains "
                    f"{' and '.join(phase.trained)}, where there are no weights to train: choose "
                    "another strategy or network"
                )

    def forward(self, signal: Tensor) -> Reconstruction:
        """Returns the preliminary and the final image of signals (batch, channel, y, x)."""
        reconstruction: Reconstruction = self.cascade(signal)
        return reconstruction

    @torch.no_grad()
    def check_shapes(
        self, signal_shape: tuple[int, int, int], image_shape: tuple[int, int]
    ) -> None:
        """Raises an InputError unless both stages make images of this shape from a signal."""
        expected = [1, 1, *image_shape]
        was_training = self.training
        self.eval()
        try:
            reconstruction = self(torch.zeros(1, *signal_shape))
        except InputError:
            raise
        # Of a layer that can't take the shape it is given.
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"the configured networks fail on a signal of shape {[1, *signal_shape]}: {error}"
            ) from error
        self.train(was_training)
        for name, image in reconstruction._asdict().items():
            if list(image.shape) != expected:
                raise InputError(
                    f"the {name} image of the configured networks has shape {list(image.shape)}, "
                    f"not {expected}: use networks that fit data.image_shape"
                )

    def setup(self, stage: str) -> None:
        """Prepares for the trainer's data module."""
        self.prepare(self.trainer.datamodule)  # type: ignore[attr-defined]

    def prepare(self, data: SimulatedDataModule) -> None:
        """Makes the metrics for a data module's suite, and gives its physics to the losses."""
        for image in Reconstruction._fields:
            self.metrics[image] = EvaluationMetrics(
                data.two_points.gaps_mm, data.scanner.field_of_view_m
            )
        for loss in (self.final_loss, self.preliminary_loss):
            if isinstance(loss, SampleLoss):
                loss.use(data.reconstruction_model())
        send_no_constants(self)

    def training_step(self, sample: Sample, batch_index: int) -> Tensor:
        """Returns the loss of one batch."""
        losses = self.losses(sample, self._moment(self.global_step))
        for name, value in means_of_all(self.trainer, losses).items():
            self.log(f"train/{name}", value, prog_bar=name == "loss")
        return losses["loss"]

    def losses(self, sample: Sample, moment: Moment) -> dict[str, Tensor]:
        """Returns the losses of one batch by name.

        Args:
            sample: The batch.
            moment: Where the training stands.

        Returns:
            ``loss``, which training minimises; ``preliminary_loss`` and ``final_loss``, without the
            strategy's weights; and of a ``WeightedSum`` the terms, such as ``final_loss/edges``.
        """
        phase, progress = moment
        for stage in STAGES:
            getattr(self.cascade, stage).train(stage in phase.trained)
        with torch.set_grad_enabled("preliminary" in phase.trained):
            preliminary = self.cascade.preliminary(sample.signal)
        loss = self._zero(phase)
        logged: dict[str, Tensor] = {}
        if weight := phase.preliminary_weight(progress):
            terms = loss_terms(self.preliminary_loss, preliminary, sample)
            loss = loss + weight * sum(terms.values())
            logged |= _named("preliminary_loss", terms)
        if weight := phase.final_weight:
            terms = loss_terms(self.final_loss, self.cascade.refinement(preliminary), sample)
            loss = loss + weight * sum(terms.values())
            logged |= _named("final_loss", terms)
        return {"loss": loss, **logged}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leaves the stages that don't train as they are: no momentum, no weight decay."""
        for parameter in self._untrained(self._moment(self.global_step).phase):
            parameter.grad = None

    def _zero(self, phase: Phase) -> Tensor:
        """Returns 0, with a gradient of 0 for what doesn't train: plain DDP waits for them all."""
        untrained = [weight for weight in self._untrained(phase) if weight.requires_grad]
        return sum(
            (0.0 * weight.sum() for weight in untrained), torch.zeros((), device=self.device)
        )

    def _untrained(self, phase: Phase) -> list[nn.Parameter]:
        idle = [getattr(self.cascade, stage) for stage in STAGES if stage not in phase.trained]
        return [weight for stage in idle for weight in stage.parameters()]

    def _moment(self, step: int) -> Moment:
        """Returns where the training stands in optimiser step ``step``, counted from 0."""
        return self.strategy.at((step + 1) / self.trainer.estimated_stepping_batches)

    def validation_step(self, sample: Sample, batch_index: int, dataloader_idx: int = 0) -> None:
        """Adds one batch to the validation metrics."""
        self._evaluate(sample)

    def test_step(self, sample: Sample, batch_index: int, dataloader_idx: int = 0) -> None:
        """Adds one batch to the test metrics."""
        self._evaluate(sample)

    def predict_step(self, sample: Sample, batch_index: int) -> Reconstruction:
        """Returns both images of one batch."""
        return self(sample.signal)

    def on_validation_epoch_end(self) -> None:
        """Logs ``val/<image>/<metric>``."""
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        """Logs ``test/<image>/<metric>``."""
        self._log_metrics("test")

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Returns the optimiser, without its schedule."""
        return self.optimizer(self.parameters(), lr=self.learning_rate, **self.optimizer_options)  # type: ignore[call-arg]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Returns the optimiser and its schedule, stretched over the whole training."""
        optimizer = self.make_optimizer()
        if math.isinf(self.trainer.estimated_stepping_batches):
            raise InputError(
                "the training has no end that the schedule could aim at: set trainer.max_epochs "
                "or trainer.max_steps"
            )
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self._learning_rate_share(step)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _learning_rate_share(self, step: int) -> float:
        phase, progress = self._moment(step)
        return phase.learning_rate * self.schedule(progress)

    def _evaluate(self, sample: Sample) -> None:
        reconstruction = self(sample.signal)
        # Metrics are computed in full precision, whatever the networks use.
        with torch.autocast(self.device.type, enabled=False):
            for image, estimate in reconstruction._asdict().items():
                self.metrics[image].update(estimate.float(), sample)

    def _log_metrics(self, split: str) -> None:
        for image, metrics in self.metrics.items():
            values = {f"{split}/{image}/{name}": value for name, value in metrics.compute().items()}
            # The means are already those of all processes: syncing them changes nothing.
            self.log_dict(values, sync_dist=True)
            metrics.reset()


def _named(name: str, terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a loss by its name, followed by its terms where it has several."""
    parts = {f"{name}/{term}": value for term, value in terms.items()} if len(terms) > 1 else {}
    return {name: torch.stack(list(terms.values())).sum(), **parts}
