"""What exact steps back to the scan add to a trained cascade, without any training of their own."""

from collections.abc import Sequence
from pathlib import Path

import torch
from timing import Table, start

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.measures import PHANTOMS
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.proximal import ProximalRefinement
from mpi_cascade.models.stages import SignalRefinement
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.trained import load


@torch.no_grad()
def plug_and_play(
    table: Table,
    checkpoint: Path,
    relative_regularisations: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0),
    num_steps: Sequence[int] = (1, 2, 4),
    num_images: int = 64,
) -> None:
    """Measures the PSNR of a trained stage 2 that alternates with exact proximal steps.

    Args:
        checkpoint: a cascade whose stage 2 doesn't see the signal, a .ckpt file
        relative_regularisations: λ of the steps, relative to the largest eigenvalue of S Sᵀ
        num_steps: numbers of steps
        num_images: phantoms
    """
    trained = load(checkpoint)
    network = trained.cascade.refinement
    if isinstance(network, SignalRefinement):
        raise InputError(
            f"stage 2 of {checkpoint} sees the signal already, so nothing can be plugged in: give "
            "a cascade with configs/networks/plain.yaml"
        )
    scans = EvaluationSet(
        name="phantoms", kind=PHANTOMS, scene=PhantomMixture(), indices=range(num_images)
    )
    samples = list(scans.batches(trained.experiment))
    signal = torch.cat([sample.signal for sample in samples])
    truth = torch.cat([sample.concentration for sample in samples])
    table.add("no step", "dB PSNR", [psnr(trained(signal).final, truth).nanmean().item()])
    for steps in num_steps:
        for share in relative_regularisations:
            alternation = ProximalRefinement(network, steps, True, share)
            cascade = Cascade(trained.cascade.preliminary, alternation)
            alternation.use(trained.experiment.forward_model)
            quality = psnr(cascade.eval()(signal).final, truth).nanmean().item()
            table.add(f"{steps} step(s), λ = {share:g}", "dB PSNR", [quality])


if __name__ == "__main__":
    start(plug_and_play)
