"""All that a comparison has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.detection import Detection
from mpi_cascade.evaluation.interval_coverage import Coverage
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.methods import Method
from mpi_cascade.evaluation.sets import Suite
from mpi_cascade.evaluation.table import Result
from mpi_cascade.evaluation.thresholds import Threshold
from mpi_cascade.experiment import Experiment


@dataclass(frozen=True)
class Comparison:
    """All that a comparison has found.

    Attributes:
        suite: The suite.
        experiment: The scanner and image grid of the methods.
        methods: All methods, trained ones first.
        results: Every metric of every training.
        notes: What a reader has to know of this comparison, a sentence each.
        thresholds: The dip at which each method resolves.
        limits: What noise allows.
        detection: How little tracer the methods detect, where the suite shows it.
        progress: Iterative solvers against iterations, by label, on the scans that they were tuned
            on.
        times_s: Time per image of each label in s.
        tuning_quality_db: Mean PSNR of each label in dB on the scans that classical methods were
            tuned on.
        coverage: How often intervals hold the truth, of what has any.
    """

    suite: Suite
    experiment: Experiment
    methods: list[Method]
    results: list[Result]
    notes: list[str]
    thresholds: list[Threshold]
    limits: list[Limit]
    detection: Detection
    progress: Mapping[str, list[Progress]]
    times_s: Mapping[str, float]
    tuning_quality_db: Mapping[str, float]
    coverage: list[Coverage]


def first_trainings(methods: Sequence[Method]) -> list[Method]:
    """Returns the first training of each label."""
    return [method for method in methods if method.number == 0]
