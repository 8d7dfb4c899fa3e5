"""What resolution may be expected of a scanner before anything is trained for it."""

import math
from bisect import bisect_left
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np

from mpi_cascade.checks import InputError, as_range
from mpi_cascade.evaluation.detectability import detectability
from mpi_cascade.evaluation.least_favourable import central_pairs
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.convolution import common_lattice
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.simulated import fine_shape, square_oversampling

_CERTAIN = 4.0
_WINDOW_PER_DIAMETER = 16
_MOST_POSITIONS = 64
_PIXELS_PER_DIAMETER = 10
_NUM_GAPS = 12
_GAPS_PER_DIAMETER = (0.03, 4.0)
_MOST_EXTRA_PIXELS = 128
_DIRECTIONS = {"x": 0.0, "y": 90.0}


def expected_resolution(experiment: Experiment, pairs: TwoPoints) -> str:
    """Returns a sentence on the gap that noise allows to be seen, and whether the pixels carry it.

    Args:
        experiment: Scanner, noise, and the grid of the images; its analytic model is what counts.
        pairs: The two-point suite, for the diameter of its discs.
    """
    scanner, snr_db = experiment.scanner, experiment.peak_snr_db
    diameter_mm = sum(as_range(pairs.diameter_mm)) / 2
    directions = ["x", *(["y"] if scanner.num_ffp_y > 1 else [])]
    gaps_mm = {
        axis: 1e3 * smallest_gap_m(scanner, 1e-3 * diameter_mm, _DIRECTIONS[axis], snr_db)
        for axis in directions
    }
    found = ", ".join(f"{_shown(gap, diameter_mm)} along {axis}" for axis, gap in gaps_mm.items())
    sentence = (
        f"expected resolution: at {snr_db:g} dB an ideal observer tells two discs of "
        f"{diameter_mm:.2g} mm from one object at gaps from {found}; networks need more. "
    )
    num_y, num_x = experiment.image_shape
    pixels_mm = {
        "x": 1e3 * scanner.field_of_view_x_m / num_x, "y": 1e3 * scanner.field_of_view_y_m / num_y
    }  # fmt: skip
    coarse = [axis for axis in directions if pixels_mm[axis] > gaps_mm[axis]]
    size = " × ".join(f"{pixels_mm[axis]:.2g}" for axis in directions)
    if not coarse:
        return f"{sentence}Pixels of {size} mm carry that."
    sentence += f"Pixels of {size} mm are too large to show that along {' and '.join(coarse)}"
    least = {axis: pixels_mm[axis] / gaps_mm[axis] for axis in coarse}
    shape = _finer_shape(experiment, (least.get("y", 1.0), least.get("x", 1.0)))
    return (
        f"{sentence}; experiment.image_shape {list(shape)} would do." if shape else f"{sentence}."
    )


def _finer_shape(experiment: Experiment, factors: tuple[float, float]) -> tuple[int, int] | None:
    """Returns about the least pixels (y, x) that networks and simulation can work with, if any.

    Args:
        experiment: The experiment.
        factors: By how much finer the pixels must be at least along (y, x).
    """
    step = experiment.cascade.image_multiple
    for extra in range(0, _MOST_EXTRA_PIXELS, step):
        num_y, num_x = (
            num if factor == 1 else step * math.ceil(num * factor / step) + extra
            for num, factor in zip(experiment.image_shape, factors, strict=True)
        )
        with suppress(InputError):
            _check_grids(experiment, (num_y, num_x))
            return num_y, num_x
    return None


def _check_grids(experiment: Experiment, image_shape: tuple[int, int]) -> None:
    """Raises an InputError if images of this shape have no lattice in common with the FFPs."""
    scanner = experiment.scanner
    per_axis = square_oversampling(image_shape, scanner.field_of_view_m, experiment.oversampling)
    for shape in (image_shape, fine_shape(image_shape, per_axis)):
        common_lattice(shape, scanner.ffp_shape)


def smallest_gap_m(
    scanner: Scanner, diameter_m: float, angle_deg: float, peak_snr_db: float
) -> float:
    """Returns the gap in m from which an ideal observer tells two discs from any single capsule.

    There d′ is 4: it errs in 2 % of the cases. Found to about 10 %, on a part of the field of view.

    Args:
        scanner: The scanner.
        diameter_m: Diameter of the discs in m, > 0.
        angle_deg: Angle of the pair against x in degrees.
        peak_snr_db: Peak signal-to-noise ratio in dB.

    Returns:
        The gap; infinite if 4 diameters, or what fits the field of view, aren't enough, and
        0.03 diameters if those already are.
    """
    window, gain = _window(scanner, diameter_m)
    step_m = diameter_m / _PIXELS_PER_DIAMETER
    num_y, num_x = (
        num * max(1, math.ceil(size_m / (num * step_m) - 1e-6))
        for num, size_m in zip(window.ffp_shape, window.field_of_view_m, strict=True)
    )
    room_m = 0.9 * window.field_of_view_m[0 if angle_deg else 1] - 2 * diameter_m
    least_m, most_m = (share * diameter_m for share in _GAPS_PER_DIAMETER)
    if room_m <= least_m:
        return math.inf
    gaps_m = np.geomspace(least_m, min(most_m, room_m), _NUM_GAPS)
    model = ForwardModel(window, (num_y, num_x))

    @cache
    def distance(number: int) -> float:
        scene = TwoPoints(
            gaps_mm=(1e3 * float(gaps_m[number]),), diameter_mm=1e3 * diameter_m,
            angles_deg=(angle_deg, angle_deg),
        )  # fmt: skip
        return gain * detectability(model, central_pairs(scene), peak_snr_db).item()

    first = bisect_left(range(_NUM_GAPS), _CERTAIN, key=distance)
    if first == _NUM_GAPS:
        return math.inf
    if first == 0:
        return float(gaps_m[0])
    ends = [first - 1, first]
    log_distances = [math.log(distance(number)) for number in ends]
    return math.exp(np.interp(math.log(_CERTAIN), log_distances, np.log(gaps_m[ends])))


def _window(scanner: Scanner, diameter_m: float) -> tuple[Scanner, float]:
    """Returns the scanner with a field of view around a pair, and what its d′ is multiplied by.

    Of FFP positions that lie closer than needed there are fewer, each of which stands for several.
    """
    sizes_m, numbers, share = [], [], 1.0
    for size_m, num in zip(scanner.field_of_view_m, scanner.ffp_shape, strict=True):
        step_m = size_m / num
        wanted_m = min(size_m, _WINDOW_PER_DIAMETER * diameter_m)
        number = max(1, round(wanted_m / step_m))
        kept = min(number, _MOST_POSITIONS)
        sizes_m.append(number * step_m)
        numbers.append(kept)
        share *= kept / number
    window = replace(
        scanner,
        field_of_view_y_m=sizes_m[0], field_of_view_x_m=sizes_m[1],
        num_ffp_y=numbers[0], num_ffp_x=numbers[1],
    )  # fmt: skip
    return window, 1 / math.sqrt(share)


def _shown(gap_mm: float, diameter_mm: float) -> str:
    if math.isinf(gap_mm):
        return f"more than {_GAPS_PER_DIAMETER[1] * diameter_mm:.2g} mm"
    return f"{gap_mm:.2g} mm"
