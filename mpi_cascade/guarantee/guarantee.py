"""What was calibrated of a cascade's intervals, and for which scans it holds."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
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

    def group_numbers(self, snr_db: Float[Tensor, " batch"]) -> list[int | None]:
        """Returns the number of each scan's group; None where it belongs to none.

        Args:
            snr_db: Estimated peak SNR of the scans in dB.
        """
        return [
            next(
                (
                    number
                    for number, group in enumerate(self.groups)
                    if group.lowest_snr_db <= value < group.highest_snr_db
                ),
                None,
            )
            for value in snr_db.tolist()
        ]

    def reasons(
        self, snr_db: Float[Tensor, " batch"], misfit: Float[Tensor, " batch"]
    ) -> list[str]:
        """Returns why each scan is unlike those of the calibration; empty where it isn't.

        Args:
            snr_db: Estimated peak SNR of the scans in dB.
            misfit: Their residual ÷ noise.
        """
        found = []
        for number, value in zip(self.group_numbers(snr_db), misfit.tolist(), strict=True):
            if number is None:
                found.append("no SNR of the calibration")
            elif not value <= self.groups[number].largest_misfit:
                found.append("residual above the calibration")
            else:
                found.append("")
        return found

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
