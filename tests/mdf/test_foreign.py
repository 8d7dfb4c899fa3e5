"""Files of other tools: names of v2.0, other layouts, optional parts that are missing."""

import h5py
import mdf_files
import numpy as np
import pytest
from mdf_files import calibration_fields, measured_fields, write_hdf5
from public_data import measured

from mpi_cascade.mdf import MDFFile

DRIVE, RECEIVER = "/acquisition/drivefield", "/acquisition/receiver"


def test_a_scan_in_time(tmp_path):
    with MDFFile(write_hdf5(tmp_path / "scan.mdf", measured_fields())) as file:
        assert file.version == (2, 1)
        assert not file.is_simulation
        assert file.calibration is None
        measurement, acquisition = file.measurement, file.acquisition
        assert np.array_equal(measurement.read(), mdf_files.time_signals())
        assert measurement.is_background_frame.tolist() == [False] * 4 + [True] * 2
        assert measurement.acquisition_order.tolist() == [0, 1, 2, 3, 4, 5]
    assert acquisition.drive_frequency_hz.tolist() == [[25e3]]
    assert acquisition.unit == "V"
    assert acquisition.num_averages == 10
    assert acquisition.gradient_t_per_m.shape == (2, 1, 3, 3)


def test_a_system_matrix_with_frames_last(tmp_path):
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", calibration_fields())) as file:
        assert np.array_equal(file.measurement.read(), mdf_files.spectra())
        part = file.measurement.read(frames=slice(1, 4), bins=slice(3, 5))
        assert np.array_equal(part, mdf_files.spectra()[1:4, :, :, 3:5])
        assert file.measurement.components.tolist() == list(range(9))
        assert file.measurement.acquisition_order.tolist() == [1, 2, 3, 4, 0, 5]
        positions_m = file.calibration.positions_m
    expected = [[0.095, -0.01, 0], [0.105, -0.01, 0], [0.095, 0.01, 0], [0.105, 0.01, 0]]
    assert positions_m == pytest.approx(np.array(expected), abs=1e-15)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/calibration/order": "yxz"}, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (
            {"/calibration/isMeanderingGrid": np.int8(1)} | {"/measurement/isFramePermutation": 0},
            [(0, 0), (1, 0), (1, 1), (0, 1)],
        ),
        # Frames that were sorted into the grid's order no longer meander.
        ({"/calibration/isMeanderingGrid": np.int8(1)}, [(0, 0), (1, 0), (0, 1), (1, 1)]),
    ],
)
def test_positions_follow_the_order_of_the_frames(tmp_path, changes, expected):
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", calibration_fields() | changes)) as file:
        x_m, y_m, _ = file.calibration.positions_m.T
    assert list(zip(x_m > 0.1, y_m > 0, strict=True)) == expected


