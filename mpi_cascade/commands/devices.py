"""The option ``--device``: where a command computes."""

from typing import TYPE_CHECKING

from mpi_cascade.checks import InputError

if TYPE_CHECKING:
    import torch


def chosen_device(name: str) -> "torch.device":
    """Returns the device of a name: ``cpu``, ``cuda``, ``cuda:1``, or ``auto``, a GPU if any.

    Args:
        name: The name.

    Raises:
        InputError: If it is no device's, or of one that this machine hasn't.
    """
    import torch

    num_gpus = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda" if num_gpus else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"--device is {name}: use cpu, cuda, cuda:1 for the second GPU, or auto")
    if device.type == "cuda" and (device.index or 0) >= num_gpus:
        raise InputError(
            f"--device is {name}, but torch sees {num_gpus} GPUs here: use cpu or auto, or install "
            "torch for your GPU"
        )
    return device
