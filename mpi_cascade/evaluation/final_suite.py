"""The suite for final results, on whose scans nothing was ever chosen."""

from dataclasses import replace

from mpi_cascade.evaluation.measures import PAIRS, PHANTOMS
from mpi_cascade.evaluation.off_scanners import off_sets
from mpi_cascade.evaluation.sets import DetectionPlan, EvaluationSet, Suite
from mpi_cascade.evaluation.suite_parts import VARIED, least_favourable_set, null_sets
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.dilution import Diluted
from mpi_cascade.physics.scanner import Scanner

FINAL_SEED = 20261128
"""Seed of the final suite; calibrations of intervals have it, too, but other streams."""


def final_suite(scanner: Scanner) -> Suite:
    """Returns the suite for final results: weak and unequal tracer, many forms, wrong scanners.

    Its seed is nowhere else, so that nothing can have been chosen on its scans. With the nulls that
    thresholds are chosen on, and the scans that show the limit of detection, it has fewer than 2700
    images: 18 minutes at 0.4 s.

    Args:
        scanner: The scanner that is believed in.
    """
    equal = replace(VARIED, cases_per_gap=60)
    unequal = replace(
        equal, gaps_mm=(0.15, 0.2, 0.3), cases_per_gap=12, second_concentration=(0.4, 0.8)
    )
    along_y = replace(
        equal, gaps_mm=(0.5, 0.7, 1.0), diameter_mm=0.4, cases_per_gap=16, angles_deg=(90.0, 90.0)
    )
    pairs = [
        EvaluationSet(name=name, kind=PAIRS, scene=scene, indices=range(len(scene)))
        for name, scene in (
            ("pairs along x, 0.3–0.6 mm", equal),
            ("pairs along x, 0.3–0.6 mm, 1 : 0.4–0.8", unequal),
            ("pairs along y, 0.4 mm", along_y),
        )
    ]
    phantoms = EvaluationSet(
        name="phantoms", kind=PHANTOMS, scene=PhantomMixture(), indices=range(64)
    )
    diluted = Diluted(scene=phantoms.scene, share=0.1)
    others = replace(phantoms, indices=range(16), twin="phantoms")
    sets = (
        phantoms,
        *(replace(others, name=f"SNR {snr_db} dB", peak_snr_db=snr_db) for snr_db in (20, 40, 50)),
        replace(others, name="a tenth of the tracer", scene=diluted),
        *pairs,
        least_favourable_set(pairs[0], scanner, 24),
        least_favourable_set(pairs[2], scanner, 12),
        *null_sets(60),
        *off_sets(scanner, range(16), cases_per_gap=16, num_nulls=40),
    )
    return Suite(
        name="final",
        sets=tuple(replace(part, seed=FINAL_SEED) for part in sets),
        detection=DetectionPlan(num_nulls=64, cases_per_mass=24, seed=FINAL_SEED),
    )
