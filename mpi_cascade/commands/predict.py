"""``mpi-cascade predict``: test scans and the images that a trained cascade makes of them."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mpi_cascade.checks import PositiveInt
from mpi_cascade.commands.trained import Splits, run_trained, trained
from mpi_cascade.experiment import Experiment


def main(arguments: Sequence[str]) -> None:
    """Predicts as the arguments say."""
    run_trained(predict, arguments)


def predict(
    checkpoint: Path,
    experiment: Experiment,
    data: Splits,
    output: Path | None = None,
    batch_size: PositiveInt = 64,
    device: str = "auto",
) -> None:
    """Writes test scans and the images that a trained cascade makes of them.

    For each batch there are the arrays indices, signal, concentration, preliminary and final. All
    signals are scans.mdf too, for reconstruct, unless they have the units or channels of a measured
    system matrix. Of scans in a file reconstruct makes the images.

    Args:
        checkpoint: a trained cascade, a .ckpt file; it comes first, and options change what it says
        experiment: what is scanned, and how
        data: which scans
        output: directory (default: a new one below runs)
        batch_size: scans at a time, and in a file
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    import numpy as np

    from mpi_cascade.evaluation.measures import PHANTOMS
    from mpi_cascade.mdf import new_scans
    from mpi_cascade.results.directory import listing, output_directory
    from mpi_cascade.results.files import whole_directory
    from mpi_cascade.results.progress import showing_progress

    (part,) = data.suite(experiment, "test").of_kind(PHANTOMS)
    directory = output_directory(output, "predict")
    cascade = trained(checkpoint, experiment, device)
    with (
        whole_directory(directory) as unfinished,
        ExitStack() as files,
        showing_progress() as progress,
    ):
        (unfinished / "predictions").mkdir()
        append = None
        if experiment.models.are_as_simulated:
            mdf = new_scans(unfinished / "scans.mdf", experiment.scanner)
            append = files.enter_context(mdf)
        task = progress.task("scans", len(part.indices))
        for number, sample in enumerate(part.batches(experiment, batch_size)):
            if append:
                append(sample.signal.cpu())
            arrays = {
                "indices": sample.indices, "signal": sample.signal,
                "concentration": sample.concentration, **cascade(sample.signal)._asdict(),
            }  # fmt: skip
            np.savez(
                unfinished / "predictions" / f"{number:05d}.npz",
                **{name: array.cpu().numpy() for name, array in arrays.items()},
            )
            task.advance(len(sample.indices))
    sys.stdout.write(f"{listing(directory)}\n")
