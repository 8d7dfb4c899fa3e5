"""Non-negative total variation and L1 by accelerated proximal gradient steps, matrix-free."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from mpi_cascade.checks import NonNegative, PositiveInt, check_arguments
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.solvers.iterative import IterativeSolver
from mpi_cascade.solvers.total_variation import (
    clip_vectors,
    gradient,
    gradient_adjoint,
    peaks,
    squared_norm,
)


class FISTA(IterativeSolver):
    """Minimises the objective of ``total_variation`` over c ≥ 0; needs only S and Sᵀ.

    Each iteration is a gradient step of the misfit and of L1, then the proximal map of total
    variation over c ≥ 0. The momentum is never restarted: for S, whose singular values fall off
    without a gap, restarts cost more than they gain.

    Args:
        forward_model: The model S that the reconstruction believes in.
        tv_weight: Weight of the total variation relative to the peak of the scan, ≥ 0.
        l1_weight: Weight of the sum of the image relative to the peak of the scan, ≥ 0.
        num_iterations: Iterations, ≥ 1.
        num_prox_iterations: Iterations of each proximal map, ≥ 1; each starts from the last one's
            dual variables. At the reference scanner 5 are enough up to a ``tv_weight`` of 1e-3;
            with too few the images settle above the minimum.

    Raises:
        InputError: If a value is out of its range.

    Source:
        A. Beck and M. Teboulle, SIAM J. Imaging Sci. 2, 2009, doi:10.1137/080716542, and IEEE TIP
        18, 2009, doi:10.1109/TIP.2009.2028250, for the proximal map.
    """

    def __init__(
        self,
        forward_model: LinearModel,
        tv_weight: NonNegative = 3e-5,
        l1_weight: NonNegative = 5e-4,
        num_iterations: PositiveInt = 2000,
        num_prox_iterations: PositiveInt = 5,
    ) -> None:
        super().__init__(forward_model)
        self.tv_weight = tv_weight
        self.l1_weight = l1_weight
        self.num_iterations = num_iterations
        self.num_prox_iterations = num_prox_iterations
        check_arguments(self)
        self._step = 1 / squared_norm(forward_model)

    @torch.no_grad()
    def iterates(self, signal: Signals) -> Iterator[Images]:
        """Yields the image, ≥ 0, after each iteration."""
        peak = peaks(signal)
        signal = signal / peak
        image = signal.new_zeros(len(signal), 1, *self.forward_model.image_shape)
        leading, dual, age = image, gradient(image), 1.0
        for _ in range(self.num_iterations):
            previous = image
            image, dual = self._proximal_map(self._descend(leading, signal), dual)
            momentum, age = _momentum(age)
            leading = torch.lerp(previous, image, 1 + momentum)
            yield peak * image

    def _descend(self, image: Tensor, signal: Tensor) -> Tensor:
        """Returns a gradient step of ½‖S c − u‖² + w_l1·Σc: for c ≥ 0 the L1 norm is linear."""
        slope = self.forward_model.adjoint(self.forward_model(image) - signal) + self.l1_weight
        return image - self._step * slope

    def _proximal_map(self, target: Tensor, dual: Tensor) -> tuple[Tensor, Tensor]:
        """Returns argmin ½‖c − target‖² + step·w_tv·TV(c) over c ≥ 0, and its dual variables.

        By accelerated projected gradient steps on the dual; ‖∇‖² ≤ 8.
        """
        largest = self._step * self.tv_weight
        leading, age = dual, 1.0
        for _ in range(self.num_prox_iterations):
            previous = dual
            image = (target - gradient_adjoint(leading)).clamp_min(0)
            dual = clip_vectors(leading + gradient(image) / 8, largest)
            momentum, age = _momentum(age)
            leading = torch.lerp(previous, dual, 1 + momentum)
        return (target - gradient_adjoint(dual)).clamp_min(0), dual


def _momentum(age: float) -> tuple[float, float]:
    """Returns Nesterov's momentum (t − 1)/t′ after an iteration, and t′ for the next."""
    next_age = (1 + math.sqrt(1 + 4 * age**2)) / 2
    return (age - 1) / next_age, next_age
