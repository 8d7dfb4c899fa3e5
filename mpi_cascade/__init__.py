"""Cascaded networks for image reconstruction in magnetic particle imaging.

The layers, each of which knows only those below it; those of one row don't know each other::

    cli                                     the commands
    sweep                                   many trainings, searched by wandb's engine
    benchmark                               how fast everything is
    comparison | calibration |              methods side by side; a scanner from a measured sample;
    reconstruction | export |               images from a file of scans; a cascade without this
    simulate_matrix                         package; a simulated calibration
    training                                Lightning, wandb, the run directory
    report                                  figures
    models | metrics | losses               networks; image quality; what training minimises
    data | solvers                          phantoms, scans, MDF files; classical reconstruction
    physics                                 scanner, PSF, S c = u, disturbances
    randomness                              keyed random numbers
    checks                                  plain sentences for bad input

Importing the package imports neither Lightning nor wandb.
"""

from mpi_cascade.models.cascade import Cascade, Reconstruction
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

__version__ = "0.1.0"

__all__ = ["Cascade", "ForwardModel", "Particle", "Reconstruction", "Scanner", "__version__"]
