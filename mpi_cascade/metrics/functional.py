"""Image quality, one value per image: pure functions of an estimate and the truth.

A value that is undefined for an image is NaN, never 0.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from mpi_cascade.physics.linear import Images
from mpi_cascade.scans.conventions import (
    FEWEST_INTERIOR_PIXELS,
    FULL_CONCENTRATION,
    SSIM_SIGMA,
    SSIM_WINDOW,
)
from mpi_cascade.scans.regions import exterior, interior


def psnr(estimate: Images, truth: Images) -> Float[Tensor, " batch"]:
    """Returns the peak signal-to-noise ratio 10·log10(range²/MSE) in dB of each image.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations.

    Returns:
        PSNR in dB, (batch,); NaN where the truth is empty, whose easy zeros would flatter a mean.
    """
    mean_square = (estimate - truth).square().mean(dim=(1, 2, 3))
    values = 10 * torch.log10(FULL_CONCENTRATION**2 / mean_square)
    return values.masked_fill(_is_empty(truth), torch.nan)


def ssim(estimate: Images, truth: Images) -> Float[Tensor, " batch"]:
    """Returns the structural similarity of each image, Gaussian window of 11 pixels, σ = 1.5.

    Of images of one line the window is one-dimensional.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations.

    Returns:
        SSIM in −1 … 1, (batch,); NaN where the truth is empty, and of images with 2 to 5 lines or
        fewer than 6 columns, which are smaller than half the window.

    Source:
        Z. Wang et al., IEEE TIP 13, 2004, doi:10.1109/TIP.2003.819861.
    """
    if truth.shape[2] == 1:
        # Equal lines, the height of the window, are weighted as one.
        estimate, truth = (image.expand(-1, -1, SSIM_WINDOW, -1) for image in (estimate, truth))
    if min(truth.shape[2:]) <= SSIM_WINDOW // 2:
        return truth.new_full((len(truth),), torch.nan)
    values = structural_similarity_index_measure(
        estimate, truth, sigma=SSIM_SIGMA, data_range=FULL_CONCENTRATION, reduction="none"
    )
    assert isinstance(values, Tensor)
    return values.reshape(len(truth)).masked_fill(_is_empty(truth), torch.nan)


def nrmse(estimate: Images, truth: Images) -> Float[Tensor, " batch"]:
    """Returns ‖estimate − truth‖/‖truth‖ of each image.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations.

    Returns:
        Relative error ≥ 0, (batch,); NaN where the truth is empty.
    """
    error = (estimate - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)
    return error.masked_fill(_is_empty(truth), torch.nan)


def non_uniformity(estimate: Images, truth: Images) -> Float[Tensor, " batch"]:
    """Returns how unevenly each image fills its objects: std/mean of estimate/truth inside them.

    The ratio to the truth makes objects of several concentrations comparable; the ratio to the
    mean makes a wrong scale of the whole image no unevenness.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations, ≥ 0.

    Returns:
        Coefficient of variation ≥ 0 over ``interior(truth)``, (batch,); NaN with fewer than 4
        interior pixels, and where the mean ratio is not positive: an image without tracer in its
        objects is neither even nor uneven. ``nrmse`` and the tracer mass tell of such images.
    """
    inside = interior(truth)
    num_inside = inside.sum(dim=(1, 2, 3))
    ratio = torch.where(inside, estimate / truth, 0.0)
    mean = ratio.sum(dim=(1, 2, 3)) / num_inside
    deviation = (ratio - mean[:, None, None, None]).masked_fill(~inside, 0.0)
    variance = deviation.square().sum(dim=(1, 2, 3)) / num_inside
    is_defined = (num_inside >= FEWEST_INTERIOR_PIXELS) & (mean > 0)
    return (variance.sqrt() / mean).masked_fill(~is_defined, torch.nan)


def ghost_energy(estimate: Images, truth: Images) -> Float[Tensor, " batch"]:
    """Returns Σ estimate² outside the objects of each image over Σ truth² of the whole image.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations, ≥ 0.

    Returns:
        Relative energy ≥ 0 over ``exterior(truth)``, (batch,); NaN where the truth is empty or
        has no exterior.
    """
    outside = exterior(truth)
    ghosts = (estimate * outside).square().sum(dim=(1, 2, 3))
    is_undefined = _is_empty(truth) | ~outside.flatten(1).any(dim=1)
    return (ghosts / truth.square().sum(dim=(1, 2, 3))).masked_fill(is_undefined, torch.nan)


def tracer_mass(image: Images, field_of_view_m: tuple[float, float]) -> Float[Tensor, " batch"]:
    """Returns the tracer in each image, ∫ c dr: the same on every pixel grid.

    Args:
        image: Concentrations; negative ones count as they are.
        field_of_view_m: Size (y, x) of the images in m.

    Returns:
        Concentration times area in m², (batch,).
    """
    return image.mean(dim=(1, 2, 3)) * (field_of_view_m[0] * field_of_view_m[1])


def _is_empty(truth: Tensor) -> Tensor:
    return truth.flatten(1).amax(dim=1) <= 0
