import math

import numpy as np
import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.physics.convolution import common_lattice
from mpi_cascade.physics.forward import ForwardModel, signal_unit
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import ReceivedPSF, voltage_psf
from mpi_cascade.physics.scanner import Scanner

# The transform is applied in float32: about 1e-7 of the peak for every factor of two in size.
FLOAT32 = 2e-6


def small_scanner(ffp_shape=(6, 8), size_m=(3e-3, 5e-3), **other):
    return Scanner(
        num_ffp_y=ffp_shape[0],
        num_ffp_x=ffp_shape[1],
        field_of_view_y_m=size_m[0],
        field_of_view_x_m=size_m[1],
        **other,
    )


def centres(num, size_m):
    return [(i + 0.5) * size_m / num - size_m / 2 for i in range(num)]


def brute_force_matrix(scanner, image_shape, psf=voltage_psf, unit_scanner=None):
    """Returns S from one loop over FFP positions and pixels, (channel·FFP, pixel)."""
    size_y, size_x = scanner.field_of_view_m
    pixels = [
        (y, x) for y in centres(image_shape[0], size_y) for x in centres(image_shape[1], size_x)
    ]
    ffps = [
        (y, x)
        for y in centres(scanner.num_ffp_y, size_y)
        for x in centres(scanner.num_ffp_x, size_x)
    ]
    x_m = torch.tensor([[px - fx for _, px in pixels] for _, fx in ffps], dtype=torch.float64)
    y_m = torch.tensor([[py - fy for py, _ in pixels] for fy, _ in ffps], dtype=torch.float64)
    blocks = []
    for harmonic in scanner.harmonics:
        voltage = psf(scanner, harmonic, x_m, y_m).numpy()
        blocks += [voltage.real, voltage.imag] if np.iscomplexobj(voltage) else [voltage]
    pixel_m2 = size_y * size_x / len(pixels)
    return np.concatenate(blocks) * pixel_m2 / signal_unit(unit_scanner or scanner)


def assert_is_the_matrix(model, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model.matrix().numpy(), expected, rtol=0, atol=FLOAT32 * scale)
    image = torch.randn(3, 1, *model.image_shape, generator=torch.Generator().manual_seed(0))
    signal = model(image).flatten(1).double().numpy()
    product = image.flatten(1).double().numpy() @ expected.T
    np.testing.assert_allclose(signal, product, rtol=0, atol=FLOAT32 * np.abs(product).max())
    back = model.adjoint(model(image)).flatten(1).double().numpy()
    product = product @ expected
    np.testing.assert_allclose(back, product, rtol=0, atol=FLOAT32 * np.abs(product).max())


@pytest.mark.parametrize(
    ("ffp_shape", "image_shape"),
    [
        ((6, 8), (6, 8)),
        ((6, 8), (12, 16)),
        ((6, 8), (18, 8)),
        ((12, 16), (6, 4)),
        ((8, 4), (6, 10)),
        ((5, 7), (7, 5)),
        ((5, 5), (1, 1)),
        ((1, 1), (5, 6)),
    ],
)
def test_fft_application_is_the_explicit_matrix(ffp_shape, image_shape):
    scanner = small_scanner(ffp_shape)
    assert_is_the_matrix(
        ForwardModel(scanner, image_shape), brute_force_matrix(scanner, image_shape)
    )


@pytest.mark.parametrize("num_pixels", [12, 24, 20])
def test_a_line_scan_is_the_explicit_matrix(num_pixels):
    scanner = small_scanner((1, 12), (0.2e-3, 5e-3))
    assert_is_the_matrix(
        ForwardModel(scanner, (1, num_pixels)), brute_force_matrix(scanner, (1, num_pixels))
    )


@pytest.mark.parametrize("relaxation_time_s", [0.0, 3e-6])
@pytest.mark.parametrize("harmonics", [(2,), (2, 3, 5)])
def test_each_harmonic_has_its_channels_in_the_order_of_the_scanner(harmonics, relaxation_time_s):
    scanner = small_scanner(
        harmonics=harmonics, particle=Particle(relaxation_time_s=relaxation_time_s)
    )
    model = ForwardModel(scanner, (12, 8))
    assert model(torch.zeros(2, 1, 12, 8)).shape == (2, *scanner.signal_shape)
    assert_is_the_matrix(model, brute_force_matrix(scanner, (12, 8)))


def test_another_psf_takes_the_place_of_the_voltage():
    def psf(scanner, harmonic, x_m, y_m):
        return voltage_psf(scanner, harmonic, x_m, y_m) * (1 + 80 * x_m) * (1 - 50 * y_m)

    scanner = small_scanner()
    model = ForwardModel(scanner, (6, 8), psf=psf)
    assert_is_the_matrix(model, brute_force_matrix(scanner, (6, 8), psf))


