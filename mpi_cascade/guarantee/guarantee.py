"""What was calibrated of a cascade's intervals, and for which scans it holds."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from mpi_cascade.checks import InputError


class NoiseGroup(NamedTuple):
    """What holds for scans of a range of noise.

    Attributes:
        lowest_snr_db: Where the range of the estimated peak SNR begins, in dB.
        highest_snr_db: Where it ends.
        num_scans: Calibration scans in it.
        pixel_factor: What the distances of a pixel's ends from the image are multiplied by.
        mass_factor: What the sum of an object's half widths is multiplied by.
        largest_misfit: Residual ÷ noise beyond which a scan is unlike those of the calibration.
    """

    lowest_snr_db: float
    highest_snr_db: float
    num_scans: int
    pixel_factor: float
    mass_factor: float
    largest_misfit: float


REASONS = ("", "no SNR of the calibration", "residual above the calibration")
"""Why a scan is unlike those of the calibration; empty where it isn't."""


class OfScans(NamedTuple):
    """What a guarantee says of scans, (batch,).

    Attributes:
        pixel_factors: What multiplies a pixel's distances; the largest where no group has the scan.
        mass_factors: What multiplies the sum of half widths over an object, likewise.
        reasons: The number in ``REASONS`` of why it doesn't hold; 0 where it does.
    """

    pixel_factors: Float[Tensor, " batch"]
    mass_factors: Float[Tensor, " batch"]
    reasons: Int64[Tensor, " batch"]


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """A calibration: in scans like its own, intervals miss at most a share ``risk``.

    It is the share of the pixels with tracer, or next to some, whose true concentration lies
    outside, in the mean over scans; and the share of objects whose true mass does. In each group
    it is wrong with a chance of ``failure`` at most, by the calibration's scans.

    Args:
        risk: The share that may be missed.
        failure: The chance that more are.
        groups: What was found, by the noise of scans.
        scanner: The scanner that it was calibrated on, and the grid of the images, in words.
        weights: Fingerprint of the cascade's weights.
    """

    risk: float
    failure: float
    groups: tuple[NoiseGroup, ...]
    scanner: str
    weights: str

    def of_scans(
        self, snr_db: Float[Tensor, " batch"], misfit: Float[Tensor, " batch"]
    ) -> "OfScans":
        """Returns what holds for scans of some noise, whose images explain them so well.

        Args:
            snr_db: Estimated peak SNR of the scans in dB.
            misfit: Their residual ÷ noise.
        """
        groups = snr_db.new_tensor(self.groups)
        lowest, highest, _, pixel_factors, mass_factors, largest_misfits = groups.T
        is_in = (snr_db[:, None] >= lowest) & (snr_db[:, None] < highest)
        is_known = is_in.any(dim=1)

        def chosen(values: Tensor) -> Tensor:
            return torch.where(is_known, (is_in * values).sum(dim=1), values.max())

        is_explained = misfit <= chosen(largest_misfits)
        reasons = torch.where(is_known, torch.where(is_explained, 0, 2), 1)
        return OfScans(chosen(pixel_factors), chosen(mass_factors), reasons)

    def as_mapping(self) -> dict[str, Any]:
        """Returns what ``from_mapping`` makes a guarantee of, plain numbers and texts."""
        return {**asdict(self), "groups": [tuple(group) for group in self.groups]}

    @staticmethod
    def from_mapping(stored: Mapping[str, Any]) -> "Guarantee":
        """Returns a guarantee as it was stored.

        Args:
            stored: What ``as_mapping`` returned.

        Raises:
            InputError: If it isn't that.
        """
        try:
            groups = tuple(NoiseGroup(*group) for group in stored["groups"])
            return Guarantee(**{**stored, "groups": groups})
        except (KeyError, TypeError) as error:
            raise InputError(
                "the guarantee of its intervals can't be read: make it again with mpi-cascade "
                "guarantee"
            ) from error


def weights_text(cascade: nn.Module) -> str:
    """Returns a fingerprint of a network's weights.

    Args:
        cascade: The network.
    """
    found = hashlib.sha256()
    for name, value in sorted(cascade.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return found.hexdigest()
