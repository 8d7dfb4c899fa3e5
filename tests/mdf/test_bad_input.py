"""Damaged, contradictory and hostile files end in one sentence, with bounded memory."""

import tracemalloc

import h5py
import mdf_files
import numpy as np
import pytest
from mdf_files import calibration_fields, measured_fields, write_hdf5

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile, read_images

DRIVE, RECEIVER = "/acquisition/drivefield", "/acquisition/receiver"
ONE, ZERO = np.int8(1), np.int8(0)


def read_all(path):
    """Reads whatever a file has."""
    with MDFFile(path) as file:
        list(file.measurement.by_bin())
        return file.calibration


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_all(path)
    message = str(caught.value)
    assert message.startswith(str(path)) or str(path) in message
    assert "\n" not in message
    return message


def test_a_file_that_does_not_exist(tmp_path):
    assert "scan.mdf does not exist" in refusal(tmp_path / "scan.mdf")


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "scan.mdf").write_text("time,signal\n0,1\n")
    assert "is no HDF5 file, or was cut off" in refusal(tmp_path / "scan.mdf")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(tmp_path, share):
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields())
    contents = path.read_bytes()
    path.write_bytes(contents[: int(share * len(contents))])
    assert "is no HDF5 file, or was cut off" in refusal(path)


def test_another_hdf5_file(tmp_path):
    path = write_hdf5(tmp_path / "scan.mdf", {"matrix": np.ones((3, 4))})
    assert "is HDF5, but no MDF: it has no field /version, only matrix" in refusal(path)


def test_a_file_of_another_kind_of_data(tmp_path):
    fields = {name: value for name, value in measured_fields().items() if "measure" not in name}
    path = write_hdf5(tmp_path / "images.mdf", fields)
    assert "has no group /measurement, so no signals: it holds acquisition, " in refusal(path)


def test_images_of_a_scan(tmp_path):
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields())
    with MDFFile(path) as file, pytest.raises(InputError, match="has no data set /reconstruction"):
        read_images(file)


def poisoned(value):
    signals = mdf_files.time_signals()
    signals[4, 1, 2, 3] = value
    return signals


