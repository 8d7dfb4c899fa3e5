"""A user's own scans, whose truth nobody knows, and how well a cascade explains them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.physics.linear import Signals
from mpi_cascade.physics.noise import NoiseEstimate
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.reconstruction.scans import ScanFile
from mpi_cascade.trained import TrainedCascade

LEAST_SCANS = 4
"""Of them one is held out."""

MOST_SCANS = 256

_INPUT_NOISE = 0.5


class OwnScans(NamedTuple):
    """Scans of a user.

    Attributes:
        indices: Of their random numbers, (scan,).
        signal: Signals, (scan, channel, y, x).
        noise: Their estimated σ, (scan,).
    """

    indices: Int64[Tensor, " scans"]
    signal: Signals
    noise: Float[Tensor, " scans"]

    def part(self, which: Tensor) -> "OwnScans":
        """Returns some of the scans, by their places or a mask."""
        return OwnScans(*(values[which] for values in self))


def first_scans(scans: ScanFile) -> Float[Tensor, "scans c my mx"]:
    """Returns the first scans of an open file, as many as an adaptation uses.

    Args:
        scans: The file.
    """
    parts: list[Tensor] = []
    for batch in scans.batches(MOST_SCANS):
        parts.append(batch)
        if sum(map(len, parts)) >= MOST_SCANS:
            break
    return torch.cat(parts)[:MOST_SCANS]


def noise_split(
    signal: Signals, noise: Float[Tensor, " batch"], streams: RandomStreams
) -> tuple[Signals, Signals]:
    """Returns two noisier copies u + aσz and u − σz/a of scans, whose noises are independent.

    For white noise of standard deviation σ in u their covariance is σ² − σ² = 0.

    Args:
        signal: Signals u, (batch, channel, y, x).
        noise: σ of each, in the signals' unit.
        streams: Random numbers of each, for z.

    Source:
        T. Pang et al., Recorrupted-to-Recorrupted, CVPR 2021,
        doi:10.1109/CVPR46437.2021.00208.
    """
    drawn = noise[:, None, None, None] * streams.normal("split", tuple(signal.shape[1:]))
    return signal + _INPUT_NOISE * drawn, signal - drawn / _INPUT_NOISE


def usable_scans(cascade: TrainedCascade, signal: Signals) -> OwnScans:
    """Returns the scans that are finite and not empty, on the cascade's device, and their noise.

    Args:
        cascade: The cascade that they are for.
        signal: Scans, (scan, channel, y, x).

    Raises:
        InputError: If there are too few, or their noise can't be estimated.
    """
    is_usable = signal.isfinite().flatten(1).all(dim=1) & (signal != 0).flatten(1).any(dim=1)
    if int(is_usable.sum()) < LEAST_SCANS:
        raise InputError(
            f"{int(is_usable.sum())} of {len(signal)} scans can be used, which are finite and not "
            f"empty: give {LEAST_SCANS} or more, as every fourth is held out"
        )
    kept = signal[is_usable].to(cascade.device)
    noise = NoiseEstimate(cascade.experiment.forward_model)(kept)
    if not bool((noise > 0).all()):
        raise InputError(
            f"the noise of scans of {list(signal.shape[1:])} can't be estimated from them: they "
            "need 16 or more FFP positions, and noise"
        )
    return OwnScans(torch.arange(len(kept), device=cascade.device), kept, noise)


def unseen_misfit(cascade: TrainedCascade, scans: OwnScans, step: int) -> Float[Tensor, ""]:
    """Returns how far images of noisier copies are from explaining copies with other noise.

    It is the mean square of S c − u in units of σ², less that of the noise in u: what is expected
    of it is the error of S c against the signal without noise.

    Args:
        cascade: The cascade that makes the images.
        scans: The scans.
        step: Number of the random numbers, ≥ 0.
    """
    streams = RandomStreams(0, Stream.OWN_SCANS_SPLIT, MOST_SCANS * step + scans.indices)
    given, left = noise_split(scans.signal, scans.noise, streams)
    explained = cascade.experiment.forward_model(cascade.cascade(given).final)
    residual = (explained - left) / scans.noise[:, None, None, None]
    return residual.square().mean() - (1 + 1 / _INPUT_NOISE**2)
