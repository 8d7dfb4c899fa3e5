"""Training over what isn't known exactly: scanners, tracers and noise that differ scan by scan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from mpi_cascade.checks import Checked, InputError, NonNegative, NonNegativeInt, PositiveInt
from mpi_cascade.devices import needed
from mpi_cascade.physics.disturbances import Displacement, Disturbance
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.psf import ReceivedPSF
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.simulated import SimulatedScans

_LARGEST_CHANGE = 0.5
_LARGEST_OFFSET = 0.25
"""Share of the field of view."""

_RUN = 8
"""Samples in a row that one scanner makes: a batch needs a quarter of the calls then."""

_BANK = 0
"""Number of the stream that draws the scanners of a bank."""


@dataclass(frozen=True, kw_only=True)
class ScannerSpread(Checked):
    """How far the scanner of each training scan may be from the one that is believed in.

    A bank of true scanners is drawn once, quantities independent and uniform in their range; runs
    of eight samples share one of them. A scanner that is known less well than its spread says makes
    splits, one that is known better costs resolution.

    Args:
        gradient: Largest relative change of both gradients together, 0 … 0.5.
        core_diameter: Largest relative change of the core diameter, 0 … 0.5.
        diameter_log_std: Largest σ that is added to that of the log-normal core diameters, ≥ 0.
        ffp_offset_m: Largest offset of all FFP positions along x, and along y, in m; 0 … a quarter
            of the field of view.
        gain: Largest relative change of the receiver's gain, 0 … 0.5. To a cascade whose images
            scale with the signal all gains look alike.
        num_scanners: Scanners in the bank, > 0.
        seed: Draws others from the same ranges, ≥ 0, whatever the seed of a training is.

    Raises:
        InputError: If a value is out of its range, or nothing is spread.
    """

    gradient: NonNegative = 0.0
    core_diameter: NonNegative = 0.0
    diameter_log_std: NonNegative = 0.0
    ffp_offset_m: Displacement = 0.0
    gain: NonNegative = 0.0
    num_scanners: PositiveInt = 16
    seed: NonNegativeInt = 0

    def __post_init__(self) -> None:
        """Checks every argument."""
        super().__post_init__()
        for name in ("gradient", "core_diameter", "gain"):
            value = getattr(self, name)
            if value > _LARGEST_CHANGE:
                raise InputError(
                    f"ScannerSpread.{name} is {value}: it is a relative change and must lie in "
                    f"0 … {_LARGEST_CHANGE}"
                )
        spreads = (self.gradient, self.core_diameter, self.diameter_log_std, self.ffp_offset_m)
        if not any((*spreads, self.gain)):
            raise InputError(
                "every spread of the scanner is 0: make gradient, core_diameter, "
                "diameter_log_std, ffp_offset_m or gain greater, or leave scanner_spread out"
            )

    def scanners(self, nominal: Scanner) -> list[Scanner]:
        """Returns the scanners of the bank, always the same ones.

        Args:
            nominal: The scanner in the middle of the spread.
        """
        draws = self._streams().uniform("scanner", (3,)).double()
        particle = nominal.particle
        return [
            replace(
                nominal,
                gradient_x_t_per_m=nominal.gradient_x_t_per_m * (1 + self.gradient * gradient),
                gradient_y_t_per_m=nominal.gradient_y_t_per_m * (1 + self.gradient * gradient),
                particle=replace(
                    particle,
                    core_diameter_m=particle.core_diameter_m * (1 + self.core_diameter * core),
                    diameter_log_std=particle.diameter_log_std + self.diameter_log_std * width,
                ),
            )
            for (gradient, core), width in zip(
                (2 * draws[:, :2] - 1).tolist(), draws[:, 2].tolist(), strict=True
            )
        ]

    def receptions(self, nominal: Scanner) -> list[ReceivedPSF]:
        """Returns what each scanner of the bank receives: where its FFP is, and with what gain.

        Args:
            nominal: The scanner in the middle of the spread.

        Raises:
            InputError: If the FFP may be off by more than a quarter of the field of view.
        """
        room_m = _LARGEST_OFFSET * min(nominal.field_of_view_m)
        if self.ffp_offset_m > room_m:
            raise InputError(
                f"ScannerSpread.ffp_offset_m is {self.ffp_offset_m}: that is in m, and it must not "
                f"exceed a quarter of the field of view, {room_m:.3g}"
            )
        offsets_m = self.ffp_offset_m * (2 * self._streams().uniform("ffp offset", (2,)) - 1)
        gains = 1 + self.gain * (2 * self._streams().uniform("gain").double() - 1)
        return [
            ReceivedPSF(offset_x_m=offset_x_m, offset_y_m=offset_y_m, gain=gain)
            for (offset_x_m, offset_y_m), gain in zip(
                offsets_m.tolist(), gains.tolist(), strict=True
            )
        ]

    def _streams(self) -> RandomStreams:
        return RandomStreams(self.seed, _BANK, torch.arange(self.num_scanners))


class VariedScans(SimulatedScans):
    """The simulator of a bank of scanners: which of them scans is a function of the sample's index.

    Args:
        bank: Models of the scanners, on the simulation grid.
        nominal_scanner: The scanner that reconstructions believe in.
        oversampling: Pixels (y, x) of the simulation grid per image pixel.
        disturbances: Applied to the ideal signal in this order.
    """

    def __init__(
        self,
        bank: Sequence[LinearModel],
        nominal_scanner: Scanner,
        oversampling: tuple[int, int],
        disturbances: Sequence[Disturbance],
    ) -> None:
        super().__init__(bank[0], nominal_scanner, oversampling, disturbances)
        self.bank = nn.ModuleList(bank)

    def ideal_signal(self, concentration: Images, streams: RandomStreams) -> Signals:
        """Returns the signals without disturbances, each by its sample's scanner."""
        numbers = self._numbers(streams)
        signal = concentration.new_empty(len(concentration), *self.forward_model.signal_shape)
        for number, model in enumerate(self.bank):
            is_chosen = numbers == number
            (rows,) = needed(is_chosen)
            if len(rows):
                made = model(concentration[rows])
                is_its_own = is_chosen[rows, None, None, None]
                signal[rows] = torch.where(is_its_own, made, signal[rows])
        return signal

    def _numbers(self, streams: RandomStreams) -> Int64[Tensor, " batch"]:
        """Returns the number in the bank of each sample's scanner."""
        runs = RandomStreams(streams.seed, streams.stream, streams.indices // _RUN)
        return (runs.uniform("number of the scanner") * len(self.bank)).long()
