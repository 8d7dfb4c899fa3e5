"""``mpi-cascade test``: a trained cascade beside Tikhonov on test scans."""

from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.checks import PositiveInt
from mpi_cascade.commands.compare import ClassicalName
from mpi_cascade.commands.trained import Splits, judge, run_trained
from mpi_cascade.experiment import Experiment


def main(arguments: Sequence[str]) -> None:
    """Tests as the arguments say."""
    run_trained(test, arguments)


def test(
    checkpoint: Path,
    experiment: Experiment,
    data: Splits,
    classical: Sequence[ClassicalName] = ("Tikhonov",),
    output: Path | None = None,
    batch_size: PositiveInt = 64,
    device: str = "auto",
) -> None:
    """Judges a trained cascade on test scans.

    Args:
        checkpoint: a trained cascade, a .ckpt file; it comes first, and options change what it says
        experiment: what is scanned, and how
        data: which scans
        classical: classical methods beside it, tuned on the validation scans; none after the bare
            option
        output: directory (default: a new one below runs)
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    judge(
        "test", "test", checkpoint, experiment, data, classical, output, batch_size, device
    )  # fmt: skip
