"""Classical methods, tuned with the care that a network's training takes."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mpi_cascade.evaluation.methods import FINAL, MakeImages, Method
from mpi_cascade.evaluation.objectives import (
    CoarseAndFine,
    Reconstruct,
    TuningScans,
    psnr_score,
    resolution_score,
)
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import RELATIVE_REGULARISATIONS, Tikhonov
from mpi_cascade.solvers.tuning import Score, tune


class Weight(NamedTuple):
    """How an attribute of a solver is tuned.

    Attributes:
        candidates: Candidates of the coarse search, ascending.
        noise_power: The power of the relative noise σ/max|u| that the best value follows.
    """

    candidates: Sequence[float]
    noise_power: int


class Goal(NamedTuple):
    """What a classical method is tuned for; each goal is a method of its own in a comparison.

    Attributes:
        suffix: What follows the method's name in its label.
        score: Returns how good the images of scans are.
        finish: What is done with the solver's images at the end.
    """

    suffix: str
    score: Callable[[TuningScans, Reconstruct], Score]
    finish: Callable[[Tensor], Tensor]


class Classical(NamedTuple):
    """A classical method.

    Attributes:
        solver: Class of the solver, built from a forward model.
        weights: What is tuned of it, by the name of the attribute.
        goals: What it is tuned for, one after the other.
        tuned_as: Name of the method whose tuned values it takes, because that minimises the same
            in less time; itself where none is named.
    """

    solver: Callable[[LinearModel], nn.Module]
    weights: Mapping[str, Weight]
    goals: tuple[Goal, ...]
    tuned_as: str = ""


QUALITY = Goal("", psnr_score, nn.Identity())
CLAMPED = Goal(", c ≥ 0", psnr_score, torch.relu)
RESOLUTION = Goal(", resolution", resolution_score, nn.Identity())

_TIKHONOV = {"relative_regularisation": Weight(RELATIVE_REGULARISATIONS, noise_power=2)}
_KACZMARZ = {"relative_regularisation": Weight((3e-3, 1e-2, 3e-2, 1e-1, 3e-1), noise_power=2)}
_TOTAL_VARIATION = {
    "tv_weight": Weight((0.0, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4), noise_power=1),
    "l1_weight": Weight((0.0, 5e-5, 1.5e-4, 5e-4, 1.5e-3), noise_power=1),
}

CLASSICAL: Mapping[str, Classical] = {
    "Tikhonov": Classical(Tikhonov, _TIKHONOV, (QUALITY, CLAMPED, RESOLUTION)),
    "ART": Classical(ART, _KACZMARZ, (QUALITY,)),
    "ADMM": Classical(ADMM, _TOTAL_VARIATION, (QUALITY, RESOLUTION)),
    # It minimises what ADMM does, at a multiple of the time: one row of each is enough.
    "FISTA": Classical(FISTA, _TOTAL_VARIATION, (QUALITY,), tuned_as="ADMM"),
}
"""The classical methods by name."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A tuned classical method.

    Cascades aren't told that concentrations end at 1, so no classical method is either: an upper
    bound c ≤ 1 would gain total variation 0.1 dB where a scan's unit is known, and an equivariant
    cascade, for which a scan of twice the signal has twice the concentration, can't know it.

    Args:
        label: Its label in a comparison.
        solver: The solver, at its tuned values.
        weights: What is tuned of it.
        finish: What is done with its images at the end.
        peak_snr_db: Peak signal-to-noise ratio of the tuning scans in dB.
    """

    label: str
    solver: nn.Module
    weights: Mapping[str, Weight]
    finish: Callable[[Tensor], Tensor]
    peak_snr_db: float

    def at(self, peak_snr_db: float) -> nn.Module:
        """Returns the solver with weights for scans of another signal-to-noise ratio.

        Noise is measured before any scan, so that whoever reconstructs knows it. The weights of
        total variation and L1, relative to a scan's peak, follow σ/max|u|, and λ follows its
        square: λ‖c‖² stands beside ‖S c − u‖² as σ²/τ² does for c of variance τ² (MAP). It is a
        rule, no tuning. On 32 × 32 pixels and 64 phantoms, tuned anew at 20 dB instead of 30, λ is
        10 times as large (rule: 10; ART 6.7), TV 6.7 times and L1 3.0 times (rule: 3.2): Tikhonov
        has 22.3 dB unchanged and 23.8 dB by the rule and tuned, ADMM 24.8, 26.6 and 27.0 dB. At
        50 dB λ is 37 times smaller (rule: 100; ART 17), TV 23 and L1 17 times (rule: 10).

        Args:
            peak_snr_db: 20·log10(max|u|/σ) of the scans.
        """
        relative_noise = 10 ** ((self.peak_snr_db - peak_snr_db) / 20)
        # Shallow: what the solver has made of its model serves every copy.
        solver = copy.copy(self.solver)
        for name, weight in self.weights.items():
            setattr(solver, name, getattr(self.solver, name) * relative_noise**weight.noise_power)
        return solver

    def images_at(self, peak_snr_db: float) -> MakeImages:
        """Returns what makes the images of scans of a signal-to-noise ratio.

        Args:
            peak_snr_db: 20·log10(max|u|/σ) of the scans.
        """
        solver = self.at(peak_snr_db)
        return lambda signal: {FINAL: self.finish(solver(signal))}

    def method(self) -> Method:
        """Returns it as a method."""
        source = ", ".join(f"{name} {getattr(self.solver, name):.3g}" for name in self.weights)
        return Method(
            self.label, 0, self.images_at(self.peak_snr_db), source, images_at=self.images_at
        )


def tuned_solvers(
    names: Sequence[str],
    forward_model: LinearModel,
    scans: CoarseAndFine,
    peak_snr_db: float,
    advance: Callable[[str], None],
) -> list[Tuned]:
    """Returns classical methods, tuned for each of their goals.

    Args:
        names: Names in ``CLASSICAL``.
        forward_model: The model S that they believe in; they compute where it does.
        scans: The tuning scans; without nulls nothing is tuned for resolution.
        peak_snr_db: Their peak signal-to-noise ratio in dB.
        advance: Called with what is tuned before each set of values is tried.
    """

    # What a solver has made of the model, an inverse matrix for example, serves again.
    @cache
    def solver(name: str) -> nn.Module:
        return CLASSICAL[name].solver(forward_model)

    @cache
    def values(name: str, goal: Goal) -> Mapping[str, float]:
        return _tuned_values(name, solver(name), goal, scans, advance)

    found: list[Tuned] = []
    for name in names:
        method = CLASSICAL[name]
        for goal in method.goals:
            if goal is RESOLUTION and not scans.fine.nulls:
                continue
            best = values(method.tuned_as or name, goal)
            tuned = copy.copy(solver(name))
            for attribute, value in best.items():
                setattr(tuned, attribute, value)
            label = name + goal.suffix
            found.append(Tuned(label, tuned, method.weights, goal.finish, peak_snr_db))
    return found


def _tuned_values(
    name: str,
    solver: nn.Module,
    goal: Goal,
    scans: CoarseAndFine,
    advance: Callable[[str], None],
) -> Mapping[str, float]:
    """Returns what a search finds from the solver's present values, and leaves them at it."""

    def score(part: TuningScans, reconstruct: Reconstruct) -> Score:
        advance(name + goal.suffix)
        return goal.score(part, lambda signal: goal.finish(reconstruct(signal)))

    weights = CLASSICAL[name].weights
    candidates = {attribute: weight.candidates for attribute, weight in weights.items()}
    return tune(solver, candidates, partial(score, scans.coarse), partial(score, scans.fine))
