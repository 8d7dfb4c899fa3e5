"""Writes a calibration: the scanner's configuration, the numbers, the figure, a table.

Must not know how it was fitted.
"""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.figure import calibration_figure
from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.levels import Levels
from mpi_cascade.calibration.lines import left_by_one_scanner, left_by_separate_lines
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.calibration.scenes import scaled_scenes
from mpi_cascade.checks import InputError
from mpi_cascade.results.directory import describe_environment

# A name, its factor to the unit shown, and the unit.
_SHOWN = {
    "gradient_x_t_per_m": ("gradient along x", 1.0, "T/m"),
    "gradient_y_t_per_m": ("gradient along y", 1.0, "T/m"),
    "core_diameter_m": ("core diameter", 1e9, "nm"),
    "offset_x_m": ("FFP at x", 1e3, "mm"),
    "offset_y_m": ("FFP at y", 1e3, "mm"),
    "sample_size_m": ("sample size", 1e3, "mm"),
    "sensitivity_slope_per_m": ("sensitivity slope along x", 0.1, "% per mm"),
}
_DISTURBANCES = "mpi_cascade.physics.disturbances"
_IMAGED_HARMONIC = 3


def write_calibration(
    directory: Path, source: Path, scan: DeltaSampleScan, fit: Fit, levels: list[Levels]
) -> str:
    """Writes everything into a directory that exists, and returns a table to show.

    Args:
        directory: The directory.
        source: The file that was measured.
        scan: The scan.
        fit: The scanner fitted to it.
        levels: The disturbances of each fitted harmonic.
    """
    (directory / "scanner.yaml").write_text(scanner_config(source, scan, fit, levels))
    (directory / "calibration.json").write_text(_numbers(source, scan, fit, levels))
    calibration_figure(scan, fit).savefig(directory / "calibration.png", dpi=110)
    return _table(scan, fit, levels)


def scanner_config(source: Path, scan: DeltaSampleScan, fit: Fit, levels: list[Levels]) -> str:
    """Returns the YAML overlay that ``fit`` takes: scanner and disturbances as measured.

    Feed-through is no part of it: it is the background, which was subtracted here, and is by
    ``reconstruct``.

    It images with the third harmonic where that was fitted, else with the first fitted one. The
    field of view is the region that was measured, and phantoms are scaled to it. One line is imaged
    as one row of pixels, with the gradient along y taken as that along x.

    Args:
        source: The file that was measured.
        scan: The scan.
        fit: The scanner fitted to it.
        levels: The disturbances of each fitted harmonic.
    """
    imaged = _IMAGED_HARMONIC if _IMAGED_HARMONIC in fit.harmonics else fit.harmonics[0]
    found = next(level for level in levels if level.harmonic == imaged)
    lines = [
        f"# The scanner that explains {source.name} best; after # the standard uncertainty.",
        "data:",
        "  scanner:",
        f"    gradient_x_t_per_m: {_value(fit, 'gradient_x_t_per_m')}",
    ]
    if scan.is_line:
        gradient = _yaml(fit.value("gradient_x_t_per_m"))
        lines.append(f"    gradient_y_t_per_m: {gradient}  # One line says nothing of it.")
    else:
        lines.append(f"    gradient_y_t_per_m: {_value(fit, 'gradient_y_t_per_m')}")
    size_m = _field_of_view_m(scan)
    lines += [
        f"    drive_amplitude_t: {_yaml(scan.drive_amplitude_t)}",
        f"    drive_frequency_hz: {_yaml(scan.drive_frequency_hz)}",
        f"    field_of_view_x_m: {_yaml(size_m[1])}",
        f"    field_of_view_y_m: {_yaml(size_m[0])}",
        *(["    num_ffp_y: 1"] if scan.is_line else []),
        f"    harmonics: [{imaged}]",
        f"    particle: {{core_diameter_m: {_yaml(fit.value('core_diameter_m'))}}}"
        f"  # ± {fit.estimates['core_diameter_m'].std:.2g}",
        *(["  image_shape: [1, 64]"] if scan.is_line else []),
        *scaled_scenes(size_m),
        f"  peak_snr_db: {found.unexplained_snr_db:.1f}  # What the fit leaves.",
    ]
    lines += _disturbances(found)
    if scan.is_line:
        lines += [
            "model:  # A U-Net halves its images, which a row of pixels does not stand.",
            "  refinement: {class_path: mpi_cascade.models.refinement.ResidualCNN}",
        ]
    return "\n".join(lines) + "\n"


