"""What a training and its images cost on a GPU: times, launches, waits and memory.

With ``--device cpu`` it measures what a CPU can tell. The rows that only a GPU has (kernels, how
busy it is, waits, memory) have not run yet: there was no GPU.
"""

import copy
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import torch
from launches import Launches
from timing import Row, Table, in_turn, seconds, start
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import timer
from training import PlainTraining

from mpi_cascade.checks import InputError
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.training.configuration import build, read_training, training_parser
from mpi_cascade.training.datamodule import TRAINING_STREAM, SimulatedDataModule
from mpi_cascade.training.module import CascadeModule

CLASSICAL: dict[str, Callable[[LinearModel], torch.nn.Module]] = {
    "Tikhonov": Tikhonov, "ART": ART, "ADMM": ADMM, "FISTA": FISTA
}  # fmt: skip

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}

Simulation = Callable[[Tensor], Sample]


def gpu(
    table: Table,
    device: str = "cuda",
    config: Path = Path("configs/quickstart.yaml"),
    batch_size: int = 128,
    images: Sequence[int] = (1, 64, 1024),
    classical: Sequence[str] = tuple(CLASSICAL),
    compilers: Sequence[str] = ("cudagraphs", "inductor"),
    num_rounds: int = 9,
) -> None:
    """Measures simulation, training step and both, and images by the cascade and classical methods.

    Args:
        device: where: cuda, cuda:1, or cpu
        config: what is trained
        batch_size: scans in a training batch
        images: images in each batch that is reconstructed
        classical: classical methods, untuned, which takes as long as tuned
        compilers: backends of torch.compile for the simulation
        num_rounds: rounds, each of them all in turn
    """
    there = chosen_device(device)
    parser = training_parser()
    module, data, _ = build(parser, read_training(parser, [f"--config={config}"]))
    _count_launches(table, module, data, batch_size)
    module.to(there)
    simulate = simulation_on(there, data)
    indices = torch.arange(batch_size, device=there)
    try:
        _train(table, module, simulate, indices, num_rounds)
        signal = simulate(indices).signal
        model = data.experiment.forward_model.to(there)
        methods = {name: CLASSICAL[name](model).to(there) for name in classical}
        _reconstruct(table, module, methods, signal, images, num_rounds)
        _compile(table, simulate, indices, compilers, num_rounds)
    finally:
        write_csv(table.directory / "gpu.csv", Row._fields, table.rows)
        text = markdown_table(["", "unit", "median", "quartiles", "aim"], map(_cells, table.rows))
        (table.directory / "gpu.md").write_text(f"{text}\n", encoding="utf-8")


def simulation_on(device: torch.device, data: SimulatedDataModule) -> Simulation:
    """Returns what makes training scans of indices on a device, from a copy of the simulator."""
    if data.bank is not None:
        raise InputError("data.scanners has several scanners: measure one of them, without it")
    scans: SimulatedScans = copy.deepcopy(data.training_scans).to(device)
    mixture, seed = data.experiment.mixture, data.training_seed

    @torch.no_grad()
    def simulate(indices: Tensor) -> Sample:
        return scans.scan(mixture, RandomStreams(seed, TRAINING_STREAM, indices))

    return simulate


def _count_launches(
    table: Table, module: CascadeModule, data: SimulatedDataModule, batch_size: int
) -> None:
    """Adds what a GPU would be given for a batch, without one; the optimiser is left out."""
    meta = torch.device("meta")
    simulate, networks = simulation_on(meta, data), copy.deepcopy(module).to(meta)
    moment = networks.strategy.at(0.5)
    sample = simulate(torch.arange(batch_size, device=meta))
    calls: dict[str, tuple[Callable[[], object], str]] = {
        "simulation": (lambda: simulate(sample.indices), "≤ 80"),
        "forward and backward": (lambda: networks.losses(sample, moment)["loss"].backward(), ""),
    }
    for name, (call, aim) in calls.items():
        call()  # Copies the constants.
        with Launches() as counted:
            call()
        table.add(f"launches, {name}", "", [counted.num], aim)


