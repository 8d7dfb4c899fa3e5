"""Stage 2: networks from the preliminary image to the final image.

Each takes and returns an image (batch, 1, y, x). Must not know of signals, losses or Lightning.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mpi_cascade.checks import InputError, NonNegativeInt, PositiveInt, check_arguments

_NUM_EMBEDDED = 64
"""Numbers that the blocks of a ``ResidualUNet`` are told, whatever it is told itself."""


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions whose output is added to the input; the identity at the start.

    Args:
        num_features: Channels of the features, > 0.
        num_told: Numbers that it is told of each sample, ≥ 0. They scale and shift the hidden
            features (FiLM), at the start by nothing.

    Source:
        E. Perez et al., FiLM, AAAI 2018, arXiv:1709.07871.
    """

    def __init__(self, num_features: int, num_told: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.second = nn.Conv2d(num_features, num_features, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        if num_told:
            self.modulation = nn.Linear(num_told, 2 * num_features)
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)

    def forward(self, features: Tensor, *told: Float[Tensor, "batch told"]) -> Tensor:
        """Returns features of the shape of ``features``.

        Args:
            features: The features, (batch, channels, y, x).
            *told: What it is told of each sample, where ``num_told`` is not 0.
        """
        hidden = self.first(torch.relu(features))
        for numbers in told:
            scale, shift = self.modulation(numbers)[:, :, None, None].chunk(2, dim=1)
            hidden = hidden * (1 + scale) + shift
        return features + self.second(torch.relu(hidden))


class ResidualUNet(nn.Module):
    """A U-Net that adds a correction to the preliminary image.

    It works on blocks of 2 × 2 pixels as channels, where convolutions cost a quarter, and returns
    to single pixels at the end.

    Args:
        num_features: Channels at each scale, from half the image's resolution down by twos, > 0.
        num_blocks: Residual blocks at each scale, on the way down and again on the way up, ≥ 0.
        num_channels: Images that enter, > 0.
        num_corrected: How many of them are corrected and leave, the first ones, > 0.
        num_repeated: How many of them, the last ones, enter every coarser scale, too, ≥ 0, as means
            over what a pixel of that scale covers.
        num_told: Numbers that it is told of each sample, ≥ 0. Two linear layers
            make 64 of them, which every ``ResidualBlock`` is told.

    Attributes:
        image_multiple: What the pixels along y and along x must be a multiple of.

    Raises:
        InputError: If a value is out of its range, or (when called) the image does not divide by
            the coarsest scale, or what it is told isn't what it was made for.
    """

    def __init__(
        self,
        num_features: tuple[int, ...] = (32, 64, 96),
        num_blocks: NonNegativeInt = 1,
        num_channels: PositiveInt = 1,
        num_corrected: PositiveInt = 1,
        num_repeated: NonNegativeInt = 0,
        num_told: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        if not num_features or min(num_features) < 1:
            raise InputError(
                f"ResidualUNet.num_features is {list(num_features)}: name one or more scales, "
                "each with 1 channel or more"
            )
        self.num_blocks, self.num_channels = num_blocks, num_channels
        self.num_corrected, self.num_repeated, self.num_told = num_corrected, num_repeated, num_told
        check_arguments(self)
        for name, num in {"corrected": num_corrected, "repeated": num_repeated}.items():
            if num > num_channels:
                raise InputError(
                    f"ResidualUNet.num_{name} is {num}: of {num_channels} images that enter no "
                    f"more can be {name}"
                )
        self.image_multiple: int = 2 ** len(num_features)
        self.blocks_of_pixels = nn.PixelUnshuffle(2)
        self.entry = nn.Conv2d(4 * num_channels, num_features[0], 3, padding=1)
        scales = list(itertools.pairwise(num_features))
        self.down = nn.ModuleList(self._blocks(fine, num_blocks) for fine, _ in scales)
        self.reduce = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in scales)
        if num_repeated:
            self.reentry = nn.ModuleList(
                nn.Conv2d(num_repeated, coarse, 3, padding=1) for _, coarse in scales
            )
        self.bottom = self._blocks(num_features[-1], 2 * num_blocks)
        self.expand = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in scales
        )
        self.up = nn.ModuleList(self._blocks(fine, num_blocks) for fine, _ in scales)
        self.exit = nn.Conv2d(num_features[0], 4 * num_corrected, 3, padding=1)
        self.pixels = nn.PixelShuffle(2)
        if num_told:
            self.embedding = nn.Sequential(
                nn.Linear(num_told, _NUM_EMBEDDED),
                nn.SiLU(),
                nn.Linear(_NUM_EMBEDDED, _NUM_EMBEDDED),
                nn.SiLU(),
            )

    def _blocks(self, num_features: int, num_blocks: int) -> nn.Sequential:
        num_told = _NUM_EMBEDDED if self.num_told else 0
        return nn.Sequential(*(ResidualBlock(num_features, num_told) for _ in range(num_blocks)))

    def forward(
        self,
        preliminary: Float[Tensor, "batch channels ny nx"],
        *told: Float[Tensor, "batch told"],
    ) -> Float[Tensor, "batch corrected ny nx"]:
        """Returns the final image, or several.

        Args:
            preliminary: The images.
            *told: What it is told of each sample, where ``num_told`` is not 0.
        """
        if any(size % self.image_multiple for size in preliminary.shape[-2:]):
            raise InputError(
                f"image_shape is {list(preliminary.shape[-2:])}: a ResidualUNet of this depth "
                f"needs multiples of {self.image_multiple}, so change the shape or shorten "
                "num_features"
            )
        if len(told) != bool(self.num_told):
            raise InputError(
                f"ResidualUNet.num_told is {self.num_told}: inside a ConditionedRefinement it is "
                "how many numbers tell scanner and noise, and elsewhere 0"
            )
        embedded = [self.embedding(numbers) for numbers in told]
        features = self.entry(self.blocks_of_pixels(preliminary))
        skips = []
        for number, (blocks, reduce) in enumerate(zip(self.down, self.reduce, strict=True)):
            features = _through(blocks, features, *embedded)
            skips.append(features)
            features = reduce(features)
            if self.num_repeated:
                repeated = preliminary[:, -self.num_repeated :]
                means = functional.avg_pool2d(repeated, 2 ** (number + 2))
                features = features + self.reentry[number](means)
        features = _through(self.bottom, features, *embedded)
        for blocks, expand in zip(reversed(self.up), reversed(self.expand), strict=True):
            features = _through(blocks, expand(features) + skips.pop(), *embedded)
        corrections = self.pixels(self.exit(torch.relu(features)))
        return preliminary[:, : self.num_corrected] + corrections


