"""Resolution and position of points and pairs: pure functions of images and true geometry.

The same ``pair_dip`` serves the controls: a single capsule with a pair's outline has the pair's
geometry, and is falsely split where its dip reaches ``RAYLEIGH_DIP``. A value that is undefined for
an image is NaN, never 0.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from mpi_cascade.devices import Table, pair
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.physics.linear import Images
from mpi_cascade.physics.scanner import cell_centres

RAYLEIGH_DIP = 0.265
"""Smallest valley-to-peak dip at which two points count as resolved."""

_LEAST_PEAK = 0.1
"""Share of an image's maximum that both discs have to exceed to be seen."""
_NUM_LINE_POINTS = 1025
_INNER_SHARE = 0.5
_WINDOW_MARGIN_M = 0.3e-3


def pair_profile(
    image: Images,
    pairs: PairGeometry,
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
    return _sampled(image, points, field_of_view_m)


def pair_dip(
    image: Images, pairs: PairGeometry, field_of_view_m: tuple[float, float]
) -> Float[Tensor, " batch"]:
    """Returns the dip 1 − valley/peak between the two discs of each image.

    Each disc's peak is its maximum within the disc; the lower of the two counts. The valley is the
    minimum between the places of both peaks, so that a single blob or a slope has no dip. A dip
    above 1 is a valley below zero. Where the lower peak is not positive, or at most a tenth of the
    image's own maximum, the image doesn't show a pair, and the dip is 0. The dip of a positive
    multiple of the image is the same.

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
    # An image that is not a number is neither shown nor hidden: its dip is no number either.
    is_hidden = peak <= _LEAST_PEAK * image.amax(dim=(1, 2, 3)).clamp_min(0)
    return torch.where(is_hidden, 0.0, 1 - valley / peak.masked_fill(is_hidden, 1.0))


def disc_non_uniformity(
    image: Images, pairs: PairGeometry, field_of_view_m: tuple[float, float]
) -> Float[Tensor, " batch"]:
    """Returns the coefficient of variation inside the discs, the mean of both.

    Over the inner half of each disc's radius, as a disc few pixels wide has no pixel whose
    neighbours are all inside: there even the truth's own edges, as wide as a pixel, count little.

    Args:
        image: Concentrations.
        pairs: Where the two discs of each image lie.
        field_of_view_m: Size (y, x) of the images in m.

    Returns:
        Standard deviation over mean, (batch,); NaN where a disc's mean is not above 0.
    """
    offsets = _INNER_SHARE * _DISC_POINTS.on(image.device).to(image)
    half_spacing_m = 0.5 * (pairs.gap_m + pairs.diameter_m)[:, None] * pairs.direction
    variations = []
    for centre_m in (pairs.centre_m - half_spacing_m, pairs.centre_m + half_spacing_m):
        points = centre_m[:, None] + 0.5 * pairs.diameter_m[:, None, None] * offsets
        values = _sampled(image, points, field_of_view_m)
        mean = values.mean(dim=1)
        variation = values.std(dim=1, correction=0) / mean
        variations.append(variation.masked_fill(mean <= 0, torch.nan))
    return torch.stack(variations).mean(dim=0)


def _disc_points() -> Float[Tensor, "points 2"]:
    """Returns points that fill the unit disc evenly: a square lattice's, cut at the circle."""
    axis = torch.linspace(-1, 1, 11)
    lattice = torch.cartesian_prod(axis, axis)
    return lattice[lattice.norm(dim=1) <= 1]


_DISC_POINTS = Table(_disc_points())


def full_width_half_maximum(
    image: Images,
    centre_m: Float[Tensor, "batch 2"],
    direction: Float[Tensor, "batch 2"],
    diameter_m: Float[Tensor, " batch"],
    field_of_view_m: tuple[float, float],
) -> Float[Tensor, " batch"]:
    """Returns the full width at half maximum of each image of a single disc, along a line.

    The line runs through the true centre; the maximum is that within the true disc, so that
    another, brighter object doesn't count. The width ends where the image, interpolated linearly,
    first falls to half the maximum on either side.

    Args:
        image: Concentrations.
        centre_m: True centre (x, y) of the disc in m.
        direction: Unit vector (x, y) of the line.
        diameter_m: True diameter of the disc in m.
        field_of_view_m: Size (y, x) of the images in m.

    Returns:
        Width in m, (batch,); NaN where the maximum is not positive or the image doesn't fall to
        half of it within the field of view, on either side.
    """
    half_size = pair(*field_of_view_m[::-1], like=centre_m) / 2
    # From a point inside, no line is longer than the diagonal.
    reach_m = 2 * half_size.norm()
    positions = reach_m * torch.linspace(-1, 1, _NUM_LINE_POINTS, device=image.device)
    points = centre_m[:, None] + positions[:, None] * direction[:, None]
    profile = _sampled(image, points, field_of_view_m)
    is_in_disc = positions.abs() <= 0.5 * diameter_m[:, None]
    peak, top = profile.masked_fill(~is_in_disc, -torch.inf).max(dim=1, keepdim=True)
    height = profile - 0.5 * peak
    is_low = (height <= 0) & (points.abs() <= half_size).all(dim=-1)
    right = _first_crossing(height, is_low, top)
    # Seen from the other end of the line, the left crossing is a right one.
    last = _NUM_LINE_POINTS - 1
    left = last - _first_crossing(height.flip(1), is_low.flip(1), last - top)
    width = (right - left) * (2 * reach_m / last)
    return width.masked_fill(peak[:, 0] <= 0, torch.nan)


def localisation_error(
    image: Images,
    centre_m: Float[Tensor, "batch 2"],
    diameter_m: Float[Tensor, " batch"],
    field_of_view_m: tuple[float, float],
) -> Float[Tensor, " batch"]:
    """Returns how far each image of a single disc lies from the true centre of the disc.

    The image's place is the centroid of its positive concentrations in a circular window around
    the true centre, 0.3 mm wider than the disc on every side: far ghosts don't count. The error
    cannot exceed the window, so an image without the disc is not much worse than a bad one.

    Args:
        image: Concentrations.
        centre_m: True centre (x, y) of the disc in m.
        diameter_m: True diameter of the disc in m.
        field_of_view_m: Size (y, x) of the images in m.

    Returns:
        Distance in m, (batch,); NaN without any positive concentration in the window.
    """
    num_y, num_x = image.shape[-2:]
    x_m, y_m = (
        cell_centres(num, size_m, centre_m.device).to(centre_m)
        for num, size_m in ((num_x, field_of_view_m[1]), (num_y, field_of_view_m[0]))
    )
    x_m = x_m - centre_m[:, 0, None, None]
    y_m = y_m[:, None] - centre_m[:, 1, None, None]
    radius_m = 0.5 * diameter_m[:, None, None] + _WINDOW_MARGIN_M
    is_near = x_m.square() + y_m.square() <= radius_m.square()
    weight = (image[:, 0] * is_near).clamp_min(0)
    mass = weight.sum(dim=(1, 2))
    error_x, error_y = ((weight * offset).sum(dim=(1, 2)) / mass for offset in (x_m, y_m))
    return torch.hypot(error_x, error_y).masked_fill(mass <= 0, torch.nan)


def resolvable_gap(
    gaps_m: Float[Tensor, " gaps"], resolved_fractions: Float[Tensor, " gaps"], level: float = 0.95
) -> Float[Tensor, ""]:
    """Returns the smallest gap from which on a method resolves nearly every pair.

    Args:
        gaps_m: Different gaps in m, in any order.
        resolved_fractions: Share of the pairs resolved at each gap, 0 … 1.
        level: Share that counts as nearly every pair.

    Returns:
        The smallest gap at which, and at every larger one, the share is at least ``level``; NaN if
        there is none, as when the largest gap falls short.

    Examples:
        >>> gaps_m = torch.tensor([0.1e-3, 0.2e-3, 0.3e-3, 0.5e-3])
        >>> gap_m = resolvable_gap(gaps_m, torch.tensor([0.97, 0.6, 0.95, 1.0]))
        >>> round(1e3 * gap_m.item(), 3)
        0.3
    """
    ascending = gaps_m.argsort()
    is_resolved = resolved_fractions[ascending] >= level
    num_resolved = is_resolved.flip(0).int().cumprod(dim=0).sum()
    if num_resolved == 0:
        return gaps_m.new_tensor(torch.nan)
    return gaps_m[ascending[-num_resolved]]


def _sampled(
    image: Images, points_m: Float[Tensor, "batch points 2"], field_of_view_m: tuple[float, float]
) -> Float[Tensor, "batch points"]:
    """Returns the image, bilinearly interpolated, at points (x, y) in m."""
    half_size = pair(*field_of_view_m[::-1], like=points_m) / 2
    sampled = functional.grid_sample(
        image, (points_m / half_size)[:, None], padding_mode="border", align_corners=False
    )
    return sampled[:, 0, 0]


def _first_crossing(
    height: Float[Tensor, "batch points"],
    is_low: Bool[Tensor, "batch points"],
    start: Int64[Tensor, "batch 1"],
) -> Float[Tensor, " batch"]:
    """Returns where, in steps, a height first falls to 0 beyond ``start``; NaN if it doesn't."""
    number = torch.arange(height.shape[1], device=height.device)
    is_beyond = is_low & (number > start)
    low = torch.where(is_beyond, number, height.shape[1]).amin(dim=1, keepdim=True)
    low_index = low.clamp_max(height.shape[1] - 1)
    after = height.gather(1, low_index)
    before = height.gather(1, (low_index - 1).clamp_min(0))
    crossing = low_index - after / (after - before)
    return crossing.masked_fill(~is_beyond.any(dim=1, keepdim=True), torch.nan)[:, 0]