def _train(
    table: Table, module: CascadeModule, simulate: Simulation, indices: Tensor, num_rounds: int
) -> None:
    """Adds the rates of simulation, of steps over one batch, and of both."""
    sample = simulate(indices)
    calls: dict[str, Callable[[], object]] = {"simulation": lambda: simulate(indices)}
    for name, precision in PRECISIONS.items():
        training = PlainTraining(module, precision=precision)
        step = functools.partial(training.step, share=0.5)
        calls[f"step, {name}"] = functools.partial(step, sample)
        calls[f"both, {name}"] = lambda step=step: step(simulate(indices))
    times = in_turn(calls, num_rounds)
    for name, values in times.items():
        aim = "≥ 10,000" if name == "both, bf16" else ""
        table.add(name, "scans/s", [len(indices) / value for value in values], aim)
    for name in PRECISIONS:
        both, step_alone = times[f"both, {name}"], times[f"step, {name}"]
        shares = [100 * a / b for a, b in zip(times["simulation"], both, strict=True)]
        table.add(f"simulation's share of both, {name}", "%", shares, "≤ 5")
        rates = [100 * a / b for a, b in zip(step_alone, both, strict=True)]
        table.add(f"both ÷ step over one batch, {name}", "%", rates, "≥ 90")
    for name, values in in_turn(calls, num_rounds, cost=_share_of_host).items():
        table.add(f"time until the call is back, {name}", "%", values)
    if indices.is_cuda:
        for name, call in calls.items():
            _add_device_rows(table, name, call, times[name])


def _share_of_host(call: Callable[[], object]) -> float:
    """Returns the share of a call's time, in %, after which the process goes on: 100 if it waits.

    Where a GPU finishes long after, it is never short of work.
    """
    before = timer()
    call()
    is_back = perf_counter()
    return 100 * (is_back - before) / (timer() - before)


def _add_device_rows(
    table: Table, name: str, call: Callable[[], object], times: Sequence[float]
) -> None:
    """Adds the kernels of a call on a GPU, how busy they keep it, waits and memory."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        seconds(call)
    kernels = [one for one in found.events() if one.device_type == DeviceType.CUDA]
    table.add(f"kernels, {name}", "", [len(kernels)])
    busy = 1e-6 * sum(kernel.time_range.elapsed_us() for kernel in kernels)
    table.add(f"time with a kernel at work, {name}", "%", [100 * busy / time for time in times])
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with warnings.catch_warnings(record=True) as waits:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    num_waits = sum("called a synchronizing" in str(wait.message) for wait in waits)
    table.add(f"waits, {name}", "", [num_waits], "0")
    added = torch.cuda.max_memory_allocated() - held
    table.add(f"memory while it runs, {name}", "GB", [1e-9 * added])


@torch.no_grad()
def _reconstruct(
    table: Table,
    module: CascadeModule,
    classical: dict[str, torch.nn.Module],
    signal: Tensor,
    images: Sequence[int],
    num_rounds: int,
) -> None:
    """Adds the times per image of the cascade, which is untrained, and of classical methods."""
    cascade = module.eval().cascade
    methods: dict[str, Callable[[Tensor], object]] = {
        "cascade": cascade,
        "cascade in bf16": torch.autocast(signal.device.type, torch.bfloat16)(cascade),
        **classical,
    }
    for num in images:
        batch = signal.repeat(-(-num // len(signal)), 1, 1, 1)[:num]
        calls = {name: functools.partial(method, batch) for name, method in methods.items()}
        times = in_turn(calls, num_rounds, num_warm_ups=1)
        table.per_sample({f"{name}, batch {num}": times[name] for name in times}, num)
        for name in classical:
            table.ratio(f"{name} ÷ cascade, batch {num}", times[name], times["cascade"])


def _compile(
    table: Table,
    simulate: Simulation,
    indices: Tensor,
    compilers: Sequence[str],
    num_rounds: int,
) -> None:
    """Adds the simulation as one compiled graph; last, as compilers may fail."""
    for name in compilers:
        compiled = torch.compile(simulate, fullgraph=True, backend=name)
        call = functools.partial(compiled, indices)
        table.add(f"time to compile, {name}", "s", [seconds(call)])
        times = in_turn({name: call}, num_rounds)[name]
        table.add(f"simulation, {name}", "scans/s", [len(indices) / time for time in times])
        if indices.is_cuda:
            _add_device_rows(table, f"simulation, {name}", call, times)


def _cells(row: Row) -> list[str]:
    return [row.name, row.unit, f"{row.median:.4g}", f"{row.low:.4g} … {row.high:.4g}", row.aim]


if __name__ == "__main__":
    start(gpu)
