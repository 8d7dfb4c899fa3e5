"""The configuration of a calibrated scanner: the overlay that ``fit`` takes."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.levels import Levels
from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.calibration.scan_grid import ScanGrid
from mpi_cascade.phantoms import PhantomMixture, default_families
from mpi_cascade.phantoms.pair_suite import TwoPointSuite
from mpi_cascade.phantoms.scaling import rescaled
from mpi_cascade.physics.disturbances import BackgroundDrift, GainVariation
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.resolution import length_scale
from mpi_cascade.physics.scanner import Scanner

_IMAGED_HARMONIC = 3

_NUM_PIXELS = 64


def scanner_configuration(
    source: Path,
    scan: DeltaSampleScan,
    fit: Fit,
    levels: list[Levels],
    chain: ReceiveChain,
    scanned: ScanGrid | None,
) -> str:
    """Returns the YAML overlay: scanner, disturbances and noise as measured.

    Feed-through is no part of it: it is the background, which was subtracted here, and is by
    ``reconstruct``.

    It images with the third harmonic where that was fitted, else with the first fitted one. The
    field of view is the region that was measured, or that of the scans that it is for, which then
    have about a pixel for each FFP position. One line is imaged as one row of pixels; of a sample
    on one line the gradient along y is taken as that along x.

    Args:
        source: The file that was measured.
        scan: The scan.
        fit: The scanner fitted to it.
        levels: The disturbances of each fitted harmonic.
        chain: The receive chain.
        scanned: Grid of the scans that it is for; else the region that was measured has 64 × 64.

    Raises:
        InputError: If the scans' region is too small for phantoms that the scanner can resolve.
    """
    imaged = _IMAGED_HARMONIC if _IMAGED_HARMONIC in fit.harmonics else fit.harmonics[0]
    found = next(level for level in levels if level.harmonic == imaged)
    scanner = replace(chain.scanner, harmonics=(imaged,))
    shape = 1 if scan.is_line else _NUM_PIXELS, _NUM_PIXELS
    if scanned:
        scanner, shape = replace(scanner, **scanned.fields), scanned.image_shape
        size_m, scale = scanner.field_of_view_m, length_scale(scanner, shape)
        PhantomMixture(rescaled(default_families(), scale, size_m)).check_fits(size_m)
        TwoPointSuite().pairs(scale, size_m).check_fits(size_m)
    experiment: dict[str, Any] = {
        "scanner": {**_scanner(scanner, [imaged]), **(scanned.fields if scanned else {})},
        "phantoms": None,
        "peak_snr_db": round(found.unexplained_snr_db, 1),
        "receive_chain": _chain(chain),
    }
    stds = ((BackgroundDrift, found.drift_std), (GainVariation, found.gain_std))
    disturbances = [_class(kind, {"relative_std": _rounded(std)}) for kind, std in stds if std]
    if disturbances:
        experiment["disturbances"] = disturbances
    head = f"# The scanner that explains {source.name} best; calibration.json has uncertainties.\n"
    if scan.is_line:
        head += "# One line says nothing of the gradient along y.\n"
    if shape != (_NUM_PIXELS, _NUM_PIXELS):
        experiment["image_shape"] = list(shape)
    if 1 in shape:
        head += "# A U-Net can't halve one row of pixels.\n"
        experiment["refinement"] = "mpi_cascade.models.refinement.ResidualCNN"
    # Whatever an overlay before says of phantoms and pairs, None is as large as this scanner needs.
    overlay = {
        "experiment": experiment, "data": {"two_points": {"gaps_mm": None, "diameter_mm": None}}
    }  # fmt: skip
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


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
