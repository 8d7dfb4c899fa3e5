"""What a run has written, read back."""

import csv
from pathlib import Path

import numpy as np
import torch


def predicted(directory: Path) -> list[dict[str, np.ndarray]]:
    """The arrays of each batch that ``predict`` has written."""
    batches = []
    for path in sorted((directory / "predictions").glob("*.npz")):
        with np.load(path) as arrays:
            batches.append(dict(arrays))
    return batches


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def rows(directory: Path) -> list[dict[str, str]]:
    """The rows of ``metrics.csv`` that hold more than how fast the run was, without that."""
    logged = [
        {k: v for k, v in row.items() if v and not k.startswith("throughput/")}
        for row in table(directory / "metrics.csv")
    ]
    return [row for row in logged if row.keys() - {"epoch", "step"}]


def logged(directory: Path, name: str) -> list[float]:
    """The values of one name in ``metrics.csv``."""
    return [float(row[name]) for row in rows(directory) if name in row]


def losses(directory: Path) -> list[float]:
    return logged(directory, "train/loss")


def contents(directory: Path) -> dict[Path, bytes]:
    """All files in a directory."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def load(path: Path):
    return torch.load(path, weights_only=True)


def assert_same_training(one: Path, other: Path) -> None:
    """Not a bit differs between the last states of two runs, nor between what they have logged."""
    states = [load(path / "checkpoints" / "last.ckpt") for path in (one, other)]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        torch.testing.assert_close(states[0][key], states[1][key], rtol=0, atol=0)
    assert rows(one) == rows(other)


def reported(directory):
    """The PSNR of the final images, as the report in a directory has it."""
    for row in table(directory / "comparison.csv"):
        if (row["label"], row["image"], row["metric"]) == ("cascade", "final", "psnr_db"):
            return float(row["value"])
    raise AssertionError("the report has no PSNR")
