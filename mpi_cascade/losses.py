"""Losses of an image, called as ``loss(estimate, truth)``; those of ``torch.nn`` serve as well.

Must not know which stage's image it is, or Lightning.
"""

from jaxtyping import Float
from torch import Tensor, nn


class ImageRMSE(nn.Module):
    """Root mean square error of each image, averaged over the images.

    The mean square error of a batch belongs to its largest and brightest objects; the root gives
    small and faint ones, which decide the mean PSNR, a fair share of the gradient.

    Args:
        floor: Error in units of concentration below which an image counts as solved, > 0; keeps
            the gradient finite at the truth.
    """

    def __init__(self, floor: float = 1e-3) -> None:
        super().__init__()
        self.floor = floor

    def forward(
        self, estimate: Float[Tensor, "batch 1 ny nx"], truth: Float[Tensor, "batch 1 ny nx"]
    ) -> Float[Tensor, ""]:
        """Returns the mean over images of √(MSE + floor²) − floor, 0 at the truth."""
        mean_square = (estimate - truth).square().mean(dim=(1, 2, 3))
        return ((mean_square + self.floor**2).sqrt() - self.floor).mean()