CONTRADICTIONS = {
    "version 1": ({"/version": "1.0.5"}, "is MDF version 1.0.5: 2.0 and 2.1 are read"),
    "no version": ({"/version": "latest"}, "is MDF version latest"),
    "version is a number": ({"/version": 2.1}, "/version is no short text"),
    "NaN": ({"/measurement/data": poisoned(np.nan)}, "/measurement/data has NaN or infinite"),
    "infinity": ({"/measurement/data": poisoned(np.inf)}, "/measurement/data has NaN or infinite"),
    "all zero": ({"/measurement/data": np.zeros((6, 2, 3, 16))}, "is zero throughout: nothing was"),
    "three axes": ({"/measurement/data": np.ones((6, 2, 16))}, "it must have four axes"),
    "no axes": ({"/measurement/data": 1.0}, "it must have four axes"),
    "text": ({"/measurement/data": "signal"}, "it must be numbers"),
    "empty": ({"/measurement/data": np.empty((0, 2, 3, 16))}, "/measurement/data is empty"),
    "null": ({"/measurement/data": h5py.Empty("f")}, "/measurement/data is empty"),
    "a group": ({"/measurement/data": None, "/measurement/data/x": 1}, "is a group of x: it must"),
    "unequal parts": (
        {
            "/measurement/data": None,
            "/measurement/data/r": np.ones((6, 2, 3, 9)),
            "/measurement/data/i": np.ones((6, 2, 3, 8)),
            "/measurement/isFourierTransformed": ONE,
        },
        "real and imaginary part must match",
    ),
    "compound": (
        {"/measurement/data": np.ones((6, 2, 3, 16), [("a", "f4"), ("b", "f4")])},
        "it must be numbers",
    ),
    "no flag": ({"/measurement/isFourierTransformed": None}, "no data set /measurement/isFourier"),
    "flag of 2": ({"/measurement/isFourierTransformed": np.int8(2)}, "is 2: it must be 0 or 1"),
    "real spectra": ({"/measurement/isFourierTransformed": ONE}, "isFourierTransformed is 1: sig"),
    "complex in time": (
        {"/measurement/data": np.ones((6, 2, 3, 16), complex)}, "isFourierTransformed is 0: sig"
    ),
    "compressed": ({"/measurement/isSparsityTransformed": ONE}, "/measurement/data is compressed"),
    "frames": ({"/acquisition/numFrames": 5}, "has 6 frames, /acquisition/numFrames is 5"),
    "periods": ({"/acquisition/numPeriodsPerFrame": 3}, "has 2 periods, /acquisition/numPeriodsP"),
    "channels": ({f"{RECEIVER}/numChannels": 1}, "has 3 channels, /acquisition/receiver/numCh"),
    "frames last": ({"/measurement/isFastFrameAxis": ONE}, "has 16 frames, /acquisition/numFram"),
    "fewer samples": ({f"{RECEIVER}/numSamplingPoints": 8}, "has 16 samples, /acquisition/rec"),
    "half a sample": ({f"{RECEIVER}/numSamplingPoints": 16.5}, "is 16.5: it must be an integer"),
    "background frames": (
        {"/measurement/isBackgroundFrame": np.zeros(5, np.int8)},
        "isBackgroundFrame has 5 frames, /acquisition/numFrames is 6: they must agree",
    ),
    "only background": (
        {"/measurement/isBackgroundFrame": np.ones(6, np.int8)}, "marks all frames: there is no"
    ),
    "conversion": (
        {f"{RECEIVER}/dataConversionFactor": np.ones((2, 2))}, "Factor has 2 channels, /acq"
    ),
    "strength in mT": ({f"{DRIVE}/strength": np.full((2, 1, 1), 12.0)}, "format's unit is T, so"),
    "strength": ({f"{DRIVE}/strength": np.ones((2, 1, 2))}, "strength has 2 drive frequencies"),
    "phase": ({f"{DRIVE}/phase": np.ones((2, 2, 1))}, "phase has 2 drive channels, /acqu"),
    "periods of strength": (
        {f"{DRIVE}/strength": np.ones((3, 1, 1)), f"{DRIVE}/phase": np.ones((3, 1, 1))},
        "strength has 3 periods, /acquisition/numPeriodsPerFrame is 2: they must agree",
    ),
    "divider": ({f"{DRIVE}/divider": np.array([[0]])}, "divider is 0: it must be an integer ≥ 1"),
    "frequency": ({f"{DRIVE}/baseFrequency": None}, "has no data set /acquisition/drivefield/base"),
    "no group": (
        {name: None for name in measured_fields() if DRIVE in name},
        "it holds gradient, numAverages, numFrames",
    ),
    "gradient": ({"/acquisition/gradient": np.ones((2, 1, 3))}, "it must be J × Y × 3 × 3"),
    "offset": ({"/acquisition/offsetField": np.ones((2, 1, 2))}, "it must be J × Y × 3"),
    "offsets": ({"/acquisition/offsetField": np.ones((5, 1, 3))}, "offsetField has 5 periods"),
    "many complex numbers": (
        {f"{DRIVE}/baseFrequency": np.full((2, 2), 100 + 1.000001e6j, np.complex64)},
        "baseFrequency is complex: it must be real",
    ),
    "NaN in metadata": ({f"{DRIVE}/baseFrequency": np.nan}, "baseFrequency has NaN or infinite"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_scan_that_contradicts_itself(tmp_path, changes, sentence):
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields() | changes)
    assert sentence in refusal(path)


CALIBRATIONS = {
    "permutation missing": (
        {"/measurement/framePermutation": None}, "no data set /measurement/framePermutation"
    ),
    "permutation from 0": (
        {"/measurement/framePermutation": np.arange(6)}, "is 0: it must be an integer ≥ 1"
    ),
    "permutation twice": (
        {"/measurement/framePermutation": np.array([1, 1, 2, 3, 4, 5])},
        "must hold each of 1 … 6 once",
    ),
    "selection missing": (
        {"/measurement/isFrequencySelection": ONE}, "no data set /measurement/frequencySelection"
    ),
    "selection not said": (
        {"/measurement/data": np.ones((2, 3, 5, 6), complex)}, "has 5 frequencies of 9 without"
    ),
    "selection out of range": (
        {
            "/measurement/isFrequencySelection": ONE,
            "/measurement/frequencySelection": np.arange(2, 11),
        },
        "must hold ascending numbers of 1 … 9",
    ),
    "selection descends": (
        {
            "/measurement/isFrequencySelection": ONE,
            "/measurement/frequencySelection": np.arange(9, 0, -1),
        },
        "must hold ascending numbers of 1 … 9",
    ),
    "positions and frames": (
        {"/calibration/size": np.array([3, 2, 1])}, "/calibration has 6 positions, /measurement/d"
    ),
    "size": ({"/calibration/size": np.array([2, 0, 2])}, "is 0: it must be an integer ≥ 1"),
    "size of two": ({"/calibration/size": np.array([2, 2])}, "has the shape (2,): it must be 3"),
    "order": ({"/calibration/order": "xxz"}, "'xxz': it must hold x, y and z once"),
    "positions": (
        {"/calibration/positions": np.ones((5, 3))},
        "has 5 positions, /calibration/size is (2, 2, 1): there must be one for each voxel",
    ),
    "in mm": ({"/calibration/fieldOfView": np.array([20.0, 40, 1])}, "format's unit is m, so"),
    "a huge grid": (
        {"/calibration/size": np.array([10**9, 10**9, 1])},
        "/calibration has 1000000000000000000 positions",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), CALIBRATIONS.values(), ids=CALIBRATIONS)
def test_a_calibration_that_contradicts_itself(tmp_path, changes, sentence):
    path = write_hdf5(tmp_path / "matrix.mdf", calibration_fields() | changes)
    assert sentence in refusal(path)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"/reconstruction/data": np.ones(8)}, "it must be frames × voxels × channels"),
        ({"/reconstruction/data": np.ones((1, 6))}, r"shape \(1, 6\) for 8 voxels"),
        ({"/reconstruction/data": np.ones((1, 8, 2))}, "images of one slice"),
    ],
)
def test_images_that_contradict_their_grid(tmp_path, fields, sentence):
    grid = {"/version": "2.1.0", "/reconstruction/size": np.array([2, 2, 2])}
    path = write_hdf5(tmp_path / "images.mdf", grid | fields)
    with MDFFile(path) as file, pytest.raises(InputError, match=sentence):
        read_images(file)


