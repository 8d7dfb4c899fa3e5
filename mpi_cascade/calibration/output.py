"""Writes a calibration: the scanner's configuration, the numbers and the figure."""

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mpi_cascade.calibration.blocks import Range
from mpi_cascade.calibration.chain import Sample, receive_chain
from mpi_cascade.calibration.configuration import scanner_configuration
from mpi_cascade.calibration.figure import calibration_figure
from mpi_cascade.calibration.fit import Fit, fit_scanner
from mpi_cascade.calibration.levels import Levels, find_levels
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.calibration.scan_grid import ScanGrid
from mpi_cascade.checks import InputError
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.results.directory import describe_environment
from mpi_cascade.results.files import whole_directory, write_text
from mpi_cascade.results.tables import markdown_table, write_json

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
_UNDETERMINED = 0.5
"""Range of sizes, as a share of the best one, from which on the data don't determine it."""


def write_calibration(
    directory: Path,
    source: Path,
    scan: DeltaSampleScan,
    fit: Fit,
    sample_m: Range | None,
    sample: Sample,
    scanned: ScanGrid | None,
    reasons: Sequence[str],
) -> str:
    """Writes everything into a directory, and returns tables to show.

    Args:
        directory: The directory, empty or not there.
        source: The file that was measured.
        scan: The scan.
        fit: The scanner fitted to it.
        sample_m: Sizes of the sample that the data can't tell apart; None where it was given.
        sample: How much tracer it holds.
        scanned: Grid of the scans that it is for; else the region that was measured has 64 × 64.
        reasons: Why the fit is no scanner; if there is one, no configuration is written.

    Raises:
        InputError: If the directory can't be written, or the scans' region is too small.
    """
    levels = find_levels(scan, fit)
    r_squared = {
        f"y {1e3 * y_m:g} mm": fit.r_squared(scan.y_m == y_m).tolist() for y_m in scan.line_y_m
    }
    chain = None if reasons else receive_chain(scan, fit, sample)
    numbers = {
        "source": str(source),
        "reasons_against": list(reasons),
        "estimates": fit.estimates,
        "sample_size_range_m": sample_m,
        "harmonics": _harmonics(fit, levels, r_squared),
        "environment": describe_environment(),
    }
    with whole_directory(directory) as unfinished:
        if chain:
            configuration = scanner_configuration(source, scan, fit, levels, chain, scanned)
            write_text(unfinished / "scanner.yaml", configuration)
        write_json(unfinished / "calibration.json", numbers)
        calibration_figure(scan, fit).savefig(unfinished / "calibration.png", dpi=110)
    parts = [_quantities(fit), _levels(levels, r_squared)]
    if chain:
        parts.append(_gains(chain))
    return "\n\n".join((*parts, _left(scan, fit), *undetermined(fit, sample_m)))


def undetermined(fit: Fit, sample_m: Range | None) -> list[str]:
    """Returns a sentence if the data don't determine the sample's size.

    Args:
        fit: The fitted scanner.
        sample_m: Sizes of the sample that the data can't tell apart; None where it was given.
    """
    size_m = fit.value("sample_size_m")
    if sample_m and sample_m.high - sample_m.low > _UNDETERMINED * size_m:
        high = f"to {1e3 * sample_m.high:.3g} mm" if math.isfinite(sample_m.high) else "on"
        return [
            f"the data don't determine the sample's size: from {1e3 * sample_m.low:.3g} {high} all "
            "fit about as well, so give it with --sample-mm where it is known"
        ]
    return []


def fits_of_lines(scan: DeltaSampleScan, harmonics: tuple[int, ...]) -> list[Fit]:
    """Returns one-dimensional fits, one for each line by itself.

    Args:
        scan: The scan.
        harmonics: The harmonics to explain.

    Raises:
        InputError: If a line has too few positions.
    """
    return [fit_scanner(scan.at(scan.y_m == y_m), harmonics) for y_m in scan.line_y_m]


def unexplained(fits: Sequence[Fit], whole: Fit) -> tuple[float, int]:
    """Returns what fits of parts of a scan leave of its spread, and how much they need for that.

    Args:
        fits: The fits, one of each part.
        whole: A fit of the whole scan.

    Returns:
        The share of the spread around each harmonic's mean, averaged over the harmonics, and the
        number of fitted quantities, scales and constants.
    """
    residual = np.concatenate([fit.measured - fit.fitted for fit in fits], axis=1)
    spread = whole.measured - whole.measured.mean(axis=1, keepdims=True)
    share = (residual**2).sum(axis=1) / (spread**2).sum(axis=1)
    num_parameters = sum(len(fit.estimates) + 2 * len(fit.harmonics) for fit in fits)
    return float(share.mean()), num_parameters


def _harmonics(
    fit: Fit, levels: list[Levels], r_squared: dict[str, list[float]]
) -> list[dict[str, Any]]:
    return [
        {
            **level._asdict(),
            "scale": fit.scale[index],
            "response_relative_std": fit.response_relative_std[index],
            "constant": fit.constant[index],
            "phase_rad": fit.phase_rad[index],
            "phase_std_rad": fit.phase_std_rad[index],
            "r_squared": {line: values[index] for line, values in r_squared.items()},
        }
        for index, level in enumerate(levels)
    ]


def _quantities(fit: Fit) -> str:
    rows = []
    for name, (value, std) in fit.estimates.items():
        label, factor, unit = _SHOWN[name]
        uncertainty = f"{factor * std:.2g}" if std else "given"
        if not math.isfinite(std):
            uncertainty = "not told by the data"
        rows.append([label, f"{factor * value:.4g}", uncertainty, unit])
    return markdown_table(["quantity", "value", "±", "unit"], rows)


def _levels(levels: list[Levels], r_squared: dict[str, list[float]]) -> str:
    head = ["harmonic", *(f"R², {line}" for line in r_squared)]
    rows = [
        [
            str(level.harmonic),
            *(f"{values[index]:.3f}" for values in r_squared.values()),
            *map(_percent, (level.feed_through, level.drift_std, level.gain_std)),
            f"{level.unexplained_snr_db:.1f}",
        ]
        for index, level in enumerate(levels)
    ]
    return markdown_table([*head, "feed-through", "drift", "gain", "left / dB"], rows)


def _gains(chain: ReceiveChain) -> str:
    """Returns the receive chain: the amplitude of a harmonic that is a signal of 1."""
    of = f"{chain.concentration:.4g} {chain.concentration_unit}"
    head = ["harmonic", f"{chain.unit} for a signal of 1 ({of})", "±", "phase / °", "± / °"]
    columns = zip(
        chain.harmonics, chain.gain, chain.gain_relative_std, chain.phase_rad,
        chain.phase_std_rad, strict=True,
    )  # fmt: skip
    rows = [
        [
            str(harmonic), f"{gain:.4g}", f"{100 * std:.2g} %",
            f"{math.degrees(phase):.1f}", f"{math.degrees(phase_std):.2g}",
        ]
        for harmonic, gain, std, phase, phase_std in columns
    ]  # fmt: skip
    return markdown_table(head, rows)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _left(scan: DeltaSampleScan, fit: Fit) -> str:
    left = {"one scanner": unexplained([fit], fit)}
    if not scan.is_line:
        # A line may have too few positions for a scanner of its own.
        with suppress(InputError):
            left["a scanner for each line"] = unexplained(fits_of_lines(scan, fit.harmonics), fit)
    return "\n".join(
        f"left of the spread by {what}: {100 * share:.1f} % with {num_parameters} parameters"
        for what, (share, num_parameters) in left.items()
    )
