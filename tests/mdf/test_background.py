import numpy as np
import pytest
from mdf_files import (
    NUM_CHANNELS,
    NUM_COMPONENTS,
    NUM_PERIODS,
    measured_fields,
    time_signals,
    write_hdf5,
)

from mpi_cascade.mdf.background import split_background
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import by_frame

NUM_FRAMES = 60
SHAPE = (NUM_FRAMES, NUM_PERIODS, NUM_CHANNELS, NUM_COMPONENTS)
SIGMA = 0.1


@pytest.fixture
def separated(tmp_path):
    """Splits spectra of which every frame from 10 on, up to 14 of 20, is background."""

    def split(spectra, **changes):
        is_background = np.arange(NUM_FRAMES) % 20 >= 10
        fields = measured_fields() | {
            "/measurement/data": spectra,
            "/measurement/isFourierTransformed": np.int8(1),
            "/measurement/isBackgroundFrame": is_background.astype(np.int8),
            "/acquisition/numFrames": NUM_FRAMES,
            **changes,
        }
        with MDFFile(write_hdf5(tmp_path / "scan.mdf", fields)) as file:
            return split_background(file.measurement, spectra), is_background

    return split


def noise():
    generator = np.random.default_rng(0)
    return SIGMA * (generator.normal(size=SHAPE) + 1j * generator.normal(size=SHAPE))


def test_a_background_that_drifts_is_followed_and_counts_as_no_noise(separated):
    time = np.arange(NUM_FRAMES)[:, None, None, None]
    parts, is_background = separated(noise() + 5.0 + 0.2 * time)
    assert len(parts.background) == 3
    np.testing.assert_allclose(
        parts.background.mean(axis=(1, 2, 3)).real, [7.9, 11.9, 15.9], atol=0.1
    )
    # Between blocks the drift is followed; before the first one the background is held constant.
    between = parts.foreground[time[~is_background, 0, 0, 0] > 15]
    assert abs(between.mean()) < 0.1
    # Within a block of ten frames the drift adds 0.2²·(10² − 1)/12 to a variance of 2·0.1².
    variance = (np.abs(parts.noise) ** 2).sum() / parts.freedom / np.prod(SHAPE[1:])
    assert variance == pytest.approx(2 * SIGMA**2 + 0.2**2 * 110 / 12, rel=0.05)
    assert parts.freedom == 27


def test_noise_is_told_about_the_mean_of_each_block(separated):
    level = np.repeat([1.0, 9.0, 3.0], 20)[:, None, None, None]
    parts, _ = separated(noise() + level)
    variance = (np.abs(parts.noise) ** 2).sum() / parts.freedom / np.prod(SHAPE[1:])
    assert variance == pytest.approx(2 * SIGMA**2, rel=0.06)


def test_what_is_corrected_already_is_left_alone(separated):
    spectra = noise() + 4.0
    parts, is_background = separated(spectra, **{"/measurement/isBackgroundCorrected": np.int8(1)})
    np.testing.assert_array_equal(parts.foreground, spectra[~is_background])


@pytest.mark.parametrize(("dtype", "precision"), [(np.int16, 1e-12), (np.float32, 1e-6)])
def test_the_mean_background_of_counts_is_subtracted_with_its_fractions(tmp_path, dtype, precision):
    signals = (3 * time_signals()).round().astype(dtype)
    fields = measured_fields() | {"/measurement/data": signals}
    with MDFFile(write_hdf5(tmp_path / "scan.mdf", fields)) as file:
        spectra = np.concatenate(list(by_frame(file)))
    expected = np.fft.rfft(signals[:4] - signals[4:].mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(spectra, expected, rtol=0, atol=precision * np.abs(expected).max())
