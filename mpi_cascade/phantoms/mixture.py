"""Which family each sample's phantom comes from."""

import math
from collections.abc import Collection, Mapping

import torch
from torch.nn import functional

from mpi_cascade.checks import InputError
from mpi_cascade.devices import Table
from mpi_cascade.phantoms.bars import Bars
from mpi_cascade.phantoms.blobs import SmoothBlobs
from mpi_cascade.phantoms.family import PhantomFamily
from mpi_cascade.phantoms.points import Points
from mpi_cascade.phantoms.rendering import Shape
from mpi_cascade.phantoms.scenes import Drawing, Scene
from mpi_cascade.phantoms.single_objects import SingleObjects
from mpi_cascade.phantoms.vessels import Vessels
from mpi_cascade.randomness import RandomStreams


class PhantomMixture(Scene):
    """Phantoms of several families, each sample from one of them, chosen by weight.

    Args:
        families: The families by name; by default those of ``default_families``.
        weights: Weight of each family in the mixture, ≥ 0; a family without one weighs 1.

    Raises:
        InputError: If a weight is negative, all are 0, or a weight names no family.
    """

    def __init__(
        self,
        families: Mapping[str, PhantomFamily] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        weights = dict(weights or {})
        self.families = dict(families) if families else default_families(weights)
        _check_known(weights, self.families)
        values = [float(weights.get(name, 1.0)) for name in self.families]
        if not (min(values) >= 0 and 0 < sum(values) < math.inf):
            raise InputError(
                f"phantom weights are {values}: each must be finite and not negative, and one "
                "above 0"
            )
        self._shares = torch.tensor(values, dtype=torch.float64) / sum(values)
        # A random number in (0, 1) chooses the family between whose limits it lies.
        limits = functional.pad(self._shares.cumsum(0).float(), (1, 0))
        limits[-1] = 1
        self._limits = Table(limits)

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a phantom may be larger than the field of view (y, x) in m."""
        for (name, family), share in zip(self.families.items(), self._shares, strict=True):
            if share > 0 and family.largest_extent_m > min(field_of_view_m):
                raise InputError(
                    f"phantoms of {name} may be {1e3 * family.largest_extent_m:.2f} mm large, the "
                    f"field of view has {1e3 * min(field_of_view_m):.2f} mm: make the phantom's "
                    "ranges smaller or the field of view larger"
                )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one phantom per sample of ``streams``: those of other families have amplitude 0.

        Args:
            streams: The samples' random numbers.
            field_of_view_m: Size (y, x) of the field of view in m.
        """
        num_uniforms = max(family.num_uniforms for family in self.families.values())
        uniforms = streams.uniform("phantom", (1 + num_uniforms,))
        chooses, limits = uniforms[:, :1], self._limits.on(uniforms.device)
        is_chosen = (chooses > limits[:-1]) & (chooses <= limits[1:])
        shapes: list[Shape] = []
        for family, is_of_family in zip(self.families.values(), is_chosen.unbind(1), strict=True):
            shape = family.shapes(uniforms[:, 1 : 1 + family.num_uniforms], field_of_view_m)
            shapes.append(shape._replace(amplitude=shape.amplitude * is_of_family[shape.sample]))
        return Drawing(shapes, pairs=None)


def default_families(weighed: Collection[str] = ()) -> dict[str, PhantomFamily]:
    """Returns the families of the standard training mixture by name.

    Three more are what a network learns to tell close pairs from single objects by: they are in the
    mixture only if a weight names them.

    Args:
        weighed: Names of the families that have a weight.

    Raises:
        InputError: If there is no family of a name.
    """
    usual = {
        "pairs": Points(num_points=(2, 2)),
        "clusters": Points(num_points=(1, 4), gap_mm=(0.0, 0.8)),
        "bars": Bars(),
        "vessels": Vessels(),
        "blobs": SmoothBlobs(),
    }
    more = {
        "close_pairs": Points(num_points=(2, 2), diameter_mm=(0.2, 0.7), gap_mm=(0.0, 0.3)),
        "single_objects": SingleObjects(),
        "capsules": Bars(num_bars=(1, 1), length_mm=(0.0, 2.5)),
    }
    _check_known(weighed, [*usual, *more])
    return usual | {name: family for name, family in more.items() if name in weighed}


def _check_known(weighed: Collection[str], names: Collection[str]) -> None:
    if unknown := sorted(set(weighed) - set(names)):
        raise InputError(
            f"phantom weights name {unknown[0]}, which is no phantom family: use {', '.join(names)}"
        )
