"""Scans of a small sample from files."""

import delta_samples
import numpy as np
import pytest
from delta_samples import DRIVE_T, NUM_SAMPLES, X_M, Y_M
from mdf_files import write_hdf5

from mpi_cascade.calibration.scan import read_mdf, read_rows
from mpi_cascade.checks import InputError


def mdf_fields(y_m):
    """A robot's calibration in time: the frames of the rows, each line after its background."""
    periods = delta_samples.rows(y_m, 0.01, 0)
    frames = periods.reshape(-1, 1, 1, NUM_SAMPLES)
    is_background = np.zeros(periods.shape[:2], np.int8)
    is_background[:, 0] = 1
    drive, receiver = "/acquisition/drivefield", "/acquisition/receiver"
    x_step_m, y_step_m = X_M[1] - X_M[0], y_m[1] - y_m[0] if len(y_m) > 1 else 1e-3
    size = np.array([len(X_M), len(y_m), 1])
    flags = ("isFourierTransformed", "isFramePermutation", "isFastFrameAxis")
    return {
        "/version": "2.1.0",
        f"{drive}/baseFrequency": 2.5e6,
        f"{drive}/divider": np.array([[100]]),
        f"{drive}/strength": np.full((1, 1, 1), DRIVE_T),
        f"{receiver}/numSamplingPoints": NUM_SAMPLES,
        f"{receiver}/bandwidth": 8e5,
        **{f"/measurement/{flag}": np.int8(0) for flag in flags},
        "/measurement/data": frames,
        "/measurement/isBackgroundFrame": is_background.ravel(),
        "/calibration/method": "robot",
        "/calibration/size": size,
        "/calibration/fieldOfView": size * np.array([x_step_m, y_step_m, 1e-3]),
        "/calibration/fieldOfViewCenter": np.array([X_M.mean(), y_m.mean(), 0.05]),
    }


def test_an_mdf_calibration_is_the_same_as_its_rows(tmp_path):
    write_hdf5(tmp_path / "grid.mdf", mdf_fields(Y_M))
    delta_samples.write_rows(tmp_path / "grid.h5", Y_M, 0.01)
    mdf = read_mdf(tmp_path / "grid.mdf")
    rows = read_rows(tmp_path / "grid.h5", "matrix", X_M, Y_M, DRIVE_T, 25e3)
    assert mdf.x_m == pytest.approx(rows.x_m, abs=1e-15)
    assert mdf.y_m == pytest.approx(rows.y_m, abs=1e-15)
    # The background does not change, so what lies between two of them is the same.
    assert np.abs(mdf.spectra - rows.spectra).max() < 1e-12
    assert np.abs(mdf.background - rows.background).max() < 1e-12
    assert (mdf.drive_amplitude_t, mdf.drive_frequency_hz) == (DRIVE_T, 25e3)
    assert not mdf.is_line


def test_spectra_sorted_into_the_grids_order_are_the_same(tmp_path):
    fields = mdf_fields(Y_M)
    plain = read_mdf(write_hdf5(tmp_path / "plain.mdf", fields))
    is_background = fields["/measurement/isBackgroundFrame"] == 1
    order = np.concatenate((np.flatnonzero(~is_background), np.flatnonzero(is_background)))
    spectra = np.fft.rfft(fields["/measurement/data"])[order][..., 1:9]
    fields |= {
        "/measurement/data": np.moveaxis(spectra, 0, 3),
        "/measurement/isBackgroundFrame": is_background[order].astype(np.int8),
        "/measurement/framePermutation": order + 1,
        "/measurement/isFrequencySelection": np.int8(1),
        "/measurement/frequencySelection": np.arange(2, 10),
        **{
            f"/measurement/{flag}": np.int8(1)
            for flag in ("isFourierTransformed", "isFramePermutation", "isFastFrameAxis")
        },
    }
    found = read_mdf(write_hdf5(tmp_path / "sorted.mdf", fields))
    assert np.abs(found.spectra[:, 1:] - plain.spectra[:, 1:9]).max() < 1e-12
    assert np.array_equal(found.x_m, plain.x_m)


def test_a_drifting_background_is_interpolated_in_time(tmp_path):
    fields = mdf_fields(Y_M)
    still = read_mdf(write_hdf5(tmp_path / "still.mdf", fields))
    ramp = np.linspace(0, 1e-3, len(fields["/measurement/data"]))
    drift = ramp[:, None] * np.cos(3 * 2 * np.pi * np.arange(NUM_SAMPLES) / NUM_SAMPLES)
    fields["/measurement/data"] = fields["/measurement/data"] + drift[:, None, None]
    found = read_mdf(write_hdf5(tmp_path / "drifting.mdf", fields))
    # After the last background there is nothing to interpolate to.
    before = len(X_M) * (len(Y_M) - 1)
    assert np.abs(found.spectra - still.spectra)[:before].max() < 1e-12


