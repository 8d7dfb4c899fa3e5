"""Convolutions of a concentration with a kernel, read at the FFP positions, and their adjoints.

Both ways compute the same numbers; ``waves.WaveProducts`` is the faster one for smooth kernels.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Complex64, Float
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.physics.linear import Images, Signals

_MOST_POINTS = 2**24
"""Of a transform: a PSF on more takes minutes and many GB."""


class Lattice(NamedTuple):
    """The coarsest lattice that holds the pixels and the FFP positions of one field of view.

    Attributes:
        shape: Lattice points (y, x) over the field of view.
        pixel_steps: Lattice steps (y, x) from one pixel to the next.
        ffp_steps: Lattice steps (y, x) from one FFP position to the next.
    """

    shape: tuple[int, int]
    pixel_steps: tuple[int, int]
    ffp_steps: tuple[int, int]

    @property
    def period(self) -> tuple[int, int]:
        """Twice the shape: it holds every difference r − r_F, so that circular equals linear."""
        return 2 * self.shape[0], 2 * self.shape[1]


def common_lattice(image_shape: tuple[int, int], ffp_shape: tuple[int, int]) -> Lattice:
    """Returns the lattice of an image grid and a grid of FFP positions (y, x).

    Raises:
        InputError: If only a lattice of too many points holds both.
    """
    shape = math.lcm(image_shape[0], ffp_shape[0]), math.lcm(image_shape[1], ffp_shape[1])
    lattice = Lattice(
        shape,
        (shape[0] // image_shape[0], shape[1] // image_shape[1]),
        (shape[0] // ffp_shape[0], shape[1] // ffp_shape[1]),
    )
    if math.prod(lattice.period) > _MOST_POINTS:
        fitting = tuple(map(_fitting_count, ffp_shape, image_shape))
        remedy = f"{_by(fitting)} FFP positions, or " if fitting != ffp_shape else ""
        raise InputError(
            f"{_by(ffp_shape)} FFP positions and {_by(image_shape)} pixels of the model (y × x) "
            f"have no lattice in common below {_by(shape)} points, which is too fine to compute: "
            f"use {remedy}fewer pixels"
        )
    return lattice


def _fitting_count(num_ffp: int, num_pixels: int) -> int:
    """Returns the number of FFP positions nearest to this one whose lattice is small enough."""
    most = max(num_pixels, math.isqrt(_MOST_POINTS) // 2)
    counts = range(1, num_ffp + num_pixels)
    fitting = (count for count in counts if math.lcm(count, num_pixels) <= most)
    return min(fitting, key=lambda count: abs(count - num_ffp))


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


class PaddedFFT(nn.Module):
    """The convolution by zero-padded FFT, for any kernel.

    Args:
        lattice: The lattice.
        kernel: Kernel per lattice shift FFP − pixel modulo the period, (channel, y, x), float64.
    """

    def __init__(self, lattice: Lattice, kernel: Float[Tensor, "c py px"]) -> None:
        super().__init__()
        self.lattice = lattice
        transfer_function = torch.fft.rfft2(kernel).transpose(-1, -2).to(torch.complex64)
        self._transfer_function = nn.Buffer(transfer_function.contiguous(), persistent=False)

    @property
    def transfer_function(self) -> Complex64[Tensor, "c ky kx"]:
        """Fourier transform of the kernel, as ``torch.fft.rfft2``."""
        return self._transfer_function.transpose(-1, -2)

    @property
    def num_points(self) -> int:
        """Points of the transforms."""
        return math.prod(self.lattice.period)

    @property
    def num_operations(self) -> float:
        """What one image costs, as that many multiply-adds of a product of matrices would.

        Measured: a transform takes the time of 3 multiply-adds per point and factor of two.
        """
        per_transform = self.num_points * math.log2(self.num_points)
        return 3 * (1 + len(self._transfer_function)) * per_transform

    def forward(self, image: Images) -> Signals:
        """Returns the signals of images."""
        spectrum = self._spectrum(image, self.lattice.pixel_steps) * self._transfer_function
        return self._sample(spectrum, self.lattice.ffp_steps)

    def adjoint(self, signal: Signals) -> Images:
        """Returns the adjoint's images of signals."""
        spectrum = self._spectrum(signal, self.lattice.ffp_steps) * self._transfer_function.conj()
        return self._sample(spectrum.sum(dim=1, keepdim=True), self.lattice.pixel_steps)

    def _spectrum(self, values: Tensor, steps: tuple[int, int]) -> Tensor:
        """Returns the spectrum (…, kx, ky) of values that stand every ``steps`` on the lattice."""
        if steps != (1, 1):
            lattice = values.new_zeros(*values.shape[:-2], *self.lattice.shape)
            lattice[..., :: steps[0], :: steps[1]] = values
            values = lattice
        # Axis by axis, so that the rows of the zero padding are never transformed.
        rows = torch.fft.rfft(values, n=self.lattice.period[1]).transpose(-1, -2).contiguous()
        return torch.fft.fft(rows, n=self.lattice.period[0])

    def _sample(self, spectrum: Tensor, steps: tuple[int, int]) -> Tensor:
        """Returns what a spectrum (…, kx, ky) is at every ``steps`` of the lattice."""
        # Sampling every step in space sums the step aliases of each frequency.
        first, *others = spectrum.chunk(steps[0], dim=-1)
        folded = sum(others, start=first) / steps[0]
        columns = torch.fft.ifft(folded)[..., : folded.shape[-1] // 2].transpose(-1, -2)
        rows = torch.fft.irfft(columns, n=self.lattice.period[1])
        return rows[..., : self.lattice.shape[1] : steps[1]]
