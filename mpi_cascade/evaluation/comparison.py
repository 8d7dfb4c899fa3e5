"""How a comparison is written: tables, a document and pictures."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mpi_cascade.evaluation.bounds import bounds, suspicions
from mpi_cascade.evaluation.document import document
from mpi_cascade.evaluation.findings import Comparison
from mpi_cascade.evaluation.operating_points import FALSE_ALARMS, nulls_needed
from mpi_cascade.evaluation.pictures import pictures
from mpi_cascade.evaluation.summary import Summary, paired_differences, summarise
from mpi_cascade.evaluation.tables import summary_table
from mpi_cascade.results.directory import describe_environment
from mpi_cascade.results.files import write_text
from mpi_cascade.results.tables import for_terminal, write_csv, write_json


def write_comparison(directory: Path, comparison: Comparison) -> dict[str, Figure]:
    """Writes everything into a directory that exists, shows the summary, and returns the pictures.

    Args:
        directory: The directory.
        comparison: What to write.
    """
    summaries = summarise(comparison.results)
    differences = paired_differences(comparison.results, comparison.methods)
    found_bounds = bounds(summaries, comparison.limits, comparison.suite)
    tables: dict[str, Sequence[Any]] = {
        "comparison": summaries,
        "trainings": comparison.results if len(comparison.results) > len(summaries) else [],
        "differences": differences,
        "thresholds": comparison.thresholds,
        "limits": comparison.limits,
        "bounds": found_bounds,
        "detection": comparison.detection.limits,
        "detected": comparison.detection.shares,
        "convergence": [step for steps in comparison.progress.values() for step in steps],
        "coverage": comparison.coverage,
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
    text = document(comparison, summaries, differences, found_bounds)
    write_text(directory / "comparison.md", text)
    said = [*_unmeasured(comparison), *suspicions(found_bounds)]
    sentences = "".join(f"{sentence}.\n" for sentence in said)
    shown = for_terminal(summary_table(summaries, comparison.times_s))
    sys.stdout.write(f"\n{shown}\n\n{sentences}")
    sys.stdout.flush()
    figures = pictures(comparison, summaries, found_bounds)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=110)
    return figures


def _unmeasured(comparison: Comparison) -> list[str]:
    """Returns why shares at a method's own threshold are missing, where they are."""
    needed, found = nulls_needed(FALSE_ALARMS), [one.num_nulls for one in comparison.thresholds]
    if min(found) >= needed:
        return []
    return [
        f"–: {min(found)} single objects can't tell a threshold at {100 * FALSE_ALARMS:g} % false "
        f"alarms, which takes {needed}, so no share of pairs or nulls is known at it"
    ]


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
    from mpi_cascade.results.wandb import log_results, mode

    if mode() == "disabled":  # Pictures would be drawn for nothing.
        return
    log_results(directory, name, Summary._fields, summarise(comparison.results), figures)
