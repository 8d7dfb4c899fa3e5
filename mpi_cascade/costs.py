"""What a computation will take, said or refused before it begins."""

import math
from pathlib import Path

import torch

from mpi_cascade.checks import InputError
from mpi_cascade.results.messages import say

_WORTH_SAYING_S = 30.0
_MOST_S = 3600.0
_GB = 1e9


def require_memory(num_bytes: float, device: torch.device, what: str, remedy: str) -> None:
    """Raises an InputError if a device has less memory free than something needs.

    Args:
        num_bytes: What it needs.
        device: The device.
        what: What needs it.
        remedy: What to do, as the end of a sentence.
    """
    free = _free_bytes(device)
    if num_bytes > free:
        raise InputError(
            f"{what} needs about {num_bytes / _GB:.3g} GB of memory, and {device.type} has "
            f"{free / _GB:.3g} GB free: {remedy}"
        )


def announce_time(seconds: float, what: str, remedy: str) -> None:
    """Says how long something will take where that is long, and refuses more than an hour.

    Args:
        seconds: Estimate of its time.
        what: What takes it.
        remedy: What to do, as the end of a sentence.

    Raises:
        InputError: If it is more than an hour.
    """
    if seconds > _MOST_S:
        raise InputError(f"{what} takes about {seconds / 3600:.3g} hours: {remedy}")
    if seconds > _WORTH_SAYING_S:
        say(f"{what} takes about {max(1, round(seconds / 60))} min")


def _free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return math.inf
    return min(_available(), _left_to_group())


def _available() -> float:
    """Returns what Linux says is available; elsewhere nobody knows."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return math.inf
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return 1024.0 * int(fields["MemAvailable"].split()[0])


def _left_to_group() -> float:
    """Returns what a container's limit leaves; infinity where there is none."""
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = ((folder / f"memory.{name}").read_text() for name in ("max", "current"))
        return float(most) - float(used)
    except (OSError, ValueError):
        return math.inf
