import numpy as np
import pytest
import scipy.linalg
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.models.preliminary import (
    DenseInverse,
    FixedTikhonov,
    SpectralInverse,
    TikhonovBank,
    Unrolled,
)
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.total_variation import squared_norm


def stage_of(network, scanner, image_shape, **options):
    stage = network(**options)
    stage.use(ForwardModel(scanner, image_shape))
    return stage


SHAPES = [(16, 16), (32, 32), (8, 12)]
NETWORKS = [DenseInverse, FixedTikhonov, SpectralInverse, TikhonovBank, Unrolled]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("image_shape", SHAPES)
def test_maps_signals_to_images_of_any_grid(small_scanner, network, image_shape):
    image = stage_of(network, small_scanner, image_shape)(torch.randn(3, 1, 16, 16))
    assert image.shape == (3, 1, *image_shape)


@pytest.mark.parametrize("network", NETWORKS)
def test_takes_harmonics_and_quadrature_as_channels(network):
    particle = Particle(relaxation_time_s=2e-6)
    scanner = Scanner(num_ffp_x=16, num_ffp_y=8, harmonics=(3, 5), particle=particle)
    signal = torch.randn(2, *scanner.signal_shape, requires_grad=True)
    assert signal.shape[1] == 4
    image = stage_of(network, scanner, (16, 16))(signal)
    image.square().mean().backward()
    assert image.shape == (2, 1, 16, 16)
    # Every channel counts.
    assert (signal.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_dense_inverse_starts_as_the_regularised_least_squares_solution(small_scanner):
    signal = torch.randn(1, 1, 16, 16)
    dense = stage_of(DenseInverse, small_scanner, (16, 16), relative_regularisation=1e-2)
    system = ForwardModel(small_scanner, (16, 16)).matrix().double().numpy()
    weight = 1e-2 * np.linalg.norm(system, ord=2) ** 2
    augmented = np.vstack((system, np.sqrt(weight) * np.eye(256)))
    right_side = np.concatenate((signal.flatten().numpy(), np.zeros(256)))
    expected = np.linalg.lstsq(augmented, right_side, rcond=None)[0].reshape(16, 16)
    np.testing.assert_allclose(dense(signal).detach()[0, 0], expected, rtol=1e-3, atol=1e-3)


def test_each_spectral_filter_starts_as_a_regularised_inverse():
    """In the periodic world of the padded FFT the filter times Ŝ is |Ŝ|²/(|Ŝ|² + λ)."""
    scanner = Scanner(num_ffp_x=32, num_ffp_y=32)
    network = stage_of(
        SpectralInverse, scanner, (32, 32), num_filters=2, relative_regularisation=(1e-4, 1e-1)
    )
    transfer = ForwardModel(scanner, (32, 32)).transfer_function
    energy = transfer.abs().square()
    for weight, filtered in zip((1e-4, 1e-1), network.inverse, strict=True):
        expected = energy / (energy + weight * energy.max())
        torch.testing.assert_close((filtered * transfer).real, expected, rtol=1e-4, atol=1e-6)
        assert (filtered * transfer).imag.abs().max() < 1e-6


@pytest.mark.parametrize("network", [DenseInverse, SpectralInverse, TikhonovBank, Unrolled])
def test_all_parameters_learn(small_scanner, network):
    stage = stage_of(network, small_scanner, (16, 16))
    stage(torch.randn(4, 1, 16, 16)).square().mean().backward()
    for parameter in stage.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0


@pytest.mark.parametrize("network", NETWORKS)
def test_an_image_does_not_depend_on_its_batch(small_scanner, network):
    stage = stage_of(network, small_scanner, (16, 16))
    signal = torch.randn(3, *small_scanner.signal_shape)
    torch.testing.assert_close(stage(signal)[1:2], stage(signal[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("image_shape", SHAPES)
def test_fixed_tikhonov_is_the_solver_and_has_nothing_to_learn(small_scanner, image_shape):
    """But for modes of eigenvalues below 1 % of λ, of which noise-free signals have little."""
    stage = stage_of(FixedTikhonov, small_scanner, image_shape, relative_regularisation=1e-2)
    forward_model = ForwardModel(small_scanner, image_shape)
    solver = Tikhonov(forward_model, relative_regularisation=1e-2)
    signal = forward_model(torch.rand(3, 1, *image_shape))
    torch.testing.assert_close(stage(signal), solver(signal), rtol=0, atol=1e-2)
    assert (stage(signal) - solver(signal)).std() < 3e-3
    assert not list(stage.parameters())
    # Made anew from the scanner, so that checkpoints stay small.
    assert not stage.state_dict()


@pytest.mark.parametrize("image_shape", SHAPES)
def test_a_bank_starts_as_regularised_inverses_from_sharp_to_smooth(small_scanner, image_shape):
    """By SciPy's singular values s: s/(s² + λ), but for those of s² below 1 % of the smallest λ."""
    ends = (1e-3, 1e-1)
    bank = stage_of(
        TikhonovBank, small_scanner, image_shape, num_images=2, relative_regularisation=ends
    )
    for part in bank.mixing.parameters():
        part.data.zero_()
    signal = torch.randn(3, *small_scanner.signal_shape)
    system = ForwardModel(small_scanner, image_shape).matrix().double().numpy()
    from_image, values, to_signal = scipy.linalg.svd(system.T, full_matrices=False)
    kept = values**2 > 1e-2 * ends[0] * values[0] ** 2
    assert not kept.all()
    for chosen, weight in enumerate(ends):
        bank.mean.data = torch.eye(2)[chosen].reshape(2, 1, 1)
        gains = kept * values / (values**2 + weight * values[0] ** 2)
        expected = signal.flatten(1).double().numpy() @ (from_image * gains @ to_signal).T
        found = bank(signal).detach().flatten(1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * abs(expected).max())


def test_a_bank_keeps_no_matrices_in_checkpoints(small_scanner):
    names = stage_of(TikhonovBank, small_scanner, (16, 16)).state_dict()
    assert not {"from_signal", "to_image", "inverse"} & set(names)


def without_corrections(network):
    for parameter in network.corrections.parameters():
        parameter.data.zero_()
    return network


@pytest.mark.parametrize("image_shape", SHAPES)
def test_unrolled_without_corrections_is_gradient_descent(small_scanner, image_shape):
    network = without_corrections(stage_of(Unrolled, small_scanner, image_shape, num_steps=4))
    signal = torch.randn(2, *small_scanner.signal_shape)
    system = ForwardModel(small_scanner, image_shape).matrix().double()
    step = 1 / squared_norm(ForwardModel(small_scanner, image_shape))
    measured = signal.flatten(1).double()
    image = torch.zeros(2, system.shape[1], dtype=torch.float64)
    for _ in range(4):
        image = image - step * (image @ system.T - measured) @ system
    expected = image.reshape(2, 1, *image_shape).float()
    torch.testing.assert_close(network(signal).detach(), expected, rtol=1e-4, atol=1e-5)


def test_unrolled_steps_descend(small_scanner):
    """From a step size of 1/‖S‖² no step may raise ‖S c − u‖."""
    system = ForwardModel(small_scanner, (16, 16))
    signal = system(torch.rand(2, 1, 16, 16))

    def unrolled(num_steps):
        return stage_of(Unrolled, small_scanner, (16, 16), num_steps=num_steps)

    residuals = [
        (system(without_corrections(unrolled(steps))(signal)) - signal).norm().item()
        for steps in (1, 2, 4, 8)
    ]
    assert residuals == sorted(residuals, reverse=True)
    assert residuals[0] < signal.norm()


def test_unrolled_steps_have_step_sizes_and_corrections_of_their_own(small_scanner):
    network = stage_of(Unrolled, small_scanner, (16, 16), num_steps=3, num_features=4)
    assert network.step_sizes.shape == (3,)
    assert len(network.corrections) == 3
    assert not any(name.startswith("forward_model") for name in network.state_dict())


@pytest.mark.parametrize(
    ("network", "name", "value"),
    [
        (DenseInverse, "relative_regularisation", -1.0),
        (FixedTikhonov, "relative_regularisation", 0.0),
        (TikhonovBank, "relative_regularisation", (0.0, 0.01)),
        (TikhonovBank, "num_images", 0),
        (SpectralInverse, "relative_regularisation", (1e-2, 1e-5)),
        (SpectralInverse, "num_filters", 0),
        (Unrolled, "num_features", 0),
        (Unrolled, "num_steps", 0),
    ],
)
def test_impossible_values_are_refused(network, name, value):
    with pytest.raises(InputError, match=rf"^{network.__name__}\.{name} is .*: it must be "):
        network(**{name: value})


def test_signals_of_other_channels_are_refused_not_summed(small_scanner):
    network = stage_of(SpectralInverse, small_scanner, (16, 16), num_filters=2, num_features=4)
    with pytest.raises(
        InputError, match=r"made for signals of \[1, 16, 16\], not of \[2, 16, 16\]"
    ):
        network(torch.zeros(1, 2, 16, 16))
