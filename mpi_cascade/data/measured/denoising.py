"""A system matrix without most of its noise. Must not know where the matrix comes from."""

import torch
from jaxtyping import Float
from torch import Tensor

_FIRST_MODES = 256


def denoised(
    matrix: Float[Tensor, "measurements positions"], noise_std: Float[Tensor, " measurements"]
) -> Float[Tensor, "measurements positions"]:
    """Returns a matrix whose singular values are those of the noise-free one, as near as may be.

    A system matrix has few modes that carry signal (S of a narrowband scan is smooth), noise has as
    many as there are rows. Singular values below the edge of the noise, σ(√m + √n), are dropped,
    those above are shrunken by what noise has added: the best there is in the mean squared error.

    Args:
        matrix: The measured matrix.
        noise_std: Standard deviation of the noise of each row, > 0.

    Source:
        M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 63, 2017, doi:10.1109/TIT.2017.2653801.
    """
    white = matrix / noise_std[:, None]
    longer, shorter = max(white.shape), min(white.shape)
    ratio = shorter / longer
    left, values, right = _leading_modes(white, edge=longer**0.5 + shorter**0.5)
    # In units of the noise's own σ√n.
    values = values / longer**0.5
    square = values.square()
    shrunken = ((square - ratio - 1).square() - 4 * ratio).clamp_min(0).sqrt() / values
    shrunken = torch.where(values > 1 + ratio**0.5, shrunken, 0) * longer**0.5
    return (left * shrunken) @ right.T * noise_std[:, None]


def _leading_modes(matrix: Tensor, edge: float) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the singular vectors and values, at least all those above ``edge``."""
    shorter, num_modes = min(matrix.shape), _FIRST_MODES
    while num_modes < shorter // 2:
        # Its random start is its own, so that nothing else in a training changes.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            left, values, right = torch.svd_lowrank(matrix, q=num_modes, niter=4)
        if values[-1] < edge:
            return left, values, right
        num_modes *= 2
    left, values, right_transposed = torch.linalg.svd(matrix, full_matrices=False)
    return left, values, right_transposed.T
