"""Where a file says that its scanner is not the one that its signals are wanted for.

Must not read signals.
"""

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.writing import ffp_fields
from mpi_cascade.physics.scanner import Scanner

MOST_RELATIVE = 0.01
"""What a quantity that a file states may be off by and still be the same scanner's."""

_MOST_STEPS = 0.05


def require_positions(file: MDFFile, scanner: Scanner) -> None:
    """Raises an InputError if FFP positions are off by more than half a step.

    Args:
        file: The open file, of as many periods as the scanner has FFP positions.
        scanner: The scanner that the signals are wanted for.
    """
    found_m = _positions_m(file, scanner)
    if found_m is None:
        return
    wanted_m = _wanted_m(scanner)
    if found_m.shape != wanted_m.shape or not _steps_off(found_m, scanner) <= 0.5:
        raise InputError(
            f"{file.path} has other FFP positions than the scanner (offsetField and gradient: "
            f"{_range_mm(found_m)}, not {_range_mm(wanted_m)}): use its own field of view and FFP "
            "grid, lines along x one after the other"
        )


def differences(file: MDFFile, scanner: Scanner) -> list[str]:
    """Returns what a file says of its scanner that differs, a phrase each.

    Gradient, drive amplitude and drive frequency may be 1 % off, FFP positions 5 % of a step. What
    the file does not say is not compared.

    Args:
        file: The open file; ``read_scans`` takes it for this scanner.
        scanner: The scanner that the signals are wanted for.
    """
    acquisition = file.acquisition
    pairs = [
        ("drive amplitude", "mT", 1e3, acquisition.drive_strength_t, scanner.drive_amplitude_t),
        (
            "drive frequency",
            "kHz",
            1e-3,
            acquisition.drive_frequency_hz,
            scanner.drive_frequency_hz,
        ),
    ]
    if acquisition.gradient_t_per_m is not None:
        for axis, wanted in enumerate((scanner.gradient_x_t_per_m, scanner.gradient_y_t_per_m)):
            # A line along x says nothing of y.
            if axis == 0 or scanner.num_ffp_y > 1:
                found = acquisition.gradient_t_per_m[..., axis, axis]
                pairs.append((f"gradient along {'xy'[axis]}", "T/m", 1.0, found, wanted))
    phrases = []
    for name, unit, factor, values, wanted in pairs:
        worst = values.flat[np.abs(np.abs(values) - wanted).argmax()]
        if abs(abs(worst) - wanted) > MOST_RELATIVE * wanted:
            phrases.append(f"{name} {factor * worst:.4g} {unit}, not {factor * wanted:.4g}")
    found_m = _positions_m(file, scanner)
    if found_m is not None and (steps := _steps_off(found_m, scanner)) > _MOST_STEPS:
        phrases.append(f"FFP positions up to {steps:.2f} steps off")
    return phrases


def _positions_m(file: MDFFile, scanner: Scanner) -> NDArray[np.float64] | None:
    """Returns the FFP positions (J, x and y) in m; None if the file has no offset field."""
    acquisition = file.acquisition
    if acquisition.offset_field_t is None:
        return None
    gradient = acquisition.gradient_t_per_m
    if gradient is None:
        gradient = ffp_fields(scanner)[1]
    diagonal = np.diagonal(gradient[:, 0], axis1=1, axis2=2)[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        positions_m: NDArray[np.float64] = -acquisition.offset_field_t[:, 0, :2] / diagonal
    return positions_m


def _wanted_m(scanner: Scanner) -> NDArray[np.float64]:
    offset_t, gradient_t_per_m = ffp_fields(scanner)
    positions_m: NDArray[np.float64] = -offset_t[:, 0, :2] / np.diagonal(gradient_t_per_m[0, 0])[:2]
    return positions_m


def _steps_off(found_m: NDArray[np.float64], scanner: Scanner) -> float:
    """Returns the largest error in steps of the FFP grid; y counts unless there is one line."""
    step_m = np.array(scanner.field_of_view_m[::-1]) / scanner.ffp_shape[::-1]
    num_axes = 2 if scanner.num_ffp_y > 1 else 1
    return float((np.abs(found_m - _wanted_m(scanner)) / step_m)[:, :num_axes].max())


def _range_mm(positions_m: NDArray[np.float64]) -> str:
    lowest, highest = 1e3 * positions_m.min(axis=0), 1e3 * positions_m.max(axis=0)
    return (
        f"x {lowest[0]:.3g} … {highest[0]:.3g} mm, y {lowest[1]:.3g} … {highest[1]:.3g} mm, "
        f"{len(positions_m)} in all"
    )
