"""Named evaluation suites: what is scanned, by which scanner, with how much noise.

Fixed, and never used in training or tuning. Must not know of networks or metrics.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from mpi_cascade.phantoms import Letters, PhantomMixture, ResolutionTubes, Rings
from mpi_cascade.phantoms.scenes import Capsules, Scene, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    Disturbance,
    FeedThrough,
    FFPDisplacement,
    WhiteNoise,
)
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.scans.simulated import Sample, SimulatedScans, fine_shape, square_oversampling

# Any number but that of the splits of a training, which is 0 for those that are fixed.
_SEED = 1
_OVERSAMPLING = 2
_FINE_GAPS_MM = tuple(round(0.05 * number, 2) for number in range(21))
_COARSE_GAPS_MM = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Scans of one kind, with a name.

    Args:
        name: Name, unique in a suite.
        scene: What is scanned.
        num_cases: Number of scans.
        batch_size: Scans in a batch; of a two-point suite one gap's cases, so that every batch has
            one gap.
        twin: Name of the set that this one shares positions and noise with, if any.
        true_scanner: Quantities in which the true scanner differs from the nominal one, by name.
        disturbances: Applied before the white noise.
        peak_snr_db: Peak signal-to-noise ratio of the white noise in dB.
    """

    name: str
    scene: Scene
    num_cases: int
    batch_size: int = 64
    twin: str = ""
    true_scanner: Mapping[str, Any] = field(default_factory=dict)
    disturbances: tuple[Disturbance, ...] = ()
    peak_snr_db: float = 30.0

    @torch.no_grad()
    def batches(self, models: ScannerModels, image_shape: tuple[int, int]) -> Iterator[Sample]:
        """Yields all scans, batch by batch.

        Args:
            models: The models of the nominal scanner.
            image_shape: Pixels (y, x) of the images.

        Raises:
            InputError: If the field of view can't hold the phantoms.
        """
        field_of_view_m = models.scanner.field_of_view_m
        self.scene.check_fits(field_of_view_m)
        oversampling = square_oversampling(image_shape, field_of_view_m, _OVERSAMPLING)
        scans = SimulatedScans(
            models.true(fine_shape(image_shape, oversampling), self.true_scanner),
            nominal_scanner=models.scanner,
            oversampling=oversampling,
            disturbances=[*self.disturbances, WhiteNoise(peak_snr_db=self.peak_snr_db)],
        )
        stream = zlib.crc32((self.twin or self.name).encode())
        for indices in torch.arange(self.num_cases).split(self.batch_size):
            yield scans.scan(self.scene, RandomStreams(_SEED, stream, indices))


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Sets of scans by what can be measured on them.

    Args:
        name: Name.
        phantoms: Random phantoms: image quality and tracer mass.
        pairs: Two points: resolution.
        capsules: Controls of the pairs: false splits.
        discs: Single discs: width and place.
    """

    name: str
    phantoms: tuple[EvaluationSet, ...]
    pairs: tuple[EvaluationSet, ...]
    capsules: tuple[EvaluationSet, ...]
    discs: tuple[EvaluationSet, ...]

    @property
    def sets(self) -> tuple[EvaluationSet, ...]:
        """All sets."""
        return *self.phantoms, *self.pairs, *self.capsules, *self.discs

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a field of view (y, x) in m can't hold the suite."""
        for part in self.sets:
            part.scene.check_fits(field_of_view_m)


def standard_suite(scanner: Scanner) -> Suite:
    """Returns the full suite: 80 cases of each of 21 gaps, three diameters.

    80 of 80 is the fewest round number whose Wilson interval lies above a share of 0.95.
    """
    cases = TwoPoints(gaps_mm=_FINE_GAPS_MM, cases_per_gap=80)
    return _suite("standard", scanner, 256, cases, diameters_mm=(0.3, 0.4, 0.6))


def brief_suite(scanner: Scanner) -> Suite:
    """Returns a suite for methods that take a second per image: 16 cases of 10 gaps."""
    cases = TwoPoints(gaps_mm=_COARSE_GAPS_MM, cases_per_gap=16)
    return _suite("brief", scanner, 64, cases, diameters_mm=(0.4,))