def hostile(tmp_path, name, **options):
    """Returns a scan one of whose fields is a data set of other options."""
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields() | {name: None})
    with h5py.File(path, "a") as file:
        file.create_dataset(name, **options)
    return path


HOSTILE = {
    "never written": ("/measurement/data", {"shape": (10**6, 2, 3, 16), "dtype": "f4"}),
    "huge, in chunks": (
        "/measurement/data",
        {"shape": (10**12, 2, 3, 16), "dtype": "f4", "chunks": (1, 2, 3, 16)},
    ),
    # 2⁶⁴ bytes are 0 in a machine's word.
    "beyond the machine's integers": (
        "/measurement/data",
        {"shape": (2**31, 2**31, 3, 16), "dtype": "f4", "chunks": (1, 1, 3, 16)},
    ),
    "huge metadata": (
        f"{DRIVE}/strength", {"shape": (2**32, 1, 1), "dtype": "f8", "chunks": (64, 1, 1)}
    ),
    "huge text": (f"{RECEIVER}/unit", {"shape": (2**20,), "dtype": "S1000"}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "options"), HOSTILE.values(), ids=HOSTILE)
def test_a_huge_declared_shape_takes_no_memory(tmp_path, name, options):
    path = hostile(tmp_path, name, **options)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    assert name in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_metadata_of_gigabytes_that_are_really_there_take_no_memory(tmp_path):
    options = {"data": np.zeros((2**24, 1, 1)), "chunks": (2**20, 1, 1), "compression": 9}
    path = hostile(tmp_path, f"{DRIVE}/strength", **options)
    assert "declares 128 MiB: no such field is that large" in refusal(path)


def test_chunks_larger_than_memory_are_refused(tmp_path):
    options = {"shape": (2**28, 1, 1, 2), "dtype": "f4", "chunks": (2**28, 1, 1, 2)}
    path = hostile(tmp_path, "/measurement/data", **options)
    assert "store it in chunks of less than 1 GiB" in refusal(path)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_data_in_other_files_are_not_read(tmp_path, kind):
    secret = write_hdf5(tmp_path / "secret.mdf", measured_fields())
    path = write_hdf5(tmp_path / "scan.mdf", measured_fields() | {"/measurement/data": None})
    shape = mdf_files.time_signals().shape
    with h5py.File(path, "a") as file:
        match kind:
            case "external link":
                file["measurement/data"] = h5py.ExternalLink(str(secret), "/measurement/data")
            case "soft link":
                file["measurement/data"] = h5py.SoftLink("/elsewhere")
            case "external storage":
                external = [(str(secret), 0, h5py.h5f.UNLIMITED)]
                file.create_dataset("measurement/data", shape, "f4", external=external)
            case "virtual":
                layout = h5py.VirtualLayout(shape, "f4")
                layout[:] = h5py.VirtualSource(str(secret), "/measurement/data", shape)
                file.create_virtual_dataset("measurement/data", layout)
    assert "store the data itself" in refusal(path)
