"""What the tests put into a run from the command line, as a user's own file would."""

import os
import time
from contextlib import suppress
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from mpi_cascade.models.stages import PhysicsStage
from mpi_cascade.phantoms import PhantomFamily
from mpi_cascade.phantoms.rendering import Strokes
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.strategies import Phase, Strategy


class SignalAt(Callback):
    """Sends this process a signal in the middle of a step, or before the first where that is -1."""

    def __init__(self, step: int, signum: int = 15) -> None:
        self.step = step
        self.signum = signum

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.step < 0:
            os.kill(os.getpid(), self.signum)

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.signum)


class PoisonAt(Callback):
    """Makes a weight NaN before a step, in one process."""

    def __init__(self, step: int, rank: int = 0) -> None:
        self.step = step
        self.rank = rank

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if (trainer.global_rank, trainer.global_step) == (self.rank, self.step):
            next(pl_module.parameters()).data.fill_(torch.nan)


class SpoilAfter(Callback):
    """Makes a weight NaN after a step, as an update may that came from a finite loss."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if trainer.global_step == self.step:
            next(pl_module.parameters()).data.fill_(torch.nan)


class RecordSamples(Callback):
    """Appends the indices and a checksum of every training batch to a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_batch_start(self, trainer, pl_module, batch: Sample, batch_idx) -> None:
        with open(self.path, "a") as file:  # noqa: PTH123
            file.write(f"{batch.indices.tolist()} {batch.signal.double().sum().item()!r}\n")


class TwoPhases(Strategy):
    """Both stages, twice."""

    def __init__(self, shares: tuple[float, float]) -> None:
        self.shares = shares

    @property
    def phases(self) -> tuple[Phase, ...]:
        return tuple(Phase(share=share) for share in self.shares)


class Rings(PhantomFamily):
    """Hexagons of 1 mm around the middle."""

    num_uniforms = 1
    largest_extent_m = 1.2e-3

    def shapes(self, uniforms, field_of_view_m) -> Strokes:
        angle = torch.linspace(0, 2 * torch.pi, 7)
        nodes = 0.5e-3 * torch.stack((angle.cos(), angle.sin()), dim=1)
        num = len(uniforms)
        width = torch.full((6 * num,), 0.1e-3)
        return Strokes(
            sample=torch.arange(num).repeat_interleave(6),
            start=nodes[:-1].repeat(num, 1),
            end=nodes[1:].repeat(num, 1),
            start_radius=width,
            end_radius=width,
            amplitude=uniforms[:, 0].repeat_interleave(6),
            is_flat=torch.zeros(6 * num, dtype=torch.bool),
        )


class Backprojection(PhysicsStage):
    """A learned gain of Sᵀ u."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    def use(self, forward_model: LinearModel) -> None:
        self.forward_model = forward_model

    def forward(self, signal):
        return self.gain * self.forward_model.adjoint(signal)


class RecordWeights(Callback):
    """Saves the weights before the first step and after every step."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.weights = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._add(pl_module)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self._add(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.save(self.weights, self.path)

    def _add(self, pl_module: LightningModule) -> None:
        self.weights.append({k: v.clone() for k, v in pl_module.state_dict().items()})


class FillDisk(Callback):
    """Leaves no byte free on the disk of a directory, before a step."""

    def __init__(self, directory: str, step: int) -> None:
        self.directory = Path(directory)
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == self.step:
            with suppress(OSError), (self.directory / "filler").open("wb", buffering=0) as file:
                while file.write(bytes(1024)):
                    pass


class KillRank(Callback):
    """Kills one of the processes in the middle of a step, and notes when."""

    def __init__(self, path: str, rank: int, step: int) -> None:
        self.path = Path(path)
        self.rank = rank
        self.step = step

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer) -> None:
        if (trainer.global_rank, trainer.global_step) == (self.rank, self.step):
            self.path.write_text("killed")
            os.kill(os.getpid(), 9)


class SlowSteps(Callback):
    """A twentieth of a second in every step, and half a second in every validation."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        time.sleep(0.05)

    def on_validation_epoch_end(self, trainer, pl_module) -> None:
        time.sleep(0.5)