def _disturbances(found: Levels) -> list[str]:
    lines = []
    for name, std in (("BackgroundDrift", found.drift_std), ("GainVariation", found.gain_std)):
        if std is not None:
            lines.append(f"    - class_path: {_DISTURBANCES}.{name}")
            lines.append(f"      init_args: {{relative_std: {_yaml(std)}}}")
    return ["  disturbances:", *lines] if lines else []


def _numbers(source: Path, scan: DeltaSampleScan, fit: Fit, levels: list[Levels]) -> str:
    """Returns everything as JSON; what is not known is null."""
    contents = {
        "source": str(source),
        "estimates": {
            name: {"value": value, "std": std if math.isfinite(std) else None}
            for name, (value, std) in fit.estimates.items()
        },
        "harmonics": [
            {
                **level._asdict(),
                "scale": fit.scale[index],
                "constant": fit.constant[index],
                "phase_rad": fit.phase_rad[index],
                "r_squared": {
                    f"y {1e3 * y_m:g} mm": fit.r_squared(scan.y_m == y_m)[index]
                    for y_m in scan.line_y_m
                },
            }
            for index, level in enumerate(levels)
        ],
        "environment": describe_environment(),
    }
    return json.dumps(contents, indent=2) + "\n"


def _table(scan: DeltaSampleScan, fit: Fit, levels: list[Levels]) -> str:
    rows = []
    for name, (value, std) in fit.estimates.items():
        label, factor, unit = _SHOWN[name]
        uncertainty = f"± {factor * std:.2g}" if math.isfinite(std) else "not told by the data"
        rows.append(f"{label:26} {factor * value:9.4g} {uncertainty} {unit}")
    header = "  ".join(f"y {1e3 * y_m:6.1f}" for y_m in scan.line_y_m)
    rows += ["", f"R²           {header}   feed-through  drift    gain   left / dB"]
    for index, level in enumerate(levels):
        by_line = "  ".join(f"{fit.r_squared(scan.y_m == y)[index]:8.3f}" for y in scan.line_y_m)
        shares = (level.feed_through, level.drift_std, level.gain_std)
        shown = "  ".join("     –" if s is None else f"{100 * s:5.1f}%" for s in shares)
        rows.append(
            f"harmonic {level.harmonic:<3} {by_line}         {shown}      "
            f"{level.unexplained_snr_db:4.1f}"
        )
    return "\n".join([*rows, *_left(scan, fit)])


def _left(scan: DeltaSampleScan, fit: Fit) -> list[str]:
    left = left_by_one_scanner(fit)
    lines = [
        "",
        f"left of the spread: {100 * left.share:.1f} % with {left.num_parameters} parameters",
    ]
    if len(scan.line_y_m) > 1:
        try:
            left = left_by_separate_lines(scan, fit)
        except InputError:
            return lines
        lines.append(
            f"by fits of each line alone: {100 * left.share:.1f} % with {left.num_parameters}"
        )
    return lines


def _value(fit: Fit, name: str) -> str:
    value, std = fit.estimates[name]
    return f"{_yaml(value)}  # ± {std:.2g}" if math.isfinite(std) else _yaml(value)


def _yaml(value: float) -> str:
    """Returns a number that YAML reads as one: with a point before any exponent."""
    text = f"{value:.5g}"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"


def _field_of_view_m(scan: DeltaSampleScan) -> tuple[float, float]:
    """Returns the region (y, x) that was measured; of a line, one that holds its phantoms."""
    x_m = _extent_m(scan.x_m)
    return (x_m / 4 if scan.is_line else _extent_m(scan.y_m)), x_m


def _extent_m(positions_m: NDArray[np.float64]) -> float:
    """Returns the width of the region that evenly spaced positions stand for."""
    num = len(np.unique(positions_m))
    return float(np.ptp(positions_m)) * num / (num - 1)
