"""Cascaded networks for image reconstruction in magnetic particle imaging.

The rooms, each of which knows only those below it; those of one row don't know each other::

    cli                                     the table of commands
    commands                                their options
    sweep                                   many trainings, searched
    training                                Lightning
    reconstruction | calibration | export   images from a file of scans; a scanner from a measured
                                            sample; a cascade without this package
    evaluation                              scans of a suite, measured: tables, figures, limits
    trained                                 trained cascades: load and save
    checkpoints                             what a training leaves: weights and configuration
    configurations                          experiments and scanners as files describe them
    experiment                              what is scanned, how, and what reconstructs it
    guarantee | refusals                    intervals that hold as often as they say; what a parser
                                            refuses, in the words of a configuration
    models | metrics | losses | evidence    networks; image quality; what training minimises; what a
                                            scan says of its image
    scans | solvers                         simulated scans; classical reconstruction
    measured                                measured system matrices
    phantoms | mdf                          what is scanned; MDF files
    physics                                 scanner, PSF, S c = u, disturbances
    costs                                   memory and time, said or refused beforehand
    randomness | results                    keyed random numbers; what is left on disk or said
    devices                                 what a GPU needs to do without waits
    checks                                  plain sentences for bad input

Importing the package imports nothing else: each name below comes from its room when it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpi_cascade.configurations import read_receive_chain as read_receive_chain
    from mpi_cascade.evidence.evidence import Evidence as Evidence
    from mpi_cascade.experiment import Experiment as Experiment
    from mpi_cascade.models.cascade import Cascade as Cascade
    from mpi_cascade.models.cascade import Reconstruction as Reconstruction
    from mpi_cascade.physics.forward import ForwardModel as ForwardModel
    from mpi_cascade.physics.particle import Particle as Particle
    from mpi_cascade.physics.receive_chain import ReceiveChain as ReceiveChain
    from mpi_cascade.physics.scanner import Scanner as Scanner
    from mpi_cascade.reconstruction.adaptation import adapt as adapt
    from mpi_cascade.reconstruction.scans import read_signals as read_signals
    from mpi_cascade.trained import TrainedCascade as TrainedCascade
    from mpi_cascade.trained import load as load
    from mpi_cascade.trained import save as save

__version__ = "0.2.0"

_ROOMS = {
    "Cascade": "models.cascade",
    "Evidence": "evidence.evidence",
    "Experiment": "experiment",
    "ForwardModel": "physics.forward",
    "Particle": "physics.particle",
    "ReceiveChain": "physics.receive_chain",
    "Reconstruction": "models.cascade",
    "Scanner": "physics.scanner",
    "TrainedCascade": "trained",
    "adapt": "reconstruction.adaptation",
    "load": "trained",
    "read_receive_chain": "configurations",
    "read_signals": "reconstruction.scans",
    "save": "trained",
}

__all__ = [*_ROOMS, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
