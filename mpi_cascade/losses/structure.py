"""Losses of how pixels stand to each other: structural similarity, edges and evenness."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from mpi_cascade.checks import InputError, Positive, check_arguments
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.linear import Images
from mpi_cascade.scans.conventions import (
    FEWEST_INTERIOR_PIXELS,
    FULL_CONCENTRATION,
    SSIM_SIGMA,
    SSIM_WINDOW,
)
from mpi_cascade.scans.regions import interior

# Of Wang et al. 2004.
_LUMINANCE_FLOOR = (0.01 * FULL_CONCENTRATION) ** 2
_CONTRAST_FLOOR = (0.03 * FULL_CONCENTRATION) ** 2


class SSIM(nn.Module):
    """1 − structural similarity: Gaussian window of 11 pixels, σ = 1.5, data range 1.

    Only windows that lie within the image count. Alone it hardly sees an image's brightness: give
    it a pixel loss beside it.

    Raises:
        InputError: If an image is smaller than the window (when called).

    Source:
        Z. Wang et al., IEEE TIP 13, 2004, doi:10.1109/TIP.2003.819861.
    """

    window = SSIM_WINDOW
    sigma = SSIM_SIGMA

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns 1 − SSIM in 0 … 2, 0 at the truth."""
        _require_size(self, truth, self.window)
        luminance, contrast = _similarity(estimate, truth, self.window, self.sigma)
        return 1 - (luminance * contrast).mean()


class MultiScaleSSIM(nn.Module):
    """1 − the weighted geometric mean of the structural similarity at three scales.

    The image is halved from scale to scale; contrast and structure count at each, luminance at
    the coarsest. Three scales and a Gaussian window of 7 pixels, σ = 1, in place of five and 11,
    make images of 28 pixels large enough. A scale whose similarity is below 0.001, where the power
    has no finite slope, passes no gradient on.

    Raises:
        InputError: If the coarsest image is smaller than the window (when called).

    Source:
        Z. Wang, E. P. Simoncelli, A. C. Bovik, Asilomar Conf. Signals, Systems and Computers, 2003,
        doi:10.1109/ACSSC.2003.1292216.
    """

    window = 7
    sigma = 1.0
    exponents = (0.3, 0.4, 0.3)
    smallest_similarity = 1e-3

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns 1 − MS-SSIM in 0 … 1, averaged over the images, 0 at the truth."""
        _require_size(self, truth, self.window * 2 ** (len(self.exponents) - 1))
        similarities = []
        for _ in self.exponents:
            luminance, contrast = _similarity(estimate, truth, self.window, self.sigma)
            similarities.append(contrast.mean(dim=(1, 2, 3)))
            estimate, truth = functional.avg_pool2d(estimate, 2), functional.avg_pool2d(truth, 2)
        similarities[-1] = (luminance * contrast).mean(dim=(1, 2, 3))
        factors = [
            similarity.clamp_min(self.smallest_similarity) ** exponent
            for similarity, exponent in zip(similarities, self.exponents, strict=True)
        ]
        return 1 - torch.stack(factors).prod(dim=0).mean()


class Gradient(nn.Module):
    """Mean absolute error of the differences between neighbours along x and y: of the edges.

    Source:
        After M. Mathieu, C. Couprie, Y. LeCun, ICLR, 2016, doi:10.48550/arXiv.1511.05440, who
        compare magnitudes; here the direction of an edge counts.
    """

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the mean over pixels and both axes, 0 where the error is constant."""
        return _differences(estimate - truth).abs().mean()


