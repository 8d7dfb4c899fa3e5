"""``mpi-cascade validate``: a trained cascade beside Tikhonov on validation scans."""

from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.checks import PositiveInt
from mpi_cascade.commands.compare import ClassicalName
from mpi_cascade.commands.trained import Splits, judge, run_trained
from mpi_cascade.experiment import Experiment


def main(arguments: Sequence[str]) -> None:
    """Validates as the arguments say."""
    run_trained(validate, arguments)


def validate(
    checkpoint: Path,
    experiment: Experiment,
    data: Splits,
    classical: Sequence[ClassicalName] = ("Tikhonov",),
    output: Path | None = None,
    batch_size: PositiveInt = 64,
    device: str = "auto",
) -> None:
    """Judges a trained cascade on validation scans.

    Args:
        checkpoint: a trained cascade, a .ckpt file; it comes first, and options change what it says
        experiment: what is scanned, and how
        data: which scans
        classical: classical methods beside it, tuned on scans of their own; none after the bare
            option
        output: directory (default: a new one below runs)
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    judge(
        "validate", "val", checkpoint, experiment, data, classical, output, batch_size, device
    )  # fmt: skip
