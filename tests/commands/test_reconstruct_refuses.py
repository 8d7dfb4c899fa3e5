"""What can't be used ends in one sentence, exit status 2, and nothing written."""

import pickle

import command_line
import h5py
import numpy as np
import pytest
import torch

from mpi_cascade.mdf import write_scans
from mpi_cascade.physics.scanner import Scanner

SHAPE = (3, 1, 16, 16)
SCANS = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


@pytest.fixture
def refusal(tmp_path):
    def refuse(*arguments):
        before = sorted(tmp_path.rglob("*"))
        output = tmp_path / "reconstructed"
        message = command_line.refusal("reconstruct", *arguments, "--output", output)
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return refuse


class Evil:
    """Would make a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def with_value(value, *index):
    changed = SCANS.copy()
    changed[index or 1] = value
    return changed


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (SCANS[:, :, :15], "has the shape [3, 1, 15, 16]: the network was trained for scans of [1"),
        (SCANS[0, 0], "has the shape [16, 16]"),
        (np.float32(1), "has the shape []"),
        (SCANS[:0], "has the shape [0, 1, 16, 16]"),
        (SCANS.astype(np.complex64), "holds complex64 numbers: scans are (scan, channel, y, x)"),
        (SCANS.astype(np.int16), "holds int16 numbers: scans are"),
        (np.full(SHAPE, np.nan, np.float32), "every scan has values that are NaN, infinite or bey"),
        (with_value(0, 0).astype(np.float64) * 1e39, "is zero throughout: nothing was received"),
        (np.sign(SCANS) * np.float32(3e38), "too large for the network: check their unit"),
        (np.zeros(SHAPE), "is zero throughout: nothing was received"),
    ],
)
def test_an_array_that_cannot_be_used(refusal, trained, tmp_path, array, sentence):
    np.save(tmp_path / "scans.npy", array)
    assert sentence in refusal(trained.checkpoint, tmp_path / "scans.npy")


def test_pickles_are_not_run(refusal, trained, tmp_path):
    made = tmp_path / "made"
    np.save(tmp_path / "scans.npy", np.array([Evil(made)]), allow_pickle=True)
    assert "is no npy file of numbers" in refusal(trained.checkpoint, tmp_path / "scans.npy")
    (tmp_path / "scans.npy").write_bytes(pickle.dumps(Evil(made)))
    assert "is no npy file of numbers" in refusal(trained.checkpoint, tmp_path / "scans.npy")
    assert not made.exists()


def test_what_is_no_npy_or_declares_too_much(refusal, trained, tmp_path):
    path = tmp_path / "scans.npy"
    np.save(path, SCANS)
    whole = path.read_bytes()
    for contents in (b"", whole[:5], whole[:60], whole[:-4]):
        path.write_bytes(contents)
        assert "is no npy file of numbers, or was cut off" in refusal(trained.checkpoint, path)
    path.write_bytes(whole.replace(b"(3, 1, 16, 16), }       ", b"(3000000000,1,16,16), } "))
    assert "3000000000" in path.read_bytes()[:100].decode(errors="replace")
    assert "is no npy file of numbers" in refusal(trained.checkpoint, path)
    with path.open("wb") as file:
        np.savez(file, SCANS)
    assert "is an archive: write one array" in refusal(trained.checkpoint, path)
    path.unlink()
    assert "scans.npy does not exist" in refusal(trained.checkpoint, path)


def test_an_hdf5_file_that_cannot_be_used(refusal, trained, tmp_path):
    path = tmp_path / "scans.h5"
    with h5py.File(path, "w") as file:
        file["measured/signal"] = SCANS
        file["complex"] = SCANS.astype(np.complex64)
        file["nan"] = np.full(SHAPE, np.inf, np.float32)
        file["other"] = SCANS[:, :, 1:]
        file["zero"] = np.zeros(SHAPE, np.float32)
        # Declared, but not stored.
        file.create_dataset("huge", (10**9, 1, 16, 16), np.float32, chunks=(1, 1, 16, 16))

    def message(name):
        return refusal(trained.checkpoint, path, "--dataset", name)

    assert "name its data set with --dataset, it holds complex, huge, measured" in refusal(
        trained.checkpoint, path
    )
    assert "has no data set /measured/signals: it holds signal in /measured" in message(
        "measured/signals"
    )
    assert "measured is a group of signal: it must be a data set" in message("measured")
    assert "scans.h5 holds complex64 numbers: scans are" in message("complex")
    assert "every scan has values that are NaN" in message("nan")
    assert "has the shape [3, 1, 15, 16]" in message("other")
    assert "is zero throughout" in message("zero")
    assert "the file does not hold that much" in message("huge")
    path.write_bytes(path.read_bytes()[:3000])
    assert "is no HDF5 file, or was cut off" in message("measured/signal")
    assert "has no data sets: leave out --dataset" in refusal(
        trained.checkpoint, tmp_path / "scans.npy", "--dataset", "a"
    )


def test_an_mdf_file_that_cannot_be_used(refusal, trained, tmp_path):
    path, scanner = tmp_path / "scans.mdf", trained.cascade.experiment.scanner
    others = {
        "has 25 periods and 1 channels, the scanner 256 FFP": Scanner(num_ffp_x=5, num_ffp_y=5),
        "has the harmonics [5], the scanner [3]": Scanner(
            num_ffp_x=16, num_ffp_y=16, harmonics=(5,)
        ),
        "has other FFP positions than the scanner (offsetField and gradient: x -1.5 … 1.5": Scanner(
            num_ffp_x=16, num_ffp_y=16, field_of_view_x_m=3.2e-3
        ),
    }
    for sentence, other in others.items():
        write_scans(path, torch.ones(2, *other.signal_shape), other)
        assert sentence in refusal(trained.checkpoint, path)
    for name, value, sentence in (
        ("acquisition/receiver/unit", "V", "has signals in V"),
        ("measurement/data", 0, "is zero throughout: nothing was received"),
        ("measurement/data", np.nan, "every scan has values that are NaN"),
        ("acquisition/gradient", 5e3, "the format's unit is T/m"),
    ):
        write_scans(path, torch.ones(2, *scanner.signal_shape), scanner)
        with h5py.File(path, "r+") as file:
            file[name][...] = value
        assert sentence in refusal(trained.checkpoint, path)
    path.write_bytes(path.read_bytes()[:5000])
    assert "is no HDF5 file, or was cut off" in refusal(trained.checkpoint, path)


def test_a_directory_or_an_option_that_cannot_be_used(refusal, trained, tmp_path):
    path = tmp_path / "scans.npy"
    np.save(path, SCANS)
    assert "--batch-size is 0: it must be greater than 0" in refusal(
        trained.checkpoint, path, "--batch-size", 0
    )
    assert "is truncated, damaged or no checkpoint" in refusal(path, path)
    assert "absent.ckpt is no file" in refusal(tmp_path / "absent.ckpt", path)
    output = tmp_path / "reconstructed"
    output.write_text("a file")
    assert "reconstructed can't be written" in refusal(trained.checkpoint, path)
    output.unlink()
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    assert "is not empty: choose another directory with --output" in refusal(
        trained.checkpoint, path
    )
    (output / "notes.txt").unlink()
    # An empty directory stays, whatever ends the work.
    np.save(path, np.full(SHAPE, np.nan, np.float32))
    assert "NaN" in refusal(trained.checkpoint, path)
    np.save(path, SCANS)
    command_line.succeed("reconstruct", trained.checkpoint, path, "--pairs", 0, "--output", output)
    assert (output / "scans.csv").is_file()