class TotalVariation(nn.Module):
    """Isotropic total variation of the estimate, as a mean per pixel: a prior, blind to the truth.

    Args:
        smoothing: Slope, in concentration per pixel, below which the loss is quadratic, > 0;
            keeps the gradient finite where the image is constant.

    Raises:
        InputError: If ``smoothing`` is not positive.

    Source:
        L. I. Rudin, S. Osher, E. Fatemi, Physica D 60, 1992, doi:10.1016/0167-2789(92)90242-F.
    """

    def __init__(self, smoothing: Positive = 1e-3) -> None:
        super().__init__()
        self.smoothing = smoothing
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the mean of √(Δx² + Δy² + smoothing²) − smoothing, 0 for constant images."""
        square = _differences(estimate).square().sum(dim=0)
        return (square + self.smoothing**2).sqrt().mean() - self.smoothing


class Uniformity(nn.Module):
    """Standard deviation of the error inside objects, relative to their mean concentration.

    Uniform regions lie in the near-null space of the signal equation, so that what is even comes
    back uneven. ``scans.regions.interior`` says which pixels are inside; an image with fewer than
    four of them doesn't count. A constant error inside has no loss: that is a pixel loss's task.

    Args:
        floor: Relative standard deviation below which an image counts as even, > 0; keeps the
            gradient finite at the truth.

    Raises:
        InputError: If ``floor`` is not positive.
    """

    def __init__(self, floor: Positive = 1e-3) -> None:
        super().__init__()
        self.floor = floor
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the mean over the images that count of √(var/mean² + floor²) − floor, or 0."""
        is_inside = interior(truth)
        is_counted = is_inside.sum(dim=(1, 2, 3)) >= FEWEST_INTERIOR_PIXELS
        error = estimate - truth
        deviation = error - _mean(error, is_inside)[:, None, None, None]
        # Any concentration serves where there is no interior, but 0/0 would poison the gradient.
        concentration = _mean(truth, is_inside).masked_fill(~is_counted, 1.0)
        variance = _mean(deviation.square(), is_inside) / concentration.square()
        values = (variance + self.floor**2).sqrt() - self.floor
        return (values * is_counted).sum() / is_counted.sum().clamp_min(1)


def _similarity(
    estimate: Tensor, truth: Tensor, window: int, sigma: float
) -> tuple[Float[Tensor, "batch 1 wx wy"], Float[Tensor, "batch 1 wx wy"]]:
    """Returns the similarities of luminance, and of contrast and structure, in every window."""
    estimate = estimate.to(truth.dtype)
    # The variances are needed as their sum only, which saves a fifth map.
    squares = estimate.square() + truth.square()
    maps = torch.stack((estimate, truth, squares, estimate * truth))
    mean_estimate, mean_truth, mean_squares, mean_product = _smoothed(maps, window, sigma)
    product_of_means = mean_estimate * mean_truth
    squares_of_means = mean_estimate.square() + mean_truth.square()
    luminance = (2 * product_of_means + _LUMINANCE_FLOOR) / (squares_of_means + _LUMINANCE_FLOOR)
    contrast = (2 * (mean_product - product_of_means) + _CONTRAST_FLOOR) / (
        mean_squares - squares_of_means + _CONTRAST_FLOOR
    )
    return luminance, contrast


def _smoothed(
    maps: Float[Tensor, "maps batch 1 ny nx"], window: int, sigma: float
) -> Float[Tensor, "maps batch 1 wx wy"]:
    """Returns the Gaussian mean of every window within the image, with x before y."""
    num_y, num_x = maps.shape[-2:]
    # On CPUs, products with band matrices take about half the time of depthwise convolutions. In
    # half precision nothing would be left of a variance, the small difference of two large means.
    with in_full_precision(maps.device):
        rows = maps @ _band_matrix(num_x, window, sigma, maps)
        return rows.transpose(-1, -2) @ _band_matrix(num_y, window, sigma, maps)


def _band_matrix(size: int, window: int, sigma: float, like: Tensor) -> Float[Tensor, "size wins"]:
    """Returns the matrix whose column i holds the Gaussian window that starts at pixel i."""
    pixels = torch.arange(size, device=like.device, dtype=like.dtype)
    middles = pixels[: size - window + 1] + (window - 1) / 2
    distance = pixels[:, None] - middles
    weights = torch.exp(-0.5 * (distance / sigma).square()) * (distance.abs() < window / 2)
    return weights / weights.sum(dim=0)


def _require_size(loss: nn.Module, image: Tensor, smallest: int) -> None:
    num_y, num_x = image.shape[-2:]
    if min(num_y, num_x) < smallest:
        raise InputError(
            f"{type(loss).__name__} needs images of at least {smallest} × {smallest} pixels, these "
            f"have {num_y} × {num_x}: use larger images or another loss"
        )


def _differences(image: Tensor) -> Float[Tensor, "2 batch 1 ny nx"]:
    """Returns each pixel's differences to its next neighbours along y and x, 0 at the far edge."""
    along_y = image.diff(dim=-2, append=image[..., -1:, :])
    along_x = image.diff(dim=-1, append=image[..., -1:])
    return torch.stack((along_y, along_x))


def _mean(values: Images, mask: Bool[Tensor, "batch 1 ny nx"]) -> Float[Tensor, " batch"]:
    """Returns the mean over the pixels of each image that the mask holds; 0 if it holds none."""
    return (values * mask).sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3)).clamp_min(1)
