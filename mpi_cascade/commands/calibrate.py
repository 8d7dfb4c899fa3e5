"""``mpi-cascade calibrate``: a scanner's configuration from a measured small sample."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpi_cascade.checks import InputError, Positive
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.commands.parsing import run_typed
from mpi_cascade.results.messages import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_POSITIONS = 10_000
_HARMONICS = (2, 3, 4, 5, 6)


def main(arguments: Sequence[str]) -> None:
    """Calibrates as the arguments say."""
    run_typed(calibrate, arguments)


def calibrate(
    file: Path,
    x_mm: tuple[float, float, float] | None = None,
    y_mm: tuple[float, float, float] = (0.0, 0.0, 1.0),
    drive_mt: Positive | None = None,
    drive_khz: Positive = 25.0,
    dataset: str = "matrix",
    harmonics: Sequence[int] | None = None,
    sample_mm: Positive | None = None,
    concentration: str | None = None,
    mass: str | None = None,
    unit: str = "counts",
    ffp_grid: tuple[int, int] | None = None,
    region_mm: tuple[float, float] | None = None,
    output: Path | None = None,
    device: str = "auto",
) -> None:
    """Fits a scanner to a measured line or grid of a small sample: the configuration of fit.

    What does not tell of a scanner is named, and ends it with exit status 1 and no configuration.

    Args:
        file: an MDF calibration; or HDF5 rows of one drive period each, line by line along x, where
            a line may have one more, its background, before it
        x_mm: of rows, the first and last position of a line and their number
        y_mm: of rows, the first and last line and their number
        drive_mt: of rows, the amplitude of the drive field in mT
        drive_khz: of rows, its frequency in kHz
        dataset: of rows, the name of the data set
        harmonics: harmonics to explain (default: those of 2 to 6 that stand out from the noise)
        sample_mm: edge of the sample in mm, if it is known; else what the file states, or fitted
        concentration: of the sample with its unit, which images then have, as "5 mg Fe/ml"; else
            that of iron which the file states, or 1
        mass: of the sample with its unit, as "20 µg Fe", where its size is not known; images are
            then of that per mm²
        unit: of rows, the unit of their values
        ffp_grid: FFP positions along x and along y of the scans that will be reconstructed; needs
            --region-mm (default: 64 along x and along y, of a sample on one line 64 and 1)
        region_mm: width and height in mm of the region of those scans, positions times step, which
            is centred at 0; of one line any height that phantoms fit in, such as a quarter of the
            width (default: the region where the sample was)
        output: directory (default: a new one below runs)
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    from mpi_cascade.calibration.blocks import sample_range_m, with_block_uncertainties
    from mpi_cascade.calibration.chain import known_sample
    from mpi_cascade.calibration.fit import clear_harmonics, fit_scanner
    from mpi_cascade.calibration.output import write_calibration
    from mpi_cascade.calibration.refusal import reasons_against
    from mpi_cascade.calibration.scan import is_mdf, read_mdf, read_rows
    from mpi_cascade.calibration.scan_grid import scan_grid
    from mpi_cascade.results.directory import output_directory
    from mpi_cascade.results.tables import for_terminal

    if (ffp_grid is None) != (region_mm is None):
        raise InputError("--ffp-grid and --region-mm belong together: give both, or neither")
    if is_mdf(file):
        scan = read_mdf(file)
    elif x_mm is None or drive_mt is None:
        raise InputError(
            f"{file} is no MDF: say where its rows were measured with --x-mm FIRST LAST NUMBER, "
            "--y-mm FIRST LAST NUMBER and --drive-mt"
        )
    else:
        x_m, y_m = _positions_m("--x-mm", x_mm, least=2), _positions_m("--y-mm", y_mm, least=1)
        scan = read_rows(file, dataset, x_m, y_m, 1e-3 * drive_mt, 1e3 * drive_khz, unit)
    scanned = None
    if ffp_grid and region_mm:
        scanned = scan_grid(ffp_grid, region_mm, scan.is_line)
    directory = output_directory(output, "calibrate")
    place = chosen_device(device)
    edge_m = 1e-3 * sample_mm if sample_mm else scan.sample_edge_m
    sample = known_sample(scan, concentration, mass, has_size=edge_m is not None)
    known = {"sample_size_m": edge_m} if edge_m else {}
    chosen = clear_harmonics(scan, _HARMONICS) if harmonics is None else tuple(harmonics)
    fit = fit_scanner(scan, chosen, place, known)
    if not (reasons := reasons_against(scan, fit)):
        # A fit for every line and harmonic, each of which would wander about in noise.
        fit = with_block_uncertainties(scan, fit, place)
        reasons = reasons_against(scan, fit)
    sample_m = None if edge_m or reasons else sample_range_m(scan, fit, place)
    shown = write_calibration(directory, file, scan, fit, sample_m, sample, scanned, reasons)
    sys.stdout.write(f"{for_terminal(shown)}\n\nEverything lies in {directory}; ")
    if reasons:
        sys.stdout.write("there is no scanner.yaml\n")
        for reason in reasons:
            say(f"error: {file}: {reason}")
        sys.exit(1)
    sys.stdout.write(
        "train with\n  mpi-cascade fit --config configs/quickstart.yaml "
        f"--config {directory / 'scanner.yaml'}\n"
    )


def _positions_m(
    name: str, values: tuple[float, float, float], least: int
) -> "NDArray[np.float64]":
    import numpy as np

    first, last, num = values
    is_number = least <= num <= _MOST_POSITIONS and num == round(num)
    are_places = math.isfinite(first) and math.isfinite(last)
    if not (is_number and are_places and (num == 1 or first != last)):
        raise InputError(
            f"{name} is {first:g} {last:g} {num:g}: give the first and last position in mm, which "
            f"must differ, and their number, {least} … {_MOST_POSITIONS}"
        )
    return 1e-3 * np.linspace(first, last, int(num))
