"""Scans of one noise: some of no tracer, others of a single disc of little tracer.

The noise is that of the scanner, and stays what it is however little tracer there is: σ is that at
which a disc of concentration 1 has a peak SNR of 30 dB.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from scipy.special import ndtri
from torch import Tensor, nn

from mpi_cascade.devices import pair
from mpi_cascade.evaluation.measures import DISCS
from mpi_cascade.evaluation.operating_points import FALSE_ALARMS
from mpi_cascade.evaluation.sets import DetectionPlan, EvaluationSet
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.functional import tracer_mass
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import PairGeometry, SingleDiscs, capsule_shapes
from mpi_cascade.physics.linear import Images, Signals
from mpi_cascade.randomness import RandomStreams

DIAMETER_MM = 0.4
PEAK_SNR_DB = 30.0
"""Of a disc of concentration 1."""

STEPS = tuple(2 ** (number / 2) for number in range(-2, 11))
"""The masses of the discs over the ideal observer's limit, ascending."""

IDEAL_D_PRIME = float(-ndtri(FALSE_ALARMS))
"""d′ at which the ideal observer detects a half, with 1 % false alarms."""

_NUM_PLACES = 16
_ROWS = 4
_JITTER = 0.5
"""Of the distance between the places: they never come nearer to each other than this."""


class LookedAt(NamedTuple):
    """Scans, and the discs' places where their images are looked at.

    Attributes:
        signal: The scans, with noise, (batch, channel, y, x).
        windows: The share of each image pixel that a disc there covers, (batch, place, y, x).
    """

    signal: Signals
    windows: Float[Tensor, "batch place ny nx"]


class DetectionScans:
    """The scans that show how little tracer a method detects.

    Discs lie at known places, at random offsets from the pixels, and not at the edge of the field
    of view. In a scan without tracer all of them are looked at.

    Args:
        plan: How many scans there are.
        experiment: The nominal scanner, its models, and the grid of the images.

    Attributes:
        noise: σ of the noise.
        noise_snr_db: Peak SNR that a scan of nothing but noise seems to have, max|u|/σ, in dB.
        disc_mass_m2: Tracer of a disc of concentration 1, ∫ c dr, in m².
        ideal_concentration: Concentration of the disc that the ideal observer, who knows disc and
            place, detects in half of the scans with 1 % false alarms: where ‖S c‖ = 2.33 σ.
    """

    def __init__(self, plan: DetectionPlan, experiment: Experiment) -> None:
        self._plan = plan
        self._device = experiment.forward_model.device
        self._with, self._without = (
            EvaluationSet(name=name, kind=DISCS, scene=SingleDiscs(), indices=(), seed=plan.seed)
            for name in ("little tracer", "no tracer")
        )
        self._simulator = self._with.scans(experiment, self._device)
        self._size_m = experiment.scanner.field_of_view_m
        signal, fine = self._discs(self._with.streams(self._indices(_NUM_PLACES)))
        self.noise = float(signal.abs().amax(dim=(1, 2, 3)).mean()) * 10 ** (-PEAK_SNR_DB / 20)
        self.disc_mass_m2 = float(tracer_mass(fine, self._size_m).mean())
        self._shape = (int(signal.shape[1]), int(signal.shape[2]), int(signal.shape[3]))
        norm = float(signal.flatten(1).norm(dim=1).mean())
        self.ideal_concentration = IDEAL_D_PRIME * self.noise / norm
        peaks = self._noise(self._without.streams(self._indices(_NUM_PLACES)))
        peak = float(peaks.abs().amax(dim=(1, 2, 3)).mean()) / self.noise
        self.noise_snr_db = 20 * math.log10(peak)

    def __len__(self) -> int:
        """Returns the number of scans, those with a disc and those without."""
        return self._plan.num_nulls + len(STEPS) * self._plan.cases_per_mass

    def without_tracer(self, batch_size: int) -> Iterator[LookedAt]:
        """Yields the scans of nothing but noise.

        Args:
            batch_size: Scans in a batch.
        """
        for indices in self._indices(self._plan.num_nulls).split(batch_size):
            places = torch.arange(_NUM_PLACES, device=self._device)
            of_each = (indices[:, None] * _NUM_PLACES + places).flatten()
            windows = self._windows(self._render(self._without.streams(of_each)))
            yield LookedAt(
                self._noise(self._without.streams(indices)),
                windows.reshape(len(indices), _NUM_PLACES, *windows.shape[2:]),
            )

    def with_discs(self, batch_size: int) -> Iterator[LookedAt]:
        """Yields the scans of a disc, those of one mass after the other, from the smallest up.

        Args:
            batch_size: Scans in a batch.
        """
        concentrations = self.ideal_concentration * torch.tensor(STEPS, device=self._device)
        num = len(STEPS) * self._plan.cases_per_mass
        for indices in self._indices(num).split(batch_size):
            streams = self._with.streams(indices)
            signal, fine = self._discs(streams)
            concentration = concentrations[indices // self._plan.cases_per_mass]
            weak = concentration[:, None, None, None] * signal
            yield LookedAt(weak + self._noise(streams), self._windows(fine))

    def _discs(self, streams: RandomStreams) -> tuple[Signals, Tensor]:
        """Returns the noise-free signals of discs of concentration 1, and the discs themselves."""
        fine = self._render(streams)
        return self._simulator.ideal_signal(fine, streams), fine

    def _render(self, streams: RandomStreams) -> Float[Tensor, "batch 1 fy fx"]:
        shape = self._simulator.forward_model.image_shape
        # On a line there is one row of places.
        num_rows = _ROWS if shape[0] > self._simulator.oversampling[0] else 1
        places = disc_places(streams, self._size_m, num_rows)
        return render(capsule_shapes(places), len(streams), shape, self._size_m)

    def _windows(self, fine: Tensor) -> Images:
        return nn.functional.avg_pool2d(fine, self._simulator.oversampling)

    def _noise(self, streams: RandomStreams) -> Signals:
        return self.noise * streams.normal("white noise", self._shape)

    def _indices(self, num: int) -> Int64[Tensor, " num"]:
        return torch.arange(num, device=self._device)


def disc_places(
    streams: RandomStreams, field_of_view_m: tuple[float, float], num_rows: int
) -> PairGeometry:
    """Returns where discs lie: sixteen take turns, each near a point of a lattice.

    Args:
        streams: The random numbers of each disc.
        field_of_view_m: Size (y, x) of the images in m.
        num_rows: Rows of the lattice along y.
    """
    number = streams.indices % _NUM_PLACES
    num_columns = _NUM_PLACES // num_rows
    point = torch.stack((number % num_columns, number // num_columns), dim=1) + 0.5
    point = point + _JITTER * (streams.uniform("position", (2,)) - 0.5)
    share = point / pair(num_columns, num_rows, like=point) - 0.5
    diameter_m = torch.full_like(share[:, 0], 1e-3 * DIAMETER_MM)
    room_m = pair(*field_of_view_m[::-1], like=share) - diameter_m[:, None]
    along_x = pair(1.0, 0.0, like=share).expand_as(share)
    return PairGeometry(share * room_m, along_x, diameter_m, -diameter_m)
