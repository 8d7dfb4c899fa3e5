"""The report of a run: the classical yardstick, the test metrics and the paper's figures."""

import json
from pathlib import Path
from typing import Any

import torch
import wandb
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.evaluation.pair_figures import pair_images, pair_profiles
from mpi_cascade.metrics.collection import EvaluationMetrics
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.results.messages import going_on_without
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.solvers.tikhonov import RELATIVE_REGULARISATIONS, Tikhonov
from mpi_cascade.solvers.tuning import tune
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream


class Report(Callback):
    """Compares the cascade with tuned Tikhonov on the very same signals.

    During validation the figures go to W&B; after the test, metrics and figures go to ``report/``.

    Args:
        directory: Directory of the run; the report is made below it.
        has_tikhonov: Whether Tikhonov is tuned and shown; its eigendecomposition takes time.
    """

    def __init__(self, directory: Path, has_tikhonov: bool) -> None:
        self.directory = directory / "report"
        self.has_tikhonov = has_tikhonov
        self.tikhonov: Tikhonov | None = None
        self.metrics: EvaluationMetrics | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Tunes Tikhonov's λ on the validation phantoms, once."""
        data = _data(trainer)
        self.metrics = EvaluationMetrics(data.two_points.gaps_mm, data.scanner.field_of_view_m)
        if self.has_tikhonov and self.tikhonov is None and stage != "predict":
            self.tikhonov = _tuned_tikhonov(data)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sends both figures to W&B."""
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        if trainer.sanity_checking or not trainer.is_global_zero or not loggers:
            return
        figures = self._figures(trainer, pl_module, Stream.VALIDATION_PAIRS)
        for logger in loggers:
            images = {f"val/{name}": wandb.Image(figure) for name, figure in figures.items()}
            with going_on_without("a figure of the validation"):
                logger.experiment.log({**images, "trainer/global_step": trainer.global_step})

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Sample,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Reconstructs the batch with Tikhonov, where validation is the whole command."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._add(batch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs ``val/tikhonov/<metric>``, where validation is the whole command."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._log("val", pl_module)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Sample,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Reconstructs the batch with Tikhonov."""
        self._add(batch)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs ``test/tikhonov/<metric>``."""
        self._log("test", pl_module)

    def _add(self, batch: Sample) -> None:
        assert self.metrics is not None
        if self.tikhonov is not None:
            self.metrics.update(self.tikhonov.to(batch.signal.device)(batch.signal), batch)

    def _log(self, split: str, pl_module: LightningModule) -> None:
        assert self.metrics is not None
        values = {f"{split}/tikhonov/{k}": v for k, v in self.metrics.compute().items()}
        pl_module.log_dict(values, sync_dist=True)
        self.metrics.reset()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes ``metrics.json`` and both figures."""
        if trainer.is_global_zero:
            with going_on_without(self.directory):
                self._write(trainer, pl_module)

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        metrics = {
            key: round(value.item(), 6)
            for key, value in sorted(trainer.callback_metrics.items())
            if key.startswith("test/") and value.isfinite()
        }
        (self.directory / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        for name, figure in self._figures(trainer, pl_module, Stream.TEST_PAIRS).items():
            figure.savefig(self.directory / f"{name}.png", dpi=130)

    @torch.no_grad()
    def _figures(
        self, trainer: Trainer, pl_module: LightningModule, stream: Stream
    ) -> dict[str, Figure]:
        data = _data(trainer)
        sample = data.simulate(SampleKeys(stream, _central_cases(data, stream, pl_module.device)))
        with trainer.precision_plugin.forward_context():
            reconstruction = pl_module(sample.signal)
        images = {"truth": sample.concentration}
        if self.tikhonov is not None:
            images["Tikhonov"] = self.tikhonov.to(pl_module.device)(sample.signal)
        images |= reconstruction._asdict()
        images = {name: image.float().cpu() for name, image in images.items()}
        assert sample.pairs is not None
        pairs = PairGeometry(*(column.cpu() for column in sample.pairs))
        field_of_view_m = data.scanner.field_of_view_m
        return {
            "figure1": pair_images(images, pairs, field_of_view_m),
            "figure2": pair_profiles(images, pairs, field_of_view_m),
        }


def _central_cases(data: SimulatedDataModule, stream: Stream, device: torch.device) -> Tensor:
    """Returns the index, for each gap, of the pair nearest to the middle of the field of view."""
    suite = data.two_points
    indices = torch.arange(len(suite), device=device)
    streams = data.streams(SampleKeys(stream, indices))
    distances = suite.pairs(streams, data.scanner.field_of_view_m).centre_m.norm(dim=1)
    nearest = distances.reshape(-1, suite.cases_per_gap).argmin(dim=1)
    return nearest + torch.arange(len(nearest), device=device) * suite.cases_per_gap


def _tuned_tikhonov(data: SimulatedDataModule) -> Tikhonov:
    rank_zero_info(f"Tuning Tikhonov on {data.num_validation} validation scans …")
    solver = Tikhonov(data.reconstruction_model())
    batches: list[tuple[Tensor, Tensor]] = []
    for indices in torch.arange(data.num_validation).split(data.evaluation_batch_size):
        sample = data.simulate(SampleKeys(Stream.VALIDATION, indices))
        batches.append((sample.signal, sample.concentration))
    tune(solver, {"relative_regularisation": RELATIVE_REGULARISATIONS}, batches, psnr)
    best = solver.relative_regularisation
    rank_zero_info(f"Tuned Tikhonov: λ = {best:.2g} of the largest eigenvalue")
    return solver


def _data(trainer: Trainer) -> SimulatedDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, SimulatedDataModule)
    return data
