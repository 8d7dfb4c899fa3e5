"""Losses of the pixels' errors, each pixel by itself."""

from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import Positive, check_arguments
from mpi_cascade.physics.linear import Images


class ImageRMSE(nn.Module):
    """Root mean square error of each image, averaged over the images.

    The mean square error of a batch belongs to its largest and brightest objects; the root gives
    small and faint ones, which decide the mean PSNR, a fair share of the gradient.

    Args:
        floor: Error in units of concentration below which an image counts as solved, > 0; keeps
            the gradient finite at the truth.

    Raises:
        InputError: If ``floor`` is not positive.
    """

    def __init__(self, floor: Positive = 1e-3) -> None:
        super().__init__()
        self.floor = floor
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the mean over images of √(MSE + floor²) − floor, 0 at the truth."""
        return mean_root_square(estimate - truth, self.floor)


class LogRMSE(nn.Module):
    """Logarithm of each image's root mean square error, averaged over the images.

    Far above the floor this is the mean PSNR but for constants: an image that is easy, of much
    signal or a smooth object, is worth as much of the gradient as one that is hard. That matters
    where a training has both, as one over scanners and noise levels does.

    Args:
        floor: Error in units of concentration below which an image counts as solved, > 0; what
            lies below it is worth little.

    Raises:
        InputError: If ``floor`` is not positive.
    """

    def __init__(self, floor: Positive = 2e-3) -> None:
        super().__init__()
        self.floor = floor
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the mean over images of ½ log(1 + MSE/floor²), 0 at the truth."""
        mean_square = (estimate - truth).square().mean(dim=(1, 2, 3))
        return 0.5 * (mean_square / self.floor**2).log1p().mean()


class Charbonnier(nn.Module):
    """Mean over pixels of √(error² + ε²) − ε: the absolute error, smooth around 0.

    Args:
        epsilon: Error ε in units of concentration below which the loss is quadratic, > 0.

    Raises:
        InputError: If ``epsilon`` is not positive.

    Source:
        P. Charbonnier et al., Proc. IEEE ICIP, 1994, doi:10.1109/ICIP.1994.413553.
    """

    def __init__(self, epsilon: Positive = 1e-3) -> None:
        super().__init__()
        self.epsilon = epsilon
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the loss, 0 at the truth."""
        return ((estimate - truth).square() + self.epsilon**2).sqrt().mean() - self.epsilon


def mean_root_square(error: Float[Tensor, "batch c ny nx"], floor: float) -> Float[Tensor, ""]:
    """Returns the mean over the batch of √(mean square + floor²) − floor.

    Args:
        error: Errors, of images or of signals.
        floor: Root mean square below which an error counts as none, > 0: √ has no slope at 0.
    """
    mean_square = error.square().mean(dim=(1, 2, 3))
    return ((mean_square + floor**2).sqrt() - floor).mean()
