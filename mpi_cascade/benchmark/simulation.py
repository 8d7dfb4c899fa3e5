"""How fast scans are simulated, beside the dense product, SciPy's FFT and the time domain."""

import numpy as np
import scipy.signal
import torch
from torch import Tensor

from mpi_cascade.benchmark.timing import Advance, Row, in_turn, per_sample, ratio, spread
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import langevin_ratio
from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.scanner import Scanner, cell_centres
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.scans.simulated import SimulatedScans, fine_shape

SECTION = "simulation"
BATCH = 32
SIZES = (64, 128)
_NUM_PHASES = 128
_NUM_POSITIONS = 4


def measure_simulation(flops: float, bandwidth: float, advance: Advance) -> list[Row]:
    """Returns the times of the simulation's parts and of S c by four ways.

    Args:
        flops: Measured float32 operations per second of this machine.
        bandwidth: Measured bytes per second of a copy.
        advance: Called before each part.
    """
    advance("simulation: phantoms, forward model, noise")
    rows = _parts()
    for size in SIZES:
        advance(f"simulation: S c by other ways at {size} × {size}")
        rows += _ways(size, flops, bandwidth)
    return rows


def _parts() -> list[Row]:
    scanner = Scanner()
    noise, mixture = WhiteNoise(peak_snr_db=30.0), PhantomMixture()
    model = ScannerModels(scanner).true(fine_shape((64, 64), 2))
    scans = SimulatedScans(model, scanner, 2, [noise])
    streams = RandomStreams(0, 0, torch.arange(BATCH))

    def phantoms() -> Tensor:
        drawing = mixture.draw(streams, scanner.field_of_view_m)
        shape = scans.forward_model.image_shape
        return render(drawing.shapes, BATCH, shape, scanner.field_of_view_m)

    fine = phantoms()
    signal = scans.forward_model(fine)
    times = in_turn(
        {
            "phantoms": phantoms,
            "forward model, 128 × 128 pixels, 64 × 64 FFPs": lambda: scans.forward_model(fine),
            "noise": lambda: noise(signal, scanner, streams),
            "scan, all together": lambda: scans.scan(mixture, streams),
        },
        num_rounds=30,
    )
    return per_sample(SECTION, times, BATCH)


def _ways(size: int, flops: float, bandwidth: float) -> list[Row]:
    """Returns the times of S c on equal grids: ours, the dense product, SciPy, the time domain."""
    scanner = Scanner(num_ffp_x=size, num_ffp_y=size)
    model = ForwardModel(scanner, (size, size))
    matrix = model.matrix().T
    images = torch.rand(BATCH, 1, size, size)
    kernel, arrays = _kernel(scanner, size), images[:, 0].numpy()
    grid = f"{size} × {size}"
    names = [f"{way}, {grid}" for way in ("forward model", "dense product S c", "SciPy's FFT")]
    times = in_turn(
        {
            names[0]: lambda: model(images),
            names[1]: lambda: images.flatten(1) @ matrix,
            names[2]: lambda: scipy.signal.fftconvolve(arrays, kernel, mode="same", axes=(1, 2)),
        },
        num_rounds=9,
    )
    ours, dense, scipys = (times[name] for name in names)
    rows = per_sample(SECTION, times, BATCH)
    rows += [
        ratio(SECTION, f"dense product ÷ forward model, {grid}", dense, ours),
        ratio(SECTION, f"SciPy's FFT ÷ forward model, {grid}", scipys, ours),
    ]
    least_s = BATCH * 4 * 2 * size**2 / bandwidth
    work = 2 * BATCH * model.num_operations / flops
    shares = [100 * work / second for second in ours]
    rows.append(spread(SECTION, f"its operations at the machine's FLOP rate, {grid}", "%", shares))
    shares = [100 * least_s / second for second in ours]
    rows.append(spread(SECTION, f"reading and writing at its bandwidth, {grid}", "%", shares))
    if size == 64:
        rows += _time_domain(scanner, images[:1], ours)
    return rows


def _kernel(scanner: Scanner, size: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    shifts_m = torch.arange(size - 1, -size, -1, dtype=torch.float64)
    shifts_m = -shifts_m * (scanner.field_of_view_x_m / size)
    kernel = voltage_psf(scanner, 3, shifts_m[None, :], shifts_m[:, None])
    return kernel.float().numpy()[None]


def _time_domain(scanner: Scanner, image: Tensor, ours: list[float]) -> list[Row]:
    """Returns the time of field, Langevin function and FFT per FFP, from a few positions.

    The dense magnetisation of every pixel over a drive period, as simulators in the field do it.
    """
    size_y, size_x = scanner.field_of_view_m
    y_m = cell_centres(image.shape[-2], size_y)[:, None, None].float()
    x_m = cell_centres(image.shape[-1], size_x)[None, :, None].float()
    phases = 2 * torch.pi * torch.arange(_NUM_PHASES) / _NUM_PHASES
    drive_t = scanner.drive_amplitude_t * torch.cos(phases)
    beta = scanner.particle.field_sensitivity_per_t

    def positions() -> None:
        for number in range(_NUM_POSITIONS):
            ffp_x_m = (number / _NUM_POSITIONS - 0.5) * size_x
            field_x_t = scanner.gradient_x_t_per_m * (x_m - ffp_x_m) + drive_t
            field_t = torch.hypot(field_x_t, scanner.gradient_y_t_per_m * y_m)
            magnetisation = langevin_ratio(beta * field_t) * beta * field_x_t
            torch.fft.rfft((image[0, 0, ..., None] * magnetisation).sum(dim=(0, 1)))

    seconds = in_turn({"time domain": positions}, num_rounds=5, num_warm_ups=1)["time domain"]
    num_ffps = scanner.num_ffp_x * scanner.num_ffp_y
    per_scan = [second * num_ffps / _NUM_POSITIONS for second in seconds]
    name = f"time domain, 64 × 64 (from {_NUM_POSITIONS} of {num_ffps} FFPs)"
    ours_per_scan = sorted(ours)[len(ours) // 2] / BATCH
    ratios = [second / ours_per_scan for second in per_scan]
    return [
        *per_sample(SECTION, {name: per_scan}, 1),
        spread(SECTION, "time domain ÷ forward model, 64 × 64", "×", ratios),
    ]
