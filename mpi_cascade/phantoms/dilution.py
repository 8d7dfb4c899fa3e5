"""Phantoms with less tracer."""

from dataclasses import dataclass

from mpi_cascade.checks import Fraction
from mpi_cascade.phantoms.scenes import Drawing, Scene
from mpi_cascade.randomness import RandomStreams


@dataclass(frozen=True, kw_only=True)
class Diluted(Scene):
    """A scene's phantoms at a part of their concentration.

    Args:
        scene: The scene.
        share: Concentration over that of the scene, 0 … 1.

    Raises:
        InputError: If the share is out of its range.
    """

    scene: Scene
    share: Fraction = 0.1

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a phantom may be larger than the field of view (y, x) in m."""
        self.scene.check_fits(field_of_view_m)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns the scene's phantoms, diluted."""
        drawing = self.scene.draw(streams, field_of_view_m)
        diluted = [
            shape._replace(amplitude=self.share * shape.amplitude) for shape in drawing.shapes
        ]
        return drawing._replace(shapes=diluted)
