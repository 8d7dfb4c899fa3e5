"""The training step: losses, optimiser and metrics around a cascade."""

from typing import Any

import torch
from jsonargparse import lazy_instance  # type: ignore[attr-defined]
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.table import CASCADE, CaseTable, MethodKey, logged
from mpi_cascade.evaluation.thresholds import own_results
from mpi_cascade.experiment import Experiment
from mpi_cascade.losses import SampleLoss, loss_terms
from mpi_cascade.losses.quantiles import pinball
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.schedules import Schedule, WarmupCosine
from mpi_cascade.training.strategies import (
    INTERVAL_LOSS,
    INTERVALS,
    STAGES,
    DeepSupervision,
    Moment,
    Phase,
    Strategy,
)


class CascadeModule(LightningModule):
    """Trains a cascade by a strategy, on a loss of its final and one of its preliminary image.

    Args:
        experiment: The cascade, and the physics that losses may need.
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
        experiment: Experiment,
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
            raise InputError(f"model.learning_rate is {learning_rate}: it must be greater than 0")
        self.cascade = experiment.cascade
        self.cascades = [experiment.cascade]
        self._check_phases(strategy)
        self.final_loss = final_loss
        self.preliminary_loss = preliminary_loss
        self.strategy = strategy
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.optimizer_options = optimizer_options or {}
        self.schedule = schedule
        self.field_of_view_m = experiment.scanner.field_of_view_m
        for loss in (final_loss, preliminary_loss):
            if isinstance(loss, SampleLoss):
                loss.use(experiment.forward_model)

    def _check_phases(self, strategy: Strategy) -> None:
        strategy.at(0.0)
        for phase in strategy.phases:
            if INTERVALS in phase.trained and self.cascade.intervals is None:
                raise InputError(
                    f"{type(strategy).__name__} trains the network of the uncertainty, and "
                    "experiment.intervals has none: add --config configs/training/intervals.yaml"
                )
            stages = [getattr(self.cascade, stage) for stage in phase.trained]
            if not any(weight.requires_grad for part in stages for weight in part.parameters()):
                raise InputError(
                    f"{type(strategy).__name__} has a phase that trains "
                    f"{' and '.join(phase.trained)}, where there are no weights to train: choose "
                    "another strategy or network"
                )

    def forward(self, signal: Tensor) -> Reconstruction:
        """Returns the preliminary and the final image of signals (batch, channel, y, x)."""
        return self.cascade(signal)

    def on_fit_start(self) -> None:
        """Moves the physics of all scanners to the device."""
        self.take_scanners(self.trainer.datamodule)  # type: ignore[attr-defined]
        nn.ModuleList(self.cascades).to(self.device)

    def take_scanners(self, data: SimulatedDataModule) -> None:
        """Takes the cascades of the scanners that training scans come from, of the same weights.

        Args:
            data: The scans, and the scanners that make them.
        """
        self.cascades = [one.cascade for one in data.training_scanners]

    def check_many_scanners(self) -> None:
        """Raises an InputError if a loss knows the physics of one scanner alone."""
        for loss in (self.final_loss, self.preliminary_loss):
            for part in loss.modules():
                if isinstance(part, SampleLoss) and type(part).use is not SampleLoss.use:
                    raise InputError(
                        f"{type(part).__name__} knows the physics of one scanner, and "
                        "data.scanners has several: choose another loss"
                    )

    def training_step(self, sample: Sample, batch_index: int) -> Tensor:
        """Returns the loss of one batch."""
        losses = self.losses(sample, self._moment(self.global_step))
        for name, value in self._means_of_all(losses).items():
            self.log(f"train/{name}", value, prog_bar=name == "loss")
        return losses["loss"]

    def _means_of_all(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Returns the means over the global batch in the steps that are logged, in one exchange."""
        interval = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if (self.global_step + 1) % interval:
            return losses
        values = torch.stack([value.detach().float() for value in losses.values()])
        means = self.trainer.strategy.reduce(values, reduce_op="mean")
        return dict(zip(losses, means, strict=True))

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
        cascade = self.cascades[sample.scanner]
        # Intervals are those of the images that a trained cascade makes, of all orientations.
        cascade.train(INTERVALS not in phase.trained)
        for stage in STAGES:
            getattr(cascade, stage).train(stage in phase.trained)
        if INTERVALS in phase.trained:
            with torch.no_grad():
                images = cascade(sample.signal)
            loss = pinball(cascade.interval(images, sample.signal), sample.concentration)
            return {"loss": loss + self._zero(phase)}
        with torch.set_grad_enabled("preliminary" in phase.trained):
            preliminary = cascade.first_image(sample.signal)
        loss = self._zero(phase)
        logged: dict[str, Tensor] = {}
        if weight := phase.preliminary_weight(progress):
            terms = loss_terms(self.preliminary_loss, preliminary, sample)
            loss = loss + weight * sum(terms.values())
            logged |= _named("preliminary_loss", terms)
        if weight := phase.final_weight:
            final = cascade.refined(preliminary, sample.signal)
            terms = loss_terms(self.final_loss, final, sample)
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
        trained = [getattr(self.cascade, stage) for stage in phase.trained]
        busy = {id(weight) for stage in trained for weight in stage.parameters()}
        return [weight for weight in self.cascade.parameters() if id(weight) not in busy]

    def _moment(self, step: int) -> Moment:
        """Returns where the training stands in optimiser step ``step``, counted from 0."""
        return self.strategy.at((step + 1) / self.trainer.estimated_stepping_batches)

    def on_validation_epoch_start(self) -> None:
        """Begins the table of this validation."""
        data: SimulatedDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        keys = [MethodKey(CASCADE, 0, image) for image in Reconstruction._fields]
        self.table = CaseTable(data.validation.sets, keys, self.field_of_view_m)

    def validation_step(self, sample: Sample, batch_index: int, dataloader_idx: int = 0) -> None:
        """Measures one batch of the validation."""
        reconstruction = self(sample.signal)
        images = reconstruction._asdict()
        for key in self.table.keys:
            self.table.add(key, self.table.parts[dataloader_idx], images[key.image], sample)
        if self.cascade.intervals is not None and dataloader_idx == 0:
            interval = self.cascade.interval(reconstruction, sample.signal)
            self.log(
                INTERVAL_LOSS, pinball(interval, sample.concentration),
                batch_size=len(sample.indices), add_dataloader_idx=False, sync_dist=True,
            )  # fmt: skip

    def on_validation_epoch_end(self) -> None:
        """Logs ``val/<image>/<metric>``."""
        # The values are already those of all processes: syncing them changes nothing.
        self.log_dict(logged(own_results(self.table.cases()), "val"), sync_dist=True)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Returns the optimiser, without its schedule."""
        return self.optimizer(self.parameters(), lr=self.learning_rate, **self.optimizer_options)  # type: ignore[call-arg]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Returns the optimiser and its schedule, stretched over the whole training."""
        optimizer = self.make_optimizer()
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


def _named(name: str, terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a loss by its name, followed by its terms where it has several."""
    parts = {f"{name}/{term}": value for term, value in terms.items()} if len(terms) > 1 else {}
    return {name: torch.stack(list(terms.values())).sum(), **parts}
