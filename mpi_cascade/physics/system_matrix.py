"""A forward model that is an explicit matrix, measured or computed elsewhere."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.scanner import Scanner, cell_centres


class SystemMatrix(LinearModel):
    """S c = u with an explicit S, whose columns belong to a calibration grid of its own.

    Both grids fill the same field of view. Where the image has other pixels than the calibration,
    a row of S, a smooth function of the position, is interpolated by cubic splines and weighted
    with the smaller (or larger) pixel's area: S_fine = S Wᵀ. W is applied to the image, not to S,
    axis by axis, so that a fine grid costs no memory.

    Args:
        scanner: The scanner that S belongs to.
        matrix: S, (channel·y·x of the signal, calibration positions), row-major; the signal of a
            position that is filled with a concentration of 1.
        grid_shape: Calibration positions (y, x).
        signal_shape: Shape (channel, y, x) of one scan's signal.
        image_shape: Pixels (y, x) of the image.

    Raises:
        InputError: If the matrix does not have this many rows and columns.
    """

    def __init__(
        self,
        scanner: Scanner,
        matrix: Float[Tensor, "measurements positions"],
        grid_shape: tuple[int, int],
        signal_shape: tuple[int, int, int],
        image_shape: tuple[int, int],
    ) -> None:
        super().__init__(scanner, image_shape, signal_shape)
        expected = (int(np.prod(signal_shape)), int(np.prod(grid_shape)))
        if tuple(matrix.shape) != expected:
            raise InputError(
                f"the system matrix has the shape {list(matrix.shape)}: signals of "
                f"{list(signal_shape)} and {list(grid_shape)} positions need {list(expected)}"
            )
        self.grid_shape = (grid_shape[0], grid_shape[1])
        self._matrix = nn.Buffer(matrix.float(), persistent=False)
        self._to_grid_y, self._to_grid_x = (
            nn.Buffer(_to_grid(*numbers), persistent=False)
            for numbers in zip(grid_shape, image_shape, strict=True)
        )

    def forward(self, concentration: Images) -> Signals:
        """Returns the noise-free signal S c, (batch, channel, y, x)."""
        # Physics needs full precision, whatever the networks around it use.
        with in_full_precision(concentration.device):
            on_grid = self._to_grid_y @ concentration.float() @ self._to_grid_x.T
            return (on_grid.flatten(1) @ self._matrix.T).unflatten(1, self.signal_shape)

    def adjoint(self, signal: Signals) -> Images:
        """Returns the image Sᵀ u, (batch, 1, y, x)."""
        with in_full_precision(signal.device):
            on_grid = (signal.float().flatten(1) @ self._matrix).unflatten(1, (1, *self.grid_shape))
            return self._to_grid_y.T @ on_grid @ self._to_grid_x


def _to_grid(num_positions: int, num_pixels: int) -> Float[Tensor, "positions pixels"]:
    """Returns one axis of Wᵀ: the spline's value at each pixel for a 1 at each position."""
    share = num_positions / num_pixels
    if num_positions == 1:
        return torch.full((1, num_pixels), share)
    from scipy.interpolate import CubicSpline  # Takes long to import.

    spline = CubicSpline(cell_centres(num_positions, 1.0).numpy(), np.eye(num_positions))
    weights = spline(cell_centres(num_pixels, 1.0).numpy())
    return torch.from_numpy(share * weights.T).float()
