"""Image quality, one value per image: pure functions of an estimate and the truth.

A value that is undefined for an image is NaN, never 0. Must not know of networks, scanners or
Lightning.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from mpi_cascade.data.suites import Pairs

FULL_CONCENTRATION = 1.0
"""The data range of PSNR and SSIM: a fixed concentration, never an image's own maximum."""

RAYLEIGH_DIP = 0.265
"""Smallest valley-to-peak dip at which two points count as resolved."""


def psnr(
    estimate: Float[Tensor, "batch 1 ny nx"], truth: Float[Tensor, "batch 1 ny nx"]
) -> Float[Tensor, " batch"]:
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


def ssim(
    estimate: Float[Tensor, "batch 1 ny nx"], truth: Float[Tensor, "batch 1 ny nx"]
) -> Float[Tensor, " batch"]:
    """Returns the structural similarity of each image, Gaussian window of 11 pixels, σ = 1.5.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations.

    Returns:
        SSIM in −1 … 1, (batch,); NaN where the truth is empty.

    Source:
        Z. Wang et al., IEEE TIP 13, 2004, doi:10.1109/TIP.2003.819861.
    """
    values = structural_similarity_index_measure(
        estimate, truth, data_range=FULL_CONCENTRATION, reduction="none"
    )
    assert isinstance(values, Tensor)
    return values.reshape(len(truth)).masked_fill(_is_empty(truth), torch.nan)


def nrmse(
    estimate: Float[Tensor, "batch 1 ny nx"], truth: Float[Tensor, "batch 1 ny nx"]
) -> Float[Tensor, " batch"]:
    """Returns ‖estimate − truth‖/‖truth‖ of each image.

    Args:
        estimate: Reconstructed concentrations.
        truth: True concentrations.

    Returns:
        Relative error ≥ 0, (batch,); NaN where the truth is empty.
    """
    error = (estimate - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)
    return error.masked_fill(_is_empty(truth), torch.nan)


def pair_profile(
    image: Float[Tensor, "batch 1 ny nx"],
    pairs: Pairs,
    positions_m: Float[Tensor, "batch points"],
    field_of_view_m: tuple[float, float],
) -> Float[Tensor, "batch points"]:
    """Returns the image, bilinearly interpolated, along the line through both discs.

    Args:
        image: Concentrations.
        pairs: Where the two discs of each image lie.
        positions_m: Signed distances from the middle of the pair in m.
        field_of_view_m: Size (y, x) of the images in m.
    """
    points = pairs.centre_m[:, None] + positions_m[..., None] * pairs.direction[:, None]
    half_size = points.new_tensor(field_of_view_m[::-1]) / 2
    sampled = torch.nn.functional.grid_sample(
        image, (points / half_size)[:, None], padding_mode="border", align_corners=False
    )
    return sampled[:, 0, 0]


def pair_dip(
    image: Float[Tensor, "batch 1 ny nx"], pairs: Pairs, field_of_view_m: tuple[float, float]
) -> Float[Tensor, " batch"]:
    """Returns the dip 1 − valley/peak between the two discs of each image.

    Each disc's peak is its maximum within the disc; the lower of the two counts. The valley is the
    minimum between the places of both peaks, so that a single blob or a slope has no dip. A dip
    above 1 is a valley below zero. Where the lower peak is under a tenth of the full concentration
    the image doesn't show a pair, and the dip is 0.

    Args:
        image: Concentrations.
        pairs: Where the two discs of each image lie.
        field_of_view_m: Size (y, x) of the images in m.

    Returns:
        Dip, (batch,); the pair is resolved when it is at least ``RAYLEIGH_DIP``.
    """
    radius = 0.5 * pairs.diameter_m[:, None]
    half_spacing = radius + 0.5 * pairs.gap_m[:, None]
    positions = (half_spacing + radius) * torch.linspace(-1, 1, 301, device=image.device)
    profile = pair_profile(image, pairs, positions, field_of_view_m)
    is_first, is_second = positions <= radius - half_spacing, positions >= half_spacing - radius
    first_peak, first = profile.masked_fill(~is_first, -torch.inf).max(dim=1, keepdim=True)
    second_peak, second = profile.masked_fill(~is_second, -torch.inf).max(dim=1, keepdim=True)
    number = torch.arange(301, device=image.device)
    is_between = (number >= first) & (number <= second)
    valley = profile.masked_fill(~is_between, torch.inf).amin(dim=1)
    peak = torch.minimum(first_peak, second_peak)[:, 0]
    return torch.where(peak < 0.1 * FULL_CONCENTRATION, 0.0, 1 - valley / peak)


def _is_empty(truth: Tensor) -> Tensor:
    return truth.flatten(1).amax(dim=1) <= 0
