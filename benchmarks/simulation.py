"""How fast scans are simulated, beside the dense product, SciPy's FFT and the time domain."""

from collections.abc import Sequence

import scipy.signal
import torch
import torch._inductor.metrics
from launches import Launches
from timing import Table, in_turn, start
from torch import Tensor

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

AIMS = {64: "≥ 5", 128: "≥ 20"}
NUM_PHASES = 128
NUM_POSITIONS = 4


@torch.no_grad()
def simulation(
    table: Table, batch_size: int = 32, sizes: Sequence[int] = (64, 128), is_compiled: bool = False
) -> None:
    """Measures the parts of the simulation, and S c by four ways.

    Args:
        batch_size: scans at a time
        sizes: pixels along each side of the images
        is_compiled: whether to count the kernels of the compiled simulation, too; takes minutes
    """
    _parts(table, batch_size, is_compiled)
    for size in sizes:
        _ways(table, torch.rand(batch_size, 1, size, size))


def simulated_scans(size: int) -> SimulatedScans:
    """Returns a simulator with as many FFPs, and pixels of the images, along each side."""
    scanner = Scanner(num_ffp_x=size, num_ffp_y=size)
    model = ScannerModels(scanner).true(fine_shape((size, size), (2, 2)))
    return SimulatedScans(model, scanner, (2, 2), [WhiteNoise(peak_snr_db=30.0)])


def _parts(table: Table, batch_size: int, is_compiled: bool) -> None:
    scans, mixture = simulated_scans(64), PhantomMixture()
    streams = RandomStreams(0, 0, torch.arange(batch_size))

    def phantoms() -> Tensor:
        shapes = mixture.draw(streams, scans.field_of_view_m).shapes
        return render(shapes, batch_size, scans.forward_model.image_shape, scans.field_of_view_m)

    fine = phantoms()
    signal = scans.forward_model(fine)
    calls = {
        "phantoms": phantoms,
        "forward model, 128 × 128 pixels, 64 × 64 FFPs": lambda: scans.forward_model(fine),
        "noise": lambda: scans.disturbances[0](signal, scans.nominal_scanner, streams),
        "scan, all together": lambda: scans.scan(mixture, streams),
    }
    table.per_sample(in_turn(calls), batch_size)
    _launches(table, batch_size, is_compiled)


def _launches(table: Table, batch_size: int, is_compiled: bool) -> None:
    """Adds how many operations a GPU would be given for a batch."""
    scans, mixture = simulated_scans(64).to("meta"), PhantomMixture()
    indices = torch.arange(batch_size, device="meta")

    def scan(indices: Tensor) -> tuple[Tensor, Tensor]:
        sample = scans.scan(mixture, RandomStreams(0, 0, indices))
        return sample.signal, sample.concentration

    scan(indices)  # Copies the constants.
    with Launches() as counted:
        scan(indices)
    table.add("launches per batch", "", [counted.num], "≤ 80")
    if is_compiled:
        scans = simulated_scans(64)
        torch._inductor.metrics.reset()
        torch.compile(scan, fullgraph=True)(torch.arange(batch_size))
        kernels = torch._inductor.metrics.generated_kernel_count
        table.add("kernels per batch, compiled for a CPU", "", [kernels], "≤ 25")


def _ways(table: Table, images: Tensor) -> None:
    """Adds the times of S c on equal grids, and what they would be at the machine's FLOP rate."""
    batch_size, size = len(images), images.shape[-1]
    scanner = Scanner(num_ffp_x=size, num_ffp_y=size)
    model = ForwardModel(scanner, (size, size))
    matrix, factor = model.matrix().T, torch.rand(1536, 1536)
    shifts_m = torch.arange(1 - size, size, dtype=torch.float64) * scanner.field_of_view_x_m / size
    kernel = voltage_psf(scanner, 3, shifts_m[None, :], shifts_m[:, None]).float().numpy()[None]
    arrays = images[:, 0].numpy()
    calls = {
        "forward model": lambda: model(images),
        "dense product S c": lambda: images.flatten(1) @ matrix,
        "SciPy's FFT": lambda: scipy.signal.fftconvolve(arrays, kernel, mode="same", axes=(1, 2)),
        "time domain": lambda: _in_time(scanner, images[:1]),
        "at the machine's FLOP rate": lambda: factor @ factor,
    }
    ours, dense, fft, in_time, product = in_turn(calls).values()
    # Both of these did only a part of the work, or other work.
    in_time = [time * batch_size * size**2 / NUM_POSITIONS for time in in_time]
    share = batch_size * model.num_operations / factor.numel() ** 1.5
    product = [time * share for time in product]
    times = dict(zip(calls, (ours, dense, fft, in_time, product), strict=True))
    table.per_sample({f"{name}, {size} × {size}": times[name] for name in times}, batch_size)
    for name in list(calls)[1:]:
        aim = AIMS.get(size, "") if times[name] is dense else ""
        table.ratio(f"{name} ÷ forward model, {size} × {size}", times[name], ours, aim)


def _in_time(scanner: Scanner, image: Tensor) -> None:
    """Scans a few FFP positions from every pixel's magnetisation over a drive period."""
    size_y, size_x = scanner.field_of_view_m
    y_m = cell_centres(image.shape[-2], size_y)[:, None, None].float()
    x_m = cell_centres(image.shape[-1], size_x)[None, :, None].float()
    drive = torch.cos(2 * torch.pi * torch.arange(NUM_PHASES) / NUM_PHASES)
    beta = scanner.particle.field_sensitivity_per_t
    for number in range(NUM_POSITIONS):
        shift_m = (number / NUM_POSITIONS - 0.5) * size_x
        field_x_t = scanner.gradient_x_t_per_m * (x_m - shift_m) + scanner.drive_amplitude_t * drive
        field_t = torch.hypot(field_x_t, scanner.gradient_y_t_per_m * y_m)
        magnetisation = langevin_ratio(beta * field_t) * beta * field_x_t
        torch.fft.rfft((image[0, 0, ..., None] * magnetisation).sum(dim=(0, 1)))


if __name__ == "__main__":
    start(simulation)
