"""The figure of a calibration."""

import numpy as np
from matplotlib.figure import Figure

from mpi_cascade.calibration.fit import Fit
from mpi_cascade.calibration.scan import DeltaSampleScan

_MOST_LINES = 5


def calibration_figure(scan: DeltaSampleScan, fit: Fit) -> Figure:
    """Returns measured against fitted profiles, a column for each harmonic, and the residuals.

    Args:
        scan: The scan.
        fit: The scanner fitted to it.
    """
    num_harmonics = len(fit.harmonics)
    figure = Figure(figsize=(2.6 * num_harmonics + 0.8, 5.2), layout="constrained")
    axes = figure.subplots(
        2, num_harmonics, squeeze=False, sharex=True, sharey="row", height_ratios=(2, 1)
    )
    lines = scan.line_y_m
    shown = lines[np.unique(np.linspace(0, len(lines) - 1, _MOST_LINES).round().astype(int))]
    for column, harmonic in enumerate(fit.harmonics):
        profile_axis, residual_axis = axes[:, column]
        peak = np.abs(fit.measured[column]).max()
        for number, y_m in enumerate(shown):
            on_line = np.flatnonzero(scan.y_m == y_m)
            on_line = on_line[np.argsort(scan.x_m[on_line])]
            x_mm = 1e3 * scan.x_m[on_line]
            measured = fit.measured[column, on_line] / peak
            fitted = fit.fitted[column, on_line] / peak
            label = f"y = {1e3 * y_m:.1f} mm" if column == 0 else None
            profile_axis.plot(x_mm, measured, "o", color=f"C{number}", label=label)
            profile_axis.plot(x_mm, fitted, color=f"C{number}")
            residual_axis.plot(x_mm, measured - fitted, "o-", color=f"C{number}", markersize=3)
        r_squared = fit.r_squared(np.ones(len(scan.x_m), np.bool_))[column]
        quality = "no R²: no spread" if np.isnan(r_squared) else f"R² {r_squared:.3f}"
        profile_axis.set_title(f"harmonic {harmonic}, {quality}")
        residual_axis.axhline(0, color="0.7", linewidth=0.8)
        residual_axis.set_xlabel("x / mm")
    axes[0, 0].set_ylabel("signal ÷ peak (dots measured, lines fitted)")
    axes[1, 0].set_ylabel("residual ÷ peak")
    figure.legend(loc="outside lower center", ncols=len(shown), frameon=False)
    return figure