def _suite(
    name: str,
    scanner: Scanner,
    num_phantoms: int,
    cases: TwoPoints,
    diameters_mm: tuple[float, ...],
) -> Suite:
    outlines = {
        f"along x, {diameter:g} mm": replace(cases, diameter_mm=diameter)
        for diameter in diameters_mm
    }
    outlines["along y, 0.4 mm"] = replace(cases, angles_deg=(90.0, 90.0))
    outlines["any angle, 0.4 mm"] = replace(cases, angles_deg=(0.0, 180.0))
    unequal = {"along x, 0.4 mm, 1 : 0.5": replace(cases, second_concentration=0.5)}
    discs = {f"{diameter:g} mm": SingleDiscs(diameter_mm=diameter) for diameter in diameters_mm}
    return Suite(
        name=name,
        phantoms=(*_families(num_phantoms), *_other_noise(num_phantoms),
                  *_other_scanners(scanner, num_phantoms)),
        pairs=tuple(
            EvaluationSet(name=f"pairs {key}", scene=scene, num_cases=len(scene),
                          batch_size=scene.cases_per_gap)
            for key, scene in (outlines | unequal).items()
        ),
        capsules=tuple(
            EvaluationSet(name=f"capsules {key}", scene=Capsules(outlines=scene),
                          num_cases=len(scene), batch_size=scene.cases_per_gap,
                          twin=f"pairs {key}")
            for key, scene in outlines.items()
        ),
        discs=tuple(
            EvaluationSet(name=f"discs {key}", scene=scene, num_cases=num_phantoms)
            for key, scene in discs.items()
        ),
    )  # fmt: skip


def _families(num_cases: int) -> list[EvaluationSet]:
    families = {"rings": Rings(), "letters": Letters(), "five tubes": ResolutionTubes()}
    scenes = {"phantoms": PhantomMixture()} | {
        f"unseen {name}": PhantomMixture({name: family}) for name, family in families.items()
    }
    return [
        EvaluationSet(name=name, scene=scene, num_cases=num_cases) for name, scene in scenes.items()
    ]


def _other_noise(num_cases: int) -> list[EvaluationSet]:
    return [
        EvaluationSet(name=f"SNR {peak_snr_db} dB", scene=PhantomMixture(), num_cases=num_cases,
                      twin="phantoms", peak_snr_db=peak_snr_db)
        for peak_snr_db in (20, 25, 35, 40, 50)
    ]  # fmt: skip


def _other_scanners(scanner: Scanner, num_cases: int) -> list[EvaluationSet]:
    """Returns the training phantoms on a scanner that is not what it is thought to be."""
    changes: dict[str, dict[str, Any]] = {}
    for percent in (-5, 5):
        factor = 1 + percent / 100
        changes[f"gradient {percent:+d} %"] = {
            "gradient_x_t_per_m": factor * scanner.gradient_x_t_per_m,
            "gradient_y_t_per_m": factor * scanner.gradient_y_t_per_m,
        }
        changes[f"core diameter {percent:+d} %"] = {
            "particle": {"core_diameter_m": factor * scanner.particle.core_diameter_m}
        }
    relaxation_s = scanner.particle.relaxation_time_s + 1e-6
    changes["relaxation +1 µs"] = {"particle": {"relaxation_time_s": relaxation_s}}
    effects: dict[str, tuple[Disturbance, ...]] = {
        "FFP offset σ 0.05 mm": (FFPDisplacement(offset_std_m=5e-5),),
        "background 2 % and drift": (
            FeedThrough(relative_amplitude=0.02), BackgroundDrift(relative_std=0.003)
        ),
    }  # fmt: skip
    mixture = PhantomMixture()
    return [
        EvaluationSet(name=name, scene=mixture, num_cases=num_cases, twin="phantoms",
                      true_scanner=change)
        for name, change in changes.items()
    ] + [
        EvaluationSet(name=name, scene=mixture, num_cases=num_cases, twin="phantoms",
                      disturbances=effect)
        for name, effect in effects.items()
    ]  # fmt: skip
