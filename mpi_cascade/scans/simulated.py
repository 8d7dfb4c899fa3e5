"""Simulated scans: a sample as a pure function of (seed, stream, index)."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import PairGeometry, Scene
from mpi_cascade.physics.disturbances import Disturbance
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams


class Sample(NamedTuple):
    """A batch of simulated scans and the truth behind them.

    Attributes:
        indices: Index of each sample in its stream, (batch,).
        signal: Disturbed signal, (batch, channel, y, x) on the FFP grid, in units of
            ∫ |PSF| dr, or of a measured system matrix.
        concentration: Mean tracer concentration in each pixel, (batch, 1, y, x).
        pairs: Geometry of the two points or of the control's outline, where the scene has one.
        scanner: Number of the scanner that made them, among those of a training.
    """

    indices: Int64[Tensor, " batch"]
    signal: Signals
    concentration: Images
    pairs: PairGeometry | None
    scanner: int = 0


def square_oversampling(
    image_shape: tuple[int, int], field_of_view_m: tuple[float, float], oversampling: int
) -> tuple[int, int]:
    """Returns the oversampling (y, x) that makes the pixels of the simulation grid about square.

    A line's pixel may be many times as high as wide: with as few points along y as along x it
    would miss most of what it holds.

    Args:
        image_shape: Pixels (y, x) of the images.
        field_of_view_m: Size (y, x) of the images in m.
        oversampling: The oversampling along the shorter side of a pixel.
    """
    height_m, width_m = (
        size_m / num for num, size_m in zip(image_shape, field_of_view_m, strict=True)
    )
    return (
        oversampling * max(1, round(height_m / width_m)),
        oversampling * max(1, round(width_m / height_m)),
    )


def fine_shape(image_shape: tuple[int, int], oversampling: tuple[int, int]) -> tuple[int, int]:
    """Returns the simulation grid (y, x) of an image grid.

    Args:
        image_shape: Pixels (y, x) of the images.
        oversampling: Pixels (y, x) of the simulation grid per image pixel, ≥ 2.

    Raises:
        InputError: If the simulation grid is not at least twice as fine as the image grid.
    """
    if min(oversampling) < 2:
        raise InputError(
            f"oversampling is {min(oversampling)}: the simulation grid must be at least twice "
            "as fine as the image grid, so use 2 or more"
        )
    return image_shape[0] * oversampling[0], image_shape[1] * oversampling[1]


class SimulatedScans(nn.Module):
    """The simulator: phantom → fine concentration → signal → disturbances.

    Phantoms are rendered, and signals computed, on a grid ``oversampling`` times as fine as the
    image grid, so that no reconstruction is given the very model that made its data.

    Args:
        forward_model: Makes the signals, on the simulation grid (``fine_shape``).
        nominal_scanner: The scanner that reconstructions believe in: the field of view, and which
            channels are received.
        oversampling: Pixels (y, x) of the simulation grid per image pixel.
        disturbances: Applied to the ideal signal in this order.
    """

    def __init__(
        self,
        forward_model: LinearModel,
        nominal_scanner: Scanner,
        oversampling: tuple[int, int],
        disturbances: Sequence[Disturbance],
    ) -> None:
        super().__init__()
        self.forward_model = forward_model
        self.nominal_scanner = nominal_scanner
        self.oversampling = oversampling
        self.disturbances = list(disturbances)
        self.field_of_view_m = nominal_scanner.field_of_view_m

    def scan(self, scene: Scene, streams: RandomStreams) -> Sample:
        """Returns scans of a scene's phantoms, one for each sample of ``streams``."""
        drawing = scene.draw(streams, self.field_of_view_m)
        fine = render(
            drawing.shapes, len(streams), self.forward_model.image_shape, self.field_of_view_m
        )
        signal = self.ideal_signal(fine, streams)
        if isinstance(self.forward_model, ForwardModel) and (
            self.forward_model.scanner.is_complex and not self.nominal_scanner.is_complex
        ):
            # Reconstructions that know of no relaxation have channels for the in-phase part only.
            signal = signal[:, ::2]
        for disturbance in self.disturbances:
            signal = disturbance(signal, self.nominal_scanner, streams)
        return Sample(
            indices=streams.indices,
            signal=signal,
            concentration=_cell_means(fine, self.oversampling),
            pairs=drawing.pairs,
        )

    def ideal_signal(self, concentration: Images, streams: RandomStreams) -> Signals:
        """Returns the signals of concentrations on the simulation grid, without disturbances."""
        return self.forward_model(concentration)


def _cell_means(fine: Float[Tensor, "batch 1 fy fx"], size: tuple[int, int]) -> Images:
    """Returns the means of cells of (y, x) pixels, on a CPU seven times as fast as a pooling."""
    size_y, size_x = size
    first, *others = (fine[..., number::size_y, :] for number in range(size_y))
    rows = sum(others, start=first)
    first, *others = (rows[..., number::size_x] for number in range(size_x))
    return sum(others, start=first) / (size_y * size_x)
