"""The configuration of a calibrated scanner: the overlay that ``fit`` takes."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.levels import Levels
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.phantoms import PhantomFamily, default_families
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import BackgroundDrift, GainVariation
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner

_IMAGED_HARMONIC = 3


def scanner_configuration(
    source: Path, scan: DeltaSampleScan, fit: Fit, levels: list[Levels], chain: ReceiveChain
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
        chain: The receive chain.
    """
    imaged = _IMAGED_HARMONIC if _IMAGED_HARMONIC in fit.harmonics else fit.harmonics[0]
    found = next(level for level in levels if level.harmonic == imaged)
    scanner = chain.scanner
    factor = min(scanner.field_of_view_m) / min(Scanner().field_of_view_m)
    experiment: dict[str, Any] = {
        "scanner": _scanner(scanner, [imaged]),
        "phantoms": {
            name: _class(type(family), _scaled(family, factor))
            for name, family in default_families().items()
        },
        "peak_snr_db": round(found.unexplained_snr_db, 1),
        "receive_chain": _chain(chain),
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
    return head + yaml.safe_dump(
        overlay, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )


def _scanner(scanner: Scanner, harmonics: Sequence[int]) -> dict[str, Any]:
    """Returns a fitted scanner's own quantities, with other harmonics."""
    described = {
        item.name: getattr(scanner, item.name)
        for item in fields(scanner)
        if item.name not in ("num_ffp_x", "num_ffp_y", "particle")
    }
    return {
        **described,
        **({"num_ffp_y": 1} if scanner.num_ffp_y == 1 else {}),
        "harmonics": list(harmonics),
        "particle": {"core_diameter_m": scanner.particle.core_diameter_m},
    }


def _chain(chain: ReceiveChain) -> dict[str, Any]:
    values = {
        item.name: list(value) if isinstance(value := getattr(chain, item.name), tuple) else value
        for item in fields(chain)
    }
    return {**values, "scanner": _scanner(chain.scanner, chain.harmonics)}


def _class(kind: type, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}


def _scaled(scene: PhantomFamily | TwoPoints, factor: float) -> dict[str, Any]:
    """Returns the arguments of a scene; lengths have two digits, as metrics are named by them."""
    given: dict[str, Any] = {}
    for item in fields(scene):
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
