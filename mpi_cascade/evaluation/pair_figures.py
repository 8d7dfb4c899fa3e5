"""The paper's two figures, of reconstructed point pairs."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.evaluation.measures import PAIRS
from mpi_cascade.evaluation.methods import TRUTH
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, pair_dip, pair_profile
from mpi_cascade.phantoms.scenes import PairGeometry, TwoPoints
from mpi_cascade.scans.conventions import FULL_CONCENTRATION

_WINDOW_PER_EXTENT = 1.7
"""Width of a window around a pair, relative to the widest pair."""
_PROFILE_GAP_PER_DIAMETER = 0.75
"""The gap that is drawn as a profile: the paper's 0.3 mm for discs of 0.4 mm."""

_GAPS_MM = (0.05, 0.1, 0.2, 0.3, 0.5)
"""The gaps that are shown of more than a figure has room for."""
_MOST_GAPS = 6
_SET_NAMES = ("pairs", "pairs along x, 0.4 mm", "pairs along x, 0.3–0.6 mm")
"""The sets of which the first that there is is shown."""


@torch.no_grad()
def pair_figures(
    images: Callable[[Tensor], Mapping[str, Tensor]],
    suite: Suite,
    experiment: Experiment,
    device: torch.device | str,
) -> dict[str, Figure]:
    """Returns the paper's Figures 1 and 2 by name: of each gap, the pair in the middle.

    Args:
        images: Maps signals (batch, channel, y, x) to images (batch, 1, y, x) by name.
        suite: A suite with equal pairs along x; of many gaps a few are shown.
        experiment: The nominal scanner and the grid of the images.
        device: Where the scans are simulated.
    """
    part = next(part for part in suite.of_kind(PAIRS) if part.name in _SET_NAMES)
    size_m = experiment.scanner.field_of_view_m
    chosen = _central_cases(part, size_m).to(device)
    sample = part.scan(part.scans(experiment, device), chosen)
    shown = {TRUTH: sample.concentration, **images(sample.signal)}
    shown = {name: image.float().cpu() for name, image in shown.items()}
    assert sample.pairs is not None
    pairs = PairGeometry(*(column.cpu() for column in sample.pairs))
    return {
        "figure1": pair_images(shown, pairs, size_m),
        "figure2": pair_profiles(shown, pairs, size_m),
    }


def _central_cases(part: EvaluationSet, size_m: tuple[float, float]) -> Tensor:
    """Returns the index, for each gap that is shown, of the pair nearest to the middle."""
    assert isinstance(part.scene, TwoPoints)
    indices = torch.tensor(part.indices)
    off_centre = part.scene.pairs(part.streams(indices), size_m).centre_m.norm(dim=1)
    chosen: list[int] = []
    for number, gap_mm in enumerate(part.gaps_mm):
        if len(part.gaps_mm) <= _MOST_GAPS or gap_mm in _GAPS_MM:
            of_gap = indices // part.scene.cases_per_gap == number
            chosen.append(int(indices[off_centre.masked_fill(~of_gap, torch.inf).argmin()]))
    return torch.tensor(chosen)


