import io
import math

import numpy as np
import pytest

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.figures import quality_by_set, quality_over_time, resolution_curves
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.summary import Summary

GAPS_MM = (0.1, 0.2, 0.4)


def summary(label, set_name, metric, value, gap_mm=None, half=0.1, image="final"):
    low, high = value - half, value + half
    return Summary(label, image, set_name, metric, gap_mm, value, low, high, 3, 64)


def drawn(figure):
    """Returns the figure after it was drawn, which is when matplotlib finds fault with it."""
    figure.savefig(io.BytesIO(), dpi=40)
    return figure


def test_resolution_is_drawn_for_every_method_and_set():
    names = ["pairs along x, 0.4 mm", "pairs along y, 0.4 mm"]
    shares = {"mse": (0.0, 0.5, 1.0), "ART": (0.1, 0.2, 0.9)}
    rows = [
        summary(label, set_name, metric, share, gap_mm, image=image)
        for label, of_label in shares.items()
        for name in names
        for set_name, metric in (
            (name, "resolved"), (name.replace("pairs", "capsules"), "false_splits")
        )
        for image in ("final", "preliminary")
        for gap_mm, share in zip(GAPS_MM, of_label, strict=True)
    ]  # fmt: skip
    limits = [Limit(name, gap, 20 * gap, 90 * gap) for name in names for gap in GAPS_MM]
    figure = drawn(resolution_curves(rows, limits, names))
    axes = np.array(figure.axes).reshape(3, 2)
    for resolved, split, limit in axes.T:
        for axis in (resolved, split):
            assert [line.get_label() for line in axis.get_lines()] == ["mse", "ART"]
            for line, of_label in zip(axis.get_lines(), shares.values(), strict=True):
                np.testing.assert_allclose(line.get_xdata(), GAPS_MM)
                np.testing.assert_allclose(line.get_ydata(), of_label)
        d_primes = limit.get_lines()[0].get_ydata()
        np.testing.assert_allclose(d_primes, [2, 4, 8])
    assert [axis.get_title() for axis in axes[0]] == names


def test_a_value_at_one_gap_is_not_taken_for_that_of_the_set():
    rows = [summary("mse", "pairs", "psnr_db", value, gap_mm) for value, gap_mm in
            ((20.0, None), (30.0, 0.1), (40.0, 1.0))]  # fmt: skip
    (axis,) = drawn(quality_by_set(rows, ["pairs"], "psnr_db", "PSNR / dB")).axes
    assert axis.containers[0].lines[0].get_xdata().tolist() == [20.0]


def test_quality_has_a_mark_for_every_method_on_every_set():
    sets = ["phantoms", "unseen rings", "SNR 20 dB"]
    rows = [
        summary(label, name, "psnr_db", 30.0 - number - place)
        for number, label in enumerate(f"method {i}" for i in range(12))
        for place, name in enumerate(sets)
    ]
    rows += [
        summary("method 0", "phantoms", "psnr_db", 5.0, image="preliminary"),
        summary("method 0", "phantoms", "ssim", 0.5),
    ]
    figure = drawn(quality_by_set(rows, sets, "psnr_db", "PSNR / dB"))
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == sets
    for number, marks in enumerate(axis.containers):
        values, places = (np.array(data, dtype=float) for data in marks[0].get_data())
        np.testing.assert_allclose(values, [30 - number, 29 - number, 28 - number])
        # Between its neighbours' rows, so that no mark stands for two sets.
        assert (abs(places - np.arange(3)) < 0.5).all()
    looks = {(marks[0].get_color(), marks[0].get_marker()) for marks in axis.containers}
    assert len(axis.containers) == len(looks) == 12


@pytest.mark.parametrize("value", [0.0, 0.1, math.nan])
def test_a_value_without_a_width_is_drawn(value):
    """An interval may be a point, a rounding error beside the value, or undefined."""
    row = summary("mse", "phantoms", "psnr_db", value, half=0.0)
    for shifted in (row, row._replace(low=value + 1e-9), row._replace(high=value - 1e-9)):
        drawn(quality_by_set([shifted], ["phantoms"], "psnr_db", "PSNR / dB"))


def test_time_has_a_curve_for_iterations_and_a_mark_for_the_others():
    steps = [Progress("ART", 10**k, 0.001 * 10**k, 20.0 + k, 0.1 * k) for k in range(3)]
    times_s = {"ART": 0.2, "mse": 0.003, "zero image": 1e-6}
    quality_db = {"ART": 22.0, "mse": 30.0, "zero image": 10.0}
    figure = drawn(quality_over_time(steps, times_s, quality_db))
    quality, dip = figure.axes
    curve, mark = quality.get_lines()
    (dips,) = dip.get_lines()
    np.testing.assert_allclose(curve.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(curve.get_ydata(), [20, 21, 22])
    np.testing.assert_allclose(dips.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(dips.get_ydata(), [0, 0.1, 0.2])
    np.testing.assert_allclose((*mark.get_xdata(), *mark.get_ydata()), (3, 30))
    assert quality.get_xscale() == "log"
