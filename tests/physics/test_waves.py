import copy

import pytest
import torch

from mpi_cascade.physics.convolution import PaddedFFT, common_lattice
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import DeltaSamplePSF, voltage_psf
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.physics.waves import WaveProducts, wave_products

# Sums of about a hundred float32 terms, as in the dense product.
FLOAT32 = 1.5e-6


def lopsided(scanner, harmonic, x_m, y_m):
    """A PSF that is neither even nor odd, as of a coil beside the field of view."""
    return voltage_psf(scanner, harmonic, x_m, y_m) * (1 + 80 * x_m) * (1 - 50 * y_m)


def both_ways(scanner, image_shape, psf):
    """Returns the convolution by waves, and by FFT in double precision."""
    model = ForwardModel(scanner, image_shape)
    kernel = model._kernel(psf)
    by_waves = wave_products(model._lattice, kernel)
    by_fft = copy.copy(PaddedFFT(model._lattice, kernel))
    spectrum = torch.fft.rfft2(kernel).transpose(-1, -2)
    by_fft._buffers = {"_transfer_function": spectrum}
    return by_waves, by_fft


@pytest.mark.parametrize(
    ("ffp_shape", "image_shape", "changes", "psf", "num_terms"),
    [
        ((48, 48), (48, 48), {}, voltage_psf, 1),
        ((48, 48), (96, 96), {}, voltage_psf, 1),
        ((48, 36), (32, 48), {"gradient_x_t_per_m": 2.5}, voltage_psf, 1),
        ((40, 48), (40, 48), {"harmonics": (2,)}, voltage_psf, 1),
        ((48, 48), (48, 48), {"harmonics": (2, 3)}, voltage_psf, 2),
        ((48, 48), (48, 48), {"particle": Particle(relaxation_time_s=3e-6)}, voltage_psf, 1),
        ((48, 48), (48, 48), {}, DeltaSamplePSF(sample_size_m=0.5e-3), 1),
        ((48, 48), (48, 48), {}, lopsided, 4),
        ((1, 64), (1, 128), {}, voltage_psf, 1),
    ],
)
def test_waves_are_the_fft_to_rounding(ffp_shape, image_shape, changes, psf, num_terms):
    scanner = Scanner(num_ffp_y=ffp_shape[0], num_ffp_x=ffp_shape[1], **changes)
    by_waves, by_fft = both_ways(scanner, image_shape, psf)
    assert len(by_waves._multipliers) == num_terms
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 1, *image_shape, generator=generator)
    expected = by_fft(image.double())
    scale = float(expected.abs().max())
    torch.testing.assert_close(by_waves(image).double(), expected, rtol=0, atol=FLOAT32 * scale)
    signal = torch.randn(expected.shape, generator=generator)
    expected = by_fft.adjoint(signal.double())
    scale = float(expected.abs().max())
    actual = by_waves.adjoint(signal).double()
    torch.testing.assert_close(actual, expected, rtol=0, atol=FLOAT32 * scale)


def test_few_waves_are_enough_where_the_psf_is_smooth():
    """A finer grid needs no more of them."""
    coarse, fine = (ForwardModel(Scanner(), (n, n))._convolution for n in (64, 128))
    assert isinstance(fine, WaveProducts)
    assert coarse._multipliers.shape == fine._multipliers.shape
    assert fine.num_operations < 3 * coarse.num_operations


def test_a_kernel_without_smoothness_is_left_to_the_fft():
    lattice = common_lattice((1, 600), (1, 600))
    kernel = torch.randn(
        1, 2, 1200, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    assert wave_products(lattice, kernel) is None


def test_a_kernel_whose_waves_would_cancel_is_left_to_the_fft():
    """A PSF hardly wider than a lattice step: waves fit it, with amplitudes 500 times as large."""
    scanner = Scanner(
        num_ffp_x=32, num_ffp_y=1, field_of_view_x_m=25e-3, gradient_x_t_per_m=4.6,
        drive_amplitude_t=1.1e-3,
    )  # fmt: skip
    by_waves, _ = both_ways(scanner, (1, 96), voltage_psf)
    assert by_waves is None


def test_a_small_grid_is_left_to_the_fft():
    assert isinstance(
        ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16), (16, 16))._convolution, PaddedFFT
    )


def test_networks_in_half_precision_leave_the_physics_as_it_is():
    model = ForwardModel(Scanner(), (64, 64))
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        signal = model(image)
    assert torch.equal(signal, model(image))
