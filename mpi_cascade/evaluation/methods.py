"""What is compared: trained cascades and tuned classical methods, called the same way."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from mpi_cascade.checkpoints import TrainedCascade
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import RELATIVE_REGULARISATIONS, Tikhonov
from mpi_cascade.solvers.tuning import tune

FINAL, PRELIMINARY, TRUTH = "final", "preliminary", "truth"


class Seeds(NamedTuple):
    """What tells trainings of one configuration apart.

    Attributes:
        seed_everything: Seed of the first weights and of all else that a training draws.
        training_seed: Seed of the training samples.
    """

    seed_everything: int
    training_seed: int


class Method(NamedTuple):
    """A way from signals to images.

    Attributes:
        label: Name; methods of one label are trainings of one configuration with other seeds.
        number: Number of the training among those of its label, from 0.
        images: Maps signals (batch, channel, y, x) to images (batch, 1, y, x) by name.
        source: Where it comes from: a checkpoint, or the tuned values of a solver.
        seeds: The seeds of the training, where there are any and they are known.
        image_names: The names of its images: ``final``, and ``preliminary`` where there is one.
    """

    label: str
    number: int
    images: Callable[[Tensor], dict[str, Tensor]]
    source: str
    seeds: Seeds | None = None
    image_names: tuple[str, ...] = (FINAL,)


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


def cascade_method(cascade: TrainedCascade, label: str, number: int, source: str) -> Method:
    """Returns a trained cascade as a method.

    Args:
        cascade: The cascade.
        label: Its name.
        number: Number of the training among those of its label.
        source: Where it comes from.
    """
    # A stage that does nothing has no image of its own.
    stages = (cascade.cascade.preliminary, cascade.cascade.refinement)
    is_single = any(isinstance(stage, nn.Identity) for stage in stages)
    names = (FINAL,) if is_single else Reconstruction._fields

    def images(signal: Tensor) -> dict[str, Tensor]:
        both = cascade(signal)._asdict()
        return {name: both[name] for name in names}

    return Method(label, number, images, source, training_seeds(cascade.configuration), names)


def classical_method(name: str, solver: nn.Module) -> Method:
    """Returns a tuned solver as a method.

    Args:
        name: Name in ``CLASSICAL``.
        solver: The solver.
    """
    attributes = SEARCHES[CLASSICAL[name].search].candidates
    source = ", ".join(f"{key} {getattr(solver, key):.3g}" for key in attributes)
    return Method(name, 0, lambda signal: {FINAL: solver(signal)}, source)


def tuned_solvers(
    names: Sequence[str],
    forward_model: LinearModel,
    validation: Sequence[tuple[Tensor, Tensor]],
    advance: Callable[[str], None],
) -> dict[str, nn.Module]:
    """Returns the solvers of classical methods, tuned.

    Args:
        names: Names in ``CLASSICAL``.
        forward_model: The model S that they believe in; they compute where it does.
        validation: Validation signals and true images, batch by batch.
        advance: Called with the name of each search before it begins.
    """
    searched: dict[str, nn.Module] = {}
    solvers: dict[str, nn.Module] = {}
    for name in names:
        solver, search = CLASSICAL[name]
        if search not in searched:
            advance(search)
            searched[search] = SEARCHES[search].solver(forward_model)
            tune(searched[search], SEARCHES[search].candidates, validation, psnr)
        # What a solver has made of the model, an inverse matrix for example, serves again.
        is_same = type(searched[search]) is solver
        solvers[name] = searched[search] if is_same else solver(forward_model)
        for attribute in SEARCHES[search].candidates:
            setattr(solvers[name], attribute, getattr(searched[search], attribute))
    return solvers


def training_seeds(configuration: Mapping[str, Any]) -> Seeds | None:
    """Returns the seeds of a training; None where its configuration doesn't say."""
    seed = configuration.get("seed_everything")
    training_seed = (configuration.get("data") or {}).get("training_seed")
    # False: nothing was seeded.
    if type(seed) is not int or training_seed is None:
        return None
    return Seeds(seed, training_seed)
