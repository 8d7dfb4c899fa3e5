"""Reads the checkpoints that are compared, and refuses what can't be compared."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.classical import CLASSICAL
from mpi_cascade.evaluation.methods import (
    TRUTH,
    ZERO_IMAGE,
    Method,
    cascade_method,
    training_seeds,
)
from mpi_cascade.experiment import Experiment
from mpi_cascade.trained import TrainedCascade, load, takes_scanner

_WITHOUT_EFFECT = ("training_seed", "evaluation_batch_size", "num_workers")
"""What of ``data`` trainings of one label may differ in."""
_TRAINER = (
    "max_epochs", "max_steps", "precision", "gradient_clip_val", "accumulate_grad_batches"
)  # fmt: skip
"""What of ``trainer`` changes the weights."""


def load_methods(
    checkpoints: Sequence[str],
    device: torch.device | str = "cpu",
    scanner: Path | None = None,
) -> tuple[list[Method], Experiment, tuple[str, ...]]:
    """Returns the cascades of checkpoints, which have one scanner and one image grid.

    Args:
        checkpoints: One or more ``LABEL=PATH``; those of one label are seeds of one configuration.
        device: Where they compute.
        scanner: Configuration of the scanner of weights that were trained for many; others must
            have been trained for it.

    Returns:
        The cascades as methods, the experiment of the first of them, and in what the scanner leaves
        those of the trainings, a sentence each.

    Raises:
        InputError: If an item is no ``LABEL=PATH``, a label or file can't be used, cascades of one
            label differ in more than seeds or not in seeds, any in scanner or image grid, or none
            takes the scanner.
    """
    if not checkpoints:
        raise InputError("there is nothing to compare: name one or more checkpoints as LABEL=PATH")
    methods: list[Method] = []
    firsts: dict[str, TrainedCascade] = {}
    departures: dict[str, None] = {}
    num_told = 0
    for item in checkpoints:
        label, path = _label_and_path(item)
        if any(Path(method.source).resolve() == path.resolve() for method in methods):
            raise InputError(f"{path} is named twice: name every checkpoint once")
        is_told = scanner is not None and takes_scanner(path)
        cascade = load(path, device, scanner if is_told else None)
        departures |= dict.fromkeys(cascade.departures)
        num_told += is_told
        _check_comparable(item, cascade, checkpoints[0], next(iter(firsts.values()), cascade))
        of_label = [method for method in methods if method.label == label]
        _check_seed(item, cascade, firsts.setdefault(label, cascade), of_label)
        methods.append(cascade_method(cascade, label, len(of_label), str(path)))
    if scanner is not None and not num_told:
        raise InputError(
            f"every checkpoint was trained for one scanner: leave --scanner {scanner} out, or name "
            "weights that were trained for many"
        )
    return methods, firsts[methods[0].label].experiment, tuple(departures)


def _label_and_path(item: str) -> tuple[str, Path]:
    label, _, path = item.partition("=")
    if not (label and path):
        raise InputError(f"{item} is no LABEL=PATH: name a checkpoint as mse=runs/…/best.ckpt")
    if label in (*CLASSICAL, TRUTH, ZERO_IMAGE):
        raise InputError(
            f"{item} has the name of a classical method, the truth or the zero image: choose "
            "another"
        )
    # Labels stand in tables, legends and file formats with signs of their own.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*", label):
        raise InputError(
            f"{item} has no usable label: begin it with a letter or digit, and go on with letters, "
            "digits, spaces and .-_+"
        )
    return label, Path(path)


def _check_comparable(
    item: str, cascade: TrainedCascade, first_item: str, first: TrainedCascade
) -> None:
    """Raises an InputError unless a cascade has the model and the grid of the first one."""
    for name in ("scanner", "image_shape", "system_matrix", "delta_sample_m"):
        if getattr(cascade.experiment, name) != getattr(first.experiment, name):
            raise InputError(
                f"{item} has another {name} than {first_item}: compare cascades of one model of "
                "one scanner, and one image grid"
            )


def _check_seed(
    item: str, cascade: TrainedCascade, first: TrainedCascade, of_label: Sequence[Method]
) -> None:
    """Raises an InputError unless a cascade is another seed of a label's first one."""
    training, expected = _training(cascade.configuration), _training(first.configuration)
    for name in sorted(training.keys() | expected.keys()):
        if training.get(name) != expected.get(name):
            raise InputError(
                f"{item} was trained otherwise than the first {of_label[0].label}, with another "
                f"{name}: one label is for trainings that differ in nothing but their seeds"
            )
    seeds = training_seeds(cascade.configuration)
    for method in of_label:
        if seeds and seeds == method.seeds:
            raise InputError(
                f"{item} has the seeds of {method.source} (seed_everything "
                f"{seeds.seed_everything}, data.training_seed {seeds.training_seed}): both are one "
                "training, so name one of them"
            )


def _training(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes a training what it is, by key, but for its seeds."""
    trainer = configuration.get("trainer") or {}
    return {
        **{f"trainer.{name}": trainer.get(name) for name in _TRAINER},
        **{
            f"{section}.{name}": value
            for section in ("experiment", "model", "data")
            for name, value in (configuration.get(section) or {}).items()
            if not (section == "data" and name in _WITHOUT_EFFECT)
        },
    }
