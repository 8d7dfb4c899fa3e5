"""Draws scanners of the range that ``any_scanner.ckpt`` was trained for, which no training has.

    python docs/drawn_scanners.py

It writes them as ``docs/results/any_scanner/drawn/NUMBER.yaml``, one of each kind: of three grids,
with three sets of harmonics.
"""

from dataclasses import asdict
from pathlib import Path

import yaml

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.scanner_range import ScannerRange

DIRECTORY = Path(__file__).parent / "results" / "any_scanner" / "drawn"
DRAWN = ScannerRange(num_scanners=9, seed=2026)
"""No training and no choice has had this seed."""


def configurations() -> dict[Path, str]:
    """Returns the text of each file."""
    texts = {}
    for number, scanner in enumerate(DRAWN.scanners(Scanner()), 1):
        described = {**asdict(scanner), "harmonics": list(scanner.harmonics)}
        experiment = {"scanner": described, "image_shape": list(scanner.ffp_shape)}
        text = yaml.safe_dump({"experiment": experiment}, sort_keys=False)
        texts[DIRECTORY / f"{number}.yaml"] = text
    return texts


if __name__ == "__main__":
    for path, text in configurations().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