def pair_images(
    images: Mapping[str, Float[Tensor, "gaps 1 ny nx"]],
    pairs: PairGeometry,
    field_of_view_m: tuple[float, float],
) -> Figure:
    """Returns the paper's Figure 1: one row per kind of image, one column per gap.

    Args:
        images: Images by name, one for each pair; every panel shows the same window around its
            pair, on one colour scale, which ends at the highest value of the first, the truth.
        pairs: The pairs.
        field_of_view_m: Size (y, x) of the images in m.
    """
    num_rows, num_columns = len(images), len(pairs.gap_m)
    figure = Figure(figsize=(2.1 * num_columns + 1.2, 2.1 * num_rows + 0.5), layout="constrained")
    axes = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True, sharey=True)
    size_y_mm, size_x_mm = (1e3 * size for size in field_of_view_m)
    half_mm = _half_window_mm(pairs)
    # Of a line, whose pixels are far longer than a disc, it is a few hundredths.
    highest = float(next(iter(images.values())).max()) or FULL_CONCENTRATION
    for row, (name, stack) in enumerate(images.items()):
        dips = pair_dip(stack, pairs, field_of_view_m).tolist()
        for column, axis in enumerate(axes[row]):
            centre_x, centre_y = (1e3 * pairs.centre_m[column]).tolist()
            extent = (
                -size_x_mm / 2 - centre_x, size_x_mm / 2 - centre_x,
                -size_y_mm / 2 - centre_y, size_y_mm / 2 - centre_y,
            )  # fmt: skip
            shown = axis.imshow(
                stack[column, 0].numpy(), extent=extent, origin="lower", cmap="inferno",
                vmin=0, vmax=highest, interpolation="nearest",
            )  # fmt: skip
            axis.set(xlim=(-half_mm, half_mm), ylim=(-half_mm, half_mm))
            axis.text(
                0.04, 0.05, f"dip {dips[column]:.2f}", transform=axis.transAxes, color="white"
            )
            if row == 0:
                axis.set_title(f"gap {1e3 * pairs.gap_m[column]:.2g} mm")
        axes[row, 0].set_ylabel(f"{name}\ny / mm")
    for axis in axes[-1]:
        axis.set_xlabel("x / mm")
    figure.colorbar(shown, ax=axes, label="tracer concentration", shrink=0.8)
    return figure


def pair_profiles(
    images: Mapping[str, Float[Tensor, "gaps 1 ny nx"]],
    pairs: PairGeometry,
    field_of_view_m: tuple[float, float],
) -> Figure:
    """Returns the paper's Figure 2: profiles along the line through one of the pairs.

    Args:
        images: Images by name, one for each pair; the first name is the truth.
        pairs: The pairs, of which the one with a gap nearest to ¾ of a diameter is drawn.
        field_of_view_m: Size (y, x) of the images in m.
    """
    nearest = int((pairs.gap_m - _PROFILE_GAP_PER_DIAMETER * pairs.diameter_m).abs().argmin())
    one = slice(nearest, nearest + 1)
    pair = pairs.cases(one)
    figure = Figure(figsize=(7.2, 4.2 + 0.07 * len(images)), layout="constrained")
    axis = figure.subplots()
    half_mm = _half_window_mm(pairs)
    positions_mm = np.linspace(-half_mm, half_mm, 401)
    positions_m = torch.from_numpy(1e-3 * positions_mm).to(pair.centre_m)[None]
    diameter_mm, gap_mm = 1e3 * pair.diameter_m.item(), 1e3 * pair.gap_m.item()
    for side in (-1, 1):
        inner, outer = side * gap_mm / 2, side * (gap_mm / 2 + diameter_mm)
        axis.axvspan(min(inner, outer), max(inner, outer), color="0.93", zorder=0)
    for number, (name, stack) in enumerate(images.items()):
        profile = pair_profile(stack[one], pair, positions_m, field_of_view_m)[0]
        dip = pair_dip(stack[one], pair, field_of_view_m).item()
        axis.plot(
            positions_mm,
            profile.numpy(),
            label=f"{name} (dip {dip:.2f})",
            color="black" if number == 0 else f"C{(number - 1) % 10}",
            linestyle="--" if number == 0 else ("-", "-.", ":")[(number - 1) // 10 % 3],
        )
    axis.axhline(0, color="0.7", linewidth=0.8)
    axis.set(
        xlabel="distance from the middle of the pair, along x / mm",
        ylabel="tracer concentration",
        title=f"Two discs of {diameter_mm:.2g} mm, {gap_mm:.2g} mm apart "
        f"(resolved: dip ≥ {RAYLEIGH_DIP})",
    )
    figure.legend(
        loc="outside lower center", ncols=4 if len(images) <= 4 else 3,
        frameon=False, columnspacing=1, fontsize="small",
    )  # fmt: skip
    return figure


def _half_window_mm(pairs: PairGeometry) -> float:
    return 1e3 * _WINDOW_PER_EXTENT / 2 * float((2 * pairs.diameter_m + pairs.gap_m).max())
