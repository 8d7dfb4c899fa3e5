"""How fast ``fit`` trains, beside a bare loop over one batch, in the same process and in turn."""

import copy
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from mpi_cascade.benchmark.timing import Advance, Row, ratio, spread
from mpi_cascade.checks import InputError
from mpi_cascade.losses import loss_terms
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.throughput import DataClock

SECTION = "training"
WINDOW = 8
_NUM_ROUNDS = 7
_PARTS = ("forward", "backward", "optimiser")


class BareLoop(Callback):
    """Trains a copy of the networks on one batch in every pause between two windows of ``fit``.

    Args:
        path: File that the times are written to, as JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.windows: list[dict[str, float]] = []
        self.validations: list[float] = []
        self._parts = dict.fromkeys(_PARTS, 0.0)
        self._mark = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copies the networks; fit's own go on untouched."""
        assert isinstance(pl_module, CascadeModule)
        self._bare = _Bare(pl_module, float(trainer.gradient_clip_val or 0))
        self._begin(trainer)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Marks the start of the forward pass."""
        self._mark = time.perf_counter()

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Counts the forward pass."""
        self._count("forward")

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the backward pass."""
        self._count("backward")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Sample,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Counts the optimiser; ends a window of ``fit`` with as many steps of the bare loop."""
        self._count("optimiser")
        if (batch_idx + 1) % WINDOW:
            return
        fit_s = time.perf_counter() - self._start
        data_s = _data_seconds(trainer) - self._data_start
        start = time.perf_counter()
        for _ in range(WINDOW):
            self._bare.step(batch)
        bare_s = time.perf_counter() - start
        self.windows.append({"fit": fit_s, "bare": bare_s, "data": data_s, **self._parts})
        self._begin(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Marks the start of a validation."""
        self._mark = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts a validation."""
        self.validations.append(time.perf_counter() - self._mark)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the times."""
        result = {"windows": self.windows, "validations": self.validations}
        self.path.write_text(json.dumps(result))

    def _begin(self, trainer: Trainer) -> None:
        self._parts = dict.fromkeys(_PARTS, 0.0)
        self._start, self._data_start = time.perf_counter(), _data_seconds(trainer)

    def _count(self, part: str) -> None:
        now = time.perf_counter()
        self._parts[part] += now - self._mark
        self._mark = now


def _data_seconds(trainer: Trainer) -> float:
    clock = trainer.profiler  # type: ignore[attr-defined]
    assert isinstance(clock, DataClock)
    return clock.seconds


class _Bare:
    """A training step of the same networks, losses and optimiser in plain PyTorch."""

    def __init__(self, module: CascadeModule, clip_norm: float) -> None:
        # Copies share nothing with fit, and a checkpoint knows nothing of them.
        self.cascade: nn.Module = copy.deepcopy(module.cascade)
        self.losses = [copy.deepcopy(module.preliminary_loss), copy.deepcopy(module.final_loss)]
        self.optimiser = module.optimizer(
            self.cascade.parameters(), lr=module.learning_rate, **module.optimizer_options
        )  # type: ignore[call-arg]
        self.clip_norm = clip_norm
        self.sample: Sample | None = None

    def step(self, sample: Sample) -> None:
        """Takes a step on the first batch that it was ever given."""
        self.sample = sample if self.sample is None else self.sample
        self.optimiser.zero_grad()
        images = self.cascade(self.sample.signal)
        terms = [
            term
            for loss, image in zip(self.losses, images, strict=True)
            for term in loss_terms(loss, image, self.sample).values()
        ]
        torch.stack(terms).sum().backward()
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.cascade.parameters(), self.clip_norm)
        self.optimiser.step()


def measure_training(config: Path, advance: Advance) -> list[Row]:
    """Returns the samples per second of ``fit`` and of the bare loop, and where the time goes.

    ``fit`` is the command itself, with the callback ``BareLoop`` in it.

    Args:
        config: Configuration of the training.
        advance: Called before each part.

    Raises:
        InputError: If the training fails.
    """
    advance(f"training: fit with {config} and a bare loop, in turn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.json"
        batch = 32
        run_fit(
            config, Path(folder), batch * WINDOW * (_NUM_ROUNDS + 1),
            f"--data.batch_size={batch}",
            f"--trainer.callbacks+={__name__}.BareLoop",
            f"--trainer.callbacks.init_args.path={path}",
        )  # fmt: skip
        result = json.loads(path.read_text())
    return _rows(result["windows"][1:], result["validations"], batch * WINDOW)


def run_fit(config: Path, folder: Path, num_samples: int, *arguments: str) -> None:
    """Runs a short ``fit`` with a small test below a folder.

    Args:
        config: Its configuration.
        folder: Root of its run directory.
        num_samples: Training samples.
        arguments: Further arguments.

    Raises:
        InputError: If it fails.
    """
    command = [
        sys.executable, "-m", "mpi_cascade", "fit", f"--config={config}",
        f"--trainer.default_root_dir={folder}", "--trainer.max_epochs=1",
        f"--data.samples_per_epoch={num_samples}", "--data.num_test=8",
        "--data.two_points.cases_per_gap=4", "--report.tikhonov=false", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        raise InputError(f"fit with {config} fails, so it can't be timed: {lines[-1]}")


def _rows(windows: list[dict[str, float]], validations: list[float], num_samples: int) -> list[Row]:
    rows = [
        spread(SECTION, name, "samples/s", [num_samples / window[part] for window in windows])
        for part, name in (("fit", "fit"), ("bare", "bare loop over one batch"))
    ]
    bare, fit = ([window[part] for window in windows] for part in ("bare", "fit"))
    rows.append(ratio(SECTION, "fit ÷ bare loop, samples per second", bare, fit))
    for part, name in (
        ("data", "data: fetching, moving and simulating"), ("forward", "forward pass and losses"),
        ("backward", "backward pass"), ("optimiser", "clipping, optimiser and schedule"),
    ):  # fmt: skip
        shares = [100 * window[part] / window["fit"] for window in windows]
        rows.append(spread(SECTION, f"share of {name}", "%", shares))
    rest = [
        100 * (1 - sum(window[part] for part in ("data", *_PARTS)) / window["fit"])
        for window in windows
    ]
    rows.append(spread(SECTION, "share of the trainer: loops, logging, callbacks", "%", rest))
    rows.append(spread(SECTION, "one validation", "s", validations[1:] or validations))
    return rows
