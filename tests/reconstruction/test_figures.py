import numpy as np
import pytest

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.figures import Shown, contact_sheet


def shown(num_scans, signal_shape, image_shape):
    random = np.random.default_rng(0)
    return [
        Shown(
            f"scan {number}",
            *(random.normal(size=s).astype(np.float32) for s in (signal_shape, *[image_shape] * 2)),
        )
        for number in range(num_scans)
    ]


@pytest.mark.parametrize("num_scans", [1, 9, 16])
def test_images_of_a_kind_have_one_scale_and_millimetres(num_scans):
    scanner = Scanner(num_ffp_x=4, num_ffp_y=3, field_of_view_y_m=3.2e-3)
    scans = shown(num_scans, (1, 3, 4), (6, 5))
    figure = contact_sheet(scans, scanner)
    panels = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(panels) == 3 * num_scans
    for kind, symmetric in ((0, True), (1, False), (2, False)):
        of_kind = panels[kind * num_scans : (kind + 1) * num_scans]
        (limits,) = {image.get_clim() for image in of_kind}
        values = np.stack([np.asarray(image.get_array()) for image in of_kind])
        stack = [(scan.signal[0], scan.preliminary, scan.final)[kind] for scan in scans]
        assert np.array_equal(values, np.stack(stack))
        most = np.abs(values).max() if symmetric else values.max()
        assert limits == (pytest.approx(-most if symmetric else 0), pytest.approx(most))
        assert of_kind[0].get_extent() == [-3.2, 3.2, -1.6, 1.6]
    labels = [axis.get_xlabel() for axis in figure.axes if not axis.images]
    assert labels == [
        "signal: harmonic 3 / a.u.", "preliminary image: tracer concentration",
        "final image: tracer concentration",
    ]  # fmt: skip
    figure.draw_without_rendering()


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
    assert panels[0].get_title() == "signal\nharmonic 2, in phase / a.u."
    assert panels[4].get_ylim() == panels[5].get_ylim()
    lowest = min(scan.final.min() for scan in scans)
    assert panels[5].get_ylim()[0] < lowest


def test_nothing_but_zeros_can_be_drawn():
    scanner = Scanner(num_ffp_x=4, num_ffp_y=3)
    empty = Shown("scan 0", np.zeros((1, 3, 4), np.float32), *[np.zeros((6, 5), np.float32)] * 2)
    contact_sheet([empty], scanner).draw_without_rendering()
