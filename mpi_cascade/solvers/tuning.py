"""Tuning of a reconstruction on validation scans, the same search for every solver."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError


class Tuning(NamedTuple):
    """What a search has found.

    Attributes:
        values: Best value of each attribute.
        quality: Mean quality of the validation images with these.
    """

    values: dict[str, float]
    quality: float


@torch.no_grad()
def tune(
    solver: nn.Module,
    candidates: Mapping[str, Sequence[float]],
    batches: Sequence[tuple[Tensor, Tensor]],
    quality: Callable[[Tensor, Tensor], Tensor],
) -> Tuning:
    """Sets attributes of a solver to the candidates of the highest mean quality.

    One attribute at a time, in the order given and from the solver's present values, until a
    round over all of them changes nothing.

    Args:
        solver: The solver: signal in, image out.
        candidates: Candidates of each attribute by its name, ascending.
        batches: Validation signals and true images; never those that it is later compared on.
        quality: Maps an estimate and a truth, each (batch, 1, y, x), to a value per image, higher
            is better, NaN where undefined.

    Raises:
        InputError: If the solver has no such attribute, or an attribute has no candidates.

    Warns:
        UserWarning: If a best value lies on an edge of its candidates, unless it is a lower edge
            of 0: a term that is best left out.
    """
    _check(solver, candidates)
    scores: dict[tuple[float, ...], float] = {}

    def score() -> float:
        values = tuple(getattr(solver, name) for name in candidates)
        if values not in scores:
            scores[values] = _mean_quality(solver, batches, quality)
        return scores[values]

    best: dict[str, float] = {}
    has_changed = True
    while has_changed:
        before = dict(best)
        for name, values in candidates.items():
            best[name] = _best_value(solver, name, values, score)
        has_changed = best != before and len(candidates) > 1
    _warn_of_edges(type(solver).__name__, candidates, best)
    return Tuning(best, score())


def _best_value(
    solver: nn.Module, name: str, values: Sequence[float], score: Callable[[], float]
) -> float:
    """Returns the value of the highest score, and leaves the attribute at it."""

    def score_of(value: float) -> float:
        setattr(solver, name, value)
        return score()

    best = max(values, key=score_of)
    setattr(solver, name, best)
    return best


def _mean_quality(
    solver: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    quality: Callable[[Tensor, Tensor], Tensor],
) -> float:
    values = [quality(solver(signal), truth) for signal, truth in batches]
    return torch.cat(values).nanmean().item()


def _warn_of_edges(
    solver_name: str, candidates: Mapping[str, Sequence[float]], best: Mapping[str, float]
) -> None:
    for name, values in candidates.items():
        is_left_out = best[name] == values[0] == 0
        if best[name] in (values[0], values[-1]) and not is_left_out:
            warnings.warn(
                f"the best {name} of {solver_name}, {best[name]:g}, lies on the edge of the search "
                f"from {values[0]:g} to {values[-1]:g}: it may not be tuned",
                stacklevel=3,
            )


def _check(solver: nn.Module, candidates: Mapping[str, Sequence[float]]) -> None:
    for name, values in candidates.items():
        if not hasattr(solver, name):
            raise InputError(f"{type(solver).__name__} has no {name}: it cannot be tuned")
        if not values:
            raise InputError(f"{name} has no candidates: name one or more")
