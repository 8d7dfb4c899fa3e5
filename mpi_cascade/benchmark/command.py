"""``python -m mpi_cascade benchmark``: how fast simulation, training and reconstruction are."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mpi_cascade.benchmark.choices import measure_choices
from mpi_cascade.benchmark.machine import measure_machine
from mpi_cascade.benchmark.output import scaling_figure, table, write_json
from mpi_cascade.benchmark.reconstruction import measure_reconstruction
from mpi_cascade.benchmark.scaling import measure_scaling
from mpi_cascade.benchmark.simulation import measure_simulation
from mpi_cascade.benchmark.timing import Row
from mpi_cascade.benchmark.training import measure_training
from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.results.messages import say

SECTIONS = ("simulation", "training", "choices", "reconstruction", "scaling")

_MOST_THREADS = 1024


def main(arguments: Sequence[str]) -> None:
    """Measures the sections that the arguments name, shows the table and writes the files."""
    options = _parser().parse_args(arguments)
    _check(options)
    torch.set_num_threads(options.threads)
    # Processes of their own, such as fit's, have as many threads.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rows: list[Row] = []
    try:
        for measured in _measurements(options):
            rows += measured()
            if options.json:
                _write(options.json, rows)
    finally:
        # An interrupted benchmark shows what it has.
        sys.stdout.write(table(rows))


def _write(path: Path, rows: list[Row]) -> None:
    write_json(path, rows)
    figure = scaling_figure(rows)
    if figure:
        figure.savefig(path.with_suffix(".png"), dpi=150)


def _check(options: argparse.Namespace) -> None:
    for section in options.sections:
        if section not in SECTIONS:
            raise InputError(f"{section} is no section: use {', '.join(SECTIONS)}")
    for name in ("threads", "batch", "num_tuning", "num_steps"):
        if getattr(options, name) < 1:
            raise InputError(f"{name} is {getattr(options, name)}: it must be 1 or more")
    if options.threads > _MOST_THREADS:
        raise InputError(f"threads is {options.threads}: it must be {_MOST_THREADS} or fewer")
    used = dict.fromkeys(("training", "choices", "scaling"), options.config)
    used["reconstruction"] = options.checkpoint
    for section in options.sections or SECTIONS:
        if section in used and not used[section].is_file():
            raise InputError(
                f"{used[section]} is no file, and {section} needs it: name another with --config "
                "or --checkpoint, or leave the section out"
            )
    if options.json and (options.json.is_dir() or not options.json.parent.is_dir()):
        raise InputError(f"{options.json} is no file in a directory that exists: choose another")


def _measurements(options: argparse.Namespace) -> list[Callable[[], list[Row]]]:
    """Returns what to measure, in order; the limits of the machine stand before all."""
    chosen = options.sections or SECTIONS
    machine: list[Row] = []

    def limits() -> list[Row]:
        say("machine: bandwidth and FLOP rate")
        machine.extend(measure_machine())
        return machine

    def simulation() -> list[Row]:
        bandwidth, flops = (1e9 * row.value for row in machine)
        return measure_simulation(flops, bandwidth, say)

    by_name: dict[str, Callable[[], list[Row]]] = {
        "simulation": simulation,
        "training": lambda: measure_training(options.config, say),
        "choices": lambda: measure_choices(options.config, options.num_steps, say),
        "reconstruction": lambda: measure_reconstruction(
            options.checkpoint, options.num_tuning, options.batch, say
        ),
        "scaling": lambda: measure_scaling(options.config, os.cpu_count() or 1, say),
    }
    return [limits, *(by_name[name] for name in SECTIONS if name in chosen)]


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade benchmark",
        description="Times of simulation, training and reconstruction on this machine's CPU, "
        "beside other ways to do the same, each in turn with the others; medians and quartiles. "
        "All sections take 10 to 15 minutes on two cores.",
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)} (default: all)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE",
        help="write the numbers here, and the figure of scaling beside it",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1, help="threads of every process (1)")
    parser.add_argument(
        "--config", type=Path, default=Path("configs/quickstart.yaml"),
        help="what fit trains (configs/quickstart.yaml)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("weights/reference.ckpt"),
        help="the cascade that reconstructs (weights/reference.ckpt)",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=64, help="images of a batch (64)")
    parser.add_argument(
        "--num-tuning", type=int, default=8, help="scans to tune classical methods on (8)"
    )
    parser.add_argument(
        "--num-steps", type=int, default=120, help="steps that each choice trains for (120)"
    )
    return parser
