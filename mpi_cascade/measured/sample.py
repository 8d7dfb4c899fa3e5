"""A system matrix as a point would have measured it."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.physics.scanner import cell_centres

_LEAST_POSITIONS = 4


def without_sample_blur(
    matrix: Float[Tensor, "measurements positions"],
    grid_shape: tuple[int, int],
    sample_cells: tuple[float, float],
) -> Float[Tensor, "measurements positions"]:
    """Returns a matrix without the blur of a sample of finite size, to first order.

    A sample of width w averages the response over w: along each axis that adds (w²/24)·∂²S/∂r² to
    a smooth response, and as much is subtracted here, by the second derivative of a cubic spline
    through the positions. Noise is amplified: take it off first.

    Args:
        matrix: The measured matrix.
        grid_shape: Calibration positions (y, x).
        sample_cells: Width of the sample (y, x) in steps of the grid.

    Raises:
        InputError: If there are too few positions along an axis that the sample extends along.
    """
    values = matrix.reshape(len(matrix), *grid_shape)
    along_y, along_x = (
        _sharpening(num, cells) for num, cells in zip(grid_shape, sample_cells, strict=True)
    )
    return (along_y @ values @ along_x.T).reshape(matrix.shape)


def _sharpening(num_positions: int, cells: float) -> Float[Tensor, "positions positions"]:
    identity = np.eye(num_positions)
    if cells == 0 or num_positions == 1:
        return torch.from_numpy(identity).float()
    if num_positions < _LEAST_POSITIONS:
        raise InputError(
            f"the calibration has {num_positions} positions along an axis, too few to correct for "
            "its sample: leave out experiment.system_matrix.is_sample_corrected"
        )
    places = cell_centres(num_positions, float(num_positions)).numpy()
    second_derivative = CubicSpline(places, identity)(places, 2)
    return torch.from_numpy(identity - cells**2 / 24 * second_derivative).float()
