"""What choices of precision, optimiser, layout and compiler gain, and what they do to the loss."""

import copy
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from mpi_cascade.benchmark.timing import Advance, Row, ratio, spread
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.datamodule import Stream
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.parsing import CommandReader

SECTION = "choices"
_DEFAULT = "default"
_HALF = "bf16-mixed"
_NUM_WARM_UPS = 5
_CLIP_NORM = 1.0

Change = Callable[[CascadeModule], None]


def measure_choices(config: Path, num_steps: int, advance: Advance) -> list[Row]:
    """Returns how long a step takes with each choice, and how far its loss curve is from default's.

    All choices train from the same weights on the same batches, a step of each in turn: a whole
    training of ``num_steps`` steps, with its warm-up and decay.

    Args:
        config: Configuration of the training.
        num_steps: Steps of the training.
        advance: Called before each part.
    """
    advance(f"choices: {num_steps} steps of {config} with each")
    model, data, _ = CommandReader().read(["fit", f"--config={config}"])
    model.prepare(data)
    trainings = {name: _Training(model, change) for name, change in _changes().items()}
    trainings[_HALF] = _Training(model, _nothing, torch.bfloat16)
    seconds: dict[str, list[float]] = {name: [] for name in trainings}
    losses: dict[str, list[float]] = {name: [] for name in trainings}
    for step in range(num_steps):
        keys = SampleKeys(Stream.TRAINING, step * data.batch_size + torch.arange(data.batch_size))
        sample = data.simulate(keys)
        for name, training in trainings.items():
            start = time.perf_counter()
            losses[name].append(training.step(sample, (step + 1) / num_steps))
            seconds[name].append(time.perf_counter() - start)
    return _rows(seconds, losses)


def _changes() -> dict[str, Change]:
    changes: dict[str, Change] = {
        _DEFAULT: _nothing, "fused optimiser": _fused, "channels first": _channels_first,
    }  # fmt: skip
    if shutil.which("g++"):
        changes["compiled stage 2"] = lambda module: module.cascade.refinement.compile()
    return changes


def _nothing(module: CascadeModule) -> None:
    pass


def _fused(module: CascadeModule) -> None:
    module.optimizer_options = {**module.optimizer_options, "fused": True}


def _channels_first(module: CascadeModule) -> None:
    module.cascade.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


class _Training:
    """A training of a copy of a module, as ``fit`` does it, with one thing changed."""

    def __init__(
        self, module: CascadeModule, change: Change, precision: torch.dtype | None = None
    ) -> None:
        self.module = copy.deepcopy(module).train()
        change(self.module)
        self.optimiser = self.module.make_optimizer()
        self.precision = precision

    def step(self, sample: Sample, share: float) -> float:
        """Takes a step, ``share`` of the training being done then, and returns its loss."""
        moment = self.module.strategy.at(share)
        rate = moment.phase.learning_rate * self.module.schedule(moment.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self.module.learning_rate * rate
        self.optimiser.zero_grad()
        device = sample.signal.device.type
        with torch.autocast(device, self.precision, enabled=self.precision is not None):
            loss = self.module.losses(sample, moment)["loss"]
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), _CLIP_NORM)
        self.optimiser.step()
        return float(loss.detach())


def _rows(seconds: dict[str, list[float]], losses: dict[str, list[float]]) -> list[Row]:
    typical = seconds.pop(_DEFAULT)[_NUM_WARM_UPS:]
    expected = losses.pop(_DEFAULT)
    rows = [spread(SECTION, "a step as configured", "ms", [1e3 * second for second in typical])]
    for name, times in seconds.items():
        rows.append(ratio(SECTION, f"step, {name} ÷ default", times[_NUM_WARM_UPS:], typical))
    half = len(expected) // 2
    for name, found in losses.items():
        pairs = list(zip(found, expected, strict=True))[half:]
        differences = [100 * (loss / other - 1) for loss, other in pairs]
        rows.append(spread(SECTION, f"loss, {name} against default, second half", "%", differences))
    return rows
