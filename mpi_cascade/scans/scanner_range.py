"""The scanners that one training is for, drawn from ranges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch

from mpi_cascade.checks import (
    Checked,
    InputError,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    ascending,
)
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams, Stream

_RANGE = 1
"""Number of the stream that draws scanners."""

_ALIKE = 0.01
"""Share by which a quantity may leave its range unnoticed."""

Factors = Annotated[tuple[float, float], ascending(1e-3)]
Values = Annotated[tuple[float, float], ascending(1e-12)]


@dataclass(frozen=True, kw_only=True)
class ScannerRange(Checked):
    """Scanners around a nominal one, quantities independent of each other.

    Lengths have no meaning of their own: a scanner of half the gradients over twice the field of
    view is the same problem. So the field of view stays, and with it the ranges say how many pixels
    wide the PSF is, and how many PSFs wide the field of view.

    Args:
        gradient_x: Lowest and highest factor of the gradient along x; their logarithms are uniform.
        gradient_y: The same along y.
        core_diameter_m: Smallest and largest core diameter in m.
        drive_amplitude_t: Lowest and highest amplitude of the drive field in T.
        diameter_log_std: Largest σ of the log-normal core diameters, ≥ 0; the smallest is 0.
        harmonics: Sets of received harmonics, which take turns; one that is named twice has two.
        num_positions: Numbers of pixels and FFP positions along x and y, which take turns.
        num_scanners: Scanners that are drawn, > 0.
        num_in_a_row: Training scans in a row that one of them makes, > 0; batches must divide it.
        seed: Draws others from the same ranges, ≥ 0, whatever the seed of a training is.

    Raises:
        InputError: If a value is out of its range.
    """

    gradient_x: Factors = (0.5, 1.5)
    gradient_y: Factors = (0.5, 1.5)
    core_diameter_m: Values = (18e-9, 30e-9)
    drive_amplitude_t: Values = (2e-3, 8e-3)
    diameter_log_std: NonNegative = 0.2
    harmonics: tuple[tuple[int, ...], ...] = ((3,), (2,), (2, 3))
    num_positions: tuple[int, ...] = (32, 48, 64)
    num_scanners: PositiveInt = 48
    num_in_a_row: PositiveInt = 32
    seed: NonNegativeInt = 0

    def __post_init__(self) -> None:
        """Checks every argument."""
        super().__post_init__()
        for name in ("harmonics", "num_positions"):
            if not getattr(self, name):
                raise InputError(f"ScannerRange.{name} is empty: name one or more")

    def require_whole(self, batch_size: int) -> None:
        """Raises an InputError if a batch of training scans would have several scanners.

        Args:
            batch_size: Training scans of a batch of one process.
        """
        if self.num_in_a_row % batch_size:
            raise InputError(
                f"a batch of {batch_size} training scans has several scanners: make "
                f"data.batch_size one that {self.num_in_a_row} can be divided by, or "
                "data.scanners.num_in_a_row a multiple of it"
            )

    def scanners(self, nominal: Scanner) -> list[Scanner]:
        """Returns the scanners, always the same ones.

        Args:
            nominal: The scanner in the middle, whose field of view all have.
        """
        streams = RandomStreams(self.seed, _RANGE, torch.arange(self.num_scanners))
        draws = streams.uniform("scanner", (5,)).double().tolist()
        return [self._scanner(nominal, number, draw) for number, draw in enumerate(draws)]

    def number(self, seed: int, first: int) -> int:
        """Returns the number of the scanner that makes a batch of training scans: that of its run.

        Args:
            seed: Seed of the training samples.
            first: Index of the first sample.
        """
        run = RandomStreams(seed, Stream.TRAINING, torch.tensor([first // self.num_in_a_row]))
        return int(run.uniform("scanner of the bank") * self.num_scanners)

    def _scanner(self, nominal: Scanner, number: int, draw: Sequence[float]) -> Scanner:
        along_x, along_y, core, drive, spread = draw
        positions = self.num_positions[number % len(self.num_positions)]
        turn = number // len(self.num_positions)
        return replace(
            nominal,
            gradient_x_t_per_m=nominal.gradient_x_t_per_m * _between(self.gradient_x, along_x),
            gradient_y_t_per_m=nominal.gradient_y_t_per_m * _between(self.gradient_y, along_y),
            drive_amplitude_t=_between(self.drive_amplitude_t, drive),
            num_ffp_x=positions,
            num_ffp_y=positions,
            harmonics=self.harmonics[turn % len(self.harmonics)],
            particle=replace(
                nominal.particle,
                core_diameter_m=_between(self.core_diameter_m, core),
                diameter_log_std=self.diameter_log_std * spread,
            ),
        )

    def departures(
        self, scanner: Scanner, image_shape: tuple[int, int], nominal: Scanner
    ) -> list[str]:
        """Returns in what a scanner and its images leave what was drawn, a phrase each.

        Args:
            scanner: The scanner.
            image_shape: Pixels (y, x) of its images.
            nominal: The scanner in the middle of the range.
        """
        scanners = self.scanners(nominal)
        equal_cores = replace(scanners[0].particle, diameter_log_std=0.0)
        # The lower end of that range is a usual value, which no draw has.
        scanners.append(replace(scanners[0], particle=equal_cores))
        drawn = [_described(one, one.ffp_shape) for one in scanners]
        phrases = []
        for name, value in _described(scanner, image_shape).items():
            values = [one[name] for one in drawn]
            low, high = min(values), max(values)
            if not (1 - _ALIKE) * low <= value <= (1 + _ALIKE) * high:
                phrases.append(f"{name} {value:.3g}, in training {low:.3g} … {high:.3g}")
        if scanner.harmonics not in self.harmonics:
            known = " or ".join(str(list(some)) for some in dict.fromkeys(self.harmonics))
            phrases.append(f"harmonics {list(scanner.harmonics)}, in training {known}")
        return phrases


def _between(ends: tuple[float, float], share: float) -> float:
    """Returns the value a share of the way from the lower to the higher end, by logarithms."""
    low, high = ends
    return low * (high / low) ** share


def _described(scanner: Scanner, image_shape: tuple[int, int]) -> dict[str, float]:
    """Returns a scanner's quantities without units, by name; they determine S but for its scale."""
    particle = scanner.particle
    pixel_y_m, pixel_x_m = (
        size_m / num for size_m, num in zip(scanner.field_of_view_m, image_shape, strict=True)
    )
    beta = particle.field_sensitivity_per_t
    return {
        "1/βG along x in pixels": 1 / (beta * scanner.gradient_x_t_per_m * pixel_x_m),
        # The ratio below tells it, but each may be usual where both together aren't.
        "1/βG along y in pixels": 1 / (beta * scanner.gradient_y_t_per_m * pixel_y_m),
        "gradient along y ÷ along x": scanner.gradient_y_t_per_m / scanner.gradient_x_t_per_m,
        "height ÷ width of a pixel": pixel_y_m / pixel_x_m,
        "drive field in units of 1/β": scanner.drive_amplitude_t * beta,
        "σ of the log-normal cores": particle.diameter_log_std,
        "FFP positions per pixel along x": scanner.num_ffp_x / image_shape[1],
        "FFP positions per pixel along y": scanner.num_ffp_y / image_shape[0],
        "relaxation in drive periods": particle.relaxation_time_s * scanner.drive_frequency_hz,
    }
