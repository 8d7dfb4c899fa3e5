"""How fast ``fit`` trains, beside a bare loop over one batch, in the same process and in turn.

What the steps of ``fit`` are made of, Lightning says itself: ``--trainer.profiler simple``.
"""

import copy
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from timing import Table, run, seconds, start
from torch import Tensor, nn
from torch.utils.benchmark import timer

from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.module import CascadeModule

WINDOW = 8
"""Steps of ``fit``, and then of the bare loop, in a round."""

CLIP_NORM = 1.0
"""The default of ``fit``."""


def training(
    table: Table,
    config: Path = Path("configs/quickstart.yaml"),
    batch_size: int = 32,
    num_rounds: int = 7,
) -> None:
    """Measures the samples per second of fit and of a bare loop, and the share of the data.

    Args:
        config: what fit trains
        batch_size: samples in a batch
        num_rounds: rounds of 8 steps of each
    """
    num_samples = batch_size * WINDOW
    logged = run_fit(
        config, table.directory / "fit", num_samples * (num_rounds + 1),
        f"--data.batch_size={batch_size}", "--trainer.callbacks+=training.BareLoop",
    )  # fmt: skip
    fit, bare, data = (logged[f"benchmark/{name}"][1:] for name in ("fit", "bare", "data"))
    for name, times in (("fit", fit), ("bare loop over one batch", bare)):
        table.add(name, "samples/s", [num_samples / time for time in times])
    for name, times, aim in (
        ("fit ÷ bare loop, samples per second", bare, "≥ 90 %"),
        ("share of moving and simulating data in fit", data, "≤ 5 %"),
    ):
        table.add(name, "%", [100 * a / b for a, b in zip(times, fit, strict=True)], aim)


def run_fit(config: Path, output: Path, num_samples: int, *options: str) -> dict[str, list[float]]:
    """Runs ``fit`` over a few samples, with a small test, and returns what it logs by name."""
    run(
        "-m", "mpi_cascade", "fit", f"--config={config}", f"--output={output}",
        "--trainer.max_epochs=1", f"--data.samples_per_epoch={num_samples}", "--data.num_test=8",
        "--data.two_points.cases_per_gap=4", "--report.tikhonov=false", *options,
    )  # fmt: skip
    with (output / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


class PlainTraining:
    """The training of a copy of a module as ``fit`` does it, in plain PyTorch.

    Args:
        module: The module, which stays as it is.
        change: Changes the copy.
        precision: Of the networks.
    """

    def __init__(
        self,
        module: CascadeModule,
        change: Callable[[CascadeModule], object] = lambda module: None,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.module = copy.deepcopy(module).train()
        change(self.module)
        self.optimiser = self.module.make_optimizer()
        self.precision = precision

    def step(self, sample: Sample, share: float) -> Tensor:
        """Takes a step, ``share`` of the training being done then, and returns its loss."""
        moment = self.module.strategy.at(share)
        rate = moment.phase.learning_rate * self.module.schedule(moment.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self.module.learning_rate * rate
        self.optimiser.zero_grad()
        is_mixed = self.precision != torch.float32
        with torch.autocast(sample.signal.device.type, self.precision, enabled=is_mixed):
            loss = self.module.losses(sample, moment)["loss"]
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), CLIP_NORM)
        self.optimiser.step()
        return loss.detach()


class BareLoop(Callback):
    """Trains on one batch in every pause between windows of ``fit``, and logs how long both took.

    It trains a copy of the networks; those of ``fit`` go on untouched.
    """

    def on_train_start(self, trainer: Trainer, pl_module: CascadeModule) -> None:
        """Copies the networks."""
        self._bare, self._data = PlainTraining(pl_module), trainer.datamodule
        self._sample = self._data.training_samples(self._data.batch_size)
        self._begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: CascadeModule, outputs: Any, batch: Sample, number: int
    ) -> None:
        """Ends a window with as many steps of the bare loop."""
        if (number + 1) % WINDOW:
            return
        times = {"fit": timer() - self._start, "data": self._data.seconds - self._data_start}
        times["bare"] = seconds(self._take_bare_steps)
        named = {f"benchmark/{name}": time for name, time in times.items()}
        trainer.logger.log_metrics(named, trainer.global_step)
        self._begin()

    def _begin(self) -> None:
        self._start, self._data_start = timer(), self._data.seconds

    def _take_bare_steps(self) -> None:
        for _ in range(WINDOW):
            self._bare.step(self._sample, share=0.5)


if __name__ == "__main__":
    start(training)
