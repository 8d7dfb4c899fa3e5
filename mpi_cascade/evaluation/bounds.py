"""Whether measured shares are possible: no method tells pairs from capsules better than noise lets.

A method below the bound isn't better than physics: its pairs and capsules differ in something else.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mpi_cascade.evaluation.least_favourable import LeastFavourableCapsules
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.operating_points import least_misses, least_splits
from mpi_cascade.evaluation.sets import Suite
from mpi_cascade.evaluation.summary import Summary

_CRITERIA = {"resolved_at_1pct": "split_at_1pct", "resolved": "false_splits"}
"""How pairs are resolved, and how capsules are split by the same decision."""


class Bound(NamedTuple):
    """What noise allows beside what was measured, at one gap, of one decision.

    Attributes:
        label: The method's name.
        image: ``final`` or ``preliminary``.
        set_name: The pairs.
        gap_mm: The gap in mm.
        criterion: Name of the metric of resolved pairs: at the method's own threshold, or
            Rayleigh's.
        d_prime: d′ between the pairs and the capsules most like them.
        resolved: Share of the pairs resolved.
        least_splits: The least share of those capsules that any method splits which resolves as
            many pairs, n of n taken for n − ½.
        split: Share of the capsules split.
        split_low: Lower end of its 95 % interval.
        split_high: Upper end.
        least_misses: The least share of the pairs that any method misses which splits as many
            capsules, none of n taken for ½.
        is_suspect: Whether fewer are split than possible, by more than both intervals allow.
    """

    label: str
    image: str
    set_name: str
    gap_mm: float
    criterion: str
    d_prime: float
    resolved: float
    least_splits: float
    split: float
    split_low: float
    split_high: float
    least_misses: float
    is_suspect: bool


def bounds(summaries: Iterable[Summary], limits: Sequence[Limit], suite: Suite) -> list[Bound]:
    """Returns the bounds of every method on pairs whose least favourable capsules were scanned.

    Args:
        summaries: The results.
        limits: What noise allows.
        suite: The suite.
    """
    found = {item[:5]: item for item in summaries}
    controls = {
        part.twin: part.name
        for part in suite.sets
        if isinstance(part.scene, LeastFavourableCapsules)
    }
    methods = dict.fromkeys(key[:2] for key in found)
    return [
        _bound(limit, criterion, resolved, split)
        for limit in limits
        if limit.set_name in controls
        for method in methods
        for criterion, of_capsules in _CRITERIA.items()
        if (resolved := found.get((*method, limit.set_name, criterion, limit.gap_mm)))
        and (split := found.get((*method, controls[limit.set_name], of_capsules, limit.gap_mm)))
        and resolved.value >= 0
    ]


def suspicions(found: Iterable[Bound]) -> list[str]:
    """Returns a sentence for every method and set with shares that noise doesn't allow.

    Args:
        found: The bounds.
    """
    gaps: dict[tuple[str, str, str], list[str]] = {}
    for bound in found:
        if bound.is_suspect:
            name = f"{bound.label} ({bound.image})"
            gaps.setdefault((name, bound.set_name, bound.criterion), []).append(f"{bound.gap_mm:g}")
    return [
        f"suspect: on {set_name} at gaps of {', '.join(of_set)} mm {name} splits fewer least "
        f"favourable capsules than any method can that resolves as many pairs ({criterion}), so "
        "something but the gap tells them apart"
        for (name, set_name, criterion), of_set in gaps.items()
    ]


def _bound(limit: Limit, criterion: str, resolved: Summary, split: Summary) -> Bound:
    return Bound(
        label=resolved.label,
        image=resolved.image,
        set_name=limit.set_name,
        gap_mm=limit.gap_mm,
        criterion=criterion,
        d_prime=limit.d_prime,
        resolved=resolved.value,
        least_splits=least_splits(_possible(resolved), limit.d_prime),
        split=split.value,
        split_low=split.low,
        split_high=split.high,
        least_misses=least_misses(_possible(split), limit.d_prime),
        is_suspect=least_splits(resolved.low, limit.d_prime) > split.high,
    )


def _possible(share: Summary) -> float:
    """Returns a share, none or all of n cases as half a case more or fewer: neither is certain."""
    half = 0.5 / (share.num_cases * share.num_seeds)
    return min(max(share.value, half), 1 - half)
