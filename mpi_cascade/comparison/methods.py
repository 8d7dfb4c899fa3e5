"""What is compared: trained cascades and tuned classical methods, called the same way.

Must not know of the suite or of metrics that they are compared by.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.tuning import tune
from mpi_cascade.training.parts import TrainedCascade, load_cascade

FINAL, PRELIMINARY = "final", "preliminary"


class Method(NamedTuple):
    """A way from signals to images.

    Attributes:
        label: Name; methods of one label are trainings of one configuration with other seeds.
        seed: Number of the training among those of its label, from 0.
        images: Maps signals (batch, channel, y, x) to images (batch, 1, y, x) by name: ``final``,
            and ``preliminary`` where there is one.
        source: Where it comes from: a checkpoint, or the tuned values of a solver.
    """

    label: str
    seed: int
    images: Callable[[Tensor], dict[str, Tensor]]
    source: str


class Classical(NamedTuple):
    """A classical method and the search that tunes it.

    Attributes:
        solver: Class of the solver, built from a forward model.
        candidates: Candidates of each tuned attribute, ascending.
        searched_with: Class of the solver that the search runs with: another one where that
            minimises the same objective in less time.
    """

    solver: Callable[[ForwardModel], nn.Module]
    candidates: Mapping[str, Sequence[float]]
    searched_with: Callable[[ForwardModel], nn.Module]


_TIKHONOV = {"relative_regularisation": torch.logspace(-8, 0, 33).tolist()}
_ART = {
    "relative_regularisation": (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    "num_sweeps": (3, 10, 30, 100, 300, 1000),
}
_TOTAL_VARIATION = {
    "tv_weight": (3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 3e-2),
    "l1_weight": (0.0, 1e-4, 3e-4, 1e-3, 3e-3),
}

CLASSICAL: Mapping[str, Classical] = {
    "Tikhonov": Classical(Tikhonov, _TIKHONOV, Tikhonov),
    "ART": Classical(ART, _ART, ART),
    "ADMM": Classical(ADMM, _TOTAL_VARIATION, ADMM),
    "FISTA": Classical(FISTA, _TOTAL_VARIATION, ADMM),
}
"""The classical methods by name."""


class Compared(NamedTuple):
    """Trained methods that can be compared: they have one scanner and one image grid.

    Attributes:
        methods: The methods.
        scanner: Their scanner.
        image_shape: Pixels (y, x) of their images.
    """

    methods: list[Method]
    scanner: Scanner
    image_shape: tuple[int, int]


def load_methods(checkpoints: Sequence[str]) -> Compared:
    """Returns the cascades of checkpoints.

    Args:
        checkpoints: One or more ``LABEL=PATH``; those of one label are seeds of one configuration.

    Raises:
        InputError: If an item is no ``LABEL=PATH``, a file can't be used, or the cascades are of
            different scanners or image grids.
    """
    if not checkpoints:
        raise InputError("there is nothing to compare: name one or more checkpoints as LABEL=PATH")
    methods: list[Method] = []
    first: TrainedCascade | None = None
    for item in checkpoints:
        label, separator, path = item.partition("=")
        if not (label and separator and path):
            raise InputError(f"{item} is no LABEL=PATH: name a checkpoint as mse=runs/…/best.ckpt")
        cascade = load_cascade(Path(path))
        first = first or cascade
        for name in ("scanner", "image_shape"):
            if getattr(cascade, name) != getattr(first, name):
                raise InputError(
                    f"{item} has another {name} than {checkpoints[0]}: compare cascades of one "
                    "scanner and one image grid"
                )
        seed = sum(method.label == label for method in methods)
        methods.append(Method(label, seed, _images_of(cascade), path))
    assert first is not None
    return Compared(methods, first.scanner, first.image_shape)


class Tuned(NamedTuple):
    """A classical method after its search.

    Attributes:
        method: The method.
        solver: The solver behind it.
    """

    method: Method
    solver: nn.Module


def tuned(
    name: str,
    forward_model: ForwardModel,
    validation: Sequence[tuple[Tensor, Tensor]],
    earlier: Mapping[str, Tuned],
) -> Tuned:
    """Returns a classical method tuned for mean PSNR.

    Args:
        name: Name in ``CLASSICAL``.
        forward_model: The model S that it believes in.
        validation: Validation signals and true images, batch by batch.
        earlier: Methods tuned before; one with the same search is not searched again.
    """
    solver, candidates, searched_with = CLASSICAL[name]
    instance = solver(forward_model)
    done = [
        earlier[other].solver for other in earlier if CLASSICAL[other][1:] == CLASSICAL[name][1:]
    ]
    searched = (
        done[0] if done else instance if searched_with is solver else searched_with(forward_model)
    )
    if not done:
        tune(searched, candidates, validation, psnr)
    for attribute in candidates:
        setattr(instance, attribute, getattr(searched, attribute))
    values = ", ".join(
        f"{attribute} {getattr(instance, attribute):.3g}" for attribute in candidates
    )
    return Tuned(Method(name, 0, lambda signal: {FINAL: instance(signal)}, values), instance)


def _images_of(cascade: TrainedCascade) -> Callable[[Tensor], dict[str, Tensor]]:
    def images(signal: Tensor) -> dict[str, Tensor]:
        return cascade(signal)._asdict()

    return images
