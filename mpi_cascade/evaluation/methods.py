"""What is compared: trained cascades and tuned classical methods, called the same way.

Must not know of the suite or of metrics that they are compared by.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import RELATIVE_REGULARISATIONS, Tikhonov
from mpi_cascade.solvers.tuning import tune
from mpi_cascade.training.parts import Seeds, TrainedCascade, load_cascade

FINAL, PRELIMINARY, TRUTH = "final", "preliminary", "truth"


class Method(NamedTuple):
    """A way from signals to images.

    Attributes:
        label: Name; methods of one label are trainings of one configuration with other seeds.
        number: Number of the training among those of its label, from 0.
        images: Maps signals (batch, channel, y, x) to images (batch, 1, y, x) by name: ``final``,
            and ``preliminary`` where there is one.
        source: Where it comes from: a checkpoint, or the tuned values of a solver.
        seeds: The seeds of the training, where there are any and they are known.
    """

    label: str
    number: int
    images: Callable[[Tensor], dict[str, Tensor]]
    source: str
    seeds: Seeds | None = None


class Search(NamedTuple):
    """How classical methods of one objective are tuned: for mean PSNR on validation scans.

    Attributes:
        solver: Class of the solver that the search runs with, built from a forward model: the
            fastest that minimises the objective.
        candidates: Candidates of each tuned attribute, ascending.
    """

    solver: Callable[[LinearModel], nn.Module]
    candidates: Mapping[str, Sequence[float]]


class Classical(NamedTuple):
    """A classical method.

    Attributes:
        solver: Class of the solver, built from a forward model.
        search: Name of its search in ``SEARCHES``.
    """

    solver: Callable[[LinearModel], nn.Module]
    search: str


SEARCHES: Mapping[str, Search] = {
    "Tikhonov": Search(Tikhonov, {"relative_regularisation": RELATIVE_REGULARISATIONS}),
    "Kaczmarz": Search(ART, {"relative_regularisation": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)}),
    "total variation": Search(
        ADMM,
        {
            "tv_weight": (0.0, 1e-5, 3e-5, 1e-4, 3e-4),
            "l1_weight": (0.0, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3),
        },
    ),
}
"""The searches by name."""

CLASSICAL: Mapping[str, Classical] = {
    "Tikhonov": Classical(Tikhonov, "Tikhonov"),
    "ART": Classical(ART, "Kaczmarz"),
    "ADMM": Classical(ADMM, "total variation"),
    "FISTA": Classical(FISTA, "total variation"),
}
"""The classical methods by name."""


class Compared(NamedTuple):
    """Trained methods that can be compared: they have one scanner and one image grid.

    Attributes:
        methods: The methods.
        models: The models of their scanner.
        image_shape: Pixels (y, x) of their images.
    """

    methods: list[Method]
    models: ScannerModels
    image_shape: tuple[int, int]


def load_methods(checkpoints: Sequence[str]) -> Compared:
    """Returns the cascades of checkpoints.

    Args:
        checkpoints: One or more ``LABEL=PATH``; those of one label are seeds of one configuration.

    Raises:
        InputError: If an item is no ``LABEL=PATH``, a label or file can't be used, cascades of one
            label differ in more than seeds or not in seeds, or any in scanner or image grid.
    """
    if not checkpoints:
        raise InputError("there is nothing to compare: name one or more checkpoints as LABEL=PATH")
    methods: list[Method] = []
    cascades: dict[str, TrainedCascade] = {}
    for item in checkpoints:
        label, path = _label_and_path(item)
        if any(Path(method.source).resolve() == path.resolve() for method in methods):
            raise InputError(f"{path} is named twice: name every checkpoint once")
        cascade = load_cascade(path)
        _check_comparable(item, cascade, checkpoints[0], next(iter(cascades.values()), cascade))
        of_label = [method for method in methods if method.label == label]
        _check_seed(item, cascade, cascades.setdefault(label, cascade), of_label)
        methods.append(Method(label, len(of_label), _images_of(cascade), str(path), cascade.seeds))
    first = cascades[methods[0].label]
    return Compared(methods, first.data.models, first.image_shape)


def _label_and_path(item: str) -> tuple[str, Path]:
    label, _, path = item.partition("=")
    if not (label and path):
        raise InputError(f"{item} is no LABEL=PATH: name a checkpoint as mse=runs/…/best.ckpt")
    if label in (*CLASSICAL, TRUTH):
        raise InputError(f"{item} has the name of a classical method or the truth: choose another")
    # Labels stand in tables, legends and file formats with signs of their own.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*", label):
        raise InputError(f"{item} has a label of other signs than letters, digits and .-_+")
    return label, Path(path)


def _check_seed(
    item: str, cascade: TrainedCascade, first: TrainedCascade, of_label: Sequence[Method]
) -> None:
    """Raises an InputError unless a cascade is another seed of a label's first one."""
    for name, value in cascade.training.items():
        if value != first.training[name]:
            raise InputError(
                f"{item} was trained otherwise than the first {of_label[0].label}, with another "
                f"{name}: one label is for trainings that differ in nothing but their seeds"
            )
    for method in of_label:
        if cascade.seeds and cascade.seeds == method.seeds:
            raise InputError(
                f"{item} has the seeds of {method.source} (seed_everything "
                f"{cascade.seeds.seed_everything}, data.training_seed "
                f"{cascade.seeds.training_seed}): both are one training, so name one of them"
            )


def _check_comparable(
    item: str, cascade: TrainedCascade, first_item: str, first: TrainedCascade
) -> None:
    if cascade.data.models.system_matrix != first.data.models.system_matrix:
        raise InputError(
            f"{item} was trained on another system_matrix than {first_item}: compare cascades of "
            "one scanner"
        )
    for name in ("scanner", "image_shape"):
        if getattr(cascade, name) != getattr(first, name):
            raise InputError(
                f"{item} has another {name} than {first_item}: compare cascades of one scanner and "
                "one image grid"
            )


class Tuned(NamedTuple):
    """A classical method after its search.

    Attributes:
        method: The method.
        solver: The solver behind it.
    """

    method: Method
    solver: nn.Module


def search(
    name: str, forward_model: LinearModel, validation: Sequence[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Returns the best values that a search finds.

    Args:
        name: Name in ``SEARCHES``.
        forward_model: The model S that the solvers believe in.
        validation: Validation signals and true images, batch by batch.
    """
    solver, candidates = SEARCHES[name]
    return tune(solver(forward_model), candidates, validation, psnr).values


def tuned(name: str, forward_model: LinearModel, values: Mapping[str, float]) -> Tuned:
    """Returns a classical method with the values that its search has found.

    Args:
        name: Name in ``CLASSICAL``.
        forward_model: The model S that it believes in.
        values: Value of each tuned attribute.
    """
    solver = CLASSICAL[name].solver(forward_model)
    for attribute, value in values.items():
        setattr(solver, attribute, value)
    source = ", ".join(f"{attribute} {value:.3g}" for attribute, value in values.items())
    return Tuned(Method(name, 0, lambda signal: {FINAL: solver(signal)}, source), solver)


def _images_of(cascade: TrainedCascade) -> Callable[[Tensor], dict[str, Tensor]]:
    stages = cascade.module.cascade
    # A stage that does nothing has no image of its own.
    is_single = isinstance(stages.preliminary, nn.Identity) or isinstance(
        stages.refinement, nn.Identity
    )

    def images(signal: Tensor) -> dict[str, Tensor]:
        both = cascade(signal)
        return {FINAL: both.final} if is_single else both._asdict()

    return images
