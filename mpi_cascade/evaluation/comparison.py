"""All that a comparison has found, and how it is written: tables, a document and pictures."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.figures import quality_by_set, quality_over_time, resolution_curves
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE, Method
from mpi_cascade.evaluation.pair_figures import pair_figures
from mpi_cascade.evaluation.sets import Suite
from mpi_cascade.evaluation.summary import Summary, paired_differences, summarise
from mpi_cascade.evaluation.table import Result
from mpi_cascade.evaluation.tables import (
    convergence_table,
    difference_table,
    limit_table,
    summary_table,
)
from mpi_cascade.experiment import Experiment
from mpi_cascade.results.directory import describe_environment
from mpi_cascade.results.files import write_text
from mpi_cascade.results.tables import write_csv, write_json


@dataclass(frozen=True)
class Comparison:
    """All that a comparison has found.

    Attributes:
        suite: The suite.
        experiment: The scanner and image grid of the methods.
        methods: All methods, trained ones first.
        results: Every metric of every training.
        notes: What a reader has to know of this comparison, a sentence each.
        limits: What noise allows.
        progress: Iterative solvers against iterations, on the scans that they were tuned on.
        times_s: Time per image of each label in s.
        tuning_quality_db: Mean PSNR of each label in dB on the scans that classical methods were
            tuned on.
    """

    suite: Suite
    experiment: Experiment
    methods: list[Method]
    results: list[Result]
    notes: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    times_s: Mapping[str, float] = field(default_factory=dict)
    tuning_quality_db: Mapping[str, float] = field(default_factory=dict)


def write_comparison(directory: Path, comparison: Comparison) -> dict[str, Figure]:
    """Writes everything into a directory that exists, shows the summary, and returns the pictures.

    Args:
        directory: The directory.
        comparison: What to write.
    """
    summaries = summarise(comparison.results)
    differences = paired_differences(comparison.results, comparison.methods)
    tables: dict[str, Sequence[Any]] = {
        "comparison": summaries,
        "trainings": comparison.results if len(comparison.results) > len(summaries) else [],
        "differences": differences,
        "limits": comparison.limits,
        "convergence": comparison.progress,
    }
    for name, rows in tables.items():
        if rows:
            write_csv(directory / f"{name}.csv", rows[0]._fields, rows)
    provenance = {
        "suite": comparison.suite.name,
        "scanner": asdict(comparison.experiment.scanner),
        "image_shape": comparison.experiment.image_shape,
        "methods": [[method.label, method.number, method.source] for method in comparison.methods],
        "times_per_image_s": comparison.times_s,
        "environment": describe_environment(),
    }
    write_json(
        directory / "comparison.json",
        {**provenance, "results": summaries, "differences": differences},
    )
    table = summary_table(summaries, comparison.times_s)
    parts = [f"# Comparison on the suite {comparison.suite.name}", table, *_remarks(comparison)]
    if differences:
        parts += [
            "## Differences seed by seed",
            difference_table(differences),
            "Trainings of the same seeds were given the same samples: what the seed does to both "
            "drops out. In brackets Student's 95 % interval; shares and gaps, of few possible "
            "values, have none: compare their own intervals above.",
        ]
    for name in dict.fromkeys(limit.set_name for limit in comparison.limits):
        parts += [f"## What noise allows: {name}", limit_table(comparison.limits, name)]
    if comparison.progress:
        parts += ["## Convergence", convergence_table(comparison.progress)]
    write_text(directory / "comparison.md", "\n\n".join(parts) + "\n")
    sys.stdout.write(f"\n{table}\n\n")
    sys.stdout.flush()
    figures = _figures(comparison, summaries)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=110)
    return figures


def log_comparison(
    directory: Path, name: str, comparison: Comparison, figures: Mapping[str, Figure]
) -> None:
    """Logs the table and the pictures to Weights & Biases, below the directory.

    Args:
        directory: The directory of the run.
        name: What was run.
        comparison: The comparison.
        figures: Its pictures.
    """
    # It takes a second to import, and few who evaluate from Python want it.
    from mpi_cascade.results.wandb import log_results, logged_run

    with logged_run(directory, name) as run:
        rows = summarise(comparison.results)
        log_results(run, name, Summary._fields, rows, figures)


def first_trainings(methods: Sequence[Method]) -> list[Method]:
    """Returns the first training of each label."""
    return [method for method in methods if method.number == 0]


def _remarks(comparison: Comparison) -> list[str]:
    """Returns what a reader of the summary table has to know, a paragraph each."""
    remarks = [
        "In brackets 95 % intervals: over seeds (Student's t), which tell trainings apart on these "
        "very scans, where there are several; over cases (t, bootstrap or Wilson) where there is "
        "one. Over seeds those of shares and gaps are no narrower than over cases. An end of ? "
        "can't be told from so few cases."
    ]
    if comparison.suite.of_kind(CAPSULES):
        remarks[0] += (
            " The worst capsules are those of the outline, of any set, that is split most often."
        )
    elif comparison.suite.of_kind(PAIRS):
        remarks[0] += (
            " There are no controls here: the pairs show what happens to pairs, and not whether "
            "single objects look like pairs. compare has them."
        )
    remarks += [f"- {method.label}: {method.source}" for method in comparison.methods]
    return [*remarks, *(f"{note}." for note in comparison.notes)]


def _figures(comparison: Comparison, summaries: list[Summary]) -> dict[str, Figure]:
    """Returns the pictures of the sets that there are."""
    suite = comparison.suite
    device = comparison.experiment.forward_model.device
    figures = pair_figures(_shown_images(comparison), suite, comparison.experiment, device)
    controls = [part.twin for part in suite.of_kind(CAPSULES)]
    controlled = [part.name for part in suite.of_kind(PAIRS) if part.name in controls]
    if controlled:
        figures["resolution"] = resolution_curves(summaries, comparison.limits, controlled)
    for name, kinds, metric, axis_label in (
        ("robustness", (PHANTOMS,), "psnr_db", "PSNR / dB"),
        ("uniformity", (PAIRS, DISCS), "disc_non_uniformity",
         "coefficient of variation inside the discs"),
    ):  # fmt: skip
        names = [part.name for part in suite.of_kind(*kinds)]
        if len(names) > 1:
            figures[name] = quality_by_set(summaries, names, metric, axis_label)
    if comparison.progress:
        figures["time"] = quality_over_time(
            comparison.progress, comparison.times_s, comparison.tuning_quality_db
        )
    return figures


def _shown_images(comparison: Comparison) -> Callable[[Tensor], dict[str, Tensor]]:
    """Returns what makes the images of the pictures: final ones of the first training of a label.

    Of a single label there is room for the preliminary ones too; of the zero image there is nothing
    to see.
    """
    methods = [
        method for method in first_trainings(comparison.methods) if method.label != ZERO_IMAGE
    ]
    has_room = sum(len(method.image_names) > 1 for method in methods) == 1

    def images(signal: Tensor) -> dict[str, Tensor]:
        return {
            method.label if name == FINAL else f"{method.label}, {name}": image
            for method in methods
            for name, image in method.images(signal).items()
            if name == FINAL or has_room
        }

    return images
