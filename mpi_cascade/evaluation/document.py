"""A comparison as a document, in Markdown."""

from collections.abc import Sequence

from mpi_cascade.evaluation.bounds import Bound, suspicions
from mpi_cascade.evaluation.coverage_pages import coverage_table
from mpi_cascade.evaluation.findings import Comparison
from mpi_cascade.evaluation.limit_tables import bound_rows, detection_table, limit_table
from mpi_cascade.evaluation.measures import CAPSULES
from mpi_cascade.evaluation.off_scanners import off_scanner_names
from mpi_cascade.evaluation.summary import Difference, Summary
from mpi_cascade.evaluation.tables import (
    convergence_table,
    difference_table,
    summary_table,
)
from mpi_cascade.evaluation.threshold_tables import off_table, roc_table, threshold_table


def document(
    comparison: Comparison,
    summaries: Sequence[Summary],
    differences: Sequence[Difference],
    bounds: Sequence[Bound],
) -> str:
    """Returns all tables of a comparison, and what a reader has to know of them.

    Args:
        comparison: The comparison.
        summaries: Its results.
        differences: The differences of trainings of the same seeds.
        bounds: What noise allows beside what was measured.
    """
    suite = comparison.suite
    parts = [
        f"# Comparison on the suite {suite.name}",
        summary_table(summaries, comparison.times_s),
        *_remarks(comparison),
        "## Thresholds",
        "The smallest dip that at most 1 % of the validation nulls reach: single objects, in no "
        "suite. A threshold is a method's own and the same on all sets.",
        threshold_table(comparison.thresholds),
        "## Pairs against the suite's nulls",
        "The chance that a pair's dip exceeds a null's, the area under the ROC; behind it the "
        "share of the pairs resolved in % where 1 %, and 5 %, of these very nulls are split "
        "(–: too few nulls to tell).",
        roc_table(summaries),
    ]
    if off := off_scanner_names(suite):
        parts += ["## A scanner that is off", off_table(summaries, off)]
    if differences:
        parts += [
            "## Differences seed by seed",
            difference_table(differences),
            "Trainings of the same seeds were given the same samples: what the seed does to both "
            "drops out. In brackets Student's 95 % interval; shares and gaps, of few possible "
            "values, have none: compare their own intervals above.",
        ]
    for name in dict.fromkeys(limit.set_name for limit in comparison.limits):
        parts += [
            f"## What noise allows: {name}",
            limit_table(comparison.limits, name, bound_rows(bounds, name)),
        ]
    if comparison.limits:
        parts.append(
            "Any method that resolves a share of the pairs splits at least the share "
            "Φ(Φ⁻¹(resolved) − d′) of the capsules most like them, and misses at least "
            "Φ(−Φ⁻¹(split) − d′) of the pairs. Of several diameters d′ is that of the easiest."
        )
        parts += [f"{sentence}." for sentence in suspicions(bounds)]
    if comparison.coverage:
        parts += [
            "## What intervals hold",
            "Of the pixels with tracer, or next to some, the share whose true concentration lies "
            "inside, in the mean over scans, and likewise of faint, middle and strong ones, by "
            "thirds of the scan's peak; the mean half width in % of that peak; the share of "
            "objects whose true mass lies inside; and how many scans have their intervals "
            "withheld. The guarantee is for scans as the calibration had them. Elsewhere it is "
            "void, and the table says what became of it.",
            coverage_table(comparison.coverage),
        ]
    parts += _detection(comparison)
    if comparison.progress:
        parts += ["## Convergence", convergence_table(comparison.progress)]
    return "\n\n".join(parts) + "\n"


def _detection(comparison: Comparison) -> list[str]:
    """Returns the section on the limit of detection, where it is known."""
    if not comparison.detection.limits:
        return []
    return [
        "## Limit of detection",
        detection_table(comparison.detection.limits),
        "The tracer ∫ c dr in a disc of 0.4 mm that is detected in half of the scans. Noise has "
        "one σ in all of them, that of a disc of concentration 1 at a peak SNR of 30 dB. A disc is "
        "detected where the image's mean over it exceeds what 1 % of the places of scans without "
        "tracer exceed. The ideal observer knows disc and place. In brackets 95 % bootstrap "
        "intervals, over scans. –: not within 32 times the ideal observer's mass; ?: that end "
        "isn't.",
    ]


def _remarks(comparison: Comparison) -> list[str]:
    """Returns what a reader of the summary table has to know, a paragraph each."""
    worst = " The worst capsules are those of the outline, of any set, that is split most often."
    return [
        "In brackets 95 % intervals: over seeds (Student's t), which tell trainings apart on these "
        "very scans, where there are several; over cases (t, bootstrap or Wilson) where there is "
        "one. Over seeds those of shares and gaps are no narrower than over cases. An end of ? "
        f"can't be told from so few cases.{worst if comparison.suite.of_kind(CAPSULES) else ''} "
        "Pairs are resolved, and single objects split, by a dip that reaches the method's own "
        "threshold, which 1 % of the validation nulls reach; by dip 0.265 all methods have "
        "Rayleigh's.",
        *(f"- {method.label}: {method.source}" for method in comparison.methods),
        *(f"{note}." for note in comparison.notes),
    ]
