import numpy as np
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.art import ART

QUADRATURE_SCANNER = Scanner(
    num_ffp_x=12, num_ffp_y=8, harmonics=(2, 3), particle=Particle(relaxation_time_s=2e-6)
)


def row_by_row(system, signal, regularisation, num_sweeps):
    """Regularised Kaczmarz as the books write it."""
    image, slack = np.zeros(system.shape[1]), np.zeros(len(system))
    for _ in range(num_sweeps):
        for i, row in enumerate(system):
            residual = signal[i] - row @ image - np.sqrt(regularisation) * slack[i]
            step = residual / (row @ row + regularisation)
            image = image + step * row
            slack[i] += np.sqrt(regularisation) * step
        image = np.maximum(image, 0)
        yield image


def test_each_sweep_is_the_loop_over_rows():
    """Four channels and fewer pixels than measurements, two different scans."""
    model = ForwardModel(QUADRATURE_SCANNER, (6, 10))
    system = model.matrix().double().numpy()
    regularisation = 0.05 * np.mean(np.sum(system**2, axis=1))
    signal = torch.randn(2, 4, 8, 12)
    solver = ART(model, relative_regularisation=0.05, num_sweeps=4)
    loops = [row_by_row(system, u.flatten().double().numpy(), regularisation, 4) for u in signal]
    for image, *expected in zip(solver.iterates(signal), *loops, strict=True):
        assert image.min() == 0
        np.testing.assert_allclose(image.flatten(1), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(solver(signal), image)


def test_unclipped_sweeps_tend_to_tikhonov(small_scanner):
    """(S Sᵀ + λ I)⁻¹ u by NumPy, for a signal whose Tikhonov image is positive."""
    model = ForwardModel(small_scanner, (16, 16), psf=narrow_bell)
    system = model.matrix().double().numpy()
    gram = system @ system.T
    regularised = gram + 0.5 * np.mean(np.diag(gram)) * np.eye(len(gram))
    signal = 1 + 0.1 * np.random.default_rng(0).random(256)
    expected = system.T @ np.linalg.solve(regularised, signal)
    assert expected.min() > 0.1
    solver = ART(model, relative_regularisation=0.5, num_sweeps=50)
    image = solver(torch.from_numpy(signal).float().reshape(1, 1, 16, 16))
    np.testing.assert_allclose(image.flatten(), expected, rtol=1e-4)


def test_hardly_regularised_sweeps_tend_to_the_non_negative_solution(small_scanner):
    """A narrow PSF makes S well conditioned, so that one c ≥ 0 alone explains the signal."""
    model = ForwardModel(small_scanner, (16, 16), psf=narrow_bell)
    truth = (torch.randn(3, 1, 16, 16)).clamp_min(0)
    solver = ART(model, relative_regularisation=1e-6, num_sweeps=200)
    torch.testing.assert_close(solver(model(truth)), truth, rtol=1e-3, atol=1e-3)


def test_scales_with_the_signal_and_does_not_depend_on_the_batch(small_scanner):
    solver = ART(ForwardModel(small_scanner, (16, 16)), num_sweeps=3)
    signal = torch.randn(3, 1, 16, 16)
    images = solver(signal)
    torch.testing.assert_close(solver(7 * signal), 7 * images, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(
        torch.cat([solver(u[None]) for u in signal]), images, rtol=1e-4, atol=1e-4
    )
    assert solver(0 * signal).abs().max() == 0


def narrow_bell(scanner, harmonic, x_m, y_m):
    """A PSF about half a pixel of ``small_scanner`` wide."""
    return torch.exp(-(x_m**2 + y_m**2) / (2 * 2e-4**2))
