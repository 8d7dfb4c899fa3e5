"""The memory of a training, estimated before its first step."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from mpi_cascade.costs import require_memory
from mpi_cascade.solvers.tikhonov import require_feasible
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import INTERVALS

_BYTES_PER_WEIGHT = 16
"""A weight, its gradient and the two moments of Adam."""

_BYTES_PER_FINE_PIXEL = 24
"""A simulated image, its distances to shapes, and its signal on the way."""


def check_costs(
    module: CascadeModule, data: SimulatedDataModule, trainer: Trainer, has_tikhonov: bool
) -> str:
    """Returns what memory a training step takes in words, and refuses what the device can't hold.

    Args:
        module: The networks.
        data: The scans.
        trainer: Says on which devices, how many, and how precisely.
        has_tikhonov: Whether the report will have Tikhonov.

    Raises:
        InputError: If a step, or the report's Tikhonov, needs more memory than there is.
    """
    num_weights = sum(weight.numel() for weight in module.parameters())
    fine_y, fine_x = data.experiment.scans.forward_model.image_shape
    is_half = str(trainer.precision).endswith("mixed")
    kept = _kept_bytes(module, data) / (2 if is_half else 1)
    per_scan = kept + _BYTES_PER_FINE_PIXEL * fine_y * fine_x
    batch = data.batch_size
    if data.global_batch_size is not None:
        batch = data.global_batch_size // trainer.world_size
    num_bytes = _BYTES_PER_WEIGHT * num_weights + batch * per_scan
    if trainer.strategy.root_device.type != "cpu":  # The CPU has them already.
        num_bytes += _physics_bytes(module, data)
    require_memory(
        num_bytes, trainer.strategy.root_device, f"a training step of {batch} scans",
        "make data.batch_size, experiment.image_shape or the networks smaller",
    )  # fmt: skip
    if has_tikhonov:
        require_feasible(data.experiment.forward_model)
    return (
        f"{num_weights:,} weights; a training step takes about {num_bytes / 1e6:,.0f} MB of memory"
    )


def _kept_bytes(module: CascadeModule, data: SimulatedDataModule) -> float:
    """Returns the bytes of one scan that the networks keep for their gradients."""
    weights = {weight.data_ptr() for weight in module.parameters()}
    sizes: dict[int, int] = {}

    def keep(values: Tensor) -> Tensor:
        if values.data_ptr() not in weights:
            sizes[values.data_ptr()] = values.numel() * values.element_size()
        return values

    cascade, was_training = module.cascade, module.cascade.training
    signal = torch.zeros(1, *data.experiment.models.signal_shape)
    cascade.eval()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda values: values):
        if any(INTERVALS in phase.trained for phase in module.strategy.phases):
            with torch.no_grad():
                images = cascade(signal)
            cascade.interval(images, signal)
        else:
            # One orientation of the scan, as a training sees it.
            cascade.refined(cascade.first_image(signal), signal)
    cascade.train(was_training)
    return float(sum(sizes.values()))


def _physics_bytes(module: CascadeModule, data: SimulatedDataModule) -> float:
    """Returns the bytes of what the networks know of their scanners: filters, modes and models."""
    cascades = [module.cascade, *(one.cascade for one in data.training_scanners)]
    buffers = {buffer.data_ptr(): buffer for one in cascades for buffer in one.buffers()}
    return float(sum(buffer.numel() * buffer.element_size() for buffer in buffers.values()))
