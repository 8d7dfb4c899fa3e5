"""How the cost of a scan and of a training grows: pixels, batch, harmonics, processes; memory."""

import functools
import os
import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from simulation import simulated_scans
from timing import Row, Table, in_turn, start
from training import run_fit

from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.training.throughput import SPEED

BATCH_SIZE = 8


@torch.no_grad()
def scaling(
    table: Table,
    config: Path = Path("configs/quickstart.yaml"),
    sizes: Sequence[int] = (32, 64, 128, 256),
    batch_sizes: Sequence[int] = (1, 8, 32, 128),
    num_processes: int = os.cpu_count() or 1,
) -> None:
    """Measures the cost of a scan over pixels, batch and harmonics, and of fit over processes.

    Args:
        config: what fit trains
        sizes: pixels along each side of the images, ascending
        batch_sizes: scans in a batch
        num_processes: most processes of fit, of one thread each
    """
    # A process counts the memory of the one that starts it as its own, so this one is small yet.
    for number in range(1, num_processes + 1):
        _fit_in_processes(table, config, number)
    _draw(table, sizes, [_at_size(table, size) for size in sizes])
    _over_batches(table, batch_sizes)
    _over_harmonics(table)


def _fit_in_processes(table: Table, config: Path, number: int) -> None:
    logged = run_fit(
        config, table.directory / f"fit-{number}", 32 * 32, "--data.global_batch_size=32",
        "--trainer.log_every_n_steps=4", f"--trainer.devices={number}",
        f"--trainer.strategy={'ddp' if number > 1 else 'auto'}",
    )  # fmt: skip
    table.add(f"fit in {number} process(es)", "samples/s", logged[SPEED[0]][1:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    table.add(f"peak memory of a process, fit in {number} or fewer", "MiB", [peak])


def _at_size(table: Table, size: int) -> dict[str, Row]:
    scans, mixture = simulated_scans(size), PhantomMixture()
    model = ForwardModel(scans.nominal_scanner, (size, size))
    network = ResidualUNet(num_features=(40, 80, 120)).eval()
    images = torch.rand(BATCH_SIZE, 1, size, size)
    streams = RandomStreams(0, 0, torch.arange(BATCH_SIZE))
    calls = {
        "forward model": lambda: model(images),
        "simulation": lambda: scans.scan(mixture, streams),
        "refinement": lambda: network(images),
    }
    times = in_turn(calls)
    named = {f"{name}, {size} × {size} pixels": times[name] for name in times}
    rows = table.per_sample(named, BATCH_SIZE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.add(f"peak memory of this process, up to {size} × {size}", "MiB", [peak])
    return dict(zip(calls, rows, strict=True))


def _draw(table: Table, sizes: Sequence[int], at_sizes: Sequence[dict[str, Row]]) -> None:
    """Adds the exponents of cost ∝ pixelsᵃ, and draws the costs."""
    pixels = np.square(sizes)

    def exponent(name: str, costs: Sequence[float]) -> str:
        fitted = np.polyfit(np.log(pixels), np.log(costs), 1)[0]
        return f"{name}: pixels^{table.add(f'exponent of {name}', 'a', [fitted]).median:.2f}"

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for name in at_sizes[0]:
        low, costs, high = np.array(
            [(r[name].low, r[name].median, r[name].high) for r in at_sizes]
        ).T
        around = (costs - low, high - costs)
        axes.errorbar(pixels, costs, around, fmt="o-", capsize=3, label=exponent(name, costs))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(pixels, [f"{size}²" for size in sizes])
    axes.set_xlabel("pixels of the image, as many FFP positions")
    axes.set_ylabel("time per sample / ms")
    axes.legend(title=exponent("n log n", pixels * np.log(pixels)), frameon=False)
    figure.savefig(table.directory / "scaling.png", dpi=150)


def _over_batches(table: Table, batch_sizes: Sequence[int]) -> None:
    scans, mixture = simulated_scans(64), PhantomMixture()
    for number in batch_sizes:
        call = functools.partial(scans.scan, mixture, RandomStreams(0, 0, torch.arange(number)))
        times = in_turn({f"simulation, 64 × 64, batch {number}": call})
        table.per_sample(times, number)


def _over_harmonics(table: Table) -> None:
    images = torch.rand(BATCH_SIZE, 1, 64, 64)
    models = {
        f"forward model, 64 × 64, {len(harmonics)} harmonic(s)": ForwardModel(
            Scanner(harmonics=harmonics), (64, 64)
        )
        for harmonics in ((3,), (2, 3), (2, 3, 4, 5))
    }
    calls = {name: functools.partial(model, images) for name, model in models.items()}
    table.per_sample(in_turn(calls), BATCH_SIZE)


if __name__ == "__main__":
    start(scaling)
