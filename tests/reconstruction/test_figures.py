import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from shown_scans import shown_scan

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.figures import contact_sheet


def shown(num_scans, signal_shape, image_shape):
    random = np.random.default_rng(0)
    shapes = {"signal": signal_shape, "preliminary": image_shape, "final": image_shape}
    return [
        shown_scan(
            title=f"scan {number}",
            **{
                name: (0.1**number * random.normal(size=shape)).astype(np.float32)
                for name, shape in shapes.items()
            },
        )
        for number in range(num_scans)
    ]


@pytest.mark.parametrize("num_scans", [1, 9, 16])
def test_every_image_has_its_own_scale_and_millimetres(num_scans):
    scanner = Scanner(num_ffp_x=4, num_ffp_y=3, field_of_view_y_m=3.2e-3)
    scans = shown(num_scans, (1, 3, 4), (6, 5))
    figure = contact_sheet(scans, scanner)
    axes = [axis for axis in figure.axes if axis.images]
    assert len(axes) == 3 * num_scans
    arrays = [a for scan in scans for a in (scan.signal[0], scan.preliminary, scan.final)]
    for number, (axis, values) in enumerate(zip(axes, arrays, strict=True)):
        (image,) = axis.images
        assert np.array_equal(np.asarray(image.get_array()), values)
        most = np.abs(values).max() if number % 3 == 0 else values.max()
        least = -most if number % 3 == 0 else 0
        assert image.get_clim() == (pytest.approx(least), pytest.approx(most))
        (said,) = axis.texts
        assert said.get_text() == f"{'±' if number % 3 == 0 else '0 …'} {most:.2g}"
        assert image.get_extent() == [-3.2, 3.2, -1.6, 1.6]
    labels = [axis.get_xlabel() for axis in figure.axes if not axis.images]
    assert labels == ["signal ÷ its peak", "tracer concentration ÷ the image's peak"]
    assert axes[0].get_title() == "signal: harmonic 3 / a.u."


@pytest.mark.parametrize("num_scans", [1, 4, 16])
@pytest.mark.parametrize("is_line", [False, True])
def test_panels_are_of_one_size_and_no_words_overlap(num_scans, is_line):
    num_y = 1 if is_line else 4
    scanner = Scanner(num_ffp_x=4, num_ffp_y=num_y)
    figure = contact_sheet(shown(num_scans, (1, num_y, 4), (num_y, 8)), scanner)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    panels = figure.axes[: 3 * num_scans]
    sizes = np.array([axis.get_position().size for axis in panels])
    np.testing.assert_allclose(sizes, sizes[:1].repeat(len(sizes), axis=0))
    whole = figure.bbox
    boxes = [
        text.get_window_extent(renderer)
        for axis in figure.axes
        for text in (axis.title, axis.xaxis.label, axis.yaxis.label, axis.yaxis.get_offset_text())
        if text.get_text()
    ]
    for number, box in enumerate(boxes):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1
        assert whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_lines_are_profiles_in_millimetres():
    scanner = Scanner(
        num_ffp_x=4, num_ffp_y=1, harmonics=(2, 3), particle=Particle(relaxation_time_s=1e-6)
    )
    scans = shown(2, (4, 1, 4), (1, 8))
    figure = contact_sheet(scans, scanner)
    panels = [axis for axis in figure.axes if axis.lines]
    assert len(panels) == 6
    np.testing.assert_allclose(panels[0].lines[0].get_xdata(), [-2.4, -0.8, 0.8, 2.4])
    assert np.array_equal(panels[5].lines[0].get_ydata(), scans[1].final[0])
    assert panels[0].get_title() == "signal: harmonic 2, in phase / a.u."
    # A weak scan fills its panel.
    assert panels[5].get_ylim()[1] < 2 * np.abs(scans[1].final).max()


def test_nothing_but_zeros_can_be_drawn():
    scanner = Scanner(num_ffp_x=4, num_ffp_y=3)
    figure = contact_sheet([shown_scan()], scanner)
    figure.draw_without_rendering()
    assert [axis.texts[0].get_text() for axis in figure.axes[:3]] == ["± 0", "0 … 0", "0 … 0"]


def test_images_have_the_unit_of_a_calibration():
    (scan,) = shown(1, (1, 3, 4), (6, 5))
    figure = contact_sheet([scan], Scanner(num_ffp_x=4, num_ffp_y=3), "mg Fe/ml")
    assert [axis.get_title() for axis in figure.axes[1:3]] == [
        "preliminary image / mg Fe/ml", "final image / mg Fe/ml",
    ]  # fmt: skip
