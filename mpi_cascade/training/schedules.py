"""Learning-rate schedules: the share of training that is done → the share of the learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mpi_cascade.checks import Checked, Fraction

Schedule = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class WarmupCosine(Checked):
    """A linear rise, then half a cosine down to a last share of the learning rate.

    Args:
        warmup: Share of training that the rise takes, 0 … 1.
        final: Share of the learning rate at the end, 0 … 1.

    Raises:
        InputError: If a value is out of its range.

    Examples:
        >>> schedule = WarmupCosine(warmup=0.1, final=0.0)
        >>> [round(schedule(progress), 3) for progress in (0.05, 0.1, 0.55, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """

    warmup: Fraction = 0.04
    final: Fraction = 0.001

    def __call__(self, progress: float) -> float:
        """Returns the share of the learning rate at a progress of 0 … 1."""
        if progress < self.warmup:
            return progress / self.warmup
        share = (progress - self.warmup) / max(1 - self.warmup, 1e-9)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
