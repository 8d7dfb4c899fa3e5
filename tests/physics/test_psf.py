import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special

from mpi_cascade.checks import InputError
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import (
    DeltaSamplePSF,
    harmonic_psf,
    harmonic_psfs,
    sample_psf,
    voltage_psf,
)
from mpi_cascade.physics.scanner import Scanner

ZERO = torch.zeros(1, dtype=torch.float64)


def line(half_m, num):
    return torch.linspace(-half_m, half_m, num, dtype=torch.float64)


def magnetisation_x(scanner, beta, x_m, y_m, theta):
    """Returns M_x/Ms in plain NumPy; no field may be exactly zero."""
    field_x = scanner.gradient_x_t_per_m * x_m + scanner.drive_amplitude_t * np.cos(theta)
    field = np.hypot(field_x, scanner.gradient_y_t_per_m * y_m)
    return (1 / np.tanh(beta * field) - 1 / (beta * field)) * field_x / field


def reference_harmonic(scanner, beta, harmonic, x_m, y_m, num_phases=400):
    """Returns c_n at one position by the trapezoidal rule over a whole period."""
    theta = 2 * math.pi * np.arange(num_phases) / num_phases
    m_x = magnetisation_x(scanner, beta, x_m, y_m, theta)
    return 2 * np.mean(m_x * np.cos(harmonic * theta))


@pytest.mark.parametrize("harmonic", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("x_m", "y_m"), [(0.2e-3, 0.1e-3), (-0.7e-3, 0.4e-3), (2e-3, -3e-3)])
def test_harmonic_is_the_fourier_coefficient_of_the_magnetisation(harmonic, x_m, y_m):
    scanner = Scanner()
    beta = scanner.particle.field_sensitivity_per_t

    def integrand(theta):
        return magnetisation_x(scanner, beta, x_m, y_m, theta) * math.cos(harmonic * theta)

    reference = 2 / math.pi * integrate.quad(integrand, 0, math.pi, epsabs=1e-13, limit=200)[0]
    value = harmonic_psf(scanner, harmonic, ZERO + x_m, ZERO + y_m)
    assert float(value) == pytest.approx(reference, abs=1e-12)


@pytest.mark.parametrize("core_diameter_m", [25e-9, 40e-9, 50e-9])
def test_harmonics_of_a_strong_drive_are_those_of_many_times_as_many_phases(core_diameter_m):
    particle = Particle(core_diameter_m=core_diameter_m)
    scanner = Scanner(drive_amplitude_t=20e-3, gradient_x_t_per_m=2.5, particle=particle)
    x_m = np.linspace(-10e-3, 10e-3, 41)
    beta = particle.field_sensitivity_per_t
    reference = [reference_harmonic(scanner, beta, 3, x + 1e-7, 1e-9, 16_000) for x in x_m]
    x_m, y_m = torch.from_numpy(x_m) + 1e-7, ZERO + 1e-9
    for psf in (harmonic_psf(scanner, 3, x_m, y_m), harmonic_psfs(scanner, (2, 3), x_m, y_m)[1]):
        np.testing.assert_allclose(psf.numpy(), reference, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("harmonic", "sign"), [(2, -1), (3, 1), (4, -1), (5, 1)])
def test_odd_harmonics_are_even_and_even_harmonics_odd_along_x(harmonic, sign):
    x_m, y_m = line(3e-3, 61), 0.3e-3 + ZERO
    psf = harmonic_psf(Scanner(), harmonic, x_m, y_m)
    torch.testing.assert_close(psf.flip(0), sign * psf, rtol=0, atol=1e-14)
    assert psf.abs().max() > 1e-3


@pytest.mark.parametrize("harmonic", [2, 3])
def test_harmonics_are_even_along_y(harmonic):
    x_m, y_m = line(3e-3, 7), line(3e-3, 8)[:, None]
    psf = harmonic_psf(Scanner(), harmonic, x_m, y_m)
    torch.testing.assert_close(psf.flip(0), psf, rtol=0, atol=1e-14)


def test_on_a_grid_it_is_that_of_each_position():
    """To the bit, though rows on either side of the x axis are computed once."""
    x_m, y_m = (
        line(3e-3, 7)[None],
        torch.tensor([[0.4e-3], [-1e-3], [0.0], [1e-3], [-0.4e-3]]).double(),
    )
    each = harmonic_psf(Scanner(), 2, x_m.expand(5, 7), y_m.expand(5, 7))
    assert torch.equal(harmonic_psf(Scanner(), 2, x_m, y_m), each)


