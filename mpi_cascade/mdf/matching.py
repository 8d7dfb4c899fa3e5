"""Where a file says that its scanner is not the one that its signals are wanted for."""

import math

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import Acquisition
from mpi_cascade.mdf.narrowband import narrowband_acquisition
from mpi_cascade.mdf.reading import MDFFile
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
    order = ffp_order(file, scanner)
    if not np.array_equal(order, np.arange(len(order))):
        raise _other_positions(file, scanner)


def ffp_order(file: MDFFile, scanner: Scanner) -> NDArray[np.int64]:
    """Returns the period of each FFP position of the grid, line by line along x, (y·x,).

    Where the file states no positions the periods are in that order already.

    Args:
        file: The open file, of as many periods as the scanner has FFP positions.
        scanner: The scanner that the signals are wanted for.

    Raises:
        InputError: If positions are off by more than half a step.
    """
    found_m = _positions_m(file.acquisition, narrowband_acquisition(scanner))
    indices = np.arange(math.prod(scanner.ffp_shape))
    if found_m is None:
        return indices
    flat = np.zeros(len(found_m), np.int64)
    with np.errstate(invalid="ignore"):
        for axis, count, size_m in zip(
            (1, 0), scanner.ffp_shape, scanner.field_of_view_m, strict=True
        ):
            # Of a line, what the file says of y does not count.
            cells = (found_m[:, axis] / size_m + 0.5) * count - 0.5 if count > 1 else 0.0 * indices
            # Half a step either way, and no more.
            nearest = np.nan_to_num(np.round(cells), nan=-1, posinf=-1, neginf=-1)
            flat = np.where((nearest >= 0) & (nearest < count), flat * count + nearest, -1)
    order = np.argsort(flat, kind="stable")
    if not np.array_equal(flat[order], indices):
        raise _other_positions(file, scanner)
    return order


def _other_positions(file: MDFFile, scanner: Scanner) -> InputError:
    wanted = narrowband_acquisition(scanner)
    found_m, wanted_m = _positions_m(file.acquisition, wanted), _positions_m(wanted, wanted)
    shown = " not ".join(f"{_range_mm(m)}," for m in (found_m, wanted_m) if m is not None)
    return InputError(
        f"{file.path} has other FFP positions than the scanner (offsetField and gradient: "
        f"{shown.rstrip(',')}): use its own field of view and FFP grid, which calibrate takes with "
        "--region-mm and --ffp-grid, and which is centred at 0"
    )


def differences(
    file: MDFFile, scanner: Scanner, calibration: Acquisition | None = None
) -> list[str]:
    """Returns what a file says of its scanner that differs, a phrase each.

    Gradient, drive amplitude and drive frequency may be 1 % off, FFP positions 5 % of a step. What
    the file does not say is not compared.

    Args:
        file: The open file; ``read_scans`` takes it for this scanner.
        scanner: The scanner that the signals are wanted for.
        calibration: How the scanner was calibrated, if it was.
    """
    found, wanted = file.acquisition, calibration or narrowband_acquisition(scanner)
    # The sign of a field is a convention; of the FFP positions it counts.
    phrases = [
        *_difference("drive amplitude", 1e3, "mT", found.drive_strength_t, wanted.drive_strength_t),
        *_difference(
            "drive frequency", 1e-3, "kHz",
            found.drive_frequency_hz[None], wanted.drive_frequency_hz[None],
        ),
    ]  # fmt: skip
    if found.gradient_t_per_m is not None and wanted.gradient_t_per_m is not None:
        # A line along x says nothing of y.
        for axis in range(2 if scanner.num_ffp_y > 1 else 1):
            gradients = found.gradient_t_per_m[:, :, axis], wanted.gradient_t_per_m[:, :, axis]
            phrases += _difference(f"gradient along {'xy'[axis]}", 1.0, "T/m", *gradients)
    found_m = _positions_m(found, wanted)
    if calibration is None and found_m is not None:
        found_m = found_m[ffp_order(file, scanner)]
    steps = _steps_off(found_m, _positions_m(wanted, wanted), scanner)
    if steps > _MOST_STEPS:
        phrases.append(f"FFP positions up to {steps:.2f} steps off")
    return phrases


def _difference(
    name: str,
    factor: float,
    unit: str,
    found: NDArray[np.float64],
    wanted: NDArray[np.float64],
) -> list[str]:
    """Returns a phrase if a quantity, by period or once for all, is off at its largest value."""
    if found.shape[1:] != wanted.shape[1:] or len({1, len(found), len(wanted)}) > 2:
        return [f"{name} of the shape {found.shape}, not {wanted.shape}"]
    found, wanted = np.broadcast_arrays(found, wanted)
    off = np.abs(np.abs(found) - np.abs(wanted))
    if off.max() <= MOST_RELATIVE * np.abs(wanted).max():
        return []
    worst = off.argmax()
    values = factor * found.flat[worst], factor * wanted.flat[worst]
    return [f"{name} {values[0]:.4g} {unit}, not {values[1]:.4g}"]


def _positions_m(found: Acquisition, wanted: Acquisition) -> NDArray[np.float64] | None:
    """Returns the FFP positions (J, x and y) in m; None if there is no offset field."""
    gradient = wanted.gradient_t_per_m if found.gradient_t_per_m is None else found.gradient_t_per_m
    if found.offset_field_t is None or gradient is None:
        return None
    diagonal = np.diagonal(gradient[:, 0], axis1=1, axis2=2)[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        positions_m: NDArray[np.float64] = -found.offset_field_t[:, 0, :2] / diagonal
    return positions_m


def _steps_off(
    found_m: NDArray[np.float64] | None, wanted_m: NDArray[np.float64] | None, scanner: Scanner
) -> float:
    """Returns the largest error in steps of the FFP grid; y counts unless there is one line."""
    if found_m is None or wanted_m is None:
        return 0.0
    if found_m.shape != wanted_m.shape:
        return np.inf
    step_m = np.array(scanner.field_of_view_m[::-1]) / scanner.ffp_shape[::-1]
    num_axes = 2 if scanner.num_ffp_y > 1 else 1
    with np.errstate(invalid="ignore"):
        return float((np.abs(found_m - wanted_m) / step_m)[:, :num_axes].max())


def _range_mm(positions_m: NDArray[np.float64]) -> str:
    lowest, highest = 1e3 * positions_m.min(axis=0), 1e3 * positions_m.max(axis=0)
    return (
        f"x {lowest[0]:.3g} … {highest[0]:.3g} mm, y {lowest[1]:.3g} … {highest[1]:.3g} mm, "
        f"{len(positions_m)} in all"
    )
