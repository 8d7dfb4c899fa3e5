from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.interpolate import RectBivariateSpline

from mpi_cascade.checks import InputError
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner, cell_centres
from mpi_cascade.physics.system_matrix import SystemMatrix

SCANNER = Scanner(
    num_ffp_x=20, num_ffp_y=12, harmonics=(2, 3), particle=Particle(relaxation_time_s=2e-6)
)


def of_analytic(grid_shape, image_shape, scanner=SCANNER):
    matrix = ForwardModel(scanner, grid_shape).matrix()
    return SystemMatrix(scanner, matrix, grid_shape, scanner.signal_shape, image_shape)


def test_on_its_own_grid_it_is_the_model_that_it_was_made_of():
    images, signals = torch.rand(3, 1, 16, 24), torch.randn(3, *SCANNER.signal_shape)
    analytic, explicit = ForwardModel(SCANNER, (16, 24)), of_analytic((16, 24), (16, 24))
    torch.testing.assert_close(explicit(images), analytic(images), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        explicit.adjoint(signals), analytic.adjoint(signals), rtol=0, atol=1e-5
    )
    torch.testing.assert_close(explicit.matrix(), analytic.matrix(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("image_shape", [(48, 48), (72, 96), (17, 31), (12, 18), (1, 24)])
def test_the_adjoint_is_the_adjoint_on_any_grid(image_shape):
    model = of_analytic((24, 24), image_shape)
    image, signal = torch.randn(1, 1, *image_shape), torch.randn(1, *SCANNER.signal_shape)
    forward = (model(image).double() * signal).sum().item()
    backward = (image.double() * model.adjoint(signal)).sum().item()
    # The product itself may be next to nothing.
    scale = float(model(image).norm() * signal.norm())
    assert backward == pytest.approx(forward, rel=0, abs=2e-6 * scale)


def test_a_finer_grid_is_interpolated_as_by_scipy():
    """Between the outermost positions SciPy's bicubic spline is an independent reference."""
    grid, fine = (16, 20), (48, 40)
    found = of_analytic(grid, fine).matrix().reshape(-1, *fine).numpy()
    columns = ForwardModel(SCANNER, grid).matrix().reshape(-1, *grid).double().numpy()
    places = [cell_centres(count, 1.0).numpy() for count in grid]
    wanted = [cell_centres(count, 1.0).numpy() for count in fine]
    inside = [np.abs(axis) <= places[number].max() for number, axis in enumerate(wanted)]
    share = grid[0] * grid[1] / (fine[0] * fine[1])
    for row in (0, 300, 777):
        spline = RectBivariateSpline(*places, columns[row])
        expected = share * spline(wanted[0][inside[0]], wanted[1][inside[1]])
        np.testing.assert_allclose(
            found[row][np.ix_(*inside)], expected, rtol=0, atol=1e-5 * np.abs(columns[row]).max()
        )


def test_refined_it_is_close_to_the_physics_on_the_finer_grid():
    half_m = {"field_of_view_x_m": 3.2e-3, "field_of_view_y_m": 3.2e-3}
    scanner = replace(SCANNER, num_ffp_x=16, num_ffp_y=16, **half_m)
    images = torch.rand(4, 1, 64, 64)
    physics = ForwardModel(scanner, (64, 64))(images)
    refined = of_analytic((32, 32), (64, 64), scanner)(images)
    assert (refined - physics).norm() < 1e-3 * physics.norm()
    # Without the interpolation the same images are off by much more.
    nearest = of_analytic((32, 32), (32, 32), scanner)(images[..., ::2, ::2])
    assert (nearest - physics).norm() > 1e-2 * physics.norm()


def test_a_line_is_a_grid_of_one_row():
    scanner = Scanner(num_ffp_x=32, num_ffp_y=1, field_of_view_y_m=0.4e-3)
    row = torch.rand(1, 1, 1, 32)
    expected = ForwardModel(scanner, (1, 32))(row)
    found = of_analytic((1, 32), (2, 32), scanner)(row.expand(1, 1, 2, 32))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_it_keeps_full_precision_under_autocast():
    model, image = of_analytic((16, 16), (16, 16)), torch.rand(1, 1, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        signal = model(image.bfloat16())
    assert signal.dtype == torch.float32
    torch.testing.assert_close(signal, model(image.bfloat16().float()))


def test_a_matrix_of_another_shape_is_refused():
    sentence = (
        r"^the system matrix has the shape \[5, 4\]: signals of \[1, 2, 3\] and \[2, 2\] positions "
        r"need \[6, 4\]$"
    )
    with pytest.raises(InputError, match=sentence):
        SystemMatrix(Scanner(), torch.ones(5, 4), (2, 2), (1, 2, 3), (2, 2))
