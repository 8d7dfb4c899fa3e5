"""Tikhonov reconstruction, the classical yardstick: min ‖S c − u‖² + λ‖c‖², in closed form."""

import math
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import Positive, check_arguments
from mpi_cascade.costs import announce_time, require_memory
from mpi_cascade.physics.linear import Images, LinearModel, Signals

RELATIVE_REGULARISATIONS: tuple[float, ...] = tuple(torch.logspace(-8, 0, 33).tolist())
"""Candidates of λ for a search."""

_BYTES_PER_ENTRY = 16
"""Double precision, and what is made of it."""

_SECONDS_PER_CUBE = 4e-10
"""Of an eigendecomposition on one core, divided by the cube of its size."""

_NO_EIGENVALUE = 1e-13
"""Of the largest: there are none of S Sᵀ that float32 knows."""

_ROUNDING = 1e-6
"""What a few roundings of float32, in which S is known, add up to."""


def require_feasible(forward_model: LinearModel) -> None:
    """Raises an InputError if Tikhonov of a model needs more memory or time than there is.

    Args:
        forward_model: The model S.
    """
    if forward_model in _eigenbases:
        return
    sizes = math.prod(forward_model.signal_shape), math.prod(forward_model.image_shape)
    least, most = sorted(sizes)
    what = f"Tikhonov of {sizes[0]} measurements and {sizes[1]} pixels"
    remedy = (
        "leave it out (fit with --report.tikhonov false, the others with the bare --classical), or "
        "have fewer pixels or FFP positions"
    )
    num_bytes = _BYTES_PER_ENTRY * least * (least + most)
    require_memory(num_bytes, forward_model.device, what, remedy)
    if forward_model.device.type == "cpu":
        announce_time(_SECONDS_PER_CUBE * least**3, what, remedy)


class Tikhonov(nn.Module):
    """c = Sᵀ(S Sᵀ + λ I)⁻¹ u, from one eigendecomposition that serves every λ.

    Called like a network: signal in, image out.

    Args:
        forward_model: The model S that the reconstruction believes in; its explicit matrix must
            fit in memory.
        relative_regularisation: λ relative to the largest eigenvalue of S Sᵀ, > 0. It can be
            changed at any time.

    Raises:
        InputError: If ``relative_regularisation`` is not positive.

    Source:
        J. Weizenecker et al., Phys. Med. Biol. 54, 2009, doi:10.1088/0031-9155/54/5/L01, for
        regularised inversion of a system matrix in magnetic particle imaging.
    """

    def __init__(
        self, forward_model: LinearModel, relative_regularisation: Positive = 1e-3
    ) -> None:
        super().__init__()
        self.relative_regularisation = relative_regularisation
        check_arguments(self)
        self.image_shape = forward_model.image_shape
        self.eigenvalues, self.from_signal, self.to_image = (
            nn.Buffer(values.to(forward_model.device), persistent=False)
            for values in _eigenbasis(forward_model)
        )

    def forward(self, signal: Signals) -> Images:
        """Returns the image that minimises ‖S c − u‖² + λ‖c‖².

        Args:
            signal: Signals, (batch, channel, y, x).
        """
        coefficients = (signal.flatten(1) @ self.from_signal) * self._weights()
        return (coefficients @ self.to_image).reshape(len(signal), 1, *self.image_shape)

    def inverse_matrix(self) -> Float[Tensor, "pixels measurements"]:
        """Returns Sᵀ(S Sᵀ + λ I)⁻¹ explicitly."""
        return ((self.from_signal * self._weights()) @ self.to_image).T.contiguous()

    def _weights(self) -> Float[Tensor, " modes"]:
        return 1 / (self.eigenvalues + self.relative_regularisation * self.eigenvalues[-1])


_Grid = tuple[int, int, int]


class _Eigenbasis(NamedTuple):
    """Eigenvalues Λ of S Sᵀ, ascending, its modes U (from_signal), and Uᵀ S (to_image).

    Where there are more measurements than pixels, it is that of Sᵀ S: the modes are as many as the
    pixels, and all others make no image.
    """

    eigenvalues: Tensor
    from_signal: Tensor
    to_image: Tensor


_eigenbases: WeakKeyDictionary[LinearModel, _Eigenbasis] = WeakKeyDictionary()


