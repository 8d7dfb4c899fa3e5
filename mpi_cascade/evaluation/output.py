"""Writes a comparison: tables, pictures, and the same to Weights & Biases.

Must not know how numbers were measured.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
import wandb
from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.figures import quality_by_set, quality_over_time, resolution_curves
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.measuring import Result
from mpi_cascade.evaluation.methods import FINAL, TRUTH, Compared, Method
from mpi_cascade.evaluation.pair_figures import pair_images, pair_profiles
from mpi_cascade.evaluation.suites import EvaluationSet, Suite
from mpi_cascade.evaluation.summary import Difference, Summary
from mpi_cascade.evaluation.tables import (
    convergence_table,
    difference_table,
    limit_table,
    summary_table,
    write_csv,
    write_json,
)
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.results.directory import describe_environment
from mpi_cascade.training.loggers import start_wandb_run

_FIGURE_GAPS_MM = (0.05, 0.1, 0.2, 0.3, 0.5)


class Comparison(NamedTuple):
    """All that a comparison has found.

    Attributes:
        suite: The suite.
        compared: The cascades, their scanner and image grid.
        notes: What a reader has to know of this comparison, a sentence each.
        methods: All methods.
        results: Every metric of every training.
        summaries: The same with the seeds of each label together.
        differences: Every label minus the first, over the seeds that both have.
        limits: What noise allows.
        progress: Iterative solvers against iterations, on the scans that they were tuned on.
        times_s: Time per image of each label in s.
        tuning_quality_db: Mean PSNR of each label in dB on the scans that classical methods were
            tuned on.
    """

    suite: Suite
    compared: Compared
    notes: list[str]
    methods: list[Method]
    results: list[Result]
    summaries: list[Summary]
    differences: list[Difference]
    limits: list[Limit]
    progress: list[Progress]
    times_s: dict[str, float]
    tuning_quality_db: dict[str, float]


def write_comparison(directory: Path, comparison: Comparison) -> None:
    """Writes everything into a directory that exists, and shows the summary.

    Args:
        directory: The directory.
        comparison: What to write.
    """
    write_csv(directory / "comparison.csv", comparison.summaries)
    write_csv(directory / "trainings.csv", comparison.results)
    write_csv(directory / "differences.csv", comparison.differences)
    write_csv(directory / "limits.csv", comparison.limits)
    write_csv(directory / "convergence.csv", comparison.progress)
    provenance = {
        "suite": comparison.suite.name,
        "scanner": asdict(comparison.compared.models.scanner),
        "image_shape": comparison.compared.image_shape,
        "methods": [[method.label, method.number, method.source] for method in comparison.methods],
        "times_per_image_s": comparison.times_s,
        "environment": describe_environment(),
    }
    write_json(directory / "comparison.json", provenance, comparison.summaries)
    (directory / "comparison.md").write_text(_document(comparison))
    table = summary_table(comparison.summaries, comparison.times_s)
    sys.stdout.write(f"\n{table}\n\n")
    sys.stdout.flush()
    figures = _figures(comparison)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=110)
    _log_to_wandb(directory, comparison, figures)
    sys.stdout.write(f"Everything lies in {directory}\n")


def _document(comparison: Comparison) -> str:
    parts = [
        f"# Comparison on the suite {comparison.suite.name}",
        summary_table(comparison.summaries, comparison.times_s),
        "In brackets 95 % intervals: over seeds (Student's t), which tell trainings apart on these "
        "very scans, where there are several; over cases (t, bootstrap or Wilson) where there is "
        "one. Over seeds those of shares and gaps are no narrower than over cases. An end of ? "
        "can't be told from so few cases. The worst capsules are those of the outline, of any "
        "set, that is split most often.",
    ]
    parts += [f"- {method.label}: {method.source}" for method in comparison.methods]
    parts += [f"{note}." for note in comparison.notes]
    if comparison.differences:
        parts += [
            "## Differences seed by seed",
            difference_table(comparison.differences),
            "Trainings of the same seeds were given the same samples: what the seed does to both "
            "drops out. In brackets Student's 95 % interval; shares and gaps, of few possible "
            "values, have none: compare their own intervals above.",
        ]
    for name in dict.fromkeys(limit.set_name for limit in comparison.limits):
        parts += [f"## What noise allows: {name}", limit_table(comparison.limits, name)]
    if comparison.progress:
        parts += ["## Convergence", convergence_table(comparison.progress)]
    return "\n\n".join(parts) + "\n"


def _figures(comparison: Comparison) -> dict[str, Figure]:
    suite, summaries = comparison.suite, comparison.summaries
    controlled = [part.name for part in suite.pairs if _has_control(part, suite)]
    sets = [part.name for part in suite.phantoms]
    figure1, figure2 = _pair_figures(comparison)
    return {
        "figure1": figure1,
        "figure2": figure2,
        "resolution": resolution_curves(summaries, comparison.limits, controlled),
        "robustness": quality_by_set(summaries, sets, "psnr_db", "PSNR / dB"),
        "uniformity": quality_by_set(
            summaries, [part.name for part in (*suite.pairs, *suite.discs)],
            "disc_non_uniformity", "coefficient of variation inside the discs",
        ),
        "time": quality_over_time(
            comparison.progress, comparison.times_s, comparison.tuning_quality_db
        ),
    }  # fmt: skip


def _has_control(part: EvaluationSet, suite: Suite) -> bool:
    return any(control.twin == part.name for control in suite.capsules)


def _pair_figures(comparison: Comparison) -> tuple[Figure, Figure]:
    """Returns the paper's Figures 1 and 2 of the first training of each label."""
    part = next(part for part in comparison.suite.pairs if part.name == "pairs along x, 0.4 mm")
    firsts = [method for method in comparison.methods if method.number == 0]
    images: dict[str, list[Tensor]] = {TRUTH: [], **{method.label: [] for method in firsts}}
    chosen: list[PairGeometry] = []
    compared = comparison.compared
    for sample in part.batches(compared.models, compared.image_shape):
        assert sample.pairs is not None
        gap_mm = 1e3 * sample.pairs.gap_m[0].item()
        if all(abs(gap_mm - shown_mm) > 1e-3 for shown_mm in _FIGURE_GAPS_MM):
            continue
        case = int(sample.pairs.centre_m.norm(dim=1).argmin())
        chosen.append(sample.pairs.cases(slice(case, case + 1)))
        images[TRUTH].append(sample.concentration[case : case + 1])
        for method in firsts:
            images[method.label].append(method.images(sample.signal[case : case + 1])[FINAL])
    stacks = {name: torch.cat(stack) for name, stack in images.items()}
    pairs = PairGeometry(*(torch.cat(columns) for columns in zip(*chosen, strict=True)))
    size_m = compared.models.scanner.field_of_view_m
    return pair_images(stacks, pairs, size_m), pair_profiles(stacks, pairs, size_m)


def _log_to_wandb(directory: Path, comparison: Comparison, figures: Mapping[str, Figure]) -> None:
    """Logs the table and the pictures; offline unless ``WANDB_MODE`` says otherwise."""
    with start_wandb_run(directory, "compare") as run:
        rows = [list(summary) for summary in comparison.summaries]
        table = wandb.Table(columns=list(Summary._fields), data=rows)
        pictures = {f"compare/{name}": wandb.Image(figure) for name, figure in figures.items()}
        run.log({"compare/results": table, **pictures})
