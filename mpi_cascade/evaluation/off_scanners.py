"""Scanners that aren't as believed, and the sets of scans that show what that does."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mpi_cascade.checks import NonNegative
from mpi_cascade.evaluation.measures import NULLS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import Disturbance
from mpi_cascade.physics.scanner import Scanner

OFF_GAPS_MM = (0.15, 0.3, 0.5)


@dataclass(frozen=True, kw_only=True)
class AlignedPhase(Disturbance):
    """A receiver whose phase was set where the signal peaks, so that a lag by relaxation is gone.

    By Debye's model relaxation multiplies the n-th harmonic by 1/(1 + i n ω τ): what remains after
    alignment is the loss of amplitude, and not that of the part in phase alone.

    Args:
        relaxation_time_s: τ of the true tracer in s, ≥ 0.

    Raises:
        InputError: If τ is negative.
    """

    relaxation_time_s: NonNegative

    def __call__(self, signal: Tensor, scanner: Scanner, streams: object) -> Tensor:
        """Returns the signal, aligned to the phase of the scanner's own tracer."""
        lags = [
            (_lag(scanner, n, self.relaxation_time_s), _lag(scanner, n, _relaxation_s(scanner)))
            for n in scanner.harmonics
        ]
        if not scanner.is_complex:
            gains = signal.new_tensor([1 / math.cos(true) for true, _ in lags])
            return signal * gains[:, None, None]
        turns = torch.polar(torch.ones(len(lags)), torch.tensor([t - known for t, known in lags]))
        pairs = torch.view_as_complex(signal.unflatten(1, (-1, 2)).movedim(2, -1).contiguous())
        turned = pairs * turns.to(pairs)[:, None, None]
        return torch.view_as_real(turned).movedim(-1, 2).flatten(1, 2)


class OffScanner(NamedTuple):
    """A way in which the true scanner differs from what is believed.

    Attributes:
        true_scanner: Quantities that differ, by name.
        disturbances: What the receiver makes of the signal.
        peak_snr_db: Peak signal-to-noise ratio of the white noise in dB.
    """

    true_scanner: Mapping[str, Any]
    disturbances: tuple[Disturbance, ...] = ()
    peak_snr_db: float = 30.0


def off_scanners(scanner: Scanner) -> dict[str, OffScanner]:
    """Returns true scanners by name: gradient, core, spread of the cores and relaxation are off.

    Args:
        scanner: The scanner that is believed in.
    """
    found: dict[str, OffScanner] = {}
    for percent in (-5, 5):
        factor = 1 + percent / 100
        found[f"gradient {percent:+d} %"] = OffScanner(
            {
                "gradient_x_t_per_m": factor * scanner.gradient_x_t_per_m,
                "gradient_y_t_per_m": factor * scanner.gradient_y_t_per_m,
            }
        )
    for percent in (-5, 5):
        diameter_m = (1 + percent / 100) * scanner.particle.core_diameter_m
        found[f"core diameter {percent:+d} %"] = OffScanner(
            {"particle": {"core_diameter_m": diameter_m}}
        )
    spread = scanner.particle.diameter_log_std + 0.15
    found["spread of cores +0.15"] = OffScanner({"particle": {"diameter_log_std": spread}})
    relaxation_s = _relaxation_s(scanner) + 1e-6
    # Noise is that of the receiver: it doesn't fall with the signal.
    first = scanner.harmonics[0]
    lags = (_lag(scanner, first, time_s) for time_s in (relaxation_s, _relaxation_s(scanner)))
    loss, known_loss = (math.cos(lag) for lag in lags)
    found["relaxation +1 µs, aligned"] = OffScanner(
        {"particle": {"relaxation_time_s": relaxation_s}},
        (AlignedPhase(relaxation_time_s=relaxation_s),),
        30.0 + 20 * math.log10(loss / known_loss),
    )
    return found


def off_sets(
    scanner: Scanner, phantoms: Sequence[int], cases_per_gap: int, num_nulls: int
) -> list[EvaluationSet]:
    """Returns phantoms, pairs of 0.4 mm along x and nulls on every true scanner that is off.

    Those of all scanners are the same, in the same noise.

    Args:
        scanner: The scanner that is believed in.
        phantoms: Indices of the phantoms, those of the set ``phantoms``.
        cases_per_gap: Pairs of each of three gaps.
        num_nulls: Number of nulls; the forms take turns.
    """
    pairs = TwoPoints(gaps_mm=OFF_GAPS_MM, cases_per_gap=cases_per_gap)
    stems = (
        EvaluationSet(
            name="", kind=PHANTOMS, scene=PhantomMixture(), indices=phantoms, twin="phantoms"
        ),
        EvaluationSet(name="pairs, ", kind=PAIRS, scene=pairs, indices=range(len(pairs))),
        EvaluationSet(name="nulls, ", kind=NULLS, scene=Nulls(), indices=range(num_nulls)),
    )
    first = next(iter(off_scanners(scanner)))
    return [
        replace(
            stem,
            name=f"{stem.name}{name}",
            twin=stem.twin or (f"{stem.name}{first}" if name != first else ""),
            **off._asdict(),
        )
        for stem in stems
        for name, off in off_scanners(scanner).items()
    ]


def off_scanner_names(suite: Suite) -> list[str]:
    """Returns the names of the true scanners on which a suite has phantoms, pairs and nulls.

    Args:
        suite: The suite.
    """
    names = {part.name for part in suite.sets}
    return [
        part.name
        for part in suite.of_kind(PHANTOMS)
        if part.true_scanner and {f"pairs, {part.name}", f"nulls, {part.name}"} <= names
    ]


def _relaxation_s(scanner: Scanner) -> float:
    return scanner.particle.relaxation_time_s


def _lag(scanner: Scanner, harmonic: int, relaxation_s: float) -> float:
    """Returns by how much relaxation delays a harmonic, as a phase in rad."""
    return math.atan(harmonic * 2 * math.pi * scanner.drive_frequency_hz * relaxation_s)