def test_a_meandering_volume_walks_every_second_plane_backwards(tmp_path):
    fields = calibration_fields() | {
        "/calibration/isMeanderingGrid": np.int8(1),
        "/calibration/size": np.array([2, 1, 2]),
        "/measurement/isFramePermutation": np.int8(0),
    }
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file:
        x_m, _, z_m = file.calibration.positions_m.T
    assert list(zip(x_m > 0.1, z_m > 0, strict=True)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_positions_that_are_stated_count(tmp_path):
    positions = np.arange(12.0).reshape(4, 3) / 100
    fields = calibration_fields() | {"/calibration/positions": positions}
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file:
        assert np.array_equal(file.calibration.positions_m, positions)


V20 = {
    "/version": "2.0",
    "/acquisition/numPeriodsPerFrame": None,
    "/acquisition/numPeriods": 2,
    "/acquisition/gradient": np.tile([-1.0, -1.0, 2.0], (2, 1)),
    "/acquisition/offsetField": np.zeros((2, 3)),
    "/measurement/isFastFrameAxis": None,
    "/measurement/isTransposed": np.int8(1),
    "/measurement/isSparsityTransformed": None,
}


@pytest.mark.parametrize("layout", ["compound", "pairs", "parts", "named parts"])
def test_a_system_matrix_of_v20_in_every_layout_of_complex_numbers(tmp_path, layout):
    stored = np.moveaxis(mdf_files.spectra(), 0, 3)
    fields = calibration_fields() | V20 | {"/measurement/data": None}
    name = "/measurement/data"
    match layout:
        case "compound":
            pair = np.dtype([("re", np.float32), ("im", np.float32)])
            fields[name] = np.ascontiguousarray(stored).view(pair)
        case "pairs":
            fields[name] = np.stack((stored.real, stored.imag), axis=-1)
        case "parts":
            fields |= {f"{name}/r": stored.real, f"{name}/i": stored.imag}
        case "named parts":
            fields |= {f"{name}/real": stored.real, f"{name}/imag": stored.imag}
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file:
        assert file.version == (2, 0)
        assert np.array_equal(file.measurement.read(), mdf_files.spectra())
        assert file.acquisition.gradient_t_per_m[1, 0].tolist() == np.diag([-1, -1, 2]).tolist()
        assert file.acquisition.offset_field_t.shape == (2, 1, 3)


def test_raw_counts_are_converted_to_the_unit(tmp_path):
    counts = np.random.default_rng(1).integers(-100, 100, (6, 2, 3, 16)).astype(np.int16)
    factors = np.array([[0.5, 1.0], [0.25, 0.0], [2.0, -3.0]])
    fields = measured_fields() | {
        "/measurement/data": counts, f"{RECEIVER}/dataConversionFactor": factors
    }  # fmt: skip
    with MDFFile(write_hdf5(tmp_path / "scan.mdf", fields)) as file:
        found = file.measurement.read()
    assert np.array_equal(found, counts * factors[:, :1] + factors[:, 1:])


def test_a_selection_of_frequencies_counts_from_one(tmp_path):
    fields = calibration_fields() | {
        "/measurement/data": np.moveaxis(mdf_files.spectra()[..., [2, 3, 7]], 0, 3),
        "/measurement/isFrequencySelection": np.int8(1),
        "/measurement/frequencySelection": np.array([3, 4, 8], np.int32),
    }
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file:
        assert file.measurement.components.tolist() == [2, 3, 7]


OPTIONAL = (
    "/uuid", "/time", "/experiment/isSimulation", "/acquisition/numFrames",
    "/acquisition/numPeriodsPerFrame", "/acquisition/numAverages", "/acquisition/gradient",
    "/acquisition/offsetField", f"{DRIVE}/phase", f"{DRIVE}/waveform", f"{RECEIVER}/numChannels",
    f"{RECEIVER}/unit", "/measurement/isBackgroundCorrected", "/measurement/isSparsityTransformed",
    "/measurement/isSpectralLeakageCorrected", "/measurement/isTransferFunctionCorrected",
    "/calibration/method", "/calibration/fieldOfViewCenter",
)  # fmt: skip


def test_all_that_is_optional_may_be_missing(tmp_path):
    fields = calibration_fields() | dict.fromkeys(OPTIONAL)
    with MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file:
        assert np.array_equal(file.measurement.read(), mdf_files.spectra())
        assert file.acquisition.unit is None
        assert file.acquisition.gradient_t_per_m is None
        assert file.calibration.centre_m == (0.0, 0.0, 0.0)


def test_compressed_chunks_are_read(tmp_path):
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields() | {"/measurement/data": None})
    with h5py.File(path, "a") as file:
        file["measurement"].create_dataset(
            "data", data=mdf_files.time_signals(), compression="gzip", shuffle=True, chunks=True
        )
    with MDFFile(path) as file:
        assert np.array_equal(file.measurement.read(), mdf_files.time_signals())


def test_a_file_as_real_hardware_wrote_it():
    path = measured("hardware_v2.0.mdf")
    with MDFFile(path) as file, h5py.File(path) as raw:
        assert file.version == (2, 0)
        factor, offset = raw["acquisition/receiver/dataConversionFactor"][0]
        assert np.array_equal(
            file.measurement.read(), raw["measurement/data"][()] * factor + offset
        )
        assert file.calibration.positions_m[:, 0] == pytest.approx(0.116 + 0.01 * np.arange(9))
        assert file.acquisition.drive_frequency_hz[0, 0] == pytest.approx(25.699e3, rel=1e-5)
        assert file.acquisition.drive_strength_t[0, 0, 0] == 5e-3
