"""What is compared: trained cascades and classical methods, called the same way."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.trained import TrainedCascade

FINAL, PRELIMINARY, TRUTH = "final", "preliminary", "truth"
ZERO_IMAGE = "zero image"
"""Label of ``zero_image``."""

MakeImages = Callable[[Tensor], dict[str, Tensor]]
"""Maps signals (batch, channel, y, x) to images (batch, 1, y, x) by name."""


class Seeds(NamedTuple):
    """What tells trainings of one configuration apart.

    Attributes:
        seed_everything: Seed of the first weights and of all else that a training draws.
        training_seed: Seed of the training samples.
    """

    seed_everything: int
    training_seed: int


class Method(NamedTuple):
    """A way from signals to images.

    Attributes:
        label: Name; methods of one label are trainings of one configuration with other seeds.
        number: Number of the training among those of its label, from 0.
        images: Makes the images; of a classical method those of scans as noisy as the ones that it
            was tuned on.
        source: Where it comes from: a checkpoint, or the tuned values of a solver.
        seeds: The seeds of the training, where there are any and they are known.
        image_names: The names of its images: ``final``, and ``preliminary`` where there is one.
        images_at: What makes the images of scans of another peak signal-to-noise ratio in dB; None
            where the noise changes nothing, as in a cascade, which is told nothing of it.
        cascade: The cascade, of a trained one.
    """

    label: str
    number: int
    images: MakeImages
    source: str
    seeds: Seeds | None = None
    image_names: tuple[str, ...] = (FINAL,)
    images_at: Callable[[float], MakeImages] | None = None
    cascade: TrainedCascade | None = None

    def at(self, peak_snr_db: float) -> "Method":
        """Returns the method as it is set for scans of a signal-to-noise ratio.

        Args:
            peak_snr_db: 20·log10(max|u|/σ) of the scans.
        """
        return self._replace(images=self.images_at(peak_snr_db)) if self.images_at else self


def zero_image(image_shape: tuple[int, int]) -> Method:
    """Returns the method that sees no tracer in any scan, which puts every PSNR in its place.

    Args:
        image_shape: Pixels (y, x) of the images.
    """

    def images(signal: Tensor) -> dict[str, Tensor]:
        return {FINAL: signal.new_zeros(len(signal), 1, *image_shape)}

    return Method(ZERO_IMAGE, 0, images, "c = 0 in every scan")


def cascade_method(cascade: TrainedCascade, label: str, number: int, source: str) -> Method:
    """Returns a trained cascade as a method.

    Args:
        cascade: The cascade.
        label: Its name.
        number: Number of the training among those of its label.
        source: Where it comes from.
    """
    # A stage that does nothing has no image of its own.
    stages = (cascade.cascade.preliminary, cascade.cascade.refinement)
    is_single = any(isinstance(stage, nn.Identity) for stage in stages)
    names = (FINAL,) if is_single else Reconstruction._fields

    def images(signal: Tensor) -> dict[str, Tensor]:
        both = cascade(signal)._asdict()
        return {name: both[name] for name in names}

    seeds = training_seeds(cascade.configuration)
    return Method(label, number, images, source, seeds, names, cascade=cascade)


def training_seeds(configuration: Mapping[str, Any]) -> Seeds | None:
    """Returns the seeds of a training; None where its configuration doesn't say."""
    seed = configuration.get("seed_everything")
    training_seed = (configuration.get("data") or {}).get("training_seed")
    # False: nothing was seeded.
    if type(seed) is not int or training_seed is None:
        return None
    return Seeds(seed, training_seed)
