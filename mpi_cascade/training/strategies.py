"""Training strategies: which stage trains when, and with which losses.

A strategy is a sequence of phases, each a share of the training.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

from mpi_cascade.checks import FRACTION, POSITIVE, Checked, InputError, NonNegative, Positive

STAGES = ("preliminary", "refinement")
"""The stages of a cascade, by the names of its attributes."""

INTERVALS = "intervals"
"""The network of the uncertainty, likewise; where it trains, nothing else does."""

INTERVAL_LOSS = "val/interval_loss"
"""The metric of a validation that says how well they fit."""

Monitored = tuple[str, Literal["max", "min"]]


@dataclass(frozen=True, kw_only=True)
class Phase(Checked):
    """A share of the training in which the same stages train.

    Args:
        share: Share of the training, > 0; the shares of a strategy's phases add up to 1.
        trained: The stages whose weights change, or ``intervals``, on a loss of its own.
        final_weight: Weight of the final image's loss, ≥ 0; at 0 stage 2 is not even run.
        preliminary_weights: Weight of the preliminary image's loss at the phase's start and at its
            end, ≥ 0, linear in between.
        learning_rate: Learning rate relative to the configured one, > 0. The learning-rate
            schedule runs once through every phase.

    Raises:
        InputError: If a value is out of its range.
    """

    share: Positive = 1.0
    trained: tuple[str, ...] = STAGES
    final_weight: NonNegative = 1.0
    preliminary_weights: tuple[float, float] = (0.0, 0.0)
    learning_rate: Positive = 1.0

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        if self.trained == (INTERVALS,):
            return
        if "refinement" in self.trained and self.final_weight == 0:
            raise InputError(
                "Phase.final_weight is 0.0 while stage 2 trains: only the final image's loss can "
                "train it"
            )
        if not self.trained or not set(self.trained) <= set(STAGES):
            raise InputError(
                f"Phase.trained is {list(self.trained)}: name one or both of {', '.join(STAGES)}, "
                f"or {INTERVALS} alone"
            )
        if (
            not all(0 <= weight < math.inf for weight in self.preliminary_weights)
            or self.final_weight + sum(self.preliminary_weights) == 0
        ):
            raise InputError(
                f"Phase.preliminary_weights is {list(self.preliminary_weights)} and final_weight "
                f"{self.final_weight}: none may be negative, and one must be above 0"
            )

    def preliminary_weight(self, progress: float) -> float:
        """Returns the weight of the preliminary loss at a progress of 0 … 1 through the phase."""
        first, last = self.preliminary_weights
        return first + (last - first) * progress


class Moment(NamedTuple):
    """Where a training stands.

    Attributes:
        phase: The phase.
        progress: The share of the phase that is done, 0 … 1.
    """

    phase: Phase
    progress: float


class Strategy(Checked, ABC):
    """Which stage trains when, with which losses."""

    monitored: ClassVar[Monitored] = ("val/final/psnr_db", "max")
    """The metric of the validation that says which state of a training is best, and how."""

    @property
    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """The phases in their order."""

    def at(self, progress: float) -> Moment:
        """Returns the phase at a progress of 0 … 1 through the training.

        At the moment in which one phase ends and the next begins it is the one that ends.

        Raises:
            InputError: If the phases' shares don't add up to 1.
        """
        total = sum(phase.share for phase in self.phases)
        if abs(total - 1) > 1e-6:
            raise InputError(
                f"the phases of {type(self).__name__} take {total:g} of the training: make their "
                "shares add up to 1"
            )
        end = 0.0
        for phase in self.phases:
            start, end = end, end + phase.share
            if progress <= end + 1e-9:
                break
        return Moment(phase, min((progress - start) / phase.share, 1.0))


@dataclass(frozen=True, kw_only=True)
class Joint(Strategy):
    """End to end on the final image's loss alone."""

    @property
    def phases(self) -> Sequence[Phase]:
        """One phase."""
        return (Phase(),)


@dataclass(frozen=True, kw_only=True)
class DeepSupervision(Strategy):
    """End to end, with a loss of the preliminary image beside that of the final one.

    Args:
        first_weight: Weight of the preliminary loss at the start, ≥ 0; the final loss weighs 1.
        last_weight: The same at the end, ≥ 0, linear in between.

    Raises:
        InputError: If a weight is negative.

    Source:
        C.-Y. Lee et al., Deeply-supervised nets, AISTATS 2015.
    """

    first_weight: NonNegative = 0.2
    last_weight: NonNegative = 0.2

    @property
    def phases(self) -> Sequence[Phase]:
        """One phase."""
        return (Phase(preliminary_weights=(self.first_weight, self.last_weight)),)


@dataclass(frozen=True, kw_only=True)
class Staged(Strategy):
    """Stage 1 on its own loss, then stage 2 on what the frozen stage 1 makes.

    Args:
        preliminary_share: Share of the training for stage 1, between 0 and 1.

    Raises:
        InputError: If the share is out of its range.
    """

    preliminary_share: Annotated[float, FRACTION, POSITIVE] = 0.3

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        if self.preliminary_share == 1:
            raise InputError(
                "Staged.preliminary_share is 1.0: leave a share for stage 2, or choose a cascade "
                "of stage 1 and torch.nn.Identity"
            )

    @property
    def phases(self) -> Sequence[Phase]:
        """Stage 1, stage 2."""
        return (
            _preliminary_alone(self.preliminary_share),
            Phase(share=1 - self.preliminary_share, trained=("refinement",)),
        )


@dataclass(frozen=True, kw_only=True)
class StagedThenFineTuned(Strategy):
    """Stage 1, then stage 2 on the frozen stage 1, then both end to end at a lower rate.

    Args:
        preliminary_share: Share of the training for stage 1, > 0.
        refinement_share: Share of the training for stage 2, > 0; the rest is fine-tuning.
        learning_rate: Learning rate of the fine-tuning relative to the configured one, > 0.

    Raises:
        InputError: If a value is out of its range.
    """

    preliminary_share: Positive = 0.2
    refinement_share: Positive = 0.4
    learning_rate: Positive = 0.3

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        share = self.preliminary_share + self.refinement_share
        if share >= 1:
            raise InputError(
                f"the first two phases of StagedThenFineTuned take {share:g} of the training: "
                "leave a share for fine-tuning, or use Staged"
            )

    @property
    def phases(self) -> Sequence[Phase]:
        """Stage 1, stage 2, both."""
        return (
            _preliminary_alone(self.preliminary_share),
            Phase(share=self.refinement_share, trained=("refinement",)),
            Phase(
                share=1 - self.preliminary_share - self.refinement_share,
                learning_rate=self.learning_rate,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class IntervalsAlone(Strategy):
    """The network of the uncertainty, on the pinball loss, beside a cascade that is trained.

    No weight of either stage changes: images stay what they were, to the bit.
    """

    monitored: ClassVar[Monitored] = (INTERVAL_LOSS, "min")

    @property
    def phases(self) -> Sequence[Phase]:
        """One phase."""
        return (Phase(trained=(INTERVALS,)),)


def _preliminary_alone(share: float) -> Phase:
    return Phase(
        share=share, trained=("preliminary",), final_weight=0.0, preliminary_weights=(1.0, 1.0)
    )
