"""``mpi-cascade export``: a trained cascade for use without this package."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mpi_cascade.commands.parsing import run_typed


def main(arguments: Sequence[str]) -> None:
    """Exports as the arguments say."""
    run_typed(export, arguments)


def export(
    checkpoint: Path,
    scanner: Path | None = None,
    formats: Sequence[Literal["pt2", "onnx"]] = ("pt2", "onnx"),
    output: Path | None = None,
) -> None:
    """Writes a trained cascade for batches of any size, and checks that it makes the same images.

    Args:
        checkpoint: a trained cascade, a .ckpt file
        scanner: configuration of the scanner of weights that were trained for many; what is written
            is for that scanner alone
        formats: pt2 for torch.export, onnx, or both
        output: directory (default: a new one below runs)
    """
    from mpi_cascade.export import WRITERS, require_onnx
    from mpi_cascade.results.directory import output_directory
    from mpi_cascade.results.files import whole_directory
    from mpi_cascade.trained import load

    directory = output_directory(output, "export")
    cascade = load(checkpoint, scanner=scanner)
    if "onnx" in formats:
        require_onnx()
    names = {ending: f"{checkpoint.stem}.{ending}" for ending in formats}
    with whole_directory(directory) as unfinished:
        differences = [WRITERS[key](cascade, unfinished / name) for key, name in names.items()]
    for sentence in cascade.departures:
        sys.stdout.write(f"{sentence}\n")
    for name, difference in zip(names.values(), differences, strict=True):
        sys.stdout.write(f"{directory / name}: its images differ by {difference:.1e} at most\n")
