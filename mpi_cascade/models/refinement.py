"""Stage 2: networks from the preliminary image to the final image.

Each takes and returns an image (batch, 1, y, x). Must not know of signals, losses or Lightning.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import NON_NEGATIVE, POSITIVE, InputError, PositiveInt, check_arguments


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions whose output is added to the input; the identity at the start."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.second = nn.Conv2d(num_features, num_features, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Returns features of the shape of ``features``."""
        return features + self.second(torch.relu(self.first(torch.relu(features))))


class ResidualUNet(nn.Module):
    """A U-Net that adds a correction to the preliminary image.

    It works on blocks of 2 × 2 pixels as channels, where convolutions cost a quarter, and returns
    to single pixels at the end.

    Args:
        num_features: Channels at each scale, from half the image's resolution down by twos, > 0.
        num_blocks: Residual blocks at each scale, on the way down and again on the way up, ≥ 0.
        num_channels: Images that enter, > 0.
        num_corrected: How many of them are corrected and leave, the first ones, > 0.

    Attributes:
        image_multiple: What the pixels along y and along x must be a multiple of.

    Raises:
        InputError: If a value is out of its range, or (when called) the image does not divide by
            the coarsest scale.
    """

    def __init__(
        self,
        num_features: tuple[int, ...] = (32, 64, 96),
        num_blocks: int = 1,
        num_channels: int = 1,
        num_corrected: int = 1,
    ) -> None:
        super().__init__()
        if not num_features or min(num_features) < 1:
            raise InputError(
                f"ResidualUNet.num_features is {list(num_features)}: name one or more scales, "
                "each with 1 channel or more"
            )
        NON_NEGATIVE.check(self, "num_blocks", num_blocks)
        POSITIVE.check(self, "num_channels", num_channels)
        POSITIVE.check(self, "num_corrected", num_corrected)
        if num_corrected > num_channels:
            raise InputError(
                f"ResidualUNet.num_corrected is {num_corrected}: of {num_channels} images that "
                "enter no more can be corrected"
            )
        self.num_blocks = num_blocks
        self.num_corrected = num_corrected
        self.image_multiple: int = 2 ** len(num_features)
        self.blocks_of_pixels = nn.PixelUnshuffle(2)
        self.entry = nn.Conv2d(4 * num_channels, num_features[0], 3, padding=1)
        scales = list(itertools.pairwise(num_features))
        self.down = nn.ModuleList(_blocks(fine, num_blocks) for fine, _ in scales)
        self.reduce = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in scales)
        self.bottom = _blocks(num_features[-1], 2 * num_blocks)
        self.expand = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in scales
        )
        self.up = nn.ModuleList(_blocks(fine, num_blocks) for fine, _ in scales)
        self.exit = nn.Conv2d(num_features[0], 4 * num_corrected, 3, padding=1)
        self.pixels = nn.PixelShuffle(2)

    def forward(
        self, preliminary: Float[Tensor, "batch channels ny nx"]
    ) -> Float[Tensor, "batch corrected ny nx"]:
        """Returns the final image, or several."""
        if any(size % self.image_multiple for size in preliminary.shape[-2:]):
            raise InputError(
                f"image_shape is {list(preliminary.shape[-2:])}: a ResidualUNet of this depth "
                f"needs multiples of {self.image_multiple}, so change the shape or shorten "
                "num_features"
            )
        features = self.entry(self.blocks_of_pixels(preliminary))
        skips = []
        for blocks, reduce in zip(self.down, self.reduce, strict=True):
            features = blocks(features)
            skips.append(features)
            features = reduce(features)
        features = self.bottom(features)
        for blocks, expand in zip(reversed(self.up), reversed(self.expand), strict=True):
            features = blocks(expand(features) + skips.pop())
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


def _blocks(num_features: int, num_blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(num_features) for _ in range(num_blocks)))
