"""What a training and its images cost on a GPU: times, launches, waits and memory.

With ``--device cpu`` it measures what a CPU can tell: no kernels, waits, memory or CUDA graphs.
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
from mpi_cascade.devices import recorded
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.training.configuration import build, read_training
from mpi_cascade.training.datamodule import SimulatedDataModule
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
    compilers: Sequence[str] = ("reduce-overhead",),
    num_rounds: int = 9,
) -> None:
    """Measures simulation, training step and both, and images by the cascade and classical methods.

    Args:
        device: where: cuda, cuda:1, or cpu
        config: what is trained
        batch_size: scans in a training batch
        images: images in each batch that is reconstructed
        classical: classical methods, untuned, which takes as long as tuned
        compilers: modes of torch.compile for stage 2
        num_rounds: rounds, each of them all in turn
    """
    there = chosen_device(device)
    module, data, _ = build(read_training([f"--config={config}"]))
    _count_launches(table, module, data, batch_size)
    module.to(there)
    simulate = simulation_on(there, data)
    indices = torch.arange(batch_size, device=there)
    try:
        _train(table, module, simulate, indices, compilers, num_rounds)
        signal = simulate(indices).signal
        model = data.experiment.forward_model.to(there)
        methods = {name: CLASSICAL[name](model).to(there) for name in classical}
        _reconstruct(table, module, methods, signal, images, num_rounds)
    finally:
        write_csv(table.directory / "gpu.csv", Row._fields, table.rows)
        text = markdown_table(["", "unit", "median", "quartiles", "aim"], map(_cells, table.rows))
        (table.directory / "gpu.md").write_text(f"{text}\n", encoding="utf-8")


def simulation_on(device: torch.device, data: SimulatedDataModule) -> Simulation:
    """Returns what makes training scans of indices on a device, as a training has them."""
    if data.scanners is not None:
        raise InputError("data.scanners has several scanners: measure one of them, without it")
    simulation = copy.deepcopy(data).simulations[0]

    @torch.no_grad()
    def simulate(indices: Tensor) -> Sample:
        return simulation(indices.to(device))

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
    table: Table,
    module: CascadeModule,
    simulate: Simulation,
    indices: Tensor,
    compilers: Sequence[str],
    num_rounds: int,
) -> None:
    """Adds the rates of simulation, of steps over one batch, and of both."""
    sample = simulate(indices)
    calls: dict[str, Callable[[], object]] = {"simulation": lambda: simulate(indices)}
    steps = {name: _step(module, precision) for name, precision in PRECISIONS.items()}
    steps |= {f"bf16, {mode}": _step(module, torch.bfloat16, mode) for mode in compilers}
    for name, step in steps.items():
        table.add(f"first step, {name}", "s", [seconds(functools.partial(step, sample))])
        calls[f"step, {name}"] = functools.partial(step, sample)
        calls[f"both, {name}"] = lambda step=step: step(simulate(indices))
    times = in_turn(calls, num_rounds)
    for name, values in times.items():
        aim = "≥ 10,000" if name.startswith("both, bf16") else ""
        table.add(name, "scans/s", [len(indices) / value for value in values], aim)
    for name in steps:
        both, step_alone = times[f"both, {name}"], times[f"step, {name}"]
        shares = [100 * a / b for a, b in zip(times["simulation"], both, strict=True)]
        table.add(f"simulation's share of both, {name}", "%", shares, "≤ 5")
        rates = [100 * a / b for a, b in zip(step_alone, both, strict=True)]
        table.add(f"step over one batch ÷ both, {name}", "%", rates, "≥ 90")
    for name, values in in_turn(calls, num_rounds, cost=_share_of_host).items():
        table.add(f"time until the call is back, {name}", "%", values)
    if indices.is_cuda:
        for name, call in calls.items():
            _add_device_rows(table, name, call, times[name])


def _step(
    module: CascadeModule, precision: torch.dtype, mode: str | None = None
) -> Callable[[Sample], object]:
    """Returns the step of a training of its own, halfway, with stage 2 compiled or as it is."""

    def compile_stage(copied: CascadeModule) -> None:
        if mode is not None:
            copied.cascade.refinement.compile(mode=mode)

    training = PlainTraining(module, compile_stage, precision)
    return functools.partial(training.step, share=0.5)


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
    in_bf16 = torch.autocast(signal.device.type, torch.bfloat16, cache_enabled=False)(cascade)
    for num in images:
        batch = signal.repeat(-(-num // len(signal)), 1, 1, 1)[:num]
        methods = {"cascade": cascade, "cascade in bf16": in_bf16, **classical}
        if batch.is_cuda:
            alone = {"cascade in bf16": in_bf16} | {
                name: classical[name] for name in {"Tikhonov", "ADMM"} & set(classical)
            }
            methods |= {f"{name}, as one graph": _replaying(alone[name], batch) for name in alone}
        calls = {name: functools.partial(method, batch) for name, method in methods.items()}
        times = in_turn(calls, num_rounds, num_warm_ups=1)
        table.per_sample({f"{name}, batch {num}": times[name] for name in times}, num)
        fastest = min(times, key=lambda name: (not name.startswith("cascade"), min(times[name])))
        for name in times:
            if not name.startswith("cascade"):
                table.ratio(f"{name} ÷ fastest cascade, batch {num}", times[name], times[fastest])


def _replaying(call: Callable[[Tensor], object], batch: Tensor) -> Callable[[Tensor], object]:
    """Returns what repeats all that a call launches for a batch as one CUDA graph."""
    graph, _ = recorded(functools.partial(call, batch), batch.device)
    return lambda batch: graph.replay()


def _cells(row: Row) -> list[str]:
    return [row.name, row.unit, f"{row.median:.4g}", f"{row.low:.4g} … {row.high:.4g}", row.aim]


if __name__ == "__main__":
    start(gpu)
