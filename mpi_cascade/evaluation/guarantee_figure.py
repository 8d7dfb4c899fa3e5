"""The figure of a calibration: what intervals miss, against how wide they are."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from mpi_cascade.evaluation.guaranteeing import Calibration
from mpi_cascade.guarantee.risk_control import FACTORS


def guarantee_figure(calibration: Calibration) -> Figure:
    """Returns the share that is missed over the factor of the widths, a line for each noise level.

    A dot is the factor that was chosen: its risk keeps below the aim as far as few scans can tell.

    Args:
        calibration: The calibration.
    """
    guarantee = calibration.guarantee
    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    pixel_factors = [group.pixel_factor for group in guarantee.groups]
    mass_factors = [group.mass_factor for group in guarantee.groups]
    _draw(left, calibration, calibration.pixel_losses, pixel_factors)
    _draw(right, calibration, calibration.mass_losses, mass_factors)
    left.set_title("pixels with tracer, or next to some", fontsize="medium")
    right.set_title("masses of objects", fontsize="medium")
    left.set_xlabel("factor of a pixel's distances to its ends")
    right.set_xlabel("factor of the sum of half widths")
    left.set_ylabel("outside of the interval / %")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside right upper", frameon=False,
        title="estimated peak SNR", fontsize="small", title_fontsize="small",
    )  # fmt: skip
    return figure


def _draw(axis: Axes, calibration: Calibration, losses: list, factors: list[float]) -> None:  # type: ignore[type-arg]
    groups = calibration.guarantee.groups
    for number, (group, of_group, factor) in enumerate(zip(groups, losses, factors, strict=True)):
        percent = 100 * of_group.mean(axis=0)
        colour = f"C{number}"
        label = f"{group.lowest_snr_db:.3g} … {group.highest_snr_db:.3g} dB"
        axis.plot(FACTORS, percent, color=colour, label=label, linewidth=1.2)
        place = int((factor * (1 - 1e-9) > FACTORS).sum())
        axis.plot([factor], [percent[place]], "o", color=colour, markersize=5)
    axis.axhline(100 * calibration.guarantee.risk, color="0.3", linestyle="--", linewidth=1)
    axis.set_xscale("log")
    # Two decades: matplotlib would label every digit of one, each over the next.
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    highest = max(factors)
    axis.set_xlim(highest / 20, highest * 4)
    axis.set_ylim(0, 60)
    axis.grid(color="0.9")
