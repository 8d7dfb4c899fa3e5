"""A phantom, a loss and a network of one's own: the parts of lesson 3."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mpi_cascade.phantoms import PhantomFamily
from mpi_cascade.phantoms.placing import direction, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class Crosses(PhantomFamily):
    """Two equal bars with round ends that cross at a right angle.

    Args:
        length_mm: Smallest and largest length of the centre lines in mm.
        width_mm: Smallest and largest width in mm.
    """

    length_mm: tuple[float, float] = (1.0, 3.0)
    width_mm: tuple[float, float] = (0.3, 0.7)

    num_uniforms = 5

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest bar, ends included, in m."""
        return 1e-3 * (self.length_mm[1] + self.width_mm[1])

    def shapes(self, uniforms: Tensor, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns a cross for each row of random numbers."""
        length, width, angle, *position = uniforms.split(1, dim=1)
        half_m = 0.5e-3 * scale(length, self.length_mm)[..., None]
        along = torch.stack((direction(angle)[:, 0], direction(angle + 0.25)[:, 0]), dim=1)
        radius_m = 0.5e-3 * scale(width, self.width_mm)
        full = torch.ones_like(radius_m)
        return place(-half_m * along, half_m * along, radius_m, full, position, field_of_view_m)


class EdgeLoss(nn.Module):
    """The mean square error, in which pixels at edges of the truth count more.

    Args:
        weight: How much more.
    """

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, estimate: Tensor, truth: Tensor) -> Tensor:
        """Returns the loss of a batch of images, 0 at the truth."""
        brightest = nn.functional.max_pool2d(truth, 3, stride=1, padding=1)
        darkest = -nn.functional.max_pool2d(-truth, 3, stride=1, padding=1)
        return ((1 + self.weight * (brightest - darkest)) * (estimate - truth) ** 2).mean()


class SmallNetwork(nn.Module):
    """Three convolutions that correct an image.

    Args:
        num_features: Channels between them.
    """

    def __init__(self, num_features: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, num_features, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(num_features, num_features, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(num_features, 1, 5, padding=2),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Returns the corrected image."""
        return image + self.layers(image)
