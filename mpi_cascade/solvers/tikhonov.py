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
        self.eigenvalues: Tensor
        self.from_signal: Tensor
        self.to_image: Tensor
        for name, values in _eigenbasis(forward_model)._asdict().items():
            self.register_buffer(name, values.to(forward_model.device), persistent=False)

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


class _Eigenbasis(NamedTuple):
    """Eigenvalues of S Sᵀ, ascending, and its modes as maps from signals and to images."""

    eigenvalues: Tensor
    from_signal: Tensor
    to_image: Tensor


_eigenbases: WeakKeyDictionary[LinearModel, _Eigenbasis] = WeakKeyDictionary()


def _eigenbasis(forward_model: LinearModel) -> _Eigenbasis:
    """Returns the basis of a model, which takes seconds to find and several stages may need."""
    if forward_model not in _eigenbases:
        require_feasible(forward_model)
        matrix = forward_model.matrix().double()
        is_wide = matrix.shape[0] <= matrix.shape[1]
        shape = forward_model.signal_shape if is_wide else (1, *forward_model.image_shape)
        gram = matrix @ matrix.T if is_wide else matrix.T @ matrix
        eigenvalues, modes = _eigenmodes(gram, shape)
        # Of S Sᵀ, or of Sᵀ S where that is smaller: the inverse is the same.
        maps = (modes, modes.T @ matrix) if is_wide else (matrix @ modes, modes.T)
        _eigenbases[forward_model] = _Eigenbasis(
            eigenvalues.clamp_min(0).float(), *(values.float() for values in maps)
        )
    return _eigenbases[forward_model]


def _eigenmodes(gram: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Returns the eigenvalues of a symmetric matrix over a grid, ascending, and the modes.

    Args:
        gram: The matrix, (points, points).
        shape: Its grid (channel, y, x).
    """
    eigenvalues, modes = _modes_by_parity(gram, shape, axes=(1, 2))
    order = eigenvalues.argsort()
    return eigenvalues[order], modes[:, order]


def _modes_by_parity(
    gram: Tensor, shape: tuple[int, ...], axes: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Returns eigenvalues and modes, those that are even along the first axis before the odd ones.

    Mirror images scan alike where the gradient is uniform. The even and the odd signals along an
    axis then don't mix, and a half of the matrix for each takes an eighth of the time.
    """
    if not axes:
        return torch.linalg.eigh(gram)
    axis, others = axes[0], axes[1:]
    points = torch.arange(len(gram), device=gram.device).reshape(shape)
    mirrored = points.flip(axis).flatten()
    tolerance = _ROUNDING * float(gram.abs().max())
    if shape[axis] % 2 or (gram - gram[mirrored][:, mirrored]).abs().max() > tolerance:
        return _modes_by_parity(gram, shape, others)
    half = points.narrow(axis, 0, shape[axis] // 2)
    near = half.flatten()
    far = mirrored[near]
    # Both halves of either: what rounding makes of the symmetry then counts to second order only.
    within = (gram[near][:, near] + gram[far][:, far]) / 2
    across = (gram[near][:, far] + gram[far][:, near]) / 2
    even_values, even = _modes_by_parity(within + across, half.shape, others)
    odd_values, odd = _modes_by_parity(within - across, half.shape, others)
    modes = torch.empty_like(gram)
    modes[near] = torch.cat((even, odd), dim=1) / math.sqrt(2)
    modes[far] = torch.cat((even, -odd), dim=1) / math.sqrt(2)
    return torch.cat((even_values, odd_values)), modes
