"""Files that are damaged, of another kind or hostile: each ends in one sentence, or right.

What is timed is the processor's time, without imports: other processes of the machine don't count.
"""

import importlib
import pickle
import zipfile
from dataclasses import replace

import command_line
import h5py
import numpy as np
import pytest
import torch
import yaml
from command_line import TINY, within
from mdf_files import calibration_fields, measured_fields, write_hdf5

from mpi_cascade.checkpoints import CONFIG_KEY
from mpi_cascade.mdf import write_scans
from mpi_cascade.physics.scanner import Scanner

SHAPE = (3, 1, 16, 16)
SCANS = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
SIGNATURE = b"\x89HDF\r\n\x1a\n"
SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)


class Evil:
    """Would make a directory if it were unpickled."""

    def __reduce__(self):
        return __import__("os").mkdir, ("unpickled",)


def nothing(path):
    pass


def empty(path):
    path.touch()


def folder(path):
    path.mkdir()


def binary(path):
    path.write_bytes(bytes(range(256)) * 40)


def signature_only(path):
    path.write_bytes(SIGNATURE + bytes(range(256)) * 40)


def pickled(path):
    path.write_bytes(pickle.dumps(Evil()))


def loop(path):
    path.symlink_to(path)


def array(values):
    return lambda path: np.save(path, values, allow_pickle=True)


def archive(path):
    with path.open("wb") as file:
        np.savez(file, SCANS)


def cut(make, num_bytes):
    def make_part(path):
        make(path)
        path.write_bytes(path.read_bytes()[:num_bytes])

    return make_part


def huge_array(path):
    np.save(path, SCANS)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(3, 1, 16, 16), }       ", b"(3000000000,1,16,16), } "))


def hdf5(**contents):
    return lambda path: write_hdf5(path, contents)


def declared(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**9, 1, 16, 16), np.float32, chunks=(1, 1, 16, 16))


def huge_chunks(path):
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "a", (2**10, 1, 2**10, 2**10), np.float32, chunks=(2**9, 1, 2**10, 2**10)
        )


def virtual(path):
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "a", SHAPE)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("a", layout)


def mdf(signals=SCANS, scanner=SCANNER, **changes):
    """Scans of the trained scanner, some fields changed; of None they are taken out."""

    def make(path):
        write_scans(path, torch.from_numpy(signals), scanner)
        with h5py.File(path, "r+") as file:
            for name, value in changes.items():
                name = name.replace("__", "/")
                del file[name]
                if value is not None:
                    file[name] = value

    return make


def torch_file(content):
    return lambda path: torch.save(content, path)


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Evil()))


def moved_matrix(path):
    config = {"experiment": {"system_matrix": {"path": "moved.mdf"}}}
    torch.save({"state_dict": {}, CONFIG_KEY: yaml.safe_dump(config)}, path)


def text(content="time,signal\n0,1\n"):
    return lambda path: path.write_text(content)


RECONSTRUCT = ("reconstruct", "{checkpoint}", "{file}", "--output", "{new}")
DATASET = (*RECONSTRUCT, "--dataset", "a")
LOAD = ("reconstruct", "{file}", "{file}", "--output", "{new}")
WEIGHTS = ("fit", "--config", TINY, "--weights", "{file}", "--output", "{new}")
CONFIG = ("fit", "--config", "{file}", "--output", "{new}")
CALIBRATE = ("calibrate", "{file}", "--output", "{new}")
ROWS = (*CALIBRATE, "--x-mm", "-30", "30", "13", "--drive-mt", "5")
SWEEP = ("sweep", "{file}", "--output", "{new}")

