"""Weights adapted to a user's own scans: no truth is needed, and what fits no better isn't kept."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.physics.linear import Signals
from mpi_cascade.physics.noise import peak_snr_db
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.reconstruction.own_scans import (
    LEAST_SCANS,
    MOST_SCANS,
    OwnScans,
    unseen_misfit,
    usable_scans,
)
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.trained import TrainedCascade

_BATCH = 8
_NUM_GUARDS = 32
_CHECK_INTERVAL = 10
# Makes the error of images of about 32 dB, (0.025)², as large as a misfit of a scanner that is off.
_SIMULATED_WEIGHT = 100.0
# Of the misfit. Scans of the very scanner that is believed in gained 4 %, and their images lost.
_LEAST_GAIN = 0.1


class Check(NamedTuple):
    """How good weights are after some steps: a row of ``adaptation.csv``.

    Attributes:
        step: Steps done.
        misfit: Mean square of S c − u over the held-out scans, c made of a noisier copy and u of a
            copy with independent noise, in units of σ² and less the noise of u: 0 without error.
        simulated_psnr_db: Mean PSNR in dB of simulated scans, whose truth is known.
    """

    step: int
    misfit: float
    simulated_psnr_db: float


class Adaptation(NamedTuple):
    """What came of an adaptation.

    Attributes:
        cascade: The cascade with the weights that were kept.
        checks: The checks, the first one before any step.
        kept: The check of the weights that were kept; step 0 if they are as they were.
        num_scans: Scans that could be used.
        num_held_out: Those of them that were held out.
    """

    cascade: TrainedCascade
    checks: list[Check]
    kept: Check
    num_scans: int
    num_held_out: int

    @property
    def summary(self) -> str:
        """What was kept and why, in a sentence."""
        first, kept = self.checks[0], self.kept
        if not kept.step:
            return (
                f"nothing made {self.num_held_out} held-out scans of {self.num_scans} fit better "
                "and simulated ones no worse: the weights are as they were"
            )
        return (
            f"kept are the weights after {kept.step} steps: the misfit of {self.num_held_out} "
            f"held-out scans of {self.num_scans} went from {first.misfit:.3g} to "
            f"{kept.misfit:.3g} σ², the PSNR of simulated scans from "
            f"{first.simulated_psnr_db:.2f} to {kept.simulated_psnr_db:.2f} dB"
        )


def adapt(
    cascade: TrainedCascade,
    signal: Signals,
    num_steps: int = 30,
    learning_rate: float = 1e-4,
    advance: Callable[[], None] = lambda: None,
) -> Adaptation:
    """Returns a cascade whose weights were tuned on a user's own scans; the given one stays.

    Every step takes scans of the user, whose measurements the images must explain, and simulated
    scans of the scanner that is believed in, at their noise, whose truth the images must resemble:
    it keeps what no measurement says. Every fourth scan is held out. Those weights are kept that
    explain the held-out scans best, and by a tenth better than before, among those with which
    simulated scans, which no step has seen, have at least the PSNR that they had.

    Args:
        cascade: The cascade.
        signal: Scans of the user, (scan, channel, y, x), of which the first 256 are used; those
            that are empty, or have values that are NaN or infinite, are left out.
        num_steps: Steps of Adam, > 0.
        learning_rate: Its learning rate, > 0.
        advance: Called after every step.

    Raises:
        InputError: If too few scans can be used, their noise can't be estimated, or the cascade has
            no weights.
    """
    scans = usable_scans(cascade, signal[:MOST_SCANS])
    is_held_out = torch.arange(len(scans.indices), device=cascade.device) % LEAST_SCANS == 0
    held_out, seen = scans.part(is_held_out), scans.part(~is_held_out)
    simulated = _simulated_at(cascade, scans)
    adapted = cascade._replace(cascade=deepcopy(cascade.cascade))
    networks = adapted.cascade
    guards = simulated(Stream.ADAPTATION_GUARD, torch.arange(_NUM_GUARDS))
    checks = [_check(adapted, held_out, guards, 0)]
    kept, state = checks[0], deepcopy(networks.state_dict())
    for step in _tuned(adapted, seen, simulated, num_steps, learning_rate):
        if step % _CHECK_INTERVAL == 0 or step == num_steps:
            checks.append(_check(adapted, held_out, guards, step))
            if is_better(checks[-1], kept, checks[0]):
                kept, state = checks[-1], deepcopy(networks.state_dict())
        advance()
    networks.load_state_dict(state)
    networks.eval()
    adapted = adapted._replace(configuration=_for_one_scanner(cascade.configuration))
    return Adaptation(adapted, checks, kept, len(scans.indices), int(is_held_out.sum()))


def _tuned(
    cascade: TrainedCascade,
    scans: OwnScans,
    simulated: Callable[[int, Tensor], Sample],
    num_steps: int,
    learning_rate: float,
) -> Iterator[int]:
    """Yields the number of each step of the optimiser when it is done."""
    networks: Cascade = cascade.cascade
    weights = [weight for weight in networks.parameters() if weight.requires_grad]
    if not weights:
        raise InputError("the cascade has no weights to adapt: all that it does is physics")
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    for step in range(1, num_steps + 1):
        drawn = torch.arange(_BATCH) + _BATCH * (step - 1)
        truth = simulated(Stream.ADAPTATION_REPLAY, drawn)
        networks.train()
        errors = networks(truth.signal).final - truth.concentration
        misfit = unseen_misfit(cascade, scans.part(drawn % len(scans.indices)), step)
        optimizer.zero_grad()
        (misfit + _SIMULATED_WEIGHT * errors.square().mean()).backward()
        optimizer.step()
        yield step


def is_better(check: Check, kept: Check, first: Check) -> bool:
    """Returns whether weights are to be kept: held-out scans fit better, simulated ones no worse.

    Better is a tenth of the misfit, and more than the best so far.

    Args:
        check: The check of the weights.
        kept: That of the best so far.
        first: That of the weights before any step.
    """
    is_fitting = check.misfit < min(kept.misfit, (1 - _LEAST_GAIN) * first.misfit)
    return is_fitting and check.simulated_psnr_db >= first.simulated_psnr_db


def _simulated_at(cascade: TrainedCascade, scans: OwnScans) -> Callable[[int, Tensor], Sample]:
    """Returns what simulates scans of the scanner that is believed in, at the noise of others."""
    experiment = cascade.experiment
    peak = scans.signal.abs().amax(dim=(1, 2, 3))
    snr_db = float(peak_snr_db(peak, scans.noise).median())
    nominal = experiment.scans
    at_noise = SimulatedScans(
        nominal.forward_model, nominal.nominal_scanner, nominal.oversampling,
        [*experiment.disturbances, WhiteNoise(peak_snr_db=snr_db)],
    ).to(cascade.device)  # fmt: skip

    def simulated(stream: int, indices: Tensor) -> Sample:
        streams = RandomStreams(0, stream, indices.to(cascade.device))
        return at_noise.scan(experiment.mixture, streams)

    return simulated


@torch.no_grad()
def _check(cascade: TrainedCascade, held_out: OwnScans, guards: Sample, step: int) -> Check:
    cascade.cascade.eval()
    parts = torch.arange(len(held_out.indices), device=cascade.device).split(_BATCH)
    misfits = [len(part) * unseen_misfit(cascade, held_out.part(part), 0) for part in parts]
    pairs = zip(guards.signal.split(_BATCH), guards.concentration.split(_BATCH), strict=True)
    values = torch.cat([psnr(cascade(signal).final, truth) for signal, truth in pairs])
    misfit = torch.stack(misfits).sum() / len(held_out.indices)
    return Check(step, float(misfit), float(values.nanmean()))


def _for_one_scanner(configuration: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration of weights that are for the scanner of its experiment alone."""
    data = {key: of for key, of in (configuration.get("data") or {}).items() if key != "scanners"}
    return {**configuration, "data": data}
