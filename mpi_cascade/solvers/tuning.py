"""Tuning of a reconstruction on validation scans, the same search for every solver."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError

Score = tuple[float, ...]
"""How good a reconstruction is: higher is better, and further numbers decide between equals."""

Objective = Callable[[Callable[[Tensor], Tensor]], Score]
"""Maps a reconstruction, signals in and images out, to its score on scans that it holds."""

FINE_RATIO = 1.5
"""Ratio of neighbours on a fine grid."""

_MARGIN = 10.0
"""By what factor a fine grid reaches beyond the candidates on either side."""


@torch.no_grad()
def tune(
    solver: nn.Module,
    candidates: Mapping[str, Sequence[float]],
    coarse: Objective,
    fine: Objective,
) -> dict[str, float]:
    """Sets attributes of a solver to values that no neighbour on a fine grid beats.

    First the best of the candidates are found, one attribute at a time, in the order given and from
    the solver's present values, until a round over all of them changes nothing. From there each
    attribute in turn climbs a geometric grid of ratio ``FINE_RATIO``, step by step for as long as
    the score rises, again until nothing changes. That grid reaches a decade beyond the candidates,
    so that a best candidate on their edge is no edge of the search. An attribute that is best left
    out, at 0, climbs from the lower end of its grid.

    The coarse search tells values apart that differ threefold, for which a part of the scans is
    enough; the steps of the fine one need them all.

    Args:
        solver: The solver: signal in, image out.
        candidates: Candidates of each attribute by its name, ascending, ≥ 0.
        coarse: The objective of the first search.
        fine: The objective of the second; of neither the scans that it is later compared on.

    Returns:
        The values by the attributes' names.

    Raises:
        InputError: If the solver has no such attribute, or an attribute has no candidates, or
            negative ones.

    Warns:
        UserWarning: If a best value lies on an edge of its fine grid, unless it is 0: a term that
            is best left out.
    """
    _check(solver, candidates)
    values = {name: getattr(solver, name) for name in candidates}
    values = _until_settled(values, candidates, _Scores(solver, coarse), _best_of_all)
    grids = {name: _fine_grid(candidates[name], value) for name, value in values.items()}
    values = _until_settled(values, grids, _Scores(solver, fine), _climb)
    for name, value in values.items():
        setattr(solver, name, value)
    _warn_of_edges(type(solver).__name__, grids, values)
    return values


class _Scores:
    """The scores of a solver by the values of its attributes, each computed once."""

    def __init__(self, solver: nn.Module, objective: Objective) -> None:
        self._solver, self._objective = solver, objective
        self._found: dict[tuple[float, ...], Score] = {}

    def __call__(self, values: Mapping[str, float]) -> Score:
        key = tuple(values.values())
        if key not in self._found:
            for name, value in values.items():
                setattr(self._solver, name, value)
            self._found[key] = self._objective(self._solver)
        return self._found[key]


Search = Callable[[_Scores, Mapping[str, float], str, Sequence[float]], float]
"""Maps scores, the present values, the name of one and its grid to a better value of that one."""


def _until_settled(
    values: Mapping[str, float],
    grids: Mapping[str, Sequence[float]],
    scores: _Scores,
    search: Search,
) -> dict[str, float]:
    """Returns the values after rounds of a search of one attribute after the other."""
    best, before = dict(values), dict[str, float]()
    while best != before:
        before = dict(best)
        for name, grid in grids.items():
            best[name] = search(scores, best, name, grid)
    return best


def _best_of_all(
    scores: _Scores, values: Mapping[str, float], name: str, grid: Sequence[float]
) -> float:
    """Returns the value of the highest score, the first of equals."""
    return max(grid, key=lambda value: scores({**values, name: value}))


def _climb(scores: _Scores, values: Mapping[str, float], name: str, grid: Sequence[float]) -> float:
    """Returns the value that is reached from the present one in rising steps, up or down."""

    def score(number: int) -> Score:
        return scores({**values, name: grid[number]})

    number = grid.index(values[name])
    for step in (1, -1):
        while 0 <= number + step < len(grid) and score(number + step) > score(number):
            number += step
    return grid[number]


def _fine_grid(candidates: Sequence[float], best: float) -> list[float]:
    """Returns a geometric grid through the best candidate, and 0 where that is a candidate."""
    positive = [value for value in candidates if value > 0]
    zero = [0.0] * (len(positive) < len(candidates))
    if not positive:
        return zero
    lowest, highest = positive[0] / _MARGIN, positive[-1] * _MARGIN
    start = best or lowest
    num_down = math.floor(math.log(start / lowest) / math.log(FINE_RATIO))
    num_up = math.floor(math.log(highest / start) / math.log(FINE_RATIO))
    up = [start * FINE_RATIO**number for number in range(1, num_up + 1)]
    return [*zero, *(start / FINE_RATIO**number for number in range(num_down, 0, -1)), start, *up]


def _warn_of_edges(
    solver_name: str, grids: Mapping[str, Sequence[float]], best: Mapping[str, float]
) -> None:
    for name, grid in grids.items():
        if best[name] in (grid[0], grid[-1]) and best[name] > 0:
            warnings.warn(
                f"the best {name} of {solver_name}, {best[name]:g}, lies on the edge of the search "
                f"from {grid[0]:g} to {grid[-1]:g}: it may not be tuned",
                stacklevel=3,
            )


def _check(solver: nn.Module, candidates: Mapping[str, Sequence[float]]) -> None:
    for name, values in candidates.items():
        if not hasattr(solver, name):
            raise InputError(f"{type(solver).__name__} has no {name}: it cannot be tuned")
        if not values:
            raise InputError(f"{name} has no candidates: name one or more")
        if min(values) < 0:
            raise InputError(f"{name} has the candidate {min(values):g}: it must not be negative")