def collinear_spectrum(scanner, wavenumbers_per_m):
    """Returns û₃(κ) by the trapezoidal rule, which converges spectrally on a smooth line.

    2 m are long enough: c₃ falls with x⁻⁴. At 50 µm the first alias is below 1e-30.
    """
    x_m = line(1.0, 40001)
    psf = harmonic_psf(scanner, 3, x_m, ZERO).numpy()
    waves = np.exp(-1j * wavenumbers_per_m[:, None] * x_m.numpy())
    return waves @ psf * float(x_m[1] - x_m[0])


@pytest.mark.parametrize("gradient_x_t_per_m", [2.5, 5.0])
def test_collinear_transfer_function_is_the_closed_form(gradient_x_t_per_m):
    scanner = Scanner(gradient_x_t_per_m=gradient_x_t_per_m)
    kappa = np.linspace(100.0, 20000.0, 100)
    k = kappa / (scanner.particle.field_sensitivity_per_t * gradient_x_t_per_m)
    bessel = special.jv(3, kappa * scanner.drive_amplitude_t / gradient_x_t_per_m)
    # Jacobi–Anger gives 2·i³·J₃ and integrating L′ gives 1/(iκ): the sign is −1.
    closed_form = -2 * bessel / kappa * 2 * math.pi * k / np.expm1(math.pi * k)
    difference = collinear_spectrum(scanner, kappa) - closed_form
    assert np.abs(difference).max() < 3e-9 * np.abs(closed_form).max()


def test_a_uniform_object_along_the_line_gives_no_signal():
    scanner = Scanner()
    peak = np.abs(collinear_spectrum(scanner, np.linspace(500.0, 5000.0, 46))).max()
    assert np.abs(collinear_spectrum(scanner, np.zeros(1))) < 7e-9 * peak


def test_small_drive_gives_the_third_derivative_of_the_magnetisation():
    scanner = Scanner(drive_amplitude_t=1e-4)
    beta = scanner.particle.field_sensitivity_per_t
    x_m = line(1.5e-3, 40)  # An even number of points avoids ξ = 0.
    xi = beta * scanner.gradient_x_t_per_m * x_m.numpy()
    coth, csch = 1 / np.tanh(xi), 1 / np.sinh(xi)
    third_derivative = 6 / xi**4 - 4 * coth**2 * csch**2 - 2 * csch**4
    expected = scanner.drive_amplitude_t**3 / 24 * beta**3 * third_derivative
    psf = harmonic_psf(scanner, 3, x_m, ZERO).numpy()
    assert np.abs(psf - expected).max() < 0.005 * np.abs(expected).max()


def test_small_drive_gives_a_width_of_1_62_over_beta_g():
    scanner = Scanner(drive_amplitude_t=1e-4)
    peak = float(harmonic_psf(scanner, 3, ZERO, ZERO))

    def above_half(x_m):
        return float(harmonic_psf(scanner, 3, ZERO + x_m, ZERO)) / peak - 0.5

    width_m = 2 * optimize.brentq(above_half, 0, 0.5e-3)
    scale_m = 1 / (scanner.particle.field_sensitivity_per_t * scanner.gradient_x_t_per_m)
    assert width_m == pytest.approx(1.62 * scale_m, rel=0.005)


@pytest.mark.parametrize("harmonic", [2, 3, 5])
def test_voltage_grows_with_the_number_of_the_harmonic(harmonic):
    x_m = line(2e-3, 21)
    voltage = voltage_psf(Scanner(), harmonic, x_m, ZERO)
    assert voltage.dtype == torch.float64
    torch.testing.assert_close(voltage, harmonic * harmonic_psf(Scanner(), harmonic, x_m, ZERO))


@pytest.mark.parametrize("harmonic", [2, 3])
@pytest.mark.parametrize("tau_s", [1e-9, 1e-6, 5e-6])
def test_relaxed_voltage_is_the_ideal_times_the_debye_factor(harmonic, tau_s):
    x_m = line(2e-3, 21)
    relaxed = voltage_psf(Scanner(particle=Particle(relaxation_time_s=tau_s)), harmonic, x_m, ZERO)
    debye = 1 / (1 + 1j * harmonic * 2 * np.pi * 25e3 * tau_s)
    ideal = voltage_psf(Scanner(), harmonic, x_m, ZERO).numpy()
    np.testing.assert_allclose(relaxed.numpy(), debye * ideal, rtol=1e-13, atol=1e-16)


