"""Keyed random numbers: every draw is a pure function of (seed, stream, sample index, purpose).

The generator is Philox4x32-10, a counter-based generator: it has no state to share, save or
advance, so a sample is the same for any batch size, worker, rank and device.

Source: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
doi:10.1145/2063384.2063405.
"""

import math
import zlib
from enum import IntEnum, unique

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.devices import counted, made_once

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


@unique
class Stream(IntEnum):
    """The numbers of streams, so that no two purposes have the same scans.

    Those of a suite's sets follow from their names. Scanners are drawn by seeds of their own.
    """

    TRAINING = 0
    VALIDATION_PHANTOMS = 1
    VALIDATION_PAIRS = 2
    TEST_PHANTOMS = 3
    TEST_PAIRS = 4
    VALIDATION_NULLS = 5
    TEST_NULLS = 6
    TUNING_PHANTOMS = 7
    TUNING_PAIRS = 8
    TUNING_NULLS = 9
    CALIBRATION = 10
    COVERAGE = 11
    EXPORT = 12
    OWN_SCANS_SPLIT = 9200
    ADAPTATION_REPLAY = 9201
    ADAPTATION_GUARD = 9202


def philox4x32(
    counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns four random 32-bit words per counter, as int64 tensors in 0 … 2³²−1.

    Args:
        counter: Four int64 tensors of 32-bit words that broadcast against each other.
        key: Two 32-bit words.

    Returns:
        Four int64 tensors of the broadcast shape.

    Source:
        Salmon et al. 2011, section 3.3; the constants are Random123's.
    """
    c0, c1, c2, c3 = torch.broadcast_tensors(*counter)
    # Both halves of a round in one operation each: a GPU counts those.
    even, odd = torch.stack((c0, c2)), torch.stack((c1, c3))
    halves = (2, *(1 for _ in c0.shape))
    multipliers = _two(_MULTIPLIERS, even.device).reshape(halves)
    for words in _round_keys(key, even.device):
        product = (even * multipliers).flip(0)
        # int64 wraps and shifts arithmetically: the mask leaves the unsigned words.
        mixed = (product >> 32).bitwise_xor_(odd).bitwise_xor_(words.reshape(halves))
        even, odd = mixed.bitwise_and_(_WORD), product
    odd = odd.bitwise_and_(_WORD)
    return even[0], odd[0], even[1], odd[1]


@made_once
def _two(values: tuple[int, int], device: torch.device) -> Tensor:
    """Returns a number for each half of a round, made on the device, not copied there."""
    first, second = values
    return first + (second - first) * torch.arange(2, device=device)


@made_once
def _round_keys(key: tuple[int, int], device: torch.device) -> Tensor:
    """Returns the words of every round, (rounds, 2): those of a key go up by Weyl's steps."""
    rounds = torch.arange(_ROUNDS, device=device)[:, None]
    return _two(key, device) + rounds * _two(_WEYL_STEPS, device)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _word(purpose: str) -> int:
    return zlib.crc32(purpose.encode())


class RandomStreams:
    """The independent random numbers of a batch of samples.

    Args:
        seed: Seed of the experiment, 0 … 2³²−1.
        stream: Number of the stream of samples (training, validation, a suite …), 0 … 2³²−1.
        indices: Index of each sample in its stream, (batch,), int64, not negative. Its device is
            the device of all draws.

    Raises:
        InputError: If seed or stream do not fit 32 bits.

    Examples:
        >>> batch = RandomStreams(seed=0, stream=0, indices=torch.tensor([5, 6, 7]))
        >>> alone = RandomStreams(seed=0, stream=0, indices=torch.tensor([6]))
        >>> torch.equal(batch.uniform("angle", (2,))[1:2], alone.uniform("angle", (2,)))
        True
    """

    def __init__(self, seed: int, stream: int, indices: Int64[Tensor, " batch"]) -> None:
        for name, value in (("seed", seed), ("stream", stream)):
            if not 0 <= value <= _WORD:
                raise InputError(f"{name} is {value}: it must lie in 0 … {_WORD}")
        self.seed = seed
        self.stream = stream
        self.indices = indices

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.indices)

    def uniform(self, purpose: str, shape: tuple[int, ...] = ()) -> Float[Tensor, "batch ..."]:
        """Returns float32 numbers uniform in the open interval (0, 1), (batch, *shape).

        Args:
            purpose: Name of the quantity drawn; another name gives independent numbers.
            shape: Shape of one sample's draw.
        """
        size = math.prod(shape)
        words = torch.stack(self._words(purpose, -(-size // 4)), dim=-1)
        # 23 bits and half a step fit a float32 exactly, and keep 0 and 1 out.
        uniform = (words >> 9) * 2.0**-23 + 2.0**-24
        return uniform.flatten(1)[:, :size].reshape(len(self), *shape)

    def normal(self, purpose: str, shape: tuple[int, ...] = ()) -> Float[Tensor, "batch ..."]:
        """Returns float32 numbers from the standard normal distribution, (batch, *shape).

        Args:
            purpose: Name of the quantity drawn; another name gives independent numbers.
            shape: Shape of one sample's draw.

        Source:
            G. E. P. Box and M. E. Muller, 1958, doi:10.1214/aoms/1177706645.
        """
        size = math.prod(shape)
        uniform = self.uniform(purpose, (2, -(-size // 2)))
        radius = torch.sqrt(-2.0 * torch.log(uniform[:, 0]))
        angle = 2.0 * math.pi * uniform[:, 1]
        normal = torch.cat((radius * torch.cos(angle), radius * torch.sin(angle)), dim=1)
        return normal[:, :size].reshape(len(self), *shape)

    def _words(self, purpose: str, num_blocks: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        indices = self.indices[:, None]
        blocks = counted(num_blocks, indices.device)
        counter = (indices & _WORD, indices >> 32, blocks, torch.full_like(blocks, self.stream))
        return philox4x32(counter, key=(self.seed, _word(purpose)))
