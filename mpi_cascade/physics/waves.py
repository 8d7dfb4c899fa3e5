"""Smooth kernels as sums of few waves: their convolution is products of small real matrices."""

import itertools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from mpi_cascade.physics.convolution import Lattice
from mpi_cascade.physics.linear import Images, Signals

_TOLERANCE = 2.0**-24
"""What may be left of a kernel per axis, both Σ|k − k̃|/Σ|k| and max|k − k̃|/max|k|: half a unit of
float32 rounding."""

_STRETCHES = (1.0, 1.05, 1.1, 1.15, 1.2)
"""Periods of the waves, as shares of the lattice's period.

A kernel that hasn't died away at the end of the lattice has a kink where it repeats; in a little
room few waves close it smoothly.
"""

_MOST_WAVES = 256
_LEAST_SINGULAR_VALUE = 1e-7
_LEAST_TERM = 1e-8


class Waves(NamedTuple):
    """Waves along one axis that a kernel is a sum of.

    Attributes:
        wavenumbers: κ in radians per lattice step, from 0.
        fit: From the kernel over its differences to the amplitudes of cos κd, then of sin κd.
    """

    wavenumbers: Float64[Tensor, " waves"]
    fit: Float64[Tensor, "amplitudes differences"]


class WaveProducts(nn.Module):
    """The convolution u(r_F) = Σ k(r − r_F) c(r), with the waves alone that float32 tells from 0.

    As cos κ(r − r_F) = cos κr·cos κr_F + sin κr·sin κr_F, and the same for the sine, an image is
    projected on the waves of both axes, multiplied by real amplitudes, and read at the FFP
    positions. Of the kernel at most 2⁻²⁴ is left out per axis.

    Args:
        lattice: The lattice.
        kernel: Kernel over ``differences`` of both axes, (channel, y, x).
        waves: Its waves along y and along x.
    """

    def __init__(
        self, lattice: Lattice, kernel: Float64[Tensor, "c dy dx"], waves: tuple[Waves, Waves]
    ) -> None:
        super().__init__()
        self._pixels_y, self._pixels_x, self._ffps_y, self._ffps_x = (
            nn.Buffer(_table(of_axis.wavenumbers, size, step).float(), persistent=False)
            for steps in (lattice.pixel_steps, lattice.ffp_steps)
            for of_axis, size, step in zip(waves, lattice.shape, steps, strict=True)
        )
        amplitudes = waves[0].fit @ kernel @ waves[1].fit.T
        num_y, num_x = amplitudes.shape[1] // 2, amplitudes.shape[2] // 2
        terms = amplitudes.unflatten(2, (2, num_x)).unflatten(1, (2, num_y))
        self._shifts: list[tuple[int, int]] = []
        multipliers = []
        for odd_y, odd_x in itertools.product((0, 1), repeat=2):
            term = terms[:, odd_y, :, odd_x]
            # Harmonics are even in y, and even or odd in x: mostly one term is not 0.
            if term.abs().max() > _LEAST_TERM * amplitudes.abs().max():
                self._shifts.append((odd_y * num_y, odd_x * num_x))
                multipliers.append(_multiplier(term, odd_y, odd_x))
        self._multipliers = nn.Buffer(torch.stack(multipliers).float(), persistent=False)

    @property
    def num_operations(self) -> float:
        """Multiply-adds that the signal of one image takes."""
        num_channels, waves_y, waves_x = self._multipliers.shape[1:]
        image = len(self._pixels_x) * waves_y * (len(self._pixels_y) + waves_x)
        signal = len(self._ffps_x) * waves_y * (waves_x + len(self._ffps_y))
        return float(image + num_channels * signal)

    def forward(self, image: Images) -> Signals:
        """Returns the signals of images."""
        # The drive axis, x, has the steeper gradient, so more waves: it goes second, then first.
        found = self._pixels_y.T @ image @ self._pixels_x
        waves = [
            multiplier * _rolled(found, shifts)
            for multiplier, shifts in zip(self._multipliers, self._shifts, strict=True)
        ]
        return self._ffps_y @ (sum(waves[1:], start=waves[0]) @ self._ffps_x.T)

    def adjoint(self, signal: Signals) -> Images:
        """Returns the adjoint's images of signals."""
        found = self._ffps_y.T @ signal @ self._ffps_x
        waves = [
            _rolled((multiplier * found).sum(dim=1, keepdim=True), shifts)
            for multiplier, shifts in zip(self._multipliers, self._shifts, strict=True)
        ]
        return self._pixels_y @ (sum(waves[1:], start=waves[0]) @ self._pixels_x.T)


