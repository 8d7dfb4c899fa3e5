"""The part of a scan that the objects of a window make, in few numbers."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mpi_cascade.evidence.objects import Numbers, Pixels
from mpi_cascade.physics.linear import Images, LinearModel
from mpi_cascade.physics.scanner import cell_centres

_MARGIN = 3
_NEGLIGIBLE = 0.03
"""Of σ: what the whole image must at least make of a mode for the mode to count."""

_DISC_SPREADS = 4.0
_LINE_SPREADS = 3.6
"""Diameter of a disc, and length of a line, over the standard deviation of their tracer."""

_DIAMETERS = (0.9, 0.5)
_WIDTHS = (1.0, 0.6)
"""Where searches begin, over the points' distance and over the width of the image's tracer."""


class Window:
    """A part of an image, and what the scan says of it: the scan less what all the rest makes.

    The scan is seen in the modes of the window's own pixels that its tracer lifts above the noise:
    a few dozen numbers, each with noise of standard deviation 1.

    Args:
        forward_model: S.
        signal: The scan, (channel, y, x).
        image: Its image, (y, x).
        region: The pixels of the objects in question, (y, x); all others stay as they are.
        noise: σ of the scan, > 0.

    Attributes:
        pixels: Where its pixels are.
        signal: The scan, (1, modes).
        to_signal: What a concentration of 1 in each pixel makes of the scan, (pixels, modes).
    """

    def __init__(
        self,
        forward_model: LinearModel,
        signal: Float[Tensor, "c my mx"],
        image: Float[Tensor, "ny nx"],
        region: Bool[Tensor, "ny nx"],
        noise: float,
    ) -> None:
        rows, columns = _around(region.any(dim=1)), _around(region.any(dim=0))
        size_m, shape = forward_model.scanner.field_of_view_m, forward_model.image_shape
        y_m, x_m = (cell_centres(n, size).float() for n, size in zip(shape, size_m, strict=True))
        pixel_m = size_m[0] / shape[0], size_m[1] / shape[1]
        self.pixels = Pixels(y_m[rows], x_m[columns], pixel_m)
        tracer = (image * region)[rows, columns].clamp_min(0)
        self._peak = tracer.max()
        self._weight = tracer / tracer.sum().clamp_min(torch.finfo().tiny)
        self._places = torch.stack(torch.meshgrid(x_m[columns], y_m[rows], indexing="xy"))
        rest = forward_model(_as_batch(image * ~region, forward_model))
        left = (signal - rest.cpu()).flatten(1).double()
        made = forward_model(_as_batch(_units(shape, rows, columns), forward_model))
        made = made.flatten(1).double().cpu()
        values, modes = torch.linalg.eigh(made @ made.T)
        strength = values.clamp_min(0).sqrt()
        is_seen = strength * float(image.norm()) > _NEGLIGIBLE * noise
        modes, strength = modes[:, is_seen], strength[is_seen]
        self.to_signal = (modes * strength / noise).float()
        self.signal = ((left @ made.T) @ modes / strength / noise).float()

    def single_starts(self, points_m: Float[Tensor, "2 2"]) -> Numbers:
        """Returns where to search for a capsule: along the tracer, and from point to point.

        Args:
            points_m: Two points (x, y) in m.
        """
        centre, axis, long, short = self._spread()
        width = _DISC_SPREADS * short
        half = (0.5 * (_LINE_SPREADS * long - width)).clamp_min(0.25 * width)
        starts = []
        for share in _WIDTHS:
            size = torch.stack((share * width, self._peak))
            starts.append(torch.cat((centre - half * axis, centre + half * axis, size)))
        distance = (points_m[1] - points_m[0]).norm()
        starts.append(torch.cat((points_m.flatten(), torch.stack((distance, self._peak)))))
        return torch.stack(starts)

    def pair_starts(self, points_m: Float[Tensor, "2 2"]) -> Numbers:
        """Returns where to search for two discs: at the points, and along the tracer.

        Args:
            points_m: Two points (x, y) in m.
        """
        centre, axis, long, _ = self._spread()
        distance = (points_m[1] - points_m[0]).norm()
        along = torch.stack((centre - long * axis, centre + long * axis))
        places = [(points_m, share * distance) for share in _DIAMETERS]
        starts = []
        for (first, second), diameter in [*places, (along, 2 * _DIAMETERS[0] * long)]:
            size = torch.stack((diameter, self._peak))
            starts.append(torch.cat((first, size, second, size)))
        return torch.stack(starts)

    def _spread(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns centre and long axis of the tracer, its spread along and across, in m."""
        centre = (self._places * self._weight).sum(dim=(1, 2))
        offset = (self._places - centre[:, None, None]).flatten(1)
        values, axes = torch.linalg.eigh((offset * self._weight.flatten()) @ offset.T)
        least = 0.1 * max(self.pixels.pixel_m)
        short, long = values.clamp_min(0).sqrt().clamp_min(least)
        return centre, axes[:, 1], long, short


def _around(is_there: Bool[Tensor, " places"]) -> slice:
    places = is_there.nonzero()
    first, last = int(places.min()) - _MARGIN, int(places.max()) + _MARGIN
    return slice(max(0, first), min(len(is_there), last + 1))


def _units(shape: tuple[int, int], rows: slice, columns: slice) -> Float[Tensor, "batch ny nx"]:
    """Returns an image of each pixel of a window, 1 there and 0 elsewhere."""
    num_rows, num_columns = rows.stop - rows.start, columns.stop - columns.start
    images = torch.zeros(num_rows, num_columns, *shape)
    row, column = torch.arange(num_rows)[:, None], torch.arange(num_columns)
    images[row, column, row + rows.start, column + columns.start] = 1
    return images.flatten(0, 1)


def _as_batch(images: Tensor, forward_model: LinearModel) -> Images:
    return images.reshape(-1, 1, *forward_model.image_shape).to(forward_model.device)
