"""The suites: named sets of scans that are fixed, and never used in training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from mpi_cascade.evaluation.measures import CAPSULES, DISCS, NULLS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms import Letters, PhantomMixture, ResolutionTubes, Rings
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    Disturbance,
    FeedThrough,
    FFPDisplacement,
)
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.scanner_models import ScannerModels

_FINE_GAPS_MM = tuple(round(0.05 * number, 2) for number in range(21))
_COARSE_GAPS_MM = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


_TUNING_SEED = 20261126
_MOST_TUNING_PAIRS = 100_000


class _Split(NamedTuple):
    phantom_stream: int
    pair_stream: int
    share: int


# Stream 0 is that of the training.
_SPLITS = {"val": _Split(1, 2, share=4), "test": _Split(3, 4, share=1)}


def training_suite(
    experiment: Experiment, two_points: TwoPoints, num_phantoms: int, split: str
) -> Suite:
    """Returns what a training is validated or tested on: its own phantoms, and pairs.

    Args:
        experiment: Phantoms, scanner and disturbances.
        two_points: The pairs; a validation has the first quarter of each gap's.
        num_phantoms: Number of phantoms.
        split: ``val`` or ``test``.
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
    return Suite(
        name=split,
        sets=(
            phantoms,
            replace(
                phantoms, name="pairs", kind=PAIRS, scene=two_points, indices=pairs,
                stream=streams.pair_stream,
            ),
        ),
    )  # fmt: skip


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


def tuning_scans(num_phantoms: int) -> EvaluationSet:
    """Returns phantoms that are in no suite, on which classical methods are tuned.

    Args:
        num_phantoms: How many.
    """
    return EvaluationSet(
        name="tuning", kind=PHANTOMS, scene=PhantomMixture(), indices=range(num_phantoms)
    )


def tuning_nulls(num: int) -> EvaluationSet:
    """Returns single objects that are in no suite, for tuning at a false-alarm rate.

    Args:
        num: How many; the forms take turns.
    """
    return EvaluationSet(
        name="tuning nulls", kind=NULLS, scene=Nulls(), indices=range(num), seed=_TUNING_SEED
    )


def tuning_pairs(num: int) -> EvaluationSet:
    """Returns pairs that are in no suite, of the nulls' concentrations, for tuning resolution.

    Args:
        num: How many; their gaps of 0.1, 0.15, 0.2 and 0.3 mm have equally many or one fewer.
    """
    gaps_mm = (0.1, 0.15, 0.2, 0.3)
    scene = TwoPoints(
        gaps_mm=gaps_mm, diameter_mm=(0.3, 0.6), cases_per_gap=_MOST_TUNING_PAIRS,
        concentration=(0.1, 1.0),
    )  # fmt: skip
    indices = [
        number % len(gaps_mm) * _MOST_TUNING_PAIRS + number // len(gaps_mm) for number in range(num)
    ]
    return EvaluationSet(
        name="tuning pairs", kind=PAIRS, scene=scene, indices=indices, seed=_TUNING_SEED
    )


def feasible_part(suite: Suite, models: ScannerModels) -> tuple[Suite, list[str]]:
    """Returns the sets that a scanner's models can make, and sentences on what is left out.

    A measured system matrix says nothing of its scanner at another gradient or with another tracer.

    Args:
        suite: The suite.
        models: The models of the scanner.
    """
    if models.system_matrix is None:
        return suite, []
    left_out = [part.name for part in suite.sets if part.true_scanner]
    sets = f" and the sets {', '.join(left_out)}" if left_out else ""
    return replace(suite, sets=tuple(part for part in suite.sets if not part.true_scanner)), [
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        f"out, which is what noise allows{sets}"
    ]


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
    return Suite(
        name=name,
        sets=(
            *_families(range(num_phantoms)),
            *_other_conditions(scanner, range(num_phantoms)),
            *(EvaluationSet(name=f"pairs {key}", kind=PAIRS, scene=scene, indices=range(len(scene)))
              for key, scene in (outlines | unequal).items()),
            *(EvaluationSet(name=f"capsules {key}", kind=CAPSULES, scene=Capsules(outlines=scene),
                            indices=range(len(scene)), twin=f"pairs {key}")
              for key, scene in outlines.items()),
            *(EvaluationSet(name=f"discs {diameter:g} mm", kind=DISCS,
                            scene=SingleDiscs(diameter_mm=diameter), indices=range(num_phantoms))
              for diameter in diameters_mm),
        ),
    )  # fmt: skip


def _families(indices: Sequence[int]) -> list[EvaluationSet]:
    families = {"rings": Rings(), "letters": Letters(), "five tubes": ResolutionTubes()}
    scenes = {"phantoms": PhantomMixture()} | {
        f"unseen {name}": PhantomMixture({name: family}) for name, family in families.items()
    }
    return [
        EvaluationSet(name=name, kind=PHANTOMS, scene=scene, indices=indices)
        for name, scene in scenes.items()
    ]


def _other_conditions(scanner: Scanner, indices: Sequence[int]) -> list[EvaluationSet]:
    """Returns the training phantoms with other noise, and on a scanner that is otherwise off."""
    noise = {f"SNR {peak_snr_db} dB": peak_snr_db for peak_snr_db in (20, 25, 35, 40, 50)}
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
    usual = EvaluationSet(
        name="phantoms", kind=PHANTOMS, scene=PhantomMixture(), indices=indices, twin="phantoms"
    )
    return [
        *(replace(usual, name=name, peak_snr_db=value) for name, value in noise.items()),
        *(replace(usual, name=name, true_scanner=change) for name, change in changes.items()),
        *(replace(usual, name=name, disturbances=effect) for name, effect in effects.items()),
    ]
