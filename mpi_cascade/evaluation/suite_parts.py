"""Sets of scans that several suites have."""

from collections.abc import Sequence
from dataclasses import replace

from mpi_cascade.evaluation.least_favourable import LeastFavourableCapsules
from mpi_cascade.evaluation.measures import CAPSULES, NULLS, PHANTOMS
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.phantoms import Letters, PhantomMixture, ResolutionTubes, Rings
from mpi_cascade.phantoms.nulls import null_forms
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    Disturbance,
    FeedThrough,
    FFPDisplacement,
)
from mpi_cascade.physics.scanner import Scanner

VARIED = TwoPoints(
    gaps_mm=(0.05, 0.1, 0.15, 0.2, 0.3, 0.5), diameter_mm=(0.3, 0.6), concentration=(0.1, 1.0)
)
"""Pairs along x of any diameter and concentration."""

LEAST_FAVOURABLE = "least favourable"
"""What stands in place of ``pairs`` in the name of their least favourable capsules."""


def null_sets(num: int) -> list[EvaluationSet]:
    """Returns single objects, a set of each form.

    Args:
        num: How many of each form.
    """
    return [
        EvaluationSet(name=f"nulls, {name}", kind=NULLS, scene=form, indices=range(num))
        for name, form in null_forms().items()
    ]


def least_favourable_set(
    part: EvaluationSet, scanner: Scanner, cases_per_gap: int
) -> EvaluationSet:
    """Returns the single capsules that are most like pairs, where those lie, in their noise.

    Args:
        part: The pairs, equal and of one direction.
        scanner: The scanner.
        cases_per_gap: How many of each gap have their capsule.
    """
    scene = part.scene
    assert isinstance(scene, TwoPoints)
    return replace(
        part, name=part.name.replace("pairs", LEAST_FAVOURABLE, 1), kind=CAPSULES, twin=part.name,
        scene=LeastFavourableCapsules(outlines=scene, scanner=scanner),
        indices=[i for i in part.indices if i % scene.cases_per_gap < cases_per_gap],
    )  # fmt: skip


def families(indices: Sequence[int]) -> list[EvaluationSet]:
    """Returns random phantoms: those of the training's families, and of families that it never has.

    Args:
        indices: The index of each phantom.
    """
    families = {"rings": Rings(), "letters": Letters(), "five tubes": ResolutionTubes()}
    scenes = {"phantoms": PhantomMixture()} | {
        f"unseen {name}": PhantomMixture({name: family}) for name, family in families.items()
    }
    return [
        EvaluationSet(name=name, kind=PHANTOMS, scene=scene, indices=indices)
        for name, scene in scenes.items()
    ]


def other_conditions(scanner: Scanner, indices: Sequence[int]) -> list[EvaluationSet]:
    """Returns the training phantoms with other noise and other disturbances.

    Args:
        scanner: The scanner that is believed in.
        indices: The index of each phantom.
    """
    noise = {f"SNR {peak_snr_db} dB": peak_snr_db for peak_snr_db in (20, 25, 35, 40, 50)}
    relaxation_s = scanner.particle.relaxation_time_s + 1e-6
    relaxed = {"particle": {"relaxation_time_s": relaxation_s}}
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
        replace(usual, name="relaxation +1 µs", true_scanner=relaxed),
        *(replace(usual, name=name, disturbances=effect) for name, effect in effects.items()),
    ]
