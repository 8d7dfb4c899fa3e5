"""Vessel phantoms: winding, branching, tapering."""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import ascending
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import direction, integer, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class Vessels(PhantomFamily):
    """A winding vessel that tapers, with branches that leave it and taper on.

    The rare one whose tips lie farther apart than the longest straight path is scaled down to that
    path's length.

    Args:
        diameter_mm: Smallest and largest diameter at the root in mm.
        taper: Smallest and largest ratio of the diameter at the tip to that at the root.
        segment_mm: Smallest and largest length of one straight segment in mm.
        num_branches: Fewest and most branches.
        amplitude: Smallest and largest concentration, one per phantom.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    diameter_mm: Size = (0.25, 0.7)
    taper: Annotated[tuple[float, float], ascending(1e-3, 1)] = (0.5, 1.0)
    segment_mm: Size = (0.3, 0.6)
    num_branches: Annotated[tuple[int, int], ascending(0, 16)] = (0, 2)
    amplitude: Span = (0.4, 1.0)

    _TRUNK_SEGMENTS = 7
    _BRANCH_SEGMENTS = 4
    _LARGEST_TURN = 0.1
    _FORK_NODES = (1, 5)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 8 + self._TRUNK_SEGMENTS + (2 + self._BRANCH_SEGMENTS) * self.num_branches[1]

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest straight path from the root to a tip in m; none is larger."""
        most_segments = max(self._TRUNK_SEGMENTS, self._FORK_NODES[1] + self._BRANCH_SEGMENTS)
        return 1e-3 * (most_segments * self.segment_mm[1] + self.diameter_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns vessels placed uniformly inside the field of view."""
        root, taper, segment, heading, count, amplitude, *position = uniforms[:, :8].split(1, dim=1)
        turns, forks = uniforms[:, 8:].tensor_split((self._TRUNK_SEGMENTS,), dim=1)
        step_m = 1e-3 * scale(segment, self.segment_mm)
        radius_m = 0.5e-3 * scale(root, self.diameter_mm)
        tip_ratio = scale(taper, self.taper)
        paths = [self._path(torch.zeros_like(uniforms[:, :2]), heading, turns, step_m)]
        widths = [radius_m * _taper_to(tip_ratio, self._TRUNK_SEGMENTS)]
        for fork in forks.unflatten(1, (self.num_branches[1], 2 + self._BRANCH_SEGMENTS)).unbind(1):
            node, bend = integer(fork[:, :1], self._FORK_NODES), fork[:, 1:2]
            side = torch.where(bend < 0.5, -1.0, 1.0)
            leave = heading + side * (0.08 + 0.2 * (bend * 2 % 1))
            origin = paths[0].gather(1, node[..., None].expand(-1, -1, 2))[:, 0]
            paths.append(self._path(origin, leave, fork[:, 2:], step_m))
            start = 0.8 * widths[0].gather(1, node)
            widths.append(start * _taper_to(tip_ratio, self._BRANCH_SEGMENTS))
        num_branches = integer(count, self.num_branches)
        present = [
            (branch <= num_branches).expand(-1, width.shape[1] - 1)
            for branch, width in enumerate(widths)
        ]
        extent_m = _extents(paths, widths, num_branches)
        shrink = (self.largest_extent_m / extent_m).clamp_max(1)[:, None]
        return place(
            torch.cat([path[:, :-1] for path in paths], dim=1) * shrink[..., None],
            torch.cat([path[:, 1:] for path in paths], dim=1) * shrink[..., None],
            torch.cat([width[:, :-1] for width in widths], dim=1) * shrink,
            scale(amplitude, self.amplitude), position, field_of_view_m,
            end_radius=torch.cat([width[:, 1:] for width in widths], dim=1) * shrink,
            is_present=torch.cat(present, dim=1),
        )  # fmt: skip

    def _path(self, origin: Tensor, heading: Tensor, turns: Tensor, step_m: Tensor) -> Tensor:
        """Returns the nodes of a winding path, (phantoms, segments + 1, 2)."""
        bend = self._LARGEST_TURN * (2 * turns - 1)
        steps = step_m[..., None] * direction(heading + bend.cumsum(dim=1))
        return torch.cat((origin[:, None], origin[:, None] + steps.cumsum(dim=1)), dim=1)


def _extents(
    paths: list[Tensor], radii: list[Tensor], num_branches: Tensor
) -> Float[Tensor, " phantoms"]:
    """Returns the largest extent of each vessel along any direction."""
    # A branch that is absent counts as a point at the root.
    is_present = [branch <= num_branches for branch in range(len(paths))]
    nodes = torch.cat([p * here[..., None] for p, here in zip(paths, is_present, strict=True)], 1)
    radius = torch.cat([r * here for r, here in zip(radii, is_present, strict=True)], 1)
    offset = nodes[:, :, None] - nodes[:, None]
    distance = offset.square().sum(dim=-1).sqrt() + radius[:, :, None] + radius[:, None]
    return distance.flatten(1).amax(dim=1)


def _taper_to(ratio: Tensor, num_segments: int) -> Tensor:
    """Returns relative widths at the nodes of a path, from 1 down to ``ratio``."""
    fraction = torch.linspace(0, 1, num_segments + 1, device=ratio.device)
    return 1 - (1 - ratio) * fraction