def test_harmonics_are_those_of_the_drive_not_of_the_files_period(tmp_path):
    """A period of the file that holds four of the drive field has every harmonic at 4·n."""
    fields = mdf_fields(Y_M)
    once = read_mdf(write_hdf5(tmp_path / "once.mdf", fields))
    four = fields | {
        "/measurement/data": np.tile(fields["/measurement/data"], 4),
        "/acquisition/receiver/numSamplingPoints": 4 * NUM_SAMPLES,
    }
    found = read_mdf(write_hdf5(tmp_path / "four.mdf", four))
    assert np.abs(found.spectra - once.spectra).max() < 1e-12
    assert found.drive_frequency_hz == once.drive_frequency_hz
    half = four | {"/acquisition/drivefield/divider": np.array([[250]])}
    with pytest.raises(InputError, match=r"has 1\.6 periods of the drive field in each of its own"):
        read_mdf(write_hdf5(tmp_path / "half.mdf", half))


def test_a_background_that_is_subtracted_already_is_not_subtracted_again(tmp_path):
    fields = mdf_fields(Y_M) | {"/measurement/isBackgroundCorrected": np.int8(1)}
    scan = read_mdf(write_hdf5(tmp_path / "grid.mdf", fields))
    foreground = fields["/measurement/isBackgroundFrame"] == 0
    expected = 2 / NUM_SAMPLES * np.fft.rfft(fields["/measurement/data"][foreground][:, 0, 0])
    assert np.abs(scan.spectra - expected).max() < 1e-12


def test_positions_of_a_robot_are_those_of_its_lines(tmp_path):
    fields = mdf_fields(Y_M)
    exact = read_mdf(write_hdf5(tmp_path / "exact.mdf", fields))
    positions_m = np.stack((exact.x_m, exact.y_m, np.zeros(len(exact.x_m))), axis=1)
    off_m = np.random.default_rng(0).uniform(-1e-6, 1e-6, positions_m.shape)
    robot = fields | {"/calibration/positions": positions_m + off_m}
    found = read_mdf(write_hdf5(tmp_path / "robot.mdf", robot))
    assert len(found.line_y_m) == len(Y_M)
    assert len(np.unique(found.x_m)) == len(X_M)
    assert found.line_y_m == pytest.approx(Y_M, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {name: None for name in mdf_fields(Y_M) if "calibration" in name},
            "has no group /calibration",
        ),
        (
            {
                "/acquisition/drivefield/divider": np.array([[100], [99]]),
                "/acquisition/drivefield/strength": np.full((1, 2, 1), DRIVE_T),
            },
            "has 2 drive channels and 1 periods",
        ),
        (
            {"/calibration/size": np.array([len(X_M), 1, len(Y_M)])},
            "in several planes: calibrate with up to",
        ),
    ],
)
def test_an_mdf_that_is_no_scan_of_a_plane_is_refused(tmp_path, changes, sentence):
    path = write_hdf5(tmp_path / "grid.mdf", mdf_fields(Y_M) | changes)
    with pytest.raises(InputError, match=sentence):
        read_mdf(path)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones((55, 64)), r"matrix has the shape \(55, 64\): 4 lines of 13 positions need 52 ro"),
        (np.ones(56), "or 56 with a background row before each line"),
        (np.zeros((56, 64)), "is zero throughout: nothing was received"),
        (np.full((56, 64), np.inf), "has NaN or infinite values"),
    ],
)
def test_rows_of_another_layout_are_refused(tmp_path, values, sentence):
    write_hdf5(tmp_path / "grid.h5", {"matrix": values})
    with pytest.raises(InputError, match=sentence):
        read_rows(tmp_path / "grid.h5", "matrix", X_M, Y_M, DRIVE_T, 25e3)


def test_rows_without_a_background_are_taken_as_they_are(tmp_path):
    values = delta_samples.rows(Y_M, 0.01, 0)[:, 1:].reshape(-1, NUM_SAMPLES)
    write_hdf5(tmp_path / "grid.h5", {"matrix": values})
    scan = read_rows(tmp_path / "grid.h5", "matrix", X_M, Y_M, DRIVE_T, 25e3)
    assert len(scan.background) == 0
    assert np.array_equal(scan.spectra, 2 / NUM_SAMPLES * np.fft.rfft(values))
