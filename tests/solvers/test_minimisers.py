"""FISTA and ADMM: two algorithms, one minimum, and references that share no code with either."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from skimage.restoration import denoise_tv_chambolle

from mpi_cascade.physics.forward import ForwardModel, signal_unit
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.fista import FISTA

QUADRATURE_SCANNER = Scanner(
    num_ffp_x=12, num_ffp_y=8, harmonics=(2, 3), particle=Particle(relaxation_time_s=2e-6)
)
both = pytest.mark.parametrize("minimiser", [FISTA, ADMM])
# Without total variation the first iteration of FISTA's proximal map is exact.
both_without_tv = pytest.mark.parametrize(
    "minimiser", [partial(FISTA, num_prox_iterations=1), ADMM], ids=["FISTA", "ADMM"]
)


def objective(model, image, signal, tv_weight, l1_weight):
    """½‖S c − u‖² + p·(w_tv·Σ|∇c| + w_l1·‖c‖₁) of each image, with p = max|u|."""
    along_y = torch.diff(image, dim=2, append=image[:, :, -1:])
    along_x = torch.diff(image, dim=3, append=image[..., -1:])
    penalty = tv_weight * torch.hypot(along_y, along_x) + l1_weight * image.abs()
    misfit = (model(image) - signal).square().sum(dim=(1, 2, 3)) / 2
    return misfit + signal.abs().amax(dim=(1, 2, 3)) * penalty.sum(dim=(1, 2, 3))


def noisy_scans(model, num=3):
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(num, 1, *model.image_shape)
    for index in range(num):
        truth[index, :, 2 + index : 6 + index, 3:6] = 1 + index
    signal = model(truth)
    noise = torch.randn(signal.shape, generator=generator)
    return signal + 0.03 * signal.abs().amax(dim=(1, 2, 3), keepdim=True) * noise


@pytest.mark.parametrize(
    ("scanner", "image_shape", "weights"),
    [
        (Scanner(num_ffp_x=16, num_ffp_y=16), (16, 16), (1e-3, 0.0)),
        (QUADRATURE_SCANNER, (8, 6), (3e-4, 3e-3)),
    ],
    ids=["one channel, TV", "four channels, TV and L1"],
)
def test_two_algorithms_agree(scanner, image_shape, weights):
    model = ForwardModel(scanner, image_shape)
    signal = noisy_scans(model)
    fista = FISTA(model, *weights, num_iterations=400, num_prox_iterations=15)
    admm = ADMM(model, *weights, num_iterations=400)
    images = fista(signal), admm(signal)
    values = [objective(model, image, signal, *weights) for image in images]
    torch.testing.assert_close(values[0], values[1], rtol=2e-4, atol=0)
    scale = images[0].amax(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(images[0] / scale, images[1] / scale, rtol=0, atol=0.02)


@both_without_tv
def test_without_weights_is_non_negative_least_squares(small_scanner, minimiser):
    model = ForwardModel(small_scanner, (6, 6))
    signal = noisy_scans(model, num=1)
    expected, _ = nnls(model.matrix().double().numpy(), signal.flatten().double().numpy())
    image = minimiser(model, tv_weight=0.0, l1_weight=0.0, num_iterations=800)(signal)
    assert (expected == 0).any()
    np.testing.assert_allclose(image.flatten(), expected, atol=2e-3)


@both_without_tv
def test_with_l1_alone_is_what_a_quasi_newton_method_finds(small_scanner, minimiser):
    model = ForwardModel(small_scanner, (8, 8))
    signal = noisy_scans(model, num=1)
    system, target = model.matrix().double().numpy(), signal.flatten().double().numpy()
    weight = 0.02 * np.abs(target).max()

    def value_and_slope(pixels):
        residual = system @ pixels - target
        return residual @ residual / 2 + weight * pixels.sum(), system.T @ residual + weight

    reference = minimize(
        value_and_slope,
        np.zeros(64),
        jac=True,
        bounds=[(0, None)] * 64,
        options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-10},
    )
    image = minimiser(model, tv_weight=0.0, l1_weight=0.02, num_iterations=800)(signal)
    np.testing.assert_allclose(image.flatten(), reference.x, atol=5e-3)


@pytest.mark.parametrize(
    "minimiser",
    [partial(FISTA, num_iterations=30, num_prox_iterations=15), partial(ADMM, num_iterations=500)],
    ids=["FISTA", "ADMM"],
)
def test_with_an_identity_for_s_is_total_variation_denoising(small_scanner, minimiser):
    """scikit-image's, by Chambolle's algorithm: its weight multiplies TV beside ½‖c − u‖²."""
    signal = 1 + torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    signal[..., 4:9, 3:12] += 1
    peak = signal.max().item()
    expected = denoise_tv_chambolle(
        signal[0, 0].double().numpy(), weight=0.1 * peak, eps=1e-12, max_num_iter=5000
    )
    model = ForwardModel(small_scanner, (16, 16), psf=one_pixel)
    image = minimiser(model, tv_weight=0.1, l1_weight=0.0)(signal)
    np.testing.assert_allclose(image[0, 0], expected, atol=2e-3)


@both
def test_no_neighbour_of_the_image_is_better(small_scanner, minimiser):
    model = ForwardModel(small_scanner, (16, 16))
    signal = noisy_scans(model, num=1)
    image = minimiser(model, 1e-3, 1e-3, 200)(signal)
    neighbours = (image + 0.05 * image.max() * torch.randn(200, 1, 16, 16)).clamp_min(0)
    neighbours = image + torch.logspace(-2, 0, 200).reshape(-1, 1, 1, 1) * (neighbours - image)
    best = objective(model, image, signal, 1e-3, 1e-3)
    assert (objective(model, neighbours, signal.expand(200, -1, -1, -1), 1e-3, 1e-3) > best).all()


@both
def test_iterates_are_non_negative_descend_and_end_with_the_image(small_scanner, minimiser):
    model = ForwardModel(small_scanner, (16, 16))
    signal = noisy_scans(model)
    solver = minimiser(model, 1e-3, 1e-3)
    solver.num_iterations = 40
    images = list(solver.iterates(signal))
    assert len(images) == 40
    assert min(image.min() for image in images) == 0
    torch.testing.assert_close(images[-1], solver(signal))
    values = torch.stack([objective(model, image, signal, 1e-3, 1e-3) for image in images])
    assert (values[10] < values[1]).all()
    assert (values[-1] <= values[10]).all()


@both
def test_scales_with_the_signal_and_does_not_depend_on_the_batch(minimiser):
    solver = minimiser(ForwardModel(QUADRATURE_SCANNER, (12, 10)), 1e-3, 1e-3, 20)
    signal = noisy_scans(solver.forward_model)
    images = solver(signal)
    close = {"rtol": 1e-3, "atol": 1e-3}
    factors = torch.tensor([0.01, 7.0, 0.3]).reshape(3, 1, 1, 1)
    torch.testing.assert_close(solver(factors * signal) / factors, images, **close)
    torch.testing.assert_close(torch.cat([solver(u[None]) for u in signal]), images, **close)
    assert solver(0 * signal).abs().max() == 0


def one_pixel(scanner, harmonic, x_m, y_m):
    """A PSF that makes S the identity of 16 × 16 pixels."""
    size_y_m, size_x_m = scanner.field_of_view_m
    is_centre = (x_m.abs() < 1e-9) & (y_m.abs() < 1e-9)
    return is_centre * signal_unit(scanner) / (size_x_m * size_y_m / 256)


@pytest.mark.parametrize("solver", [ADMM, FISTA])
def test_moves_to_another_device_with_what_it_has_prepared(small_scanner, solver):
    solve = solver(ForwardModel(small_scanner, (16, 16)), num_iterations=2)
    solve(torch.rand(2, 1, 16, 16))
    images = solve.to("meta")(torch.rand(2, 1, 16, 16, device="meta"))
    assert images.is_meta