# Twelve nodes resolve the average of the smooth c₃ ever less well as the distribution widens.
@pytest.mark.parametrize(("log_std", "tolerance"), [(0.1, 1e-8), (0.2, 1e-5), (0.3, 2e-4)])
def test_diameters_are_averaged_over_the_log_normal_distribution_by_volume(log_std, tolerance):
    scanner = Scanner(particle=Particle(diameter_log_std=log_std))
    beta = scanner.particle.field_sensitivity_per_t
    positions_m = np.array([0.01e-3, 0.4e-3, 0.9e-3, 1.5e-3])

    def weighted(z, x_m):
        # β ∝ d³ = exp(3σz), which is also the weight.
        volume = math.exp(3 * log_std * z)
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return density * volume * reference_harmonic(scanner, beta * volume, 3, x_m, 0.1e-3)

    # Of so smooth a function the trapezoidal rule is exact to rounding.
    nodes, mean_volume = np.linspace(-8, 8, 321), math.exp(4.5 * log_std**2)
    expected = [
        sum(weighted(node, x_m) for node in nodes) * (nodes[1] - nodes[0]) / mean_volume
        for x_m in positions_m
    ]
    psf = harmonic_psf(scanner, 3, torch.from_numpy(positions_m), ZERO + 0.1e-3).numpy()
    np.testing.assert_allclose(psf, expected, rtol=0, atol=tolerance * np.abs(psf).max())


# All harmonics share the phases of the highest.
@pytest.mark.parametrize("log_std", [0.0, 0.2])
def test_several_harmonics_at_once_are_those_one_by_one(log_std):
    scanner = Scanner(particle=Particle(diameter_log_std=log_std))
    x_m, y_m = line(2e-3, 9), line(1e-3, 5)[:, None]
    together = harmonic_psfs(scanner, (2, 5), x_m, y_m)
    one_by_one = torch.stack([harmonic_psf(scanner, n, x_m, y_m) for n in (2, 5)])
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("harmonic", "sample_size_m"), [(2, 0.1e-3), (3, 0.4e-3)])
def test_delta_sample_averages_over_its_area(harmonic, sample_size_m):
    scanner, half_m = Scanner(), sample_size_m / 2
    beta = scanner.particle.field_sensitivity_per_t
    x_m, y_m = 0.31e-3, 0.11e-3

    def voltage(y, x):
        return harmonic * reference_harmonic(scanner, beta, harmonic, x, y, num_phases=128)

    (half_nodes, weights), integral = special.roots_legendre(20), 0.0
    for node_y, weight_y in zip(y_m + half_m * half_nodes, half_m * weights, strict=True):
        for node_x, weight_x in zip(x_m + half_m * half_nodes, half_m * weights, strict=True):
            integral += weight_y * weight_x * voltage(node_y, node_x)
    measured = DeltaSamplePSF(sample_size_m=sample_size_m)(
        scanner, harmonic, ZERO + x_m, ZERO + y_m
    )
    assert float(measured) == pytest.approx(integral / sample_size_m**2, abs=1e-6)


def test_a_vanishing_delta_sample_measures_the_voltage_itself():
    """With relaxation; a real voltage is averaged over an area above."""
    x_m, y_m = line(2e-3, 9), line(1e-3, 5)[:, None]
    scanner = Scanner(particle=Particle(relaxation_time_s=1e-6))
    measured = DeltaSamplePSF(sample_size_m=1e-9)(scanner, 3, x_m, y_m)
    torch.testing.assert_close(measured, voltage_psf(scanner, 3, x_m, y_m), rtol=0, atol=1e-9)


def test_a_delta_sample_without_size_is_refused():
    with pytest.raises(InputError, match=r"^DeltaSamplePSF\.sample_size_m is 0\.0: it must"):
        DeltaSamplePSF(sample_size_m=0.0)


def test_the_psf_of_a_calibration_is_that_of_its_delta_sample_or_of_a_point():
    assert sample_psf(0.0) is voltage_psf
    assert sample_psf(1e-4) == DeltaSamplePSF(sample_size_m=1e-4)
