"""How the cost of a scan and of a training grows: pixels, batch, harmonics, processes; memory."""

import csv
import math
import re
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mpi_cascade.benchmark.timing import Advance, Row, in_turn, per_sample, spread
from mpi_cascade.benchmark.training import run_fit
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.scans.simulated import SimulatedScans, fine_shape
from mpi_cascade.training.throughput import SPEED

SECTION = "scaling"
SIZES = (32, 64, 128, 256)
_BATCH = 8
_NUM_ROUNDS = 7


def measure_scaling(config: Path, num_processes: int, advance: Advance) -> list[Row]:
    """Returns the cost per sample for every size, the fitted exponents, and the peaks of memory.

    Args:
        config: Configuration of the training that several processes share.
        num_processes: Most processes.
        advance: Called before each part.
    """
    rows: list[Row] = []
    for size in SIZES:
        advance(f"scaling: {size} × {size} pixels")
        rows += _at_size(size)
    for what in ("forward model", "simulation", "refinement"):
        costs = [row for row in rows if row.name.startswith(f"{what}, ") and "pixels" in row.name]
        exponent = fitted_exponent([size**2 for size in SIZES], [row.value for row in costs])
        name = f"exponent of {what}: cost ∝ pixelsᵃ"
        rows.append(Row(SECTION, name, "a", exponent, exponent, exponent))
    exponent = fitted_exponent([n**2 for n in SIZES], [n**2 * math.log(n**2) for n in SIZES])
    rows.append(Row(SECTION, "exponent of n log n over these sizes", "a", *[exponent] * 3))
    advance("scaling: batch and harmonics")
    rows += _over_batch() + _over_harmonics()
    for number in range(1, num_processes + 1):
        advance(f"scaling: fit in {number} process{'es' if number > 1 else ''}")
        rows += _in_processes(config, number)
    return rows


def fitted_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Returns a of the best fit cost ∝ sizeᵃ, least squares of the logarithms.

    Examples:
        >>> round(fitted_exponent([1, 2, 4], [3, 12, 48]), 6)
        2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


@torch.no_grad()
def _at_size(size: int) -> list[Row]:
    _forget_peak()
    scanner = Scanner(num_ffp_x=size, num_ffp_y=size)
    mixture = PhantomMixture()
    model = ForwardModel(scanner, (size, size))
    scans = _scans(scanner, size)
    network = ResidualUNet(num_features=(40, 80, 120)).eval()
    images = torch.rand(_BATCH, 1, size, size)
    streams = RandomStreams(0, 0, torch.arange(_BATCH))
    times = in_turn(
        {
            f"forward model, {size} × {size} pixels": lambda: model(images),
            f"simulation, {size} × {size} pixels": lambda: scans.scan(mixture, streams),
            f"refinement, {size} × {size} pixels": lambda: network(images),
        },
        _NUM_ROUNDS,
    )
    peak = _peak_mib()
    memory = Row(SECTION, f"peak memory of this process, {size}²", "MiB", peak, peak, peak)
    return [*per_sample(SECTION, times, _BATCH), memory]


def _forget_peak() -> None:
    """Lets this process's peak of memory start anew, where the kernel can (Linux)."""
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5")


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    kibibytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes / 1024


def _over_batch() -> list[Row]:
    scans = _scans(Scanner(), 64)
    mixture = PhantomMixture()
    rows: list[Row] = []
    for batch in (1, 8, 32, 128):
        streams = RandomStreams(0, 0, torch.arange(batch))
        name = f"simulation, 64 × 64, batch {batch}"
        times = in_turn({name: lambda: scans.scan(mixture, streams)}, _NUM_ROUNDS)  # noqa: B023
        rows += per_sample(SECTION, times, batch)
    return rows


def _over_harmonics() -> list[Row]:
    images = torch.rand(_BATCH, 1, 64, 64)
    models = {
        f"forward model, 64 × 64, {len(harmonics)} harmonic(s)": ForwardModel(
            Scanner(harmonics=harmonics), (64, 64)
        )
        for harmonics in ((3,), (2, 3), (2, 3, 4, 5))
    }
    calls = {name: (lambda model=model: model(images)) for name, model in models.items()}
    return per_sample(SECTION, in_turn(calls, _NUM_ROUNDS), _BATCH)


def _in_processes(config: Path, number: int) -> list[Row]:
    """Returns the samples per second of a fit in that many processes of one thread each."""
    _forget_peak()  # A new process starts from that of the one that made it.
    strategy = ["--trainer.strategy=ddp"] if number > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        run_fit(
            config, Path(folder), 32 * 32, "--data.global_batch_size=32",
            "--trainer.log_every_n_steps=4", f"--trainer.devices={number}", *strategy,
        )  # fmt: skip
        (metrics,) = Path(folder).glob("*/metrics.csv")
        with metrics.open(newline="") as file:
            logged = [row[SPEED[0]] for row in csv.DictReader(file)]
    speeds = [float(value) for value in logged if value][1:]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    name = f"in {number} process(es)"
    return [
        spread(SECTION, f"fit {name}", "samples/s", speeds),
        Row(SECTION, f"peak memory of a process, fit {name} or fewer", "MiB", peak, peak, peak),
    ]


def _scans(scanner: Scanner, size: int) -> SimulatedScans:
    model = ScannerModels(scanner).true(fine_shape((size, size), 2))
    return SimulatedScans(model, scanner, 2, [WhiteNoise(peak_snr_db=30.0)])