def test_a_perturbed_scanner_is_read_with_the_gain_of_the_nominal_one():
    scanner = small_scanner(gradient_x_t_per_m=4.0, gradient_y_t_per_m=2.0)
    nominal = small_scanner()
    assert signal_unit(scanner) != pytest.approx(signal_unit(nominal), rel=0.1)
    model = ForwardModel(scanner, (6, 8), unit_scanner=nominal)
    assert_is_the_matrix(model, brute_force_matrix(scanner, (6, 8), unit_scanner=nominal))


def test_the_transfer_function_is_the_spectrum_of_the_psf():
    scanner = small_scanner((8, 8), (4e-3, 4e-3))
    shifts_m = torch.fft.fftfreq(16, 1 / 16, dtype=torch.float64) * 0.5e-3
    psf = voltage_psf(scanner, 3, -shifts_m[None, :], -shifts_m[:, None]).numpy()
    expected = np.fft.rfft2(psf)[None] * 0.5e-3**2 / signal_unit(scanner)
    transfer = ForwardModel(scanner, (8, 8)).transfer_function
    np.testing.assert_allclose(transfer, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("image_shape", [(16, 12), (6, 10)])
@pytest.mark.parametrize("relaxation_time_s", [0.0, 3e-6])
def test_adjoint_has_the_inner_product_of_the_forward_model(image_shape, relaxation_time_s):
    scanner = small_scanner(
        (8, 4), harmonics=(2, 3), particle=Particle(relaxation_time_s=relaxation_time_s)
    )
    model = ForwardModel(scanner, image_shape)
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(5, 1, *image_shape, generator=generator)
    signal = torch.randn(5, *scanner.signal_shape, generator=generator)
    forward = (model(image).double() * signal).sum((1, 2, 3))
    backward = (image.double() * model.adjoint(signal)).sum((1, 2, 3))
    scale = model(image).flatten(1).norm(dim=1) * signal.flatten(1).norm(dim=1)
    assert ((forward - backward).abs() < FLOAT32 * scale).all()


def test_autograd_of_the_forward_model_is_the_adjoint():
    model = ForwardModel(small_scanner((8, 4)), (6, 10))
    image = torch.ones(2, 1, 6, 10, requires_grad=True)
    signal = torch.randn(2, 1, 8, 4, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(model(image), image, signal)
    adjoint = model.adjoint(signal)
    torch.testing.assert_close(gradient, adjoint, rtol=0, atol=FLOAT32 * float(adjoint.abs().max()))


def test_signals_superpose():
    model = ForwardModel(small_scanner(), (12, 16))
    first, second = torch.rand(2, 1, 1, 12, 16, generator=torch.Generator().manual_seed(3))
    combined = model(2 * first - 3 * second)
    separate = 2 * model(first) - 3 * model(second)
    # The largest term, not the sum, sets the rounding.
    torch.testing.assert_close(combined, separate, rtol=0, atol=FLOAT32 * 3)


@pytest.mark.parametrize(("axis", "pixels"), [(-1, 2), (-2, 3)])
def test_moving_an_object_by_an_ffp_step_moves_its_signal(axis, pixels):
    model = ForwardModel(small_scanner((8, 8), (4e-3, 4e-3)), (24, 16))
    image = torch.zeros(1, 1, 24, 16)
    image[..., 4:9, 3:7] = torch.rand(5, 4, generator=torch.Generator().manual_seed(4))
    still, moved = model(image), model(image.roll(pixels, dims=axis))
    expected, actual = still.narrow(axis, 0, 7), moved.narrow(axis, 1, 7)
    torch.testing.assert_close(actual, expected, rtol=0, atol=FLOAT32 * float(still.abs().max()))


@pytest.mark.parametrize(
    ("ffp_shape", "image_shape"), [((8, 8), (16, 16)), ((24, 24), (24, 24)), ((64, 16), (32, 48))]
)
@pytest.mark.parametrize("relaxation_time_s", [0.0, 3e-6])
def test_on_grids_that_resolve_the_psf_no_signal_exceeds_the_largest_concentration(
    ffp_shape, image_shape, relaxation_time_s
):
    scanner = Scanner(
        num_ffp_y=ffp_shape[0],
        num_ffp_x=ffp_shape[1],
        particle=Particle(relaxation_time_s=relaxation_time_s),
    )
    # Σ|S| over the pixels is the signal of the worst image with |c| ≤ 1.
    worst = ForwardModel(scanner, image_shape).matrix().abs().sum(dim=1)
    assert worst.max() <= 1


def test_the_unit_is_the_integral_of_the_absolute_psf():
    scanner = Scanner(harmonics=(2, 3))
    x_m = torch.tensor(centres(400, 12.8e-3), dtype=torch.float64)
    integrals = [
        float(voltage_psf(scanner, harmonic, x_m, x_m[:, None]).abs().mean()) * 12.8e-3**2
        for harmonic in (2, 3)
    ]
    # Where the PSF changes sign |PSF| has a kink: 128 points per axis are good to 0.1 %.
    assert signal_unit(scanner) == pytest.approx(max(integrals), rel=2e-3)


def test_the_unit_is_that_of_a_small_field_of_view_that_holds_the_psf():
    """A larger one adds next to nothing to ∫ |PSF| dr."""
    small, large = (
        signal_unit(Scanner(field_of_view_x_m=size_m, field_of_view_y_m=size_m, harmonics=(5,)))
        for size_m in (6.4e-3, 40e-3)
    )
    assert large == pytest.approx(small, rel=0.02)


@pytest.mark.parametrize("num_samples", [1, 8, 17])
def test_a_batch_of_any_size_is_its_samples_one_by_one(num_samples):
    scanner = small_scanner((8, 4), harmonics=(2, 3))
    model = ForwardModel(scanner, (6, 10))
    images = torch.rand(num_samples, 1, 6, 10, generator=torch.Generator().manual_seed(5))
    signals = model(images)
    assert signals.shape == (num_samples, 2, 8, 4)
    assert model.adjoint(signals).shape == images.shape
    for image, signal in zip(images, signals, strict=True):
        torch.testing.assert_close(model(image[None])[0], signal, rtol=0, atol=1e-6)


@pytest.mark.parametrize("image_shape", [(0, 8), (8, -1)])
def test_an_image_without_pixels_is_refused(image_shape):
    with pytest.raises(InputError, match=r"^image_shape is \[.*\]: it must be positive"):
        ForwardModel(small_scanner(), image_shape)


@pytest.mark.parametrize(("ffp_shape", "fitting"), [((63, 63), "64 × 64"), ((50, 61), "48 × 60")])
def test_grids_without_a_small_common_lattice_are_refused_with_counts_that_fit(ffp_shape, fitting):
    with pytest.raises(InputError, match=rf"too fine to compute: use {fitting} FFP positions"):
        ForwardModel(small_scanner(ffp_shape), (128, 128))
    num_y, num_x = map(int, fitting.split(" × "))
    assert max(common_lattice((128, 128), (num_y, num_x)).period) <= 4096


def test_too_many_pixels_for_any_ffp_grid_are_refused():
    with pytest.raises(InputError, match=r"which is too fine to compute: use fewer pixels$"):
        ForwardModel(small_scanner((64, 64)), (4096, 4096))


def test_time_domain_simulation_gives_the_same_signal():
    scanner = small_scanner((4, 6))
    image = torch.rand(1, 1, 10, 9, generator=torch.Generator().manual_seed(6))
    signal = ForwardModel(scanner, (10, 9))(image)[0, 0].double().numpy()

    theta = 2 * math.pi * np.arange(256) / 256
    moment = scanner.particle.saturation_magnetisation_a_per_m * math.pi / 6 * 25e-9**3
    beta = moment / (1.380649e-23 * 300.0)
    pixel_y = np.array(centres(10, 3e-3))[:, None, None]
    pixel_x = np.array(centres(9, 5e-3))[None, :, None]
    expected = np.zeros((4, 6))
    for row, ffp_y in enumerate(centres(4, 3e-3)):
        for column, ffp_x in enumerate(centres(6, 5e-3)):
            field_x = 5.0 * (pixel_x - ffp_x) + 4e-3 * np.cos(theta)
            field = np.hypot(field_x, 2.5 * (pixel_y - ffp_y))
            m_x = (1 / np.tanh(beta * field) - 1 / (beta * field)) * field_x / field
            total = (image[0, 0].double().numpy()[..., None] * m_x).sum(axis=(0, 1))
            expected[row, column] = 3 * 2 * np.fft.rfft(total)[3].real / 256
    expected *= 3e-3 * 5e-3 / 90 / signal_unit(scanner)
    np.testing.assert_allclose(signal, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_an_ffp_that_is_one_position_off_receives_what_the_next_position_should():
    scanner = small_scanner(harmonics=(2, 3))
    step_x_m, step_y_m = 5e-3 / 8, 3e-3 / 6
    psf = ReceivedPSF(offset_x_m=step_x_m, offset_y_m=-2 * step_y_m, gain=1.25)
    image = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    off = ForwardModel(scanner, (6, 8), psf, scanner)(image)
    signal = ForwardModel(scanner, (6, 8))(image)
    tolerance = FLOAT32 * signal.abs().max().item()
    torch.testing.assert_close(
        off[..., 2:, :-1], 1.25 * signal[..., :-2, 1:], rtol=0, atol=tolerance
    )


def test_an_ffp_between_two_positions_is_exact():
    scanner = small_scanner(harmonics=(2, 3))
    psf = ReceivedPSF(offset_x_m=0.11e-3, offset_y_m=0.2e-3, gain=0.9)

    def moved(scanner, harmonic, x_m, y_m):
        return 0.9 * voltage_psf(scanner, harmonic, x_m - 0.11e-3, y_m - 0.2e-3)

    assert_is_the_matrix(
        ForwardModel(scanner, (12, 16), psf), brute_force_matrix(scanner, (12, 16), moved)
    )
