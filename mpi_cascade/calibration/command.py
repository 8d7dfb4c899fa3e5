"""``python -m mpi_cascade calibrate``: a scanner's configuration from a measured small sample."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.fit import fit_scanner
from mpi_cascade.calibration.levels import find_levels
from mpi_cascade.calibration.output import write_calibration
from mpi_cascade.calibration.scan import DeltaSampleScan, read_mdf, read_rows
from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.mdf.hdf5 import HDF5File
from mpi_cascade.results.directory import make_directory, output_directory

_MOST_POSITIONS = 10_000


def main(arguments: Sequence[str]) -> None:
    """Calibrates what the arguments name, writes everything, and shows the numbers."""
    options = _parser().parse_args(arguments)
    scan = _read(options)
    directory = output_directory(options.output, "calibrate")
    fit = fit_scanner(scan, tuple(options.harmonics))
    make_directory(directory)
    table = write_calibration(directory, options.file, scan, fit, find_levels(scan, fit))
    sys.stdout.write(
        f"{table}\n\nEverything lies in {directory}; train with\n  python -m mpi_cascade fit "
        f"--config configs/quickstart.yaml --config {directory / 'scanner.yaml'}\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade calibrate",
        description="Gradient, core diameter, FFP, sample size and disturbances from a measured "
        "line or grid of a small sample, and the configuration that fit takes.",
    )
    parser.add_argument("file", type=Path, help="an MDF calibration, or HDF5 rows with --x-mm …")
    parser.add_argument("--output", type=Path, help="directory (default: below runs)")
    parser.add_argument(
        "--harmonics", type=int, nargs="+", default=[2, 3, 4, 5, 6], metavar="N",
        help="harmonics to explain (default: 2 3 4 5 6)",
    )  # fmt: skip
    rows = parser.add_argument_group(
        "HDF5 rows", "one drive period each, line by line along x; where there is one more to a "
        "line, its first is the background",
    )  # fmt: skip
    axis = ("FIRST", "LAST", "NUM")
    rows.add_argument("--x-mm", type=float, nargs=3, metavar=axis, help="positions of a line")
    rows.add_argument("--y-mm", type=float, nargs=3, metavar=axis, help="lines (default: one)")
    rows.add_argument("--drive-mt", type=float, help="amplitude of the drive field in mT")
    rows.add_argument("--drive-khz", type=float, default=25.0, help="its frequency in kHz (25)")
    rows.add_argument("--dataset", default="matrix", help="name of the data set (matrix)")
    return parser


def _read(options: argparse.Namespace) -> DeltaSampleScan:
    with HDF5File(options.file) as file:
        is_mdf = file.find("/version") is not None
    if is_mdf:
        return read_mdf(options.file)
    if options.x_mm is None or options.drive_mt is None:
        raise InputError(
            f"{options.file} is no MDF: say where its rows were measured with --x-mm FIRST LAST "
            "NUM, --y-mm FIRST LAST NUM and --drive-mt"
        )
    for name in ("drive_mt", "drive_khz"):
        value = getattr(options, name)
        if not 0 < value < np.inf:
            raise InputError(f"--{name.replace('_', '-')} is {value}: it must be greater than 0")
    return read_rows(
        options.file,
        options.dataset,
        _positions_m("--x-mm", options.x_mm, least=2),
        _positions_m("--y-mm", options.y_mm or [0.0, 0.0, 1.0], least=1),
        1e-3 * options.drive_mt,
        1e3 * options.drive_khz,
    )


def _positions_m(name: str, values: list[float], least: int) -> NDArray[np.float64]:
    first, last, num = values
    is_number = num == round(num) if np.isfinite(num) else False
    if not (is_number and least <= num <= _MOST_POSITIONS and np.isfinite([first, last]).all()):
        raise InputError(
            f"{name} is {first:g} {last:g} {num:g}: give the first and last position in mm and "
            f"their number, {least} … {_MOST_POSITIONS}"
        )
    if num > 1 and first == last:
        raise InputError(f"{name} is {first:g} {last:g} {num:g}: the positions must differ")
    return 1e-3 * np.linspace(first, last, int(num))