REFUSED = {
    "no file": ("a.npy", nothing, RECONSTRUCT, "a.npy does not exist"),
    "an empty array": ("a.npy", empty, RECONSTRUCT, "is no npy file of numbers, or was cut off"),
    "text for an array": ("a.npy", text(), RECONSTRUCT, "is no npy file of numbers"),
    "a pickle for an array": ("a.npy", pickled, RECONSTRUCT, "is no npy file of numbers"),
    "an array of pickles": ("a.npy", array(np.array([Evil()])), RECONSTRUCT, "is no npy file of"),
    "an archive": ("a.npy", archive, RECONSTRUCT, "is an archive: write one array"),
    **{
        f"an array cut off at {num_bytes}": (
            "a.npy", cut(array(SCANS), num_bytes), RECONSTRUCT,
            "is no npy file of numbers, or was cut off",
        )
        for num_bytes in (5, 60, -4)
    },
    "an array of TB": ("a.npy", huge_array, RECONSTRUCT, "is no npy file of numbers"),
    "an array in a directory": ("a.npy", folder, RECONSTRUCT, "is a directory: name a file in it"),
    "a link to itself": ("a.npy", loop, RECONSTRUCT, "does not exist"),
    "whole numbers": (
        "a.npy", array(np.ones(SHAPE, int)), RECONSTRUCT,
        "holds int64 numbers: scans are (scan, channel, y, x), or (scan, y, x) for one channel, "
        'floating point, so write them as scans.astype("float32")',
    ),
    "counts": ("a.npy", array(SCANS.astype(np.int16)), RECONSTRUCT, "holds int16 numbers: scans"),
    "complex numbers": (
        "a.npy", array(np.ones(SHAPE, complex)), RECONSTRUCT,
        "holds complex128 numbers: scans are (scan, channel, y, x), or (scan, y, x) for one "
        "channel, floating point, so give the scanner.yaml that calibrate writes",
    ),
    "another shape": (
        "a.npy", array(SCANS[:, :, 1:]), RECONSTRUCT,
        "has the shape [3, 1, 15, 16]: the network was trained for scans of [1",
    ),
    "two axes": ("a.npy", array(SCANS[0, 0]), RECONSTRUCT, "has the shape [16, 16]"),
    "a single number": ("a.npy", array(np.float32(1)), RECONSTRUCT, "has the shape []"),
    "no scan": (
        "a.npy", array(SCANS[:0]), RECONSTRUCT, "has the shape [0, 1, 16, 16]: it holds no scans"
    ),
    "no number": (
        "a.npy", array(SCANS * np.nan), RECONSTRUCT,
        "every scan has values that are NaN, infinite or bey",
    ),
    "nothing received": (
        "a.npy", array(0 * SCANS), RECONSTRUCT, "is zero throughout: nothing was received"
    ),
    "nothing received but what float32 can't hold": (
        "a.npy", array(SCANS * np.array([0, 1e39, 1e39])[:, None, None, None]), RECONSTRUCT,
        "is zero throughout: nothing was received",
    ),
    "scans beyond the network": (
        "a.npy", array(np.sign(SCANS) * np.float32(3e38)), (*RECONSTRUCT, "--scale", 1),
        "too large for the network: check their unit",
    ),
    "no scan at a time": (
        "a.npy", array(SCANS), (*RECONSTRUCT, "--batch-size", 0),
        "--batch-size is 0: it must be greater than 0",
    ),
    "a data set of an array": (
        "a.npy", array(SCANS), DATASET, "has no data sets: leave out --dataset"
    ),
    "text for HDF5": ("a.h5", text(), DATASET, "is no HDF5 file, or was cut off"),
    "a signature alone": ("a.h5", signature_only, DATASET, "is no HDF5 file, or was cut off"),
    "HDF5 cut off": (
        "a.h5", cut(hdf5(a=SCANS), 3000), DATASET, "is no HDF5 file, or was cut off"
    ),
    "no name of a data set": (
        "a.h5", hdf5(a=SCANS, b=SCANS), RECONSTRUCT,
        "name its data set with --dataset, it holds a, b",
    ),
    "another data set": ("a.h5", hdf5(b=SCANS), DATASET, "has no data set /a: it holds b in /"),
    "another data set of a group": (
        "a.h5", hdf5(**{"a/b": SCANS}), (*RECONSTRUCT, "--dataset", "a/c"),
        "has no data set /a/c: it holds b in /a",
    ),
    "a group for a data set": (
        "a.h5", hdf5(**{"a/b": SCANS}), DATASET, "a is a group of b: it must be a data set"
    ),
    "words in a data set": ("a.h5", hdf5(a="scan"), DATASET, "it must be numbers"),
    "complex numbers in HDF5": (
        "a.h5", hdf5(a=SCANS.astype(np.complex64)), DATASET,
        "a.h5 holds complex64 numbers: scans are",
    ),
    "another shape in HDF5": (
        "a.h5", hdf5(a=SCANS[:, :, 1:]), DATASET, "has the shape [3, 1, 15, 16]"
    ),
    "infinities in HDF5": (
        "a.h5", hdf5(a=np.full(SHAPE, np.inf, np.float32)), DATASET,
        "every scan has values that are NaN",
    ),
    "zeros in HDF5": ("a.h5", hdf5(a=0 * SCANS), DATASET, "is zero throughout"),
    "a data set never written": ("a.h5", declared, DATASET, "the file does not hold that much"),
    "chunks of GB": ("a.h5", huge_chunks, DATASET, "store it in chunks of less than 1 GiB"),
    "a data set elsewhere": ("a.h5", virtual, DATASET, "lies in other files: store the data"),
    "a link elsewhere": (
        "a.h5", hdf5(a=h5py.ExternalLink("other.h5", "/a")), DATASET, "is a link to somewhere else"
    ),
    "a link to itself in HDF5": (
        "a.h5", hdf5(a=h5py.SoftLink("/a")), DATASET, "is a link to somewhere else"
    ),
    "MDF cut off": ("a.mdf", cut(mdf(), 5000), RECONSTRUCT, "is no HDF5 file, or was cut off"),
    "MDF of version 1": ("a.mdf", mdf(version="1.0.5"), RECONSTRUCT, "is MDF version 1.0.5"),
    "MDF without signals": (
        "a.mdf", mdf(measurement=None), RECONSTRUCT, "has no group /measurement, so no signals"
    ),
    "MDF without a flag": (
        "a.mdf", mdf(measurement__isFourierTransformed=None), RECONSTRUCT, "no data set /measureme"
    ),
    "MDF of background alone": (
        "a.mdf", mdf(measurement__isBackgroundFrame=np.ones(3, np.int8)), RECONSTRUCT,
        "marks all frames: there is no signal",
    ),
    "MDF with a gradient in mT/m": (
        "a.mdf", mdf(acquisition__gradient=np.full((256, 1, 3, 3), 5e3)), RECONSTRUCT,
        "the format's unit is T/m",
    ),
    "MDF in volts": ("a.mdf", mdf(acquisition__receiver__unit="V"), RECONSTRUCT, "has signals in"),
    "MDF of zeros": (
        "a.mdf", mdf(0 * SCANS), RECONSTRUCT, "is zero throughout: nothing was received"
    ),
    "MDF of NaN": ("a.mdf", mdf(SCANS * np.nan), RECONSTRUCT, "every scan has values that are NaN"),
    "MDF of fewer positions": (
        "a.mdf", mdf(SCANS[:, :, :5, :5], replace(SCANNER, num_ffp_x=5, num_ffp_y=5)), RECONSTRUCT,
        "has 25 periods and 1 channels, the scanner 256 FFP positions",
    ),
    "MDF of another harmonic": (
        "a.mdf", mdf(scanner=replace(SCANNER, harmonics=(5,))), RECONSTRUCT,
        "has the harmonics [5], the scanner [3]",
    ),
    "MDF of other positions": (
        "a.mdf", mdf(scanner=replace(SCANNER, field_of_view_x_m=3.2e-3)), RECONSTRUCT,
        "has other FFP positions than the scanner (offsetField and gradient: x -1.5 … 1.5",
    ),
    "a system matrix for scans": (
        "a.mdf", hdf5(**calibration_fields()), RECONSTRUCT,
        "is a system matrix (it has a group /calib",
    ),
    "no checkpoint": ("a.ckpt", nothing, LOAD, "a.ckpt is no file"),
    "an empty checkpoint": ("a.ckpt", empty, LOAD, "is truncated, damaged or no checkpoint"),
    "a checkpoint of text": ("a.ckpt", text(), WEIGHTS, "is truncated, damaged or no checkpoint"),
    "an array for a checkpoint": (
        "a.npy", array(SCANS), LOAD, "is truncated, damaged or no checkpoint"
    ),
    "a checkpoint that runs code": ("a.ckpt", pickled, LOAD, "is truncated, damaged or no checkp"),
    "an archive that runs code": ("a.ckpt", zipped, WEIGHTS, "is truncated, damaged or no checkp"),
    "a tensor for a checkpoint": ("a.ckpt", torch_file(torch.ones(3)), LOAD, "holds no networks"),
    "a checkpoint without words": (
        "a.ckpt", torch_file({"state_dict": {}}), LOAD, "holds no configuration: name a .ckpt file"
    ),
    "a matrix that was moved": (
        "a.ckpt", moved_matrix, LOAD, "trained with the system matrix moved.mdf, which is not there"
    ),
    "a directory for a checkpoint": ("a.ckpt", folder, LOAD, "is no file: name a .ckpt file"),
    "bytes for a configuration": ("a.yaml", binary, CONFIG, "is no text in UTF-8: name a YAML"),
    "YAML cut off": ("a.yaml", text("experiment: {"), CONFIG, ""),
    "a list for a configuration": ("a.yaml", text("- experiment"), CONFIG, ""),
    "YAML that runs code": (
        "a.yaml", text("output: !!python/object/apply:os.mkdir [unpickled]"), CONFIG, ""
    ),
    "a sample of text": ("a.mdf", text(), CALIBRATE, "a.mdf"),
    "a sample that is a scan": ("a.mdf", hdf5(**measured_fields()), CALIBRATE, "a.mdf"),
    "rows without their places": ("a.h5", hdf5(matrix=np.ones((13, 100))), CALIBRATE, "--x-mm FIR"),
    "rows of another number": ("a.h5", hdf5(matrix=np.ones((7, 100))), ROWS, "a.h5"),
    "rows that are NaN": ("a.h5", hdf5(matrix=np.full((13, 100), np.nan)), ROWS, "has NaN or infi"),
    "rows of zeros": ("a.h5", hdf5(matrix=np.zeros((13, 100))), ROWS, "a.h5"),
    "bytes for a sweep": ("a.yaml", binary, SWEEP, "a.yaml"),
    "a sweep of a list": ("a.yaml", text("- grid"), SWEEP, "holds no sweep"),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def imports():
    for name in ("training.run", "sweep.study", "reconstruction.running", "calibration.fit"):
        importlib.import_module(f"mpi_cascade.{name}")


def filled(words, file, trained):
    places = {"file": file, "new": file.parent / "new", "checkpoint": trained.checkpoint}
    return [str(word).format(**places) for word in words]


@pytest.mark.parametrize(("name", "make", "words", "sentence"), REFUSED.values(), ids=REFUSED)
def test_is_refused_in_one_sentence(refusal, trained, tmp_path, name, make, words, sentence):
    make(tmp_path / name)
    with within(30):
        message = refusal(*filled(words, tmp_path / name, trained))
    assert "errno" not in message
    assert sentence in message


def test_one_scan_of_nan_is_skipped(trained, tmp_path):
    scans = SCANS.copy()
    scans[1] = np.nan
    np.save(tmp_path / "a.npy", scans)
    output = command_line.succeed(*filled(RECONSTRUCT, tmp_path / "a.npy", trained))
    assert "so it is skipped: 1 of 3 scans, the first is 1" in output
