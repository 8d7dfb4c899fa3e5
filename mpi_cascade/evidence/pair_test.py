"""Is a pair real? The likelihood ratio of a scan between two discs and the best single object."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.evidence.fitting import Fits, fit
from mpi_cascade.evidence.objects import (
    Capsule,
    Numbers,
    Objects,
    SingleObject,
    TwoDiscs,
)
from mpi_cascade.evidence.window import Window

LARGEST_FALSE_ALARMS = 0.05
"""False-alarm rate up to which a scan supports a pair."""

LARGEST_MISFIT = 1.5
"""Misfit up to which two discs, or one object, explain a scan."""

_NUM_ITERATIONS = 25
_NUM_ITERATIONS_DRAWN = 6
_DRAWS = 50
_MOST_DRAWS = 200
_ENOUGH = 10
"""Scans are drawn by 50 until 10 have such a ratio, or there are 200."""


class Verdict(NamedTuple):
    """What a scan says of a pair.

    Attributes:
        log_ratio: Logarithm of the likelihood of two discs over that of the best capsule.
        form_log_ratio: The same over the best single object, which may be bent, tapered, bellied or
            have a neck.
        false_alarms: Share of scans of that single object with this second ratio or a larger one.
        misfit: Root mean square, in σ, of what neither two discs nor one object explain; 1 is
            noise.
    """

    log_ratio: float
    form_log_ratio: float
    false_alarms: float
    misfit: float

    @property
    def is_explained(self) -> bool:
        """Whether two discs, or one object, explain the scan; if not, it says nothing of them."""
        return self.misfit <= LARGEST_MISFIT

    @property
    def is_supported(self) -> bool:
        """Whether they do, and 5 % of the scans of a single object would say so, or fewer."""
        return self.is_explained and self.false_alarms <= LARGEST_FALSE_ALARMS

    @property
    def answer(self) -> str:
        """Whether the scan supports the pair: ``yes``, ``no``, or ``unclear``."""
        if not self.is_explained:
            return "unclear"
        return "yes" if self.is_supported else "no"


@torch.no_grad()
def pair_verdict(window: Window, points_m: Float[Tensor, "2 2"]) -> Verdict:
    """Returns what a scan says of the two objects that an image shows near two points.

    The ratio is that of an ideal observer who doesn't know the candidates: (‖u − S c₁‖² −
    ‖u − S c₂‖²)/2σ², c₁ the single object and c₂ the two discs that are nearest to the scan. Of
    capsules alone it is the sharper one, but a bent object has a large one, too. So false alarms
    are counted of the ratio to single objects of any form, in simulated scans: of the one that
    explains the scan best, each with noise of its own and fitted anew. Where nothing explains the
    scan, the noise of these is as large as what is left.

    Args:
        window: The window of both.
        points_m: The points (x, y) in m.

    Source:
        A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application, 1997, section
        4.2; J. Besag and P. Clifford, Biometrika 78, 1991, doi:10.1093/biomet/78.2.301, for the
        early end of the draws.
    """
    discs, capsule, single = (kind(window.pixels) for kind in (TwoDiscs, Capsule, SingleObject))
    pair_starts, single_starts = window.pair_starts(points_m), window.single_starts(points_m)
    two = _best(discs, window, window.signal, pair_starts)
    one = _best(capsule, window, window.signal, single_starts)
    forms = Capsule.formed(torch.cat((one.numbers, single_starts)))
    formed = _best(single, window, window.signal, forms)
    ratio = _log_ratio(formed, two)
    num_free = max(window.signal.shape[1] - formed.numbers.shape[1], 1)
    misfit = math.sqrt(min(float(two.misfit), float(formed.misfit)) / num_free)
    starts = torch.cat((two.numbers, pair_starts))
    false_alarms = _false_alarms(window, float(ratio), formed, starts, max(misfit, 1.0))
    return Verdict(float(_log_ratio(one, two)), float(ratio), false_alarms, misfit)


def _false_alarms(
    window: Window, ratio: float, one: Fits, pair_starts: Numbers, noise: float
) -> float:
    """Returns the share of simulated scans of a single object that have this ratio or more."""
    discs, single = TwoDiscs(window.pixels), SingleObject(window.pixels)
    ideal = single.draw(one.numbers) @ window.to_signal
    # Searches in simulated scans begin where they end in the scan without noise.
    two = _best(discs, window, ideal, pair_starts)
    generator = torch.Generator().manual_seed(0)
    num_reached = num_drawn = 0
    while num_drawn < _MOST_DRAWS and num_reached < _ENOUGH:
        drawn = ideal + noise * torch.randn(_DRAWS, ideal.shape[1], generator=generator)
        ones, twos = (
            fit(kind, window.to_signal, drawn, first.expand(_DRAWS, -1), _NUM_ITERATIONS_DRAWN)
            for kind, first in ((single, one.numbers), (discs, two.numbers))
        )
        num_reached += int((_log_ratio(ones, twos) >= ratio).sum())
        num_drawn += _DRAWS
    return (1 + num_reached) / (1 + num_drawn)


def _log_ratio(one: Fits, two: Fits) -> Float[Tensor, " batch"]:
    return (one.misfit - two.misfit) / 2


def _best(objects: Objects, window: Window, signal: Tensor, starts: Numbers) -> Fits:
    """Returns the best of the fits of one signal from several starts."""
    signals = signal.expand(len(starts), -1)
    found = fit(objects, window.to_signal, signals, starts, _NUM_ITERATIONS)
    best = found.misfit.argmin(keepdim=True)
    return Fits(found.numbers[best], found.misfit[best])
