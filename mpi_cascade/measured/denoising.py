"""A system matrix without most of its noise."""

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

_STANDS_OUT = 3.0
"""Standard deviations above the noise from which on a spatial frequency is kept."""


def denoised(
    matrix: Float[Tensor, "measurements positions"],
    noise_std: NDArray[np.float64],
    signal_shape: tuple[int, int, int],
    grid_shape: tuple[int, int],
) -> Float[Tensor, "measurements positions"]:
    """Returns a matrix whose singular values are those of the noise-free one, as near as may be.

    The response of a scanner is smooth along the FFP and along the sample's position, its noise is
    not: of the spatial frequencies of both, those that do not stand out from the noise are dropped.
    Singular values of what is left, σ(√m + √n) for noise alone, are shrunken by what noise has
    added: the best there is in the mean squared error.

    Args:
        matrix: The measured matrix.
        noise_std: Standard deviation of the noise of each channel of the signal, > 0.
        signal_shape: Shape (channel, y, x) of one scan's signal.
        grid_shape: Calibration positions (y, x).

    Source:
        M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 63, 2017, doi:10.1109/TIT.2017.2653801.
    """
    scale = noise_std[:, None, None, None, None]
    values = matrix.double().numpy().reshape(*signal_shape, *grid_shape) / scale
    # An orthogonal transform leaves white noise white.
    from scipy import fft  # Takes long to import.

    spectrum = fft.dctn(values, axes=(1, 2, 3, 4), norm="ortho")
    flat = spectrum.reshape(matrix.shape)
    rows, columns = _standing_out(flat, axis=1), _standing_out(flat, axis=0)
    kept = np.ix_(rows, columns)
    smooth = np.zeros_like(flat)
    smooth[kept] = _shrunken(flat[kept])
    values = fft.idctn(smooth.reshape(values.shape), axes=(1, 2, 3, 4), norm="ortho") * scale
    return torch.from_numpy(values.reshape(matrix.shape).astype(np.float32))


def _standing_out(spectrum: NDArray[np.float64], axis: int) -> NDArray[np.int64]:
    """Returns the indices of the rows or columns that noise of variance 1 does not explain."""
    energy = (spectrum**2).sum(axis=axis)
    count = spectrum.shape[axis]
    return np.flatnonzero(energy > count + _STANDS_OUT * math.sqrt(2 * count))


def _shrunken(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a matrix with noise of variance 1 after optimal shrinkage of its singular values."""
    if not block.size:
        return block
    left, values, right = np.linalg.svd(block, full_matrices=False)
    longer, shorter = max(block.shape), min(block.shape)
    ratio = shorter / longer
    # In units of the noise's own σ√n.
    values = values / math.sqrt(longer)
    squares = np.clip((values**2 - ratio - 1) ** 2 - 4 * ratio, 0, None)
    above = values > 1 + math.sqrt(ratio)
    shrunken = np.where(above, np.sqrt(squares) / values, 0) * math.sqrt(longer)
    return (left * shrunken) @ right
