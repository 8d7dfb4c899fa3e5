"""Random phantoms: uniform random numbers → shapes.

Every family maps a table of uniform random numbers to shapes and to nothing else, so a phantom is
reproducible from its numbers. Positions are continuous, never tied to a grid. Must not know of
scanners or signals.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError, require_positive, require_range
from mpi_cascade.data.rendering import Blobs, Strokes
from mpi_cascade.randomness import RandomStreams

Shapes = list[Strokes | Blobs]


class PhantomFamily(ABC):
    """A family of phantoms, each a pure function of ``num_uniforms`` random numbers."""

    @property
    @abstractmethod
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""

    @property
    @abstractmethod
    def largest_extent_m(self) -> float:
        """Upper bound of a phantom's extent along any direction in m."""

    @abstractmethod
    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes | Blobs:
        """Returns one phantom per row of ``uniforms``, inside the field of view (y, x) in m."""


@dataclass(frozen=True, kw_only=True)
class Points(PhantomFamily):
    """Discs of one phantom in a chain, each a gap away from the one before, in any direction.

    Two discs are the pair of the paper's Figure 1; more are a cluster.

    Args:
        num_points: Fewest and most discs.
        diameter_mm: Smallest and largest diameter in mm, drawn for every disc.
        gap_mm: Smallest and largest gap between the facing edges of neighbours in mm.
        amplitude: Smallest and largest concentration, drawn for every disc.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    num_points: tuple[int, int] = (2, 2)
    diameter_mm: tuple[float, float] = (0.2, 0.8)
    gap_mm: tuple[float, float] = (0.0, 1.0)
    amplitude: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "num_points", 1, 64)
        require_range(self, "diameter_mm", 1e-3, math.inf)
        require_range(self, "gap_mm", 0, math.inf)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 4 + 4 * self.num_points[1]

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest straight chain in m."""
        most = self.num_points[1]
        return 1e-3 * (most * self.diameter_mm[1] + (most - 1) * self.gap_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns discs placed uniformly inside the field of view."""
        most = self.num_points[1]
        count, equal, *position = uniforms[:, :4].unbind(1)
        num_points = _integer(count, self.num_points)
        diameter, gap, angle, amplitude = uniforms[:, 4:].reshape(-1, 4, most).unbind(1)
        # Every second phantom has discs of one diameter, as resolution phantoms do.
        diameter = torch.where(equal[:, None] < 0.5, diameter[:, :1], diameter)
        radius = 0.5e-3 * _scale(diameter, self.diameter_mm)
        neighbour = torch.cat((radius[:, :1], radius[:, :-1]), dim=1)
        step = radius + neighbour + 1e-3 * _scale(gap, self.gap_mm)
        step[:, 0] = 0
        centre = (step[..., None] * _direction(angle)).cumsum(dim=1)
        is_present = torch.arange(most, device=uniforms.device) < num_points[:, None]
        return _place(
            centre, centre, radius, radius, _scale(amplitude, self.amplitude),
            is_present, torch.stack(position, dim=1), field_of_view_m,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bars(PhantomFamily):
    """Parallel bars of one width, gap and length, with flat or round ends, at any angle.

    Args:
        num_bars: Fewest and most bars; a single one with round ends is a capsule.
        width_mm: Smallest and largest width in mm.
        gap_mm: Smallest and largest gap between neighbours in mm.
        length_mm: Smallest and largest length of the centre line in mm.
        amplitude: Smallest and largest concentration, one per phantom.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    num_bars: tuple[int, int] = (1, 4)
    width_mm: tuple[float, float] = (0.2, 0.6)
    gap_mm: tuple[float, float] = (0.1, 0.8)
    length_mm: tuple[float, float] = (0.3, 2.5)
    amplitude: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "num_bars", 1, 64)
        require_range(self, "width_mm", 1e-3, math.inf)
        require_range(self, "gap_mm", 0, math.inf)
        require_range(self, "length_mm", 0, math.inf)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 9

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest block of bars in m."""
        most, width, gap = self.num_bars[1], self.width_mm[1], self.gap_mm[1]
        return 1e-3 * math.hypot(most * width + (most - 1) * gap, self.length_mm[1] + width)

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns bars placed uniformly inside the field of view."""
        count, width, gap, length, amplitude, angle, ends, *position = uniforms.unbind(1)
        num_bars = _integer(count, self.num_bars)
        width_m = 1e-3 * _scale(width, self.width_mm)
        pitch_m = width_m + 1e-3 * _scale(gap, self.gap_mm)
        along = _direction(angle)[:, None]
        across = _direction(angle + 0.25)[:, None]
        bar = torch.arange(self.num_bars[1], device=uniforms.device)
        centre = (bar * pitch_m[:, None])[..., None] * across
        half = 0.5e-3 * _scale(length, self.length_mm)[:, None, None] * along
        radius = (0.5 * width_m)[:, None].expand(-1, len(bar))
        return _place(
            centre - half, centre + half, radius, radius,
            _scale(amplitude, self.amplitude)[:, None].expand_as(radius),
            bar < num_bars[:, None], torch.stack(position, dim=1), field_of_view_m,
            is_flat=ends < 0.5,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Vessels(PhantomFamily):
    """A winding vessel that tapers, with branches that leave it and taper on.

    Args:
        diameter_mm: Smallest and largest diameter at the root in mm.
        taper: Smallest and largest ratio of the diameter at the tip to that at the root.
        segment_mm: Smallest and largest length of one straight segment in mm.
        num_branches: Fewest and most branches.
        amplitude: Smallest and largest concentration, one per phantom.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    diameter_mm: tuple[float, float] = (0.25, 0.7)
    taper: tuple[float, float] = (0.5, 1.0)
    segment_mm: tuple[float, float] = (0.3, 0.6)
    num_branches: tuple[int, int] = (0, 2)
    amplitude: tuple[float, float] = (0.4, 1.0)

    _TRUNK_SEGMENTS = 7
    _BRANCH_SEGMENTS = 4
    _LARGEST_TURN = 0.1
    _FORK_NODES = (1, 5)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "diameter_mm", 1e-3, math.inf)
        require_range(self, "taper", 1e-3, 1)
        require_range(self, "segment_mm", 1e-3, math.inf)
        require_range(self, "num_branches", 0, 16)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 8 + self._TRUNK_SEGMENTS + (2 + self._BRANCH_SEGMENTS) * self.num_branches[1]

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest straight path from the root to a tip in m."""
        most_segments = max(self._TRUNK_SEGMENTS, self._FORK_NODES[1] + self._BRANCH_SEGMENTS)
        return 1e-3 * (most_segments * self.segment_mm[1] + self.diameter_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns vessels placed uniformly inside the field of view."""
        root, taper, segment, heading, count, amplitude, *position = uniforms[:, :8].unbind(1)
        turns, forks = uniforms[:, 8:].tensor_split((self._TRUNK_SEGMENTS,), dim=1)
        step_m = 1e-3 * _scale(segment, self.segment_mm)
        radius_m = 0.5e-3 * _scale(root, self.diameter_mm)
        tip_ratio = _scale(taper, self.taper)[:, None]
        paths = [self._path(torch.zeros_like(uniforms[:, :2]), heading, turns, step_m)]
        widths = [radius_m[:, None] * _taper_to(tip_ratio, self._TRUNK_SEGMENTS)]
        for fork in forks.reshape(
            len(uniforms), self.num_branches[1], 2 + self._BRANCH_SEGMENTS
        ).unbind(1):
            node = _integer(fork[:, 0], self._FORK_NODES)[:, None]
            side = torch.where(fork[:, 1] < 0.5, -1.0, 1.0)
            leave = heading + side * (0.08 + 0.2 * (fork[:, 1] * 2 % 1))
            origin = paths[0].gather(1, node[..., None].expand(-1, -1, 2))[:, 0]
            paths.append(self._path(origin, leave, fork[:, 2:], step_m))
            start = 0.8 * widths[0].gather(1, node)
            widths.append(start * _taper_to(tip_ratio, self._BRANCH_SEGMENTS))
        num_branches = _integer(count, self.num_branches)
        present = [
            torch.full_like(width[:, :-1], branch) <= num_branches[:, None]
            for branch, width in enumerate(widths)
        ]
        is_present = torch.cat(present, dim=1)
        return _place(
            torch.cat([path[:, :-1] for path in paths], dim=1),
            torch.cat([path[:, 1:] for path in paths], dim=1),
            torch.cat([width[:, :-1] for width in widths], dim=1),
            torch.cat([width[:, 1:] for width in widths], dim=1),
            _scale(amplitude, self.amplitude)[:, None].expand(is_present.shape),
            is_present, torch.stack(position, dim=1), field_of_view_m,
        )  # fmt: skip

    def _path(self, origin: Tensor, heading: Tensor, turns: Tensor, step_m: Tensor) -> Tensor:
        """Returns the nodes of a winding path, (phantoms, segments + 1, 2)."""
        bend = self._LARGEST_TURN * (2 * turns - 1)
        steps = step_m[:, None, None] * _direction(heading[:, None] + bend.cumsum(dim=1))
        return torch.cat((origin[:, None], origin[:, None] + steps.cumsum(dim=1)), dim=1)


@dataclass(frozen=True, kw_only=True)
class SmoothBlobs(PhantomFamily):
    """Gaussian blobs that overlap, with no edges.

    Args:
        num_blobs: Fewest and most blobs.
        sigma_mm: Smallest and largest standard deviation along x and y in mm.
        spread_mm: Largest distance of a blob from the phantom's centre along x and y in mm.
        amplitude: Smallest and largest sum of the blobs' amplitudes.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    num_blobs: tuple[int, int] = (1, 5)
    sigma_mm: tuple[float, float] = (0.15, 0.6)
    spread_mm: float = 1.5
    amplitude: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "num_blobs", 1, 64)
        require_range(self, "sigma_mm", 1e-3, math.inf)
        require_positive(self, "spread_mm")
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 4 + 5 * self.num_blobs[1]

    @property
    def largest_extent_m(self) -> float:
        """Twice the spread and two standard deviations on both sides in m."""
        return 1e-3 * (2 * self.spread_mm + 4 * self.sigma_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Blobs:
        """Returns blobs around a centre placed uniformly inside the field of view."""
        most = self.num_blobs[1]
        count, amplitude, *position = uniforms[:, :4].unbind(1)
        share, *pairs = uniforms[:, 4:].reshape(-1, 5, most).unbind(1)
        is_present = (
            torch.arange(most, device=uniforms.device) < _integer(count, self.num_blobs)[:, None]
        )
        share = share * is_present
        share = share / share.sum(dim=1, keepdim=True)
        sigma = 1e-3 * _scale(torch.stack(pairs[:2], dim=-1), self.sigma_mm)
        offset = 1e-3 * self.spread_mm * (2 * torch.stack(pairs[2:], dim=-1) - 1)
        room = uniforms.new_tensor(field_of_view_m[::-1]) - self.largest_extent_m
        centre = (torch.stack(position, dim=1) - 0.5) * room
        sample = torch.arange(len(uniforms), device=uniforms.device)[:, None].expand(-1, most)
        return Blobs(
            sample=sample[is_present],
            centre=(centre[:, None] + offset)[is_present],
            sigma=sigma[is_present],
            amplitude=(_scale(amplitude, self.amplitude)[:, None] * share)[is_present],
        )


class PhantomMixture:
    """Phantoms of several families, each sample from one of them, chosen by weight.

    Args:
        families: The families by name. The default is pairs, clusters, bars, vessels and blobs.
        weights: Weight of each family in the mixture, ≥ 0; a family without one weighs 1.

    Raises:
        InputError: If a weight is negative, all are 0, or a weight names no family.
    """

    def __init__(
        self,
        families: Mapping[str, PhantomFamily] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.families = dict(families) if families else default_families()
        weights = dict(weights or {})
        if unknown := sorted(set(weights) - set(self.families)):
            raise InputError(
                f"weights names {unknown[0]}, which is no phantom family: use "
                f"{', '.join(self.families)}"
            )
        values = [float(weights.get(name, 1.0)) for name in self.families]
        if not (min(values) >= 0 and 0 < sum(values) < math.inf):
            raise InputError(
                f"weights are {values}: each must be finite and not negative, and one above 0"
            )
        self._shares = torch.tensor(values, dtype=torch.float64) / sum(values)

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a phantom may be larger than the field of view (y, x) in m."""
        for (name, family), share in zip(self.families.items(), self._shares, strict=True):
            if share > 0 and family.largest_extent_m > min(field_of_view_m):
                raise InputError(
                    f"phantoms of {name} may be {1e3 * family.largest_extent_m:.2f} mm large, the "
                    f"field of view has {1e3 * min(field_of_view_m):.2f} mm: make the phantom's "
                    "ranges smaller or the field of view larger"
                )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Shapes:
        """Returns the shapes of one phantom per sample of ``streams``.

        Args:
            streams: The samples' random numbers.
            field_of_view_m: Size (y, x) of the field of view in m.
        """
        num_uniforms = max(family.num_uniforms for family in self.families.values())
        uniforms = streams.uniform("phantom", (1 + num_uniforms,))
        limits = self._shares.cumsum(0)[:-1].float().to(uniforms.device)
        chosen = torch.searchsorted(limits, uniforms[:, 0].contiguous())
        shapes: Shapes = []
        for number, family in enumerate(self.families.values()):
            samples = torch.nonzero(chosen == number)[:, 0]
            table = uniforms[samples, 1 : 1 + family.num_uniforms]
            shape = family.shapes(table, field_of_view_m)
            shapes.append(shape._replace(sample=samples[shape.sample]))
        return shapes


def default_families() -> dict[str, PhantomFamily]:
    """Returns the families of the standard training mixture by name."""
    return {
        "pairs": Points(num_points=(2, 2)),
        "clusters": Points(num_points=(1, 4), gap_mm=(0.0, 0.8)),
        "bars": Bars(),
        "vessels": Vessels(),
        "blobs": SmoothBlobs(),
    }


def _scale(uniform: Tensor, bounds: tuple[float, float]) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def _integer(uniform: Tensor, bounds: tuple[int, int]) -> Tensor:
    """Returns integers, each of ``bounds`` and between equally likely."""
    return (bounds[0] + (uniform * (bounds[1] - bounds[0] + 1)).floor()).long().clamp_max(bounds[1])


def _direction(turns: Tensor) -> Tensor:
    """Returns unit vectors (…, 2) at angles given in turns."""
    angle = 2 * math.pi * turns
    return torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)


def _taper_to(ratio: Tensor, num_segments: int) -> Tensor:
    """Returns relative widths at the nodes of a path, from 1 down to ``ratio``."""
    fraction = torch.linspace(0, 1, num_segments + 1, device=ratio.device)
    return 1 - (1 - ratio) * fraction


def _place(
    start: Float[Tensor, "phantoms strokes 2"],
    end: Float[Tensor, "phantoms strokes 2"],
    start_radius: Float[Tensor, "phantoms strokes"],
    end_radius: Float[Tensor, "phantoms strokes"],
    amplitude: Float[Tensor, "phantoms strokes"],
    is_present: Tensor,
    position: Float[Tensor, "phantoms 2"],
    field_of_view_m: tuple[float, float],
    is_flat: Tensor | None = None,
) -> Strokes:
    """Returns the present strokes, moved so that their bounding box lies inside the field of view.

    ``position`` (x, y) in 0 … 1 chooses uniformly among the places that the box can take.
    """
    radius = torch.maximum(start_radius, end_radius)[..., None]
    absent = ~is_present[..., None]
    lower = (torch.minimum(start, end) - radius).masked_fill(absent, math.inf).amin(dim=1)
    upper = (torch.maximum(start, end) + radius).masked_fill(absent, -math.inf).amax(dim=1)
    size = start.new_tensor(field_of_view_m[::-1])
    corner = position * (size - (upper - lower)).clamp_min(0) - size / 2
    shift = (corner - lower)[:, None]
    flat = torch.zeros_like(absent[:, :1, 0]) if is_flat is None else is_flat[:, None]
    present = torch.nonzero(is_present, as_tuple=True)
    return Strokes(
        sample=present[0],
        start=(start + shift)[present],
        end=(end + shift)[present],
        start_radius=start_radius[present],
        end_radius=end_radius[present],
        amplitude=amplitude[present],
        is_flat=flat.expand_as(is_present)[present],
    )
