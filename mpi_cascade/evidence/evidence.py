"""What a scan says of an image: how well it fits, what of it is measured, which pairs are real."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.evidence.measured_part import MeasuredPart, measured_share
from mpi_cascade.evidence.pairs import Pair, PairTest, Points
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.noise import NoiseEstimate, peak_snr_db


@dataclass(frozen=True, eq=False)
class ScanFit:
    """How noisy each of some scans is, and how well its image explains it, (batch,).

    Attributes:
        peak: Largest |u|.
        noise: Standard deviation of the noise, estimated from the scan itself.
        residual: Root mean square of S c − u over all measurements, c the image.
    """

    peak: Float[Tensor, " batch"]
    noise: Float[Tensor, " batch"]
    residual: Float[Tensor, " batch"]

    @property
    def peak_snr_db(self) -> Float[Tensor, " batch"]:
        """Peak signal-to-noise ratio 20·log10(peak/noise) in dB; NaN without any signal."""
        return peak_snr_db(self.peak, self.noise)

    @property
    def residual_to_noise(self) -> Float[Tensor, " batch"]:
        """Residual ÷ noise: 1 where the image explains the scan; NaN without any signal."""
        return torch.where(self.peak > 0, self.residual / self.noise, torch.nan)


class Parts(NamedTuple):
    """Images, taken apart.

    Attributes:
        measured: What the scan determines above its noise, (batch, 1, y, x).
        prior: What the network's prior adds to it, (batch, 1, y, x).
        share: Share of the image's energy that the scan determines, 0 … 1, (batch,).
    """

    measured: Images
    prior: Images
    share: Float[Tensor, " batch"]


class Evidence:
    """Says what scans tell of images, whoever made the images.

    Args:
        forward_model: S, as ``cascade.experiment.forward_model``.

    Attributes:
        noise: Estimates σ of scans.
    """

    def __init__(self, forward_model: LinearModel) -> None:
        self._forward_model = forward_model
        self.noise = NoiseEstimate(forward_model)

    @cached_property
    def _measured_part(self) -> MeasuredPart:
        return MeasuredPart(self._forward_model)

    @cached_property
    def _pair_test(self) -> PairTest:
        return PairTest(self._forward_model)

    def fit(self, signal: Signals, image: Images) -> ScanFit:
        """Returns how noisy scans are, and how well their images explain them.

        Args:
            signal: The scans, (batch, channel, y, x).
            image: Their images, (batch, 1, y, x).
        """
        residual = self._forward_model(image) - signal
        return ScanFit(
            peak=signal.abs().amax(dim=(1, 2, 3)),
            noise=self.noise(signal),
            residual=residual.square().mean(dim=(1, 2, 3)).sqrt(),
        )

    @torch.no_grad()
    def parts(self, signal: Signals, image: Images) -> Parts:
        """Returns the part of images that their scans determine, and what the prior adds.

        Args:
            signal: The scans, (batch, channel, y, x).
            image: Their images, (batch, 1, y, x).

        Raises:
            InputError: If S is too large for its eigenbasis.
        """
        measured = self._measured_part(image, self.noise(signal))
        return Parts(measured, image - measured, measured_share(image, measured))

    @torch.no_grad()
    def pairs(
        self, signal: Signals, image: Images, points_m: Points | None = None
    ) -> list[list[Pair]]:
        """Returns what scans say of pairs of peaks, for each scan.

        Args:
            signal: The scans, (batch, channel, y, x).
            image: Their images, (batch, 1, y, x).
            points_m: The pair, (x, y) in m each; by default the three closest ones of each image,
                of peaks no farther apart than one object may be long.

        Returns:
            Pairs of each scan; none where σ is not known.

        Raises:
            InputError: If a point lies outside of the field of view, both are the same, or images
                are lines.
        """
        test = self._pair_test
        if points_m:
            test.check(points_m)
        scans = zip(signal, image[:, 0], self.noise(signal).tolist(), strict=True)
        return [
            [test(scan, one, noise, wanted) for wanted in test.wanted(one, noise, points_m)]
            for scan, one, noise in scans
        ]
