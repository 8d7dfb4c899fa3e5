"""The pictures of a comparison: which sets each of them shows."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.coverage_pages import coverage_figure
from mpi_cascade.evaluation.detection_figure import detection_figure
from mpi_cascade.evaluation.figures import off_scanner_figure, quality_by_set, quality_over_time
from mpi_cascade.evaluation.findings import Comparison, first_trainings
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE
from mpi_cascade.evaluation.off_scanners import off_scanner_names
from mpi_cascade.evaluation.pair_figures import pair_figures
from mpi_cascade.evaluation.resolution_figure import resolution_curves
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.phantoms.dilution import Diluted


def pictures(
    comparison: Comparison, summaries: Sequence[Summary], bounds: Sequence[Bound]
) -> dict[str, Figure]:
    """Returns the pictures of the sets that there are, by name.

    Args:
        comparison: The comparison.
        summaries: Its results.
        bounds: What noise allows beside them.
    """
    suite = comparison.suite
    device = comparison.experiment.forward_model.device
    figures = pair_figures(_shown_images(comparison), suite, comparison.experiment, device)
    controls = [part.twin for part in suite.of_kind(CAPSULES)]
    controlled = [part.name for part in suite.of_kind(PAIRS) if part.name in controls]
    if controlled:
        figures["resolution"] = resolution_curves(summaries, comparison.limits, bounds, controlled)
    if comparison.detection.limits:
        figures["detection"] = detection_figure(comparison.detection)
    off = off_scanner_names(suite)
    if off:
        figures["off_scanner"] = off_scanner_figure(summaries, off)
    for name, kinds, metric, axis_label in (
        ("robustness", (PHANTOMS,), "psnr_db", "PSNR / dB"),
        ("uniformity", (PAIRS, DISCS), "disc_non_uniformity",
         "coefficient of variation inside the discs"),
    ):  # fmt: skip
        parts = suite.of_kind(*kinds)
        # The PSNR of little tracer is high whatever a method makes of it.
        names = [
            part.name
            for part in parts
            if not isinstance(part.scene, Diluted)
            and (part.kind is PHANTOMS or not part.true_scanner)
        ]
        if len(names) > 1:
            figures[name] = quality_by_set(summaries, names, metric, axis_label)
    if comparison.coverage:
        figures["coverage"] = coverage_figure(comparison.coverage)
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
