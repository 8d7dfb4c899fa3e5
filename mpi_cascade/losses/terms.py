"""Losses that need the whole scan, and sums of losses."""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.physics.linear import Images, LinearModel
from mpi_cascade.scans.simulated import Sample


class SampleLoss(nn.Module, ABC):
    """A loss that needs more of the scan than its true image."""

    @abstractmethod
    def forward(self, estimate: Images, sample: Sample) -> Float[Tensor, ""]:
        """Returns the loss of an image of the scan."""

    def use(self, forward_model: LinearModel) -> None:
        """Gives the forward model, on the grid of the images, to every loss inside this one.

        A loss that computes with it overrides this.
        """
        for part in self.modules():
            if part is not self and isinstance(part, SampleLoss):
                part.use(forward_model)


class WeightedSum(SampleLoss):
    """A sum of losses, each with a name and a weight.

    Args:
        terms: The losses by name: any of this package, of ``torch.nn``, or your own.
        weights: Weight of each term, finite and ≥ 0; 1 where none is given.

    Raises:
        InputError: If there is no term, a name contains a dot or is one of ``nn.ModuleDict``'s
            own, a weight names no term, or a weight is out of its range.
    """

    def __init__(
        self, terms: dict[str, nn.Module], weights: dict[str, float] | None = None
    ) -> None:
        super().__init__()
        if not terms:
            raise InputError("WeightedSum.terms is empty: name at least one loss")
        try:
            self.terms = nn.ModuleDict(terms)
        except KeyError as error:
            raise InputError(
                f"WeightedSum.terms can't have these names ({error.args[0]}): use plain words"
            ) from error
        self.weights = {name: 1.0 for name in terms} | (weights or {})
        for name, weight in self.weights.items():
            if name not in terms:
                raise InputError(
                    f"WeightedSum.weights names {name}, which is no term: the terms are "
                    f"{', '.join(terms)}"
                )
            if not (math.isfinite(weight) and weight >= 0):
                raise InputError(
                    f"WeightedSum.weights gives {name} {weight}: it must be finite and not negative"
                )

    def forward(self, estimate: Images, sample: Sample) -> Float[Tensor, ""]:
        """Returns the sum of the weighted terms."""
        return _total(loss_terms(self, estimate, sample))


def loss_terms(loss: nn.Module, estimate: Images, sample: Sample) -> dict[str, Float[Tensor, ""]]:
    """Returns the terms of any loss by name; their sum is the loss.

    Those of a ``WeightedSum`` are its own terms times their weights, where a sum within the sum is
    one of them; any other loss is one term, under the name of its class. A ``SampleLoss`` is given
    the scan, any other loss the true image.

    Args:
        loss: The loss.
        estimate: Reconstructed concentrations.
        sample: The scans that they were reconstructed from.

    Raises:
        InputError: If a loss is not a single number.
    """
    if isinstance(loss, WeightedSum):
        return {
            name: loss.weights[name] * _total(loss_terms(term, estimate, sample))
            for name, term in loss.terms.items()
        }
    needs_sample = isinstance(loss, SampleLoss)
    value = loss(estimate, sample if needs_sample else sample.concentration)
    name = type(loss).__name__
    if value.ndim:
        raise InputError(
            f"{name} returns values of shape {list(value.shape)}, not a single number: a loss of "
            "torch.nn needs reduction mean or sum"
        )
    return {name: value}


def _total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
