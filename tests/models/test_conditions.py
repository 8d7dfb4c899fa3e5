"""What networks are told of the scanner and the scan."""

import numpy as np
import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.models.conditions import NoiseLevel, PsfDetail, psf_details
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.scanner import Scanner

SCANNER = Scanner(num_ffp_x=32, num_ffp_y=32)
MODEL = ForwardModel(SCANNER, (32, 32))


def test_the_detail_is_that_of_the_psf_itself():
    """By NumPy on the PSF's closed form, as finely sampled as its slopes need."""
    x_m = torch.linspace(-6.4e-3, 6.4e-3, 257, dtype=torch.float64)
    psf = voltage_psf(SCANNER, 3, x_m[None, :], x_m[:, None]).numpy()
    step_m = float(x_m[1] - x_m[0])
    slope_y, slope_x = np.gradient(psf, step_m)
    expected = [
        np.linalg.norm(psf) / np.linalg.norm(slope) / 0.2e-3 for slope in (slope_x, slope_y)
    ]
    # Differences over a step see a little less than the slope; 64 white images, a little scatter.
    assert psf_details(MODEL) == pytest.approx(expected, rel=0.08)


def test_the_detail_is_in_pixels_not_in_steps_of_the_ffp():
    finer = psf_details(ForwardModel(SCANNER, (64, 32)))
    along_x, along_y = psf_details(MODEL)
    assert finer == pytest.approx((along_x, 2 * along_y), rel=0.05)
    line = Scanner(num_ffp_x=32, num_ffp_y=1)
    assert psf_details(ForwardModel(line, (1, 32)))[1] == 1


@pytest.mark.parametrize("snr_db", [15, 30, 50])
def test_the_noise_level_is_the_peak_snr_at_any_scale(snr_db):
    torch.manual_seed(0)
    image = torch.zeros(8, 1, 32, 32)
    image[:, :, 12:18, 10:14] = 1
    signal = MODEL(image)
    noise = 10 ** (-snr_db / 20) * signal.abs().max()
    signal += noise * torch.randn_like(signal)
    level = NoiseLevel()
    level.use(MODEL)
    numbers = level(signal)
    # Noise raises the peak itself.
    expected = (20 * (signal.abs().amax(dim=(1, 2, 3)) / noise).log10() - 30) / 10
    assert float((numbers[:, 0] - expected).mean()) == pytest.approx(0, abs=0.05)
    torch.testing.assert_close(level(1e-3 * signal), numbers)


def test_of_an_empty_or_noise_free_scan_the_level_is_a_number():
    level = NoiseLevel()
    level.use(MODEL)
    assert not level(torch.zeros(1, *MODEL.signal_shape)).any()
    assert level(torch.ones(1, *MODEL.signal_shape)).isfinite().all()


def test_a_scan_of_few_positions_has_no_noise_level():
    tiny = ForwardModel(Scanner(num_ffp_x=3, num_ffp_y=5), (5, 3))
    with pytest.raises(InputError, match=r"\[1, 5, 3\] have too few FFP positions"):
        NoiseLevel().use(tiny)


def test_the_reference_scanner_has_numbers_near_zero():
    model = ForwardModel(Scanner(), (64, 64))
    detail = PsfDetail()
    detail.use(model)
    numbers = detail(torch.zeros(2, *model.signal_shape))
    assert numbers.shape == (2, 2)
    assert numbers[0, 0].abs() < 0.2