def wave_products(lattice: Lattice, kernel: Float64[Tensor, "c py px"]) -> WaveProducts | None:
    """Returns the convolution with a kernel, or None if no 256 waves per axis give it to rounding.

    Args:
        lattice: The lattice.
        kernel: Kernel per lattice shift FFP − pixel modulo the period, (channel, y, x).
    """
    rows, columns = (_shifts(lattice, axis) % lattice.period[axis] for axis in (0, 1))
    values = kernel[:, rows][:, :, columns]
    along_y = _waves(values.movedim(1, 0).flatten(1), lattice.period[0])
    along_x = _waves(values.movedim(2, 0).flatten(1), lattice.period[1])
    if along_y is None or along_x is None:
        return None
    return WaveProducts(lattice, values, (along_y, along_x))


def _shifts(lattice: Lattice, axis: int) -> Tensor:
    """Returns every lattice shift FFP − pixel that occurs, by ascending r − r_F."""
    size = lattice.shape[axis]
    first, last = size - lattice.ffp_steps[axis], lattice.pixel_steps[axis] - size
    return torch.arange(first, last - 1, -1)


def _waves(values: Float64[Tensor, "differences others"], period: int) -> Waves | None:
    """Returns the fewest waves that values over the differences r − r_F are a sum of."""
    num_differences = len(values)
    differences = torch.arange(num_differences, dtype=torch.float64) - (num_differences - 1) / 2
    best: Waves | None = None
    for stretch in _STRETCHES:
        most = min(period // 2, _MOST_WAVES) if best is None else len(best.wavenumbers) - 2
        step = 2 * math.pi / (stretch * period)
        found = _fewest(values, differences, step, most)
        # Waves that nearly depend on each other cancel, which would cost digits.
        if found and (found.fit @ values).abs().sum(dim=0).max() <= 2 * values.abs().max():
            best = found
    return best


def _fewest(values: Tensor, differences: Tensor, step: float, most: int) -> Waves | None:
    """Returns the smallest set of waves 0, step, 2·step … ≤ most·step that fits, by bisection."""
    too_few, trial = -1, min(8, most)
    best: Waves | None = None
    while trial > too_few:
        waves, residual = _fit(values, differences, step, trial)
        if residual <= _TOLERANCE:
            best, enough = waves, trial
        else:
            too_few = trial
        trial = (too_few + enough) // 2 if best else min(2 * trial, most)
    return best


def _fit(values: Tensor, differences: Tensor, step: float, last: int) -> tuple[Waves, float]:
    """Returns the waves 0 … last, fitted by least squares, and the share that is left."""
    wavenumbers = step * torch.arange(last + 1, dtype=torch.float64)
    table = _cos_and_sin(differences, wavenumbers)
    left, singular_values, right = torch.linalg.svd(table, full_matrices=False)
    kept = singular_values > _LEAST_SINGULAR_VALUE * singular_values[0]
    fit = (right[kept].T / singular_values[kept]) @ left[:, kept].T
    left_over = (values - table @ (fit @ values)).abs()
    shares = left_over.mean() / values.abs().mean(), left_over.max() / values.abs().max()
    return Waves(wavenumbers, fit), float(max(shares))


def _table(wavenumbers: Tensor, size: int, steps: int) -> Tensor:
    """Returns the waves at cells that are ``steps`` lattice points wide, (cell, 2·waves)."""
    centres = torch.arange(size // steps, dtype=torch.float64) * steps + (steps - size) / 2
    return _cos_and_sin(centres, wavenumbers)


def _cos_and_sin(positions: Tensor, wavenumbers: Tensor) -> Tensor:
    phases = positions[:, None] * wavenumbers
    return torch.cat((phases.cos(), phases.sin()), dim=1)


def _multiplier(term: Float64[Tensor, "c wy wx"], odd_y: int, odd_x: int) -> Tensor:
    """Returns what multiplies the (cos, sin) of the image, rolled by half along the odd axes.

    sin κ(r − r_F) = sin κr·cos κr_F − cos κr·sin κr_F: the second half is negative.
    """
    sign_y, sign_x = (torch.tensor([1.0, -1.0 if odd else 1.0]) for odd in (odd_y, odd_x))
    return torch.kron(torch.outer(sign_y, sign_x)[None].double(), term)


def _rolled(waves: Tensor, shifts: tuple[int, int]) -> Tensor:
    """Returns waves with cos and sin exchanged along the axes whose shift is half of them."""
    return torch.roll(waves, shifts, dims=(-2, -1)) if any(shifts) else waves
