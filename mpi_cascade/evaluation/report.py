"""The report of one cascade: a small comparison, with tuned Tikhonov as the yardstick."""

from pathlib import Path

import torch
from torch import nn

from mpi_cascade.checkpoints import TrainedCascade
from mpi_cascade.evaluation.comparison import Comparison, write_comparison
from mpi_cascade.evaluation.measures import PHANTOMS
from mpi_cascade.evaluation.measuring import measure
from mpi_cascade.evaluation.methods import cascade_method, classical_method, tuned_solvers
from mpi_cascade.evaluation.sets import BATCH_SIZE, Suite
from mpi_cascade.evaluation.table import Result
from mpi_cascade.results.directory import make_directory
from mpi_cascade.results.messages import say
from mpi_cascade.results.progress import showing_progress

LABEL = "cascade"

