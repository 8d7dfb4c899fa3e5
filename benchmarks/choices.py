"""What choices of precision, optimiser, layout and compiler gain, and what they do to the loss."""

import functools
import shutil
from pathlib import Path

import torch
from timing import Table, in_turn, start
from training import PlainTraining

from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.randomness import Stream
from mpi_cascade.scans.sampling import keys_of
from mpi_cascade.training.configuration import build, read_training
from mpi_cascade.training.module import CascadeModule

DEFAULT = "default"
NUM_WARM_UPS = 5


def choices(
    table: Table,
    config: Path = Path("configs/quickstart.yaml"),
    num_steps: int = 120,
    device: str = "cpu",
) -> None:
    """Measures a step with each choice, and how far the loss is from that of the default.

    Each is a whole training with warm-up and decay, from the same weights on the same batches.

    Args:
        config: what is trained
        num_steps: steps of the training
        device: where: cpu, cuda or cuda:1
    """
    there = chosen_device(device)
    module, data, _ = build(read_training([f"--config={config}"]))
    module.to(there)
    indices = torch.arange(num_steps * data.batch_size).split(data.batch_size)
    keys = [keys_of(Stream.TRAINING, part.tolist()) for part in indices]
    samples = [data.simulate(one._replace(indices=one.indices.to(there))) for one in keys]
    trainings = _trainings(module)
    losses: dict[str, list[float]] = {name: [] for name in trainings}

    def step(name: str) -> None:
        number = len(losses[name])
        losses[name].append(trainings[name].step(samples[number], (number + 1) / num_steps).item())

    calls = {name: functools.partial(step, name) for name in trainings}
    times = in_turn(calls, num_steps - NUM_WARM_UPS, NUM_WARM_UPS)
    table.add("a step as configured", "ms", [1e3 * time for time in times[DEFAULT]])
    late = {name: torch.tensor(values[num_steps // 2 :]) for name, values in losses.items()}
    for name in [name for name in trainings if name != DEFAULT]:
        table.ratio(f"step, {name} ÷ default", times[name], times[DEFAULT])
        differences = 100 * (late[name] / late[DEFAULT] - 1)
        table.add(f"loss, {name} against default, second half", "%", differences.tolist())


def _trainings(module: CascadeModule) -> dict[str, PlainTraining]:
    trainings = {
        DEFAULT: PlainTraining(module),
        "fused optimiser": PlainTraining(
            module, lambda module: module.optimizer_options.update(fused=True)
        ),
        "channels first": PlainTraining(
            module, lambda module: module.cascade.to(memory_format=torch.contiguous_format)
        ),
        "bf16-mixed": PlainTraining(module, precision=torch.bfloat16),
    }
    if shutil.which("g++"):
        compiled = PlainTraining(module, lambda module: module.cascade.refinement.compile())
        trainings["compiled stage 2"] = compiled
    return trainings


if __name__ == "__main__":
    start(choices)
