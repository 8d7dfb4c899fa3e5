"""Sets of scans on which methods are judged: what is scanned, and under what conditions."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from mpi_cascade.evaluation.measures import Kind
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms.scenes import Scene, TwoPoints
from mpi_cascade.physics.disturbances import Disturbance, WhiteNoise
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.simulated import Sample, SimulatedScans, fine_shape, square_oversampling

BATCH_SIZE = 64
"""Scans at a time, where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Scans of one kind, with a name.

    Args:
        name: Name, unique in a suite.
        kind: What is measured on them.
        scene: What is scanned.
        indices: Index of each scan in its stream.
        twin: Name of the set that this one shares positions and noise with, if any.
        seed: Seed of the scans; 0 is that of the splits of a training.
        stream: Number of their stream; by default it follows from the name, or the twin's.
        true_scanner: Quantities in which the true scanner differs from the nominal one, by name.
        disturbances: Applied before the white noise.
        peak_snr_db: Peak signal-to-noise ratio of the white noise in dB.
        oversampling: Pixels of the simulation grid per image pixel along its shorter side.
    """

    name: str
    kind: Kind
    scene: Scene
    indices: Sequence[int]
    twin: str = ""
    seed: int = 1
    stream: int | None = None
    true_scanner: Mapping[str, Any] = field(default_factory=dict)
    disturbances: tuple[Disturbance, ...] = ()
    peak_snr_db: float = 30.0
    oversampling: int = 2

    @property
    def gaps_mm(self) -> tuple[float, ...]:
        """The gaps of the pairs, or of their controls, in mm."""
        scene = getattr(self.scene, "outlines", self.scene)
        return scene.gaps_mm if isinstance(scene, TwoPoints) else ()

    @property
    def stream_number(self) -> int:
        """Number of the stream of the scans."""
        of_name = zlib.crc32((self.twin or self.name).encode())
        return of_name if self.stream is None else self.stream

    def streams(self, indices: Int64[Tensor, " batch"]) -> RandomStreams:
        """Returns the random numbers of scans.

        Args:
            indices: Some of the set's indices.
        """
        return RandomStreams(self.seed, self.stream_number, indices)

    def scan(self, scans: SimulatedScans, indices: Int64[Tensor, " batch"]) -> Sample:
        """Returns scans, on the device of the indices.

        Args:
            scans: The set's simulator, on that device.
            indices: Some of the set's indices.
        """
        return scans.scan(self.scene, self.streams(indices))

    def scans(self, experiment: Experiment, device: torch.device | str) -> SimulatedScans:
        """Returns the simulator.

        Args:
            experiment: The nominal scanner, its models, and the grid of the images.
            device: Where it computes.

        Raises:
            InputError: If the field of view can't hold the phantoms.
        """
        scanner, shape = experiment.scanner, experiment.image_shape
        self.scene.check_fits(scanner.field_of_view_m)
        oversampling = square_oversampling(shape, scanner.field_of_view_m, self.oversampling)
        model = experiment.scans.forward_model
        # Making a model takes a second: most sets have that of the experiment.
        if (oversampling, self.true_scanner) != (
            experiment.scans.oversampling, experiment.true_scanner or {}
        ):  # fmt: skip
            model = experiment.models.true(fine_shape(shape, oversampling), self.true_scanner)
        return SimulatedScans(
            model,
            nominal_scanner=scanner,
            oversampling=oversampling,
            disturbances=[*self.disturbances, WhiteNoise(peak_snr_db=self.peak_snr_db)],
        ).to(device)

    @torch.no_grad()
    def batches(self, experiment: Experiment, batch_size: int = BATCH_SIZE) -> Iterator[Sample]:
        """Yields all scans, batch by batch, simulated where the experiment's model computes.

        Args:
            experiment: The nominal scanner, its models, and the grid of the images.
            batch_size: Scans in a batch.

        Raises:
            InputError: If the field of view can't hold the phantoms.
        """
        device = experiment.forward_model.device
        scans = self.scans(experiment, device)
        indices = torch.tensor(self.indices, device=device)
        for batch in indices.split(batch_size):
            yield self.scan(scans, batch)


class DetectionPlan(NamedTuple):
    """How many scans show how little tracer a method detects.

    Attributes:
        num_nulls: Scans without tracer; 20 or more, as each has 16 places.
        cases_per_mass: Discs of each of the 13 masses.
        seed: Seed of the scans.
    """

    num_nulls: int
    cases_per_mass: int
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Sets of scans.

    Args:
        name: Name.
        sets: The sets.
        detection: The scans that show the limit of detection; None where it isn't looked for.
    """

    name: str
    sets: tuple[EvaluationSet, ...]
    detection: DetectionPlan | None = None

    def of_kind(self, *kinds: Kind) -> tuple[EvaluationSet, ...]:
        """Returns the sets of some kinds."""
        return tuple(part for part in self.sets if part.kind in kinds)

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a field of view (y, x) in m can't hold the suite."""
        for part in self.sets:
            part.scene.check_fits(field_of_view_m)