def _eigenbasis(forward_model: LinearModel) -> _Eigenbasis:
    """Returns the basis of a model, which takes seconds to find and several stages may need."""
    if forward_model not in _eigenbases:
        require_feasible(forward_model)
        matrix = forward_model.matrix().double()
        signals, images = forward_model.signal_shape, (1, *forward_model.image_shape)
        # Of S Sᵀ, or of Sᵀ S where that is smaller: the inverse is the same.
        if matrix.shape[0] <= matrix.shape[1]:
            eigenvalues, modes, mapped = _modes_by_parity(matrix, signals, images)
            maps = modes, mapped.T
        else:
            eigenvalues, modes, mapped = _modes_by_parity(matrix.T, images, signals)
            # S V has the lengths √Λ; of modes that rounding makes, whatever they have.
            lengths = eigenvalues.clamp_min(_NO_EIGENVALUE * eigenvalues.max()).sqrt()
            maps = mapped / lengths, (modes * lengths).T
        order = eigenvalues.argsort()
        eigenvalues, maps = eigenvalues[order], (maps[0][:, order], maps[1][order])
        _eigenbases[forward_model] = _Eigenbasis(
            eigenvalues.clamp_min(0).float(), *(values.float() for values in maps)
        )
    return _eigenbases[forward_model]


def _modes_by_parity(
    matrix: Tensor, rows: _Grid, columns: _Grid, axes: tuple[int, ...] = (1, 2)
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the eigenvalues of A Aᵀ, its modes V as columns, and Aᵀ V.

    Mirror images scan alike where the gradient is uniform. What is even and what is odd along an
    axis then don't mix, and two matrices of a quarter the size take an eighth of the time.

    Args:
        matrix: A, (points, other points).
        rows: Grid (channel, y, x) of its rows.
        columns: Grid (channel, y, x) of its columns.
        axes: Axes along which it may have parts of either parity.
    """
    if not axes:
        eigenvalues, modes = torch.linalg.eigh(matrix @ matrix.T)
        return eigenvalues, modes, matrix.T @ modes
    axis, others = axes[0], axes[1:]
    if rows[axis] % 2 or columns[axis] % 2:
        return _modes_by_parity(matrix, rows, columns, others)
    near_rows, far_rows, half_rows = _halves(rows, axis)
    near_columns, far_columns, half_columns = _halves(columns, axis)
    near, far = matrix[near_rows], matrix[far_rows]
    parts = []
    for parity in (1, -1):
        part = near + parity * far
        one, other = part[:, near_columns], part[:, far_columns]
        sign = 1 if (one * other).sum() >= 0 else -1
        if (one - sign * other).abs().max() > _ROUNDING * matrix.abs().max():
            return _modes_by_parity(matrix, rows, columns, others)
        # Both halves of either: what rounding makes of the symmetry then counts to second order.
        block = (one + sign * other) / 2
        eigenvalues, modes, mapped = _modes_by_parity(block, half_rows, half_columns, others)
        parts.append((
            eigenvalues,
            _unfolded(modes, parity, near_rows, far_rows),
            _unfolded(mapped, sign, near_columns, far_columns),
        ))  # fmt: skip
    (values, *even), (other_values, *odd) = parts
    modes, mapped = (torch.cat(both, dim=1) for both in zip(even, odd, strict=True))
    return torch.cat((values, other_values)), modes, mapped


def _halves(grid: _Grid, axis: int) -> tuple[Tensor, Tensor, _Grid]:
    """Returns the points of a grid's first half, their mirror images, and the shape of a half."""
    points = torch.arange(math.prod(grid)).reshape(grid)
    near, far = (values.narrow(axis, 0, grid[axis] // 2) for values in (points, points.flip(axis)))
    channels, num_y, num_x = near.shape
    return near.flatten(), far.flatten(), (channels, num_y, num_x)


def _unfolded(half: Tensor, parity: int, near: Tensor, far: Tensor) -> Tensor:
    """Returns columns of unit length of either parity from their first half along an axis."""
    whole = half.new_empty(2 * len(half), half.shape[1])
    whole[near] = half / math.sqrt(2)
    whole[far] = parity * half / math.sqrt(2)
    return whole
