"""Vessel phantoms: winding, branching, tapering."""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import ascending
from mpi_cascade.devices import counted, spaced
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
        trunk = self._path(torch.zeros_like(uniforms[:, :2]), heading, turns, step_m)
        width = radius_m * _taper_to(tip_ratio, self._TRUNK_SEGMENTS)
        forks = forks.unflatten(1, (self.num_branches[1], 2 + self._BRANCH_SEGMENTS))
        node, bend = integer(forks[..., :1], self._FORK_NODES), forks[..., 1:2]
        side = torch.where(bend < 0.5, -1.0, 1.0)
        leave = heading[:, None] + side * (0.08 + 0.2 * (bend * 2 % 1))
        origin = trunk.gather(1, node.expand(-1, -1, 2))
        branches = self._path(origin, leave, forks[..., 2:], step_m[:, None])
        widths = 0.8 * width.gather(1, node[..., 0])[..., None]
        widths = widths * _taper_to(tip_ratio, self._BRANCH_SEGMENTS)[:, None]
        number = counted(self.num_branches[1], uniforms.device)
        is_there = (number < integer(count, self.num_branches))[..., None]
        extent_m = _extents(
            _joined(trunk, branches * is_there[..., None]), _joined(width, widths * is_there)
        )
        shrink = (self.largest_extent_m / extent_m).clamp_max(1)[:, None]
        is_trunk = torch.ones_like(turns, dtype=torch.bool)
        start, end = slice(None, -1), slice(1, None)
        return place(
            _joined(trunk[:, start], branches[:, :, start]) * shrink[..., None],
            _joined(trunk[:, end], branches[:, :, end]) * shrink[..., None],
            _joined(width[:, start], widths[:, :, start]) * shrink,
            scale(amplitude, self.amplitude), position, field_of_view_m,
            end_radius=_joined(width[:, end], widths[:, :, end]) * shrink,
            is_present=_joined(is_trunk, is_there.expand(-1, -1, self._BRANCH_SEGMENTS)),
        )  # fmt: skip

    def _path(self, origin: Tensor, heading: Tensor, turns: Tensor, step_m: Tensor) -> Tensor:
        """Returns the nodes of winding paths, (phantoms, …, segments + 1, 2)."""
        bend = self._LARGEST_TURN * (2 * turns - 1)
        steps = step_m[..., None] * direction(heading + bend.cumsum(dim=-1))
        origin = origin[..., None, :]
        return torch.cat((origin, origin + steps.cumsum(dim=-2)), dim=-2)


def _joined(trunk: Tensor, branches: Tensor) -> Tensor:
    """Returns what belongs to the trunk, then to one branch after another."""
    return torch.cat((trunk, branches.flatten(1, 2)), dim=1)


def _extents(
    nodes: Float[Tensor, "phantoms nodes 2"], radius: Float[Tensor, "phantoms nodes"]
) -> Float[Tensor, " phantoms"]:
    """Returns the largest extent of each vessel along any direction.

    A branch that is absent counts as a point at the root: its nodes and radii are 0.
    """
    offset = nodes[:, :, None] - nodes[:, None]
    distance = offset.square().sum(dim=-1).sqrt() + radius[:, :, None] + radius[:, None]
    return distance.flatten(1).amax(dim=1)


def _taper_to(ratio: Tensor, num_segments: int) -> Tensor:
    """Returns relative widths at the nodes of a path, from 1 down to ``ratio``."""
    return 1 - (1 - ratio) * spaced(0, 1, num_segments + 1, ratio.device)
