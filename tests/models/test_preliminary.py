import numpy as np
import pytest
import torch

from mpi_cascade.models.preliminary import DenseInverse, SpectralInverse
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

SHAPES = [(16, 16), (32, 32), (8, 12)]


@pytest.mark.parametrize("network", [DenseInverse, SpectralInverse])
@pytest.mark.parametrize("image_shape", SHAPES)
def test_maps_signals_to_images_of_any_grid(small_scanner, network, image_shape):
    image = network(small_scanner, image_shape)(torch.randn(3, 1, 16, 16))
    assert image.shape == (3, 1, *image_shape)


@pytest.mark.parametrize("network", [DenseInverse, SpectralInverse])
def test_takes_harmonics_and_quadrature_as_channels(network):
    particle = Particle(relaxation_time_s=2e-6)
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16, harmonics=(3, 5), particle=particle)
    signal = torch.randn(2, *scanner.signal_shape)
    assert signal.shape[1] == 4
    image = network(scanner, (16, 16))(signal)
    image.square().mean().backward()
    assert image.shape == (2, 1, 16, 16)


def test_dense_inverse_starts_as_the_regularised_least_squares_solution(small_scanner):
    signal = torch.randn(1, 1, 16, 16)
    dense = DenseInverse(small_scanner, (16, 16), relative_regularisation=1e-2)
    system = ForwardModel(small_scanner, (16, 16)).matrix().double().numpy()
    weight = 1e-2 * np.linalg.norm(system, ord=2) ** 2
    augmented = np.vstack((system, np.sqrt(weight) * np.eye(256)))
    right_side = np.concatenate((signal.flatten().numpy(), np.zeros(256)))
    expected = np.linalg.lstsq(augmented, right_side, rcond=None)[0].reshape(16, 16)
    np.testing.assert_allclose(dense(signal).detach()[0, 0], expected, rtol=1e-3, atol=1e-3)


def test_each_spectral_filter_starts_as_a_regularised_inverse():
    """In the periodic world of the padded FFT the filter times Ŝ is |Ŝ|²/(|Ŝ|² + λ)."""
    scanner = Scanner(num_ffp_x=32, num_ffp_y=32)
    network = SpectralInverse(
        scanner, (32, 32), num_filters=2, relative_regularisation=(1e-4, 1e-1)
    )
    transfer = ForwardModel(scanner, (32, 32)).transfer_function
    energy = transfer.abs().square()
    for weight, filtered in zip((1e-4, 1e-1), network.inverse, strict=True):
        expected = energy / (energy + weight * energy.max())
        torch.testing.assert_close((filtered * transfer).real, expected, rtol=1e-4, atol=1e-6)
        assert (filtered * transfer).imag.abs().max() < 1e-6


@pytest.mark.parametrize("network", [DenseInverse, SpectralInverse])
def test_all_parameters_learn(small_scanner, network):
    stage = network(small_scanner, (16, 16))
    stage(torch.randn(4, 1, 16, 16)).square().mean().backward()
    for parameter in stage.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0
