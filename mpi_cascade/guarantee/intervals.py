"""Intervals of a cascade's images as its guarantee makes them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from mpi_cascade.evidence.evidence import Evidence
from mpi_cascade.guarantee.guarantee import REASONS, Guarantee, OfScans
from mpi_cascade.guarantee.objects import ObjectMass, objects
from mpi_cascade.models.cascade import Cascade, Reconstruction
from mpi_cascade.models.intervals import Interval
from mpi_cascade.physics.linear import Images, LinearModel, Signals


class ScanIntervals(NamedTuple):
    """Intervals of some scans.

    Attributes:
        lower: Lower end of each pixel, (batch, 1, y, x), ≥ 0; NaN where it is withheld.
        upper: Upper end, (batch, 1, y, x), ≥ 0.
        masses: The objects of each scan, the one with most tracer first.
        withheld: For each scan why the guarantee doesn't hold; empty where it does.
    """

    lower: Images
    upper: Images
    masses: Sequence[Sequence[ObjectMass]]
    withheld: Sequence[str]


class Intervals:
    """Gives the intervals of images and of the masses of their objects.

    Args:
        cascade: A cascade with a network of the uncertainty.
        forward_model: The S that it believes in.
        guarantee: Its calibration.

    Attributes:
        cascade: The cascade.
    """

    def __init__(self, cascade: Cascade, forward_model: LinearModel, guarantee: Guarantee) -> None:
        self.cascade, self._guarantee = cascade, guarantee
        self._field_of_view_m = forward_model.scanner.field_of_view_m
        self._evidence = Evidence(forward_model)

    @property
    def level(self) -> float:
        """The share that lies inside, of scans like those of the calibration."""
        return 1 - self._guarantee.risk

    def calibrated(self, signal: Signals, images: Reconstruction) -> tuple[Interval, OfScans]:
        """Returns the intervals as trained, and what the guarantee makes of them.

        Args:
            signal: The scans, (batch, channel, y, x).
            images: What the cascade made of them.
        """
        fit = self._evidence.fit(signal, images.final)
        said = self._guarantee.of_scans(fit.peak_snr_db, fit.residual_to_noise)
        return self.cascade.interval(images, signal), said

    def ends(self, signal: Signals, images: Reconstruction) -> Interval:
        """Returns the intervals of every pixel, ≥ 0; NaN where the guarantee doesn't hold.

        Args:
            signal: The scans, (batch, channel, y, x).
            images: What the cascade made of them.
        """
        return _ends(images.final, *self.calibrated(signal, images))

    @torch.no_grad()
    def __call__(self, signal: Signals, images: Reconstruction) -> ScanIntervals:
        """Returns the intervals of every pixel and object, and where they don't hold.

        Args:
            signal: The scans, (batch, channel, y, x).
            images: What the cascade made of them.
        """
        interval, said = self.calibrated(signal, images)
        each = zip(images.final, half_width(interval), said.mass_factors.tolist(), strict=True)
        masses = [
            objects(image[0], half[0], factor, self._field_of_view_m)
            for image, half, factor in each
        ]
        withheld = [REASONS[number] for number in said.reasons.tolist()]
        return ScanIntervals(*_ends(images.final, interval, said), masses, withheld)


def half_width(interval: Interval) -> Images:
    """Returns half of the width of each pixel's interval, (batch, 1, y, x)."""
    return 0.5 * (interval.upper - interval.lower)


def _ends(image: Images, interval: Interval, said: OfScans) -> Interval:
    is_withheld = (said.reasons > 0)[:, None, None, None]
    scaled = interval.scaled(image, said.pixel_factors)
    # Tracer isn't negative.
    return Interval(*(end.clamp_min(0).masked_fill(is_withheld, torch.nan) for end in scaled))
