"""The suites: named sets of scans that are fixed, and never used in training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from mpi_cascade.checks import as_range
from mpi_cascade.evaluation.least_favourable import LeastFavourableCapsules
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, NULLS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.objectives import TuningSets
from mpi_cascade.evaluation.off_scanners import off_sets
from mpi_cascade.evaluation.sets import DetectionPlan, EvaluationSet, Suite
from mpi_cascade.evaluation.suite_parts import (
    VARIED,
    families,
    least_favourable_set,
    null_sets,
    other_conditions,
)
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.nulls import Nulls, SingleCapsules, null_forms
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import Stream
from mpi_cascade.scans.scanner_models import ScannerModels

_FINE_GAPS_MM = tuple(round(0.05 * number, 2) for number in range(21))
_COARSE_GAPS_MM = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
_VALIDATION_SEED = 20261125
_TUNING_SEED = 20261126
_MOST_TUNING_PAIRS = 100_000


class _Split(NamedTuple):
    phantom_stream: Stream
    pair_stream: Stream
    null_stream: Stream
    share: int


_SPLITS = {
    "val": _Split(
        Stream.VALIDATION_PHANTOMS, Stream.VALIDATION_PAIRS, Stream.VALIDATION_NULLS, share=4
    ),
    "test": _Split(Stream.TEST_PHANTOMS, Stream.TEST_PAIRS, Stream.TEST_NULLS, share=1),
    "tuning": _Split(Stream.TUNING_PHANTOMS, Stream.TUNING_PAIRS, Stream.TUNING_NULLS, share=4),
}

_MOST_TRAINING_NULLS = 320
"""Enough for 1 %, and shared evenly by many numbers of processes."""
_NULLS_PER_PHANTOM = 5
_NUM_VALIDATION_NULLS = 600
"""Twice what 1 % needs: six of them decide the threshold."""


def training_suite(
    experiment: Experiment, two_points: TwoPoints, num_phantoms: int, split: str
) -> Suite:
    """Returns what a training is validated or tested on: its own phantoms, pairs and nulls.

    The nulls are to the pairs' discs, of 0.4 mm by default, what they are in the other suites; in a
    field of view that can't hold those they are smaller.

    Args:
        experiment: Phantoms, scanner and disturbances.
        two_points: The pairs; a validation has the first quarter of each gap's.
        num_phantoms: Number of phantoms; there are five times as many nulls, 320 at most. Fewer
            than 300 nulls show no threshold at 1 %.
        split: ``val``, ``test`` or, for what a validation's own scans can't tell, ``tuning``.
    """
    streams = _SPLITS[split]
    cases = two_points.cases_per_gap
    pairs = [i for i in range(len(two_points)) if i % cases < -(-cases // streams.share)]
    phantoms = EvaluationSet(
        name="phantoms", kind=PHANTOMS, scene=experiment.mixture, indices=range(num_phantoms),
        seed=0, stream=streams.phantom_stream, true_scanner=experiment.true_scanner or {},
        disturbances=tuple(experiment.disturbances), peak_snr_db=experiment.peak_snr_db,
        oversampling=experiment.oversampling,
    )  # fmt: skip
    room = min(experiment.scanner.field_of_view_m) / SingleCapsules().largest_extent_m
    num_nulls = min(_NULLS_PER_PHANTOM * num_phantoms, _MOST_TRAINING_NULLS)
    forms = null_forms(min(as_range(two_points.diameter_mm)[1] / 0.4, 0.99 * room))
    return Suite(
        name=split,
        sets=(
            phantoms,
            replace(
                phantoms, name="pairs", kind=PAIRS, scene=two_points, indices=pairs,
                stream=streams.pair_stream,
            ),
            replace(
                phantoms, name="nulls", kind=NULLS, scene=Nulls(tuple(forms.values())),
                indices=range(num_nulls), stream=streams.null_stream,
            ),
        ),
    )  # fmt: skip


def standard_suite(scanner: Scanner) -> Suite:
    """Returns the full suite: 80 cases of each of 21 gaps, three diameters.

    80 of 80 is the fewest round number whose Wilson interval lies above a share of 0.95.

    Args:
        scanner: The scanner that is believed in.
    """
    cases = TwoPoints(gaps_mm=_FINE_GAPS_MM, cases_per_gap=80)
    off = off_sets(scanner, range(256), cases_per_gap=80, num_nulls=400)
    suite = _suite("standard", scanner, 256, 80, cases, (0.3, 0.4, 0.6), off)
    return replace(suite, detection=DetectionPlan(num_nulls=192, cases_per_mass=80))


def brief_suite(scanner: Scanner) -> Suite:
    """Returns a suite for methods that take a second per image: 16 cases of 10 gaps.

    Args:
        scanner: The scanner that is believed in.
    """
    cases = TwoPoints(gaps_mm=_COARSE_GAPS_MM, cases_per_gap=16)
    off = off_sets(scanner, range(64), cases_per_gap=8, num_nulls=40)
    suite = _suite("brief", scanner, 64, 20, cases, (0.4,), off)
    return replace(suite, detection=DetectionPlan(num_nulls=64, cases_per_mass=24))


def validation_nulls() -> EvaluationSet:
    """Returns the single objects that are in no suite, on which thresholds are chosen."""
    return EvaluationSet(
        name="validation nulls", kind=NULLS, scene=Nulls(), indices=range(_NUM_VALIDATION_NULLS),
        seed=_VALIDATION_SEED,
    )  # fmt: skip


def tuning_sets(num_phantoms: int, num_pairs: int) -> TuningSets:
    """Returns the scans that classical methods are tuned on.

    Args:
        num_phantoms: How many phantoms.
        num_pairs: How many pairs, of the nulls' concentrations; their gaps of 0.1, 0.15, 0.2 and
            0.3 mm have equally many or one fewer. There are twice as many nulls, whose forms take
            turns.
    """
    gaps_mm = (0.1, 0.15, 0.2, 0.3)
    scene = TwoPoints(
        gaps_mm=gaps_mm, diameter_mm=(0.3, 0.6), cases_per_gap=_MOST_TUNING_PAIRS,
        concentration=(0.1, 1.0),
    )  # fmt: skip
    indices = [
        number % len(gaps_mm) * _MOST_TUNING_PAIRS + number // len(gaps_mm)
        for number in range(num_pairs)
    ]
    return TuningSets(
        EvaluationSet(
            name="tuning", kind=PHANTOMS, scene=PhantomMixture(), indices=range(num_phantoms)
        ),
        EvaluationSet(
            name="tuning pairs", kind=PAIRS, scene=scene, indices=indices, seed=_TUNING_SEED
        ),
        EvaluationSet(
            name="tuning nulls", kind=NULLS, scene=Nulls(), indices=range(2 * num_pairs),
            seed=_TUNING_SEED,
        ),
    )  # fmt: skip


def feasible_part(suite: Suite, models: ScannerModels) -> tuple[Suite, list[str]]:
    """Returns the sets that a scanner's models can make, and sentences on what is left out.

    A measured system matrix says nothing of its scanner at another gradient or with another tracer.

    Args:
        suite: The suite.
        models: The models of the scanner.
    """
    if models.system_matrix is None:
        return suite, []
    left_out = [
        part
        for part in suite.sets
        if part.true_scanner or isinstance(part.scene, LeastFavourableCapsules)
    ]
    names = f" and the sets {', '.join(part.name for part in left_out)}" if left_out else ""
    kept = tuple(part for part in suite.sets if part not in left_out)
    return replace(suite, sets=kept), [
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        f"out, which is what noise allows{names}"
    ]


def _suite(
    name: str,
    scanner: Scanner,
    num_phantoms: int,
    num_nulls: int,
    cases: TwoPoints,
    diameters_mm: tuple[float, ...],
    off: Sequence[EvaluationSet],
) -> Suite:
    outlines = {
        f"along x, {diameter:g} mm": replace(cases, diameter_mm=diameter)
        for diameter in diameters_mm
    }
    outlines["along y, 0.4 mm"] = replace(cases, angles_deg=(90.0, 90.0))
    outlines["any angle, 0.4 mm"] = replace(cases, angles_deg=(0.0, 180.0))
    others = {
        "along x, 0.4 mm, 1 : 0.5": replace(cases, second_concentration=0.5),
        "along x, 0.3–0.6 mm": replace(VARIED, cases_per_gap=cases.cases_per_gap),
    }
    pairs = {
        key: EvaluationSet(name=f"pairs {key}", kind=PAIRS, scene=scene, indices=range(len(scene)))
        for key, scene in (outlines | others).items()
    }
    return Suite(
        name=name,
        sets=(
            *families(range(num_phantoms)),
            *other_conditions(scanner, range(num_phantoms)),
            *pairs.values(),
            *(replace(pairs[key], name=f"capsules {key}", kind=CAPSULES, twin=f"pairs {key}",
                      scene=Capsules(outlines=scene))
              for key, scene in outlines.items()),
            *(least_favourable_set(pairs[key], scanner, cases.cases_per_gap)
              for key in ("along x, 0.4 mm", "along y, 0.4 mm", "along x, 0.3–0.6 mm")),
            *null_sets(num_nulls),
            *(EvaluationSet(name=f"discs {diameter:g} mm", kind=DISCS,
                            scene=SingleDiscs(diameter_mm=diameter), indices=range(num_phantoms))
              for diameter in diameters_mm),
            *off,
        ),
    )  # fmt: skip
