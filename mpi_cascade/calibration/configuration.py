"""The configuration of a calibrated scanner: the overlay that ``fit`` takes."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.levels import Levels
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.phantoms import PhantomFamily, default_families
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import BackgroundDrift, GainVariation
from mpi_cascade.physics.scanner import Scanner

_IMAGED_HARMONIC = 3


def scanner_configuration(
    source: Path, scan: DeltaSampleScan, fit: Fit, levels: list[Levels]
) -> str:
    """Returns the YAML overlay: scanner, disturbances and noise as measured, phantoms to scale.

    Feed-through is no part of it: it is the background, which was subtracted here, and is by
    ``reconstruct``.

    It images with the third harmonic where that was fitted, else with the first fitted one. The
    field of view is the region that was measured, and every length of the phantoms in mm is
    multiplied by its smaller side over that of the reference scanner. One line is imaged as one row
    of pixels, with the gradient along y taken as that along x.

    Args:
        source: The file that was measured.
        scan: The scan.
        fit: The scanner fitted to it.
        levels: The disturbances of each fitted harmonic.
    """
    imaged = _IMAGED_HARMONIC if _IMAGED_HARMONIC in fit.harmonics else fit.harmonics[0]
    found = next(level for level in levels if level.harmonic == imaged)
    size_m = _field_of_view_m(scan)
    factor = min(size_m) / min(Scanner().field_of_view_m)
    experiment: dict[str, Any] = {
        "scanner": _scanner(scan, fit, size_m, imaged),
        "phantoms": {
            name: _class(type(family), _scaled(family, factor))
            for name, family in default_families().items()
        },
        "peak_snr_db": round(found.unexplained_snr_db, 1),
    }
    stds = ((BackgroundDrift, found.drift_std), (GainVariation, found.gain_std))
    disturbances = [_class(kind, {"relative_std": _rounded(std)}) for kind, std in stds if std]
    if disturbances:
        experiment["disturbances"] = disturbances
    head = f"# The scanner that explains {source.name} best; calibration.json has uncertainties.\n"
    if scan.is_line:
        head += (
            "# One line says nothing of the gradient along y; a U-Net can't halve its one row.\n"
        )
        experiment["image_shape"] = [1, 64]
        experiment["refinement"] = "mpi_cascade.models.refinement.ResidualCNN"
    overlay = {"experiment": experiment, "data": {"two_points": _scaled(TwoPoints(), factor)}}
    return head + yaml.safe_dump(overlay, sort_keys=False, default_flow_style=None, width=100)


def _scanner(
    scan: DeltaSampleScan, fit: Fit, size_m: tuple[float, float], harmonic: int
) -> dict[str, Any]:
    quantities = {
        "gradient_x_t_per_m": fit.value("gradient_x_t_per_m"),
        "gradient_y_t_per_m": fit.value(f"gradient_{'x' if scan.is_line else 'y'}_t_per_m"),
        "drive_amplitude_t": scan.drive_amplitude_t,
        "drive_frequency_hz": scan.drive_frequency_hz,
        "field_of_view_x_m": size_m[1],
        "field_of_view_y_m": size_m[0],
    }
    return {
        **{name: _rounded(value) for name, value in quantities.items()},
        **({"num_ffp_y": 1} if scan.is_line else {}),
        "harmonics": [harmonic],
        "particle": {"core_diameter_m": _rounded(fit.value("core_diameter_m"))},
    }


def _class(kind: type, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}


def _scaled(scene: PhantomFamily | TwoPoints, factor: float) -> dict[str, Any]:
    """Returns the arguments of a scene; lengths have two digits, as metrics are named by them."""
    given: dict[str, Any] = {}
    for item in fields(scene):  # type: ignore[arg-type]
        value = getattr(scene, item.name)
        ends = list(value) if isinstance(value, tuple) else [value]
        if item.name.endswith("_mm"):
            ends = [_rounded(factor * end, digits=2) for end in ends]
        elif value == item.default:
            continue
        given[item.name] = ends if isinstance(value, tuple) else ends[0]
    return given


def _rounded(value: float, digits: int = 5) -> float:
    return float(f"{value:.{digits}g}")


def _field_of_view_m(scan: DeltaSampleScan) -> tuple[float, float]:
    """Returns the region (y, x) that was measured; of a line, one that holds its phantoms."""
    x_m = _extent_m(scan.x_m)
    return (x_m / 4 if scan.is_line else _extent_m(scan.y_m)), x_m


def _extent_m(positions_m: NDArray[np.float64]) -> float:
    """Returns the width of the region that evenly spaced positions stand for."""
    num = len(np.unique(positions_m))
    return float(np.ptp(positions_m)) * num / (num - 1)
