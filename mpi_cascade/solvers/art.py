"""The algebraic reconstruction technique: regularised Kaczmarz sweeps, MPI's everyday method."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mpi_cascade.checks import Positive, PositiveInt, check_arguments
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.solvers.iterative import IterativeSolver


class ART(IterativeSolver):
    """Kaczmarz sweeps over the rows of [S √λ I][c; v] = u, with c ≥ 0 restored after each.

    Without the restriction to c ≥ 0 the sweeps tend to Tikhonov's image for the same λ. With it
    they minimise nothing that could be written down, and the image still improves after hundreds
    of sweeps: their number is a parameter like λ.

    Args:
        forward_model: The model S that the reconstruction believes in; a matrix of measurements ×
            measurements must fit in memory.
        relative_regularisation: λ relative to the mean squared norm of a row of S, that is
            trace(S Sᵀ)/measurements, > 0. It can be changed at any time.
        num_sweeps: Sweeps over all rows, ≥ 1.

    Raises:
        InputError: If a value is out of its range.

    Source:
        J. Weizenecker et al., Phys. Med. Biol. 54, 2009, doi:10.1088/0031-9155/54/5/L01; T. Knopp
        et al., Phys. Med. Biol. 55, 2010, doi:10.1088/0031-9155/55/6/003.
    """

    def __init__(
        self,
        forward_model: LinearModel,
        relative_regularisation: Positive = 0.03,
        num_sweeps: PositiveInt = 1000,
    ) -> None:
        super().__init__(forward_model)
        self.relative_regularisation = relative_regularisation
        self.num_sweeps = num_sweeps
        check_arguments(self)
        matrix = forward_model.matrix()
        self._gram = nn.Buffer(matrix @ matrix.T, persistent=False)

    @torch.no_grad()
    def iterates(self, signal: Signals) -> Iterator[Images]:
        """Yields the image, ≥ 0, after each sweep."""
        regularisation = self.relative_regularisation * self._gram.diagonal().mean()
        system = self._gram.clone()
        system.diagonal().add_(regularisation)
        image = signal.new_zeros(len(signal), 1, *self.forward_model.image_shape)
        # √λ v, the part of the signal that the image is not asked to explain.
        unexplained = torch.zeros_like(signal)
        for _ in range(self.num_sweeps):
            steps = _sweep(system, signal - self.forward_model(image) - unexplained)
            image = (image + self.forward_model.adjoint(steps)).clamp_min(0)
            unexplained = unexplained + regularisation * steps
            yield image


def _sweep(system: Tensor, residual: Tensor) -> Tensor:
    """Returns by how much each row of S is added to the image in one sweep over all rows.

    Row i moves the image by βᵢ sᵢ, where (‖sᵢ‖² + λ) βᵢ = rᵢ − Σⱼ βⱼ (sᵢ·sⱼ) over the rows j < i,
    which have changed its residual: a triangular system, the step of Gauss and Seidel for
    (S Sᵀ + λ I) β = r.
    """
    right_side = residual.flatten(1).T
    return torch.linalg.solve_triangular(system, right_side, upper=False).T.reshape(residual.shape)
