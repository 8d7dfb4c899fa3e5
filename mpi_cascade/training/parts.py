"""Networks and data from a configuration, without a trainer: what a checkpoint holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.training.checkpoints import (
    read_checkpoint,
    read_configuration,
    require_same_architecture,
)
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule

_TRAINER = (
    "max_epochs", "max_steps", "precision", "gradient_clip_val", "accumulate_grad_batches"
)  # fmt: skip


class Seeds(NamedTuple):
    """What tells trainings of one configuration apart.

    Attributes:
        seed_everything: Seed of the first weights and of all else that a training draws.
        training_seed: Seed of the training samples.
    """

    seed_everything: int
    training_seed: int


class TrainedCascade(NamedTuple):
    """A cascade as its checkpoint holds it.

    Attributes:
        module: The networks with the checkpoint's weights, ready to reconstruct.
        scanner: The scanner whose signals they were trained for.
        image_shape: Pixels (y, x) of their images.
        training: What they were trained with, by key of the configuration, but for its seeds:
            ``model``, ``data``, and what of ``trainer`` changes the weights.
        data: What made their training scans.
        seeds: The seeds; None where the configuration doesn't say.
    """

    module: CascadeModule
    scanner: Scanner
    image_shape: tuple[int, int]
    training: dict[str, Any]
    data: SimulatedDataModule
    seeds: Seeds | None = None

    @torch.no_grad()
    def __call__(self, signal: Tensor) -> Reconstruction:
        """Returns both images of signals (batch, channel, y, x)."""
        reconstruction: Reconstruction = self.module(signal)
        return reconstruction


def link_stages(parser: LightningArgumentParser) -> None:
    """Gives the data's physics and grid to the stages whose constructors ask for them."""
    for stage in ("preliminary", "refinement"):
        parser.link_arguments(
            "data",
            f"model.{stage}.init_args.forward_model",
            compute_fn=SimulatedDataModule.reconstruction_model,
            apply_on="instantiate",
        )
        for name in ("scanner", "image_shape"):
            parser.link_arguments(f"data.{name}", f"model.{stage}.init_args.{name}")


def load_cascade(path: Path) -> TrainedCascade:
    """Returns the cascade of a checkpoint, built from the configuration inside it.

    Args:
        path: A ``.ckpt`` file of a run.

    Raises:
        InputError: If the file can't be used.
    """
    checkpoint = read_checkpoint(path)
    config = read_configuration(checkpoint, path)
    parser = LightningArgumentParser(exit_on_error=False, parser_mode="omegaconf+")
    parser.add_lightning_class_args(CascadeModule, "model")
    parser.add_lightning_class_args(SimulatedDataModule, "data")
    link_stages(parser)
    parts = {part: config[part] for part in ("model", "data")}
    try:
        objects = parser.instantiate_classes(parser.parse_object(parts))
    # jsonargparse and a user's own classes raise whatever they raise.
    except Exception as error:
        raise InputError(
            f"the configuration in {path} can't be built here ({error}): use the version of the "
            "project, and the files of your own classes, that it was trained with"
        ) from error
    require_same_architecture(checkpoint, objects.model, path)
    objects.model.load_state_dict(checkpoint["state_dict"])
    data = objects.data
    return TrainedCascade(
        module=objects.model.eval(),
        scanner=data.scanner,
        image_shape=data.image_shape,
        training=_training(config),
        data=data,
        seeds=_seeds(config, data.training_seed),
    )


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    trainer = config["trainer"] or {}
    return {
        "model": config["model"],
        "data": {**config["data"], "training_seed": None},
        **{f"trainer.{name}": trainer.get(name) for name in _TRAINER},
    }


def _seeds(config: Mapping[str, Any], training_seed: int) -> Seeds | None:
    seed = config.get("seed_everything")
    # False: nothing was seeded.
    return Seeds(seed, training_seed) if type(seed) is int else None
