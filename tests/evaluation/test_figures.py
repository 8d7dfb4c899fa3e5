import io
import math

import numpy as np
import pytest

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.figures import off_scanner_figure, quality_by_set, quality_over_time
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.resolution_figure import resolution_curves
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
            (name, "resolved_at_1pct"), (name.replace("pairs", "capsules"), "split_at_1pct"),
            (name.replace("pairs", "least favourable"), "split_at_1pct"),
        )
        for image in ("final", "preliminary")
        for gap_mm, share in zip(GAPS_MM, of_label, strict=True)
    ]  # fmt: skip
    limits = [Limit(name, gap, 20 * gap, 90 * gap, 0.5, 5.0, 10 * gap, 0.6)
              for name in names for gap in GAPS_MM]  # fmt: skip
    bounds = [
        Bound("ART", "final", name, gap, "resolved_at_1pct", 1.0, 0.9, 0.6, 0.5, 0.4, 0.6, 0.1,
              gap == 0.4)
        for name in names
        for gap in GAPS_MM
    ]  # fmt: skip
    figure = drawn(resolution_curves(rows, limits, bounds, names))
    axes = np.array(figure.axes).reshape(4, 2)
    for resolved, least_favourable, split, limit in axes.T:
        for axis in (resolved, split):
            assert [line.get_label() for line in axis.get_lines()] == ["mse", "ART"]
            for line, of_label in zip(axis.get_lines(), shares.values(), strict=True):
                np.testing.assert_allclose(line.get_xdata(), GAPS_MM)
                np.testing.assert_allclose(line.get_ydata(), of_label)
        bound, suspect = least_favourable.get_lines()[-2:]
        np.testing.assert_allclose(bound.get_ydata(), [0.6] * 3)
        assert bound.get_color() == least_favourable.get_lines()[1].get_color()
        np.testing.assert_allclose(suspect.get_xdata(), [0.4])
        np.testing.assert_allclose(limit.get_lines()[0].get_ydata(), [2, 4, 8])
        np.testing.assert_allclose(limit.get_lines()[2].get_ydata(), [1, 2, 4])
    assert [axis.get_title() for axis in axes[0]] == names


def test_controls_that_no_set_has_get_no_room():
    name = "pairs along x, 0.4 mm"
    rows = [summary("mse", name, "resolved_at_1pct", 0.5, gap_mm) for gap_mm in GAPS_MM]
    assert len(drawn(resolution_curves(rows, [], [], [name])).axes) == 2


def test_scanners_that_are_off_stand_below_the_one_that_is_not():
    name = "core diameter +5 %"
    rows = [
        summary(label, set_name, metric, value, gap_mm)
        for label in ("mse", "ART")
        for stem, metric, gap_mm, believed in (
            ("", "psnr_db", None, "phantoms"), ("", "mass_bias", None, "phantoms"),
            ("pairs, ", "resolved_at_1pct", 0.3, "pairs along x, 0.4 mm"),
            ("nulls, ", "split_at_1pct", None, "all nulls"),
        )
        for set_name, value in ((believed, 1.0), (f"{stem}{name}", 0.5))
    ]  # fmt: skip
    axes = drawn(off_scanner_figure(rows, [name])).axes
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["as believed", name]
    assert len(axes) == 4
    for axis in axes:
        assert len(axis.containers) == 2
        for marks in axis.containers:
            np.testing.assert_allclose(np.array(marks[0].get_xdata(), dtype=float), [1.0, 0.5])


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
    figure = drawn(quality_over_time({"ART": steps}, times_s, quality_db))
    quality, dip = figure.axes
    curve, mark = quality.get_lines()
    (dips,) = dip.get_lines()
    np.testing.assert_allclose(curve.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(curve.get_ydata(), [20, 21, 22])
    np.testing.assert_allclose(dips.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(dips.get_ydata(), [0, 0.1, 0.2])
    np.testing.assert_allclose((*mark.get_xdata(), *mark.get_ydata()), (3, 30))
    assert quality.get_xscale() == "log"