class ResidualCNN(nn.Module):
    """A plain chain of convolutions at full resolution whose output is added to the image.

    Without batch normalisation: concentrations are absolute, and must not depend on the batch.

    Args:
        num_features: Channels of the hidden layers, > 0.
        num_layers: Convolutions, ≥ 2; each sees one more pixel around.

    Raises:
        InputError: If ``num_layers`` is below 2 or ``num_features`` not positive.

    Source:
        K. Zhang et al., Beyond a Gaussian denoiser, IEEE TIP 26, 2017,
        doi:10.1109/TIP.2017.2662206.
    """

    def __init__(self, num_features: PositiveInt = 40, num_layers: int = 8) -> None:
        super().__init__()
        if num_layers < 2:
            raise InputError(f"num_layers is {num_layers}: a ResidualCNN needs at least 2")
        self.num_features = num_features
        check_arguments(self)
        widths = [1, *[num_features] * (num_layers - 1), 1]
        layers: list[nn.Module] = []
        for num_in, num_out in itertools.pairwise(widths):
            layers += [nn.Conv2d(num_in, num_out, 3, padding=1), nn.ReLU(inplace=True)]
        self.correction = nn.Sequential(*layers[:-1])

    def forward(
        self, preliminary: Float[Tensor, "batch 1 ny nx"]
    ) -> Float[Tensor, "batch 1 ny nx"]:
        """Returns the final image."""
        corrected: Tensor = preliminary + self.correction(preliminary)
        return corrected


def _through(blocks: nn.Module, features: Tensor, *told: Tensor) -> Tensor:
    for block in blocks.children():
        features = block(features, *told)
    return features
