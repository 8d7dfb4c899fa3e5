"""What every model of a scan has in common: S c = u, its adjoint, and its explicit matrix."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.physics.scanner import Scanner

Images = Float[Tensor, "batch 1 ny nx"]
"""Tracer concentrations on a grid of pixels (y, x)."""

Signals = Float[Tensor, "batch c my mx"]
"""Signals of scans: channels (harmonics), and the FFP positions (y, x)."""


class LinearModel(nn.Module, ABC):
    """Linear map from a concentration image to the signal of a scan, S c = u.

    Args:
        scanner: The scanner.
        image_shape: Pixels (y, x) of the image.
        signal_shape: Shape (channel, y, x) of one scan's signal.
    """

    def __init__(
        self,
        scanner: Scanner,
        image_shape: tuple[int, int],
        signal_shape: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.scanner = scanner
        self.image_shape = (image_shape[0], image_shape[1])
        self.signal_shape = signal_shape

    @abstractmethod
    def forward(self, concentration: Images) -> Signals:
        """Returns the noise-free signal S c.

        Args:
            concentration: Tracer concentration, (batch, 1, y, x) on the image grid.

        Returns:
            Signal, (batch, channel, y, x) on the FFP grid.
        """

    @abstractmethod
    def adjoint(self, signal: Signals) -> Images:
        """Returns Sᵀ u, the adjoint of ``forward`` in the plain inner product.

        Args:
            signal: Signal, (batch, channel, y, x) on the FFP grid.

        Returns:
            Image, (batch, 1, y, x) on the image grid.
        """

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.buffers()).device

    def matrix(self) -> Float[Tensor, "measurements pixels"]:
        """Returns S explicitly, (channel·FFP, pixel), row-major; for grids that fit in memory."""
        num_y, num_x = self.image_shape
        pixels = torch.eye(num_y * num_x, device=self.device)
        rows = [self(chunk.reshape(-1, 1, num_y, num_x)).flatten(1) for chunk in pixels.split(256)]
        return torch.cat(rows).T.contiguous()
