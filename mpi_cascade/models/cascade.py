"""The cascade: signal → preliminary image → final image."""

import math
from copy import deepcopy
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.intervals import Interval, IntervalHead
from mpi_cascade.models.mirrors import Mirror, mirrors_of
from mpi_cascade.models.stages import PhysicsStage, SignalRefinement
from mpi_cascade.physics.linear import Images, LinearModel, Signals

_Stage = TypeVar("_Stage", bound=nn.Module)


class Reconstruction(NamedTuple):
    """Both images of a cascade.

    Attributes:
        preliminary: What stage 1 makes of the signal, (batch, 1, y, x).
        final: What stage 2 makes of the preliminary image, (batch, 1, y, x).
    """

    preliminary: Images
    final: Images


def sharing_weights(stage: _Stage) -> _Stage:
    """Returns a copy of a stage, for another scanner, whose weights are those of the stage.

    They are the same tensors: what trains one trains the other.

    Args:
        stage: The stage.
    """
    tensors = (*stage.parameters(), *stage.buffers())
    return deepcopy(stage, {id(values): values for values in tensors})


class Cascade(nn.Module):
    """Two networks in a row, each with a task of its own.

    Noise is relative to the peak of a scan, so a scan of k times the tracer is k times the scan. So
    are its images, for any k > 0 and any networks: what enters a stage is divided by its peak, and
    what leaves it multiplied by that.

    Args:
        preliminary: Stage 1, from the signal (batch, channel, y, x) to an image (batch, 1, y, x).
        refinement: Stage 2, from that image to the final one of the same shape; a
            ``SignalRefinement`` is given the signal, too.
        is_equivariant: Whether images scale with the signal. Without that the networks may learn
            the range of concentrations that their training has, and fail on diluted tracer.
        averages_mirrors: Whether a trained cascade also reconstructs the mirrored scans, where the
            scanner is as symmetric, and takes the mean: up to four times the time. What one
            orientation of its network makes up, the others don't.
        intervals: Network of the pixels' uncertainty, if there is one; the images don't know of it.

    Source:
        M. Zhao et al., Image reconstruction based on a cascaded neural network for magnetic
        particle imaging, 2026, section II.
    """

    def __init__(
        self,
        preliminary: nn.Module,
        refinement: nn.Module,
        is_equivariant: bool = True,
        averages_mirrors: bool = False,
        intervals: IntervalHead | None = None,
    ) -> None:
        super().__init__()
        self.preliminary = preliminary
        self.refinement = refinement
        self.intervals = intervals
        self.is_equivariant = is_equivariant
        self.averages_mirrors = averages_mirrors
        self.mirrors: list[Mirror] = []

    def forward(self, signal: Signals) -> Reconstruction:
        """Returns the preliminary and the final image; those of an empty scan are empty.

        Args:
            signal: Voltage vector of the scan, as (batch, channel, y, x) on the FFP grid.
        """
        images = self._images(signal)
        if self.training or not self.mirrors:
            return images
        orientations = [images]
        for mirror in self.mirrors:
            mirrored = self._images(mirror.signal(signal))
            orientations.append(Reconstruction(*map(mirror.image, mirrored)))
        stages = zip(*orientations, strict=True)
        return Reconstruction(*(torch.stack(stage).mean(dim=0) for stage in stages))

    def _images(self, signal: Tensor) -> Reconstruction:
        preliminary = self.first_image(signal)
        return Reconstruction(preliminary, self.refined(preliminary, signal))

    def first_image(self, signal: Tensor) -> Tensor:
        """Returns the preliminary image, (batch, 1, y, x), of a signal (batch, channel, y, x)."""
        return self._scaled(self.preliminary, signal)

    def refined(self, preliminary: Tensor, signal: Tensor) -> Tensor:
        """Returns the final image of a preliminary one, both (batch, 1, y, x), and its signal."""
        if isinstance(self.refinement, SignalRefinement):
            return self._scaled(self.refinement, preliminary, signal)
        return self._scaled(self.refinement, preliminary)

    def interval(self, images: Reconstruction, signal: Tensor) -> Interval:
        """Returns the interval of each pixel, which scales with the signal as the images do.

        Args:
            images: What the cascade made of the signal.
            signal: The signal, (batch, channel, y, x).

        Raises:
            InputError: If the cascade has no network for it.
        """
        if self.intervals is None:
            raise InputError(
                "this cascade gives no intervals: train its head with "
                "--config configs/training/intervals.yaml --weights CHECKPOINT"
            )
        ends = self._scaled(self.intervals, *images, signal)
        return Interval(*ends.split(1, dim=1))

    def _scaled(self, stage: nn.Module, *inputs: Tensor) -> Tensor:
        """Returns the stage's image of inputs in units of the first one's peak, times the peak."""
        if not self.is_equivariant:
            return stage(*inputs)
        peak = inputs[0].abs().amax(dim=(1, 2, 3), keepdim=True)
        divisor = torch.where(peak > 0, peak, 1.0)
        return peak * stage(*(values / divisor for values in inputs))

    @property
    def image_multiple(self) -> int:
        """What the pixels along y and along x must be a multiple of, as the networks say."""
        parts = [part for child in self.children() for part in child.modules()]
        return math.lcm(*(getattr(part, "image_multiple", 1) for part in parts))

    def use(self, forward_model: LinearModel) -> None:
        """Gives the physics to every stage that is made from it, and checks what they make.

        Args:
            forward_model: The model S that reconstructions believe in, on the grid of the images.

        Raises:
            InputError: If a stage fails on a signal, or makes images of another shape.
        """
        for part in list(self.modules()):
            if isinstance(part, PhysicsStage):
                part.use(forward_model)
        self.mirrors = mirrors_of(forward_model) if self.averages_mirrors else []
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                # Convolutions on CPUs and tensor cores are fastest with the channels last.
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._check_shapes(forward_model)

    @torch.no_grad()
    def _check_shapes(self, forward_model: LinearModel) -> None:
        expected = [1, 1, *forward_model.image_shape]
        was_training = self.training
        self.eval()
        try:
            signal = torch.zeros(1, *forward_model.signal_shape)
            reconstruction = self(signal)
            if self.intervals is not None:
                self.interval(reconstruction, signal)
        except InputError:
            raise
        # Of a layer that can't take the shape it is given.
        except (RuntimeError, ValueError) as error:
            raise InputError(
                "the configured networks fail on a signal of shape "
                f"{[1, *forward_model.signal_shape]}: {error}"
            ) from error
        finally:
            self.train(was_training)
        for name, image in reconstruction._asdict().items():
            if list(image.shape) != expected:
                raise InputError(
                    f"the {name} image of the configured networks has shape {list(image.shape)}, "
                    f"not {expected}: use networks that fit experiment.image_shape"
                )
