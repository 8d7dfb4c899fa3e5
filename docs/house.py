"""Draws the house: the rooms of the package on their floors, as the import contract has them.

    python docs/house.py

The contract is in ``pyproject.toml``, and ``lint-imports`` checks that the code keeps it. A test
checks that ``house.svg`` is up to date.
"""

import tomllib
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("house.svg")

_ABOUT = {
    "cli": "the table of commands; how a user's mistake ends",
    "commands": "a module per command: its options, and what it calls",
    "sweep": "many trainings of one sweep file, searched with Optuna",
    "training": "everything that needs Lightning: configuration, steps, strategies, resuming",
    "reconstruction": "images from a file",
    "calibration": "a scanner from a sample",
    "export": "without this package",
    "evaluation": "scans of a suite, measured: tables, figures, limits",
    "refusals": "one sentence for a key, class or value that is wrong",
    "trained": "trained cascades: load and save",
    "checkpoints": "what a training leaves: weights and configuration",
    "configurations": "experiments and scanners as files describe them",
    "experiment": "what is scanned, how, and what reconstructs it",
    "guarantee": "intervals that hold as often as they say",
    "models": "both networks",
    "metrics": "image quality",
    "losses": "what training minimises",
    "evidence": "what a scan says of its image",
    "scans": "simulated scans",
    "solvers": "classical reconstruction",
    "measured": "measured system matrices",
    "phantoms": "what is scanned",
    "mdf": "MDF files",
    "physics": "scanner, PSF, S c = u, disturbances",
    "randomness": "keyed random numbers",
    "results": "what is left on disk, or said",
    "costs": "what a computation will take, said or refused before it begins",
    "devices": "one code for a CPU and for devices that must not be waited for",
    "checks": "plain sentences for bad input",
}

_WIDTH, _HEIGHT, _GAP = 880, 50, 8


def floors(root: Path) -> list[list[str]]:
    """Returns the floors of the house from the top down, each with its rooms.

    Args:
        root: The checkout.
    """
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(
        item for item in project["tool"]["importlinter"]["contracts"] if item["type"] == "layers"
    )
    return [
        [name.strip().removeprefix("mpi_cascade.") for name in layer.split("|")]
        for layer in contract["layers"]
    ]


def house(root: Path) -> str:
    """Returns the picture as SVG.

    Args:
        root: The checkout.
    """
    storeys = floors(root)
    height = len(storeys) * (_HEIGHT + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, rooms in enumerate(storeys):
        width = (_WIDTH - (len(rooms) + 1) * _GAP) / len(rooms)
        for place, room in enumerate(rooms):
            x, y = _GAP + place * (width + _GAP), _GAP + number * (_HEIGHT + _GAP)
            parts += _room(room, x, y, width)
    return "\n".join([*parts, "</svg>", ""])


def _room(room: str, x: float, y: float, width: float) -> list[str]:
    """Returns a room: its name, and what it is for."""
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{_HEIGHT}" rx="4" fill="#e8eef7" '
        'stroke="#4a6fa5"/>',
        f'<text x="{x + 8:g}" y="{y + 20:g}" font-weight="bold">{room}</text>',
        f'<text x="{x + 8:g}" y="{y + 39:g}">{_ABOUT[room]}</text>',
    ]


if __name__ == "__main__":
    PATH.write_text(house(Path(__file__).parents[1]), encoding="utf-8")
