"""Smooth phantoms: Gaussian blobs."""

from dataclasses import dataclass
from typing import Annotated

import torch

from mpi_cascade.checks import Positive, ascending
from mpi_cascade.devices import counted, pair
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import integer, row_numbers, scale
from mpi_cascade.phantoms.rendering import Blobs


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

    num_blobs: Annotated[tuple[int, int], ascending(1, 64)] = (1, 5)
    sigma_mm: Size = (0.15, 0.6)
    spread_mm: Positive = 1.5
    amplitude: Span = (0.4, 1.0)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 4 + 5 * self.num_blobs[1]

    @property
    def largest_extent_m(self) -> float:
        """Twice the spread and two standard deviations on both sides in m."""
        return 1e-3 * (2 * self.spread_mm + 4 * self.sigma_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Blobs:
        """Returns blobs around a centre placed uniformly inside the field of view."""
        most = self.num_blobs[1]
        count, amplitude, *position = uniforms[:, :4].split(1, dim=1)
        share, *pairs = uniforms[:, 4:].reshape(-1, 5, most).unbind(1)
        blob = counted(most, uniforms.device)
        is_present = blob < integer(count, self.num_blobs)
        share = share * is_present
        share = share / share.sum(dim=1, keepdim=True)
        sigma = 1e-3 * scale(torch.stack(pairs[:2], dim=-1), self.sigma_mm)
        offset = 1e-3 * self.spread_mm * (2 * torch.stack(pairs[2:], dim=-1) - 1)
        room = pair(*field_of_view_m[::-1], like=uniforms) - self.largest_extent_m
        centre = (torch.cat(position, dim=1) - 0.5) * room
        return Blobs(
            sample=row_numbers(share),
            centre=(centre[:, None] + offset).flatten(0, 1),
            sigma=sigma.flatten(0, 1),
            amplitude=(scale(amplitude, self.amplitude) * share).flatten(),
        )
