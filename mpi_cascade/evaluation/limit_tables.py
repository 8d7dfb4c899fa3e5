"""The tables of what noise allows, and of how little tracer is detected, as Markdown."""

import math
from collections.abc import Sequence

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.detection import DetectionLimit
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.methods import FINAL, PRELIMINARY
from mpi_cascade.evaluation.tables import narrower, or_dash
from mpi_cascade.results.tables import markdown_table


def limit_table(
    limits: Sequence[Limit], set_name: str, further: Sequence[Sequence[str]] = ()
) -> str:
    """Returns a Markdown table of d′ against the gap.

    Args:
        limits: What noise allows.
        set_name: The pairs.
        further: More rows, each with a title and a cell for every gap.
    """
    chosen = [limit for limit in limits if limit.set_name == set_name]
    rows = [
        ["gap / mm", *(f"{limit.gap_mm:g}" for limit in chosen)],
        ["d′, any capsule", *(f"{limit.d_prime:.1f}" for limit in chosen)],
        ["d′, outline's capsule", *(f"{limit.outline_d_prime:.1f}" for limit in chosen)],
        ["least splits if 95 % are resolved / %", *(_percent(c.least_splits) for c in chosen)],
    ]
    if not any(math.isnan(limit.off_d_prime) for limit in chosen):
        off = f"scanner known to {chosen[0].off_percent:g} %"
        rows += [
            [f"d′, {off}", *(f"{limit.off_d_prime:.1f}" for limit in chosen)],
            [f"least splits, {off} / %", *(_percent(c.off_least_splits) for c in chosen)],
        ]
    return narrower([*rows, *further])


def bound_rows(bounds: Sequence[Bound], set_name: str) -> list[list[str]]:
    """Returns what each method's final images make of the pairs and the capsules most like them.

    Args:
        bounds: The bounds; shown are those at the methods' own thresholds.
        set_name: The pairs.

    Returns:
        Rows with a title and a cell for every gap.
    """
    chosen = [
        bound
        for bound in bounds
        if (bound.set_name, bound.image, bound.criterion) == (set_name, FINAL, "resolved_at_1pct")
    ]
    rows: list[list[str]] = []
    for label in dict.fromkeys(bound.label for bound in chosen):
        of_label = [bound for bound in chosen if bound.label == label]
        rows += [
            [f"{label}: resolved / %", *(_percent(bound.resolved) for bound in of_label)],
            ["… so at least split / %", *(_percent(bound.least_splits) for bound in of_label)],
            ["… split / %", *(_split(bound) for bound in of_label)],
            ["… so at least missed / %", *(_percent(bound.least_misses) for bound in of_label)],
        ]
    return rows


def detection_table(limits: Sequence[DetectionLimit]) -> str:
    """Returns a Markdown table of the mass that every training detects in half of the scans.

    Args:
        limits: The limits of detection.
    """
    has_seeds = any(limit.number for limit in limits)
    return markdown_table(
        [
            "method", *["training"] * has_seeds, "mass / 10⁻³ mm²", "… over the ideal observer's",
            "concentration of the disc",
        ],
        [
            [
                f"{limit.label}, {PRELIMINARY}" if limit.image == PRELIMINARY else limit.label,
                *[str(limit.number)] * has_seeds,
                _mass(limit),
                or_dash(limit.times_ideal, ".2f"),
                or_dash(limit.concentration, ".2g"),
            ]
            for limit in limits
        ],
    )  # fmt: skip


def _mass(limit: DetectionLimit) -> str:
    mass = or_dash(1e3 * limit.mass_mm2, ".3g")
    # That of the ideal observer is known.
    if math.isnan(limit.mass_mm2) or not limit.image:
        return mass
    low, high = (or_dash(1e3 * end, ".3g", "?") for end in (limit.low_mm2, limit.high_mm2))
    return f"{mass} ({low} … {high})"


def _split(bound: Bound) -> str:
    low, high = _percent(bound.split_low), _percent(bound.split_high)
    suspect = ", suspect" if bound.is_suspect else ""
    return f"{_percent(bound.split)} ({low} … {high}){suspect}"


def _percent(share: float) -> str:
    return or_dash(100 * share, ".1f")
