"""Frames with and without a sample, told apart: the background and its noise."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.mdf.measurement import Measurement


class Separated(NamedTuple):
    """Spectra, (frame, period, channel, component).

    Attributes:
        foreground: Frames with a sample, the background subtracted.
        background: Mean of each block of background frames that were measured one after the other,
            in the order of acquisition; none if it was not measured.
        noise: Background frames about the mean of their block.
        freedom: Degrees of freedom of ``noise``: frames less blocks.
    """

    foreground: NDArray[Any]
    background: NDArray[Any]
    noise: NDArray[Any]
    freedom: int


def split_background(measurement: Measurement, spectra: NDArray[Any]) -> Separated:
    """Returns what was measured with a sample and what without.

    What lies between two blocks of background frames is interpolated linearly in the order of
    acquisition; where a file's background is already subtracted, the foreground is left alone.

    Args:
        measurement: Says which frames are background, and when they were measured.
        spectra: All frames, (frame, period, channel, component).
    """
    is_background, order = measurement.is_background_frame, measurement.acquisition_order
    foreground, background = spectra[~is_background], spectra[is_background]
    if not len(background):
        return Separated(foreground, background, background, 0)
    times = order[is_background]
    numbers = blocks_of(times)
    blocks = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    means = np.stack([background[block].mean(axis=0) for block in blocks])
    noise = np.concatenate(
        [background[block] - mean for block, mean in zip(blocks, means, strict=True)]
    )
    freedom = len(background) - len(blocks)
    if not measurement.is_background_corrected:
        sizes = np.array([len(block) for block in blocks])
        block_times = np.array([times[block].mean() for block in blocks])
        shrunken = _shrunken(means, noise, freedom, sizes)
        foreground = foreground - between(block_times, shrunken, order[~is_background])
    return Separated(foreground, means, noise, freedom)


def blocks_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the number of the block that each frame belongs to, from 0 in the order of time.

    Args:
        times: Number of each frame in the order of acquisition; without a gap they are a block.
    """
    order = np.argsort(times)
    numbers = np.empty(len(times), np.int64)
    numbers[order] = np.cumsum(np.diff(times[order], prepend=times[order[0]]) > 1)
    return numbers


def between(
    times: NDArray[np.float64], means: NDArray[Any], wanted: NDArray[np.int64]
) -> NDArray[Any]:
    """Returns the background at the wanted times, interpolated, or held constant outside.

    Args:
        times: Of each mean, ascending, (blocks,).
        means: Of each block of background frames, (blocks, period, channel, component).
        wanted: The times, (frames,).
    """
    if len(means) == 1:
        return np.broadcast_to(means, (len(wanted), *means.shape[1:]))
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    share = ((wanted - times[after - 1]) / (times[after] - times[after - 1])).clip(0, 1)
    share = share[:, None, None, None]
    return means[after - 1] * (1 - share) + means[after] * share


def _shrunken(
    means: NDArray[Any], noise: NDArray[Any], freedom: int, sizes: NDArray[np.int64]
) -> NDArray[Any]:
    """Returns the mean of every block, shrunken by what is noise of it.

    A mean's noise would be the same at every position of a calibration: a background that a network
    could read the amount of tracer from. The shrinkage is that of James and Stein over the periods
    of a pair of channel and frequency: nearly all of a background that is noise alone, next to
    nothing of one that stands out.

    Source:
        W. James and C. Stein, Proc. 4th Berkeley Symp. Math. Stat. Probab. 1, 1961.
    """
    if freedom < 1:
        return means
    # Of one frame, by pair; each has as many dimensions as there are periods.
    variance = (np.abs(noise) ** 2).sum(axis=0).mean(axis=0) / freedom
    energy = (np.abs(means) ** 2).sum(axis=1)
    expected = max(means.shape[1] - 2, 0) * variance / sizes[:, None, None]
    kept = np.where(energy > expected, 1 - expected / np.where(energy > 0, energy, 1), 0)
    return means * kept[:, None]
