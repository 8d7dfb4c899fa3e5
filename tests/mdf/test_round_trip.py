"""What this package writes it reads back, bit by bit."""

import os
import shutil
import stat

import h5py
import numpy as np
import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import (
    MDFFile,
    differences,
    new_reconstruction,
    new_scans,
    read_images,
    read_scans,
    write_reconstruction,
    write_scans,
    write_system_matrix,
)
from mpi_cascade.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

IMAGE_SHAPE = (4, 3)
SCANNERS = {
    "real": Scanner(num_ffp_x=6, num_ffp_y=5),
    "line": Scanner(num_ffp_x=6, num_ffp_y=1, harmonics=(2, 3)),
    "complex": Scanner(
        num_ffp_x=6, num_ffp_y=5, harmonics=(2, 3, 7), particle=Particle(relaxation_time_s=2e-6)
    ),
}


@pytest.fixture(params=SCANNERS)
def scanner(request):
    return SCANNERS[request.param]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scans_are_read_back_bit_by_bit(scanner, dtype, tmp_path):
    signals = torch.randn(7, *scanner.signal_shape, dtype=dtype)
    signals[0, 0, 0, 0] = -0.0
    write_scans(tmp_path / "scans.mdf", signals, scanner)
    with MDFFile(tmp_path / "scans.mdf") as file:
        found = torch.cat(list(read_scans(file, scanner)))
    assert found.dtype == dtype
    assert torch.equal(found, signals)
    assert torch.equal(found.signbit(), signals.signbit())


def test_a_system_matrix_is_read_back_bit_by_bit(scanner, tmp_path):
    matrix = ForwardModel(scanner, IMAGE_SHAPE).matrix()
    write_system_matrix(tmp_path / "matrix.mdf", matrix, scanner, IMAGE_SHAPE, delta_sample_m=3e-4)
    system = read_measured(MeasuredMatrix(path=str(tmp_path / "matrix.mdf")), scanner)
    assert torch.equal(system.matrix, matrix)
    assert (system.grid_shape, system.signal_shape) == (IMAGE_SHAPE, scanner.signal_shape)
    with MDFFile(tmp_path / "matrix.mdf") as file:
        assert file.calibration.delta_sample_m == (3e-4, 3e-4, 0.0)


def test_images_are_read_back_bit_by_bit(scanner, tmp_path):
    images = torch.rand(3, 1, *IMAGE_SHAPE)
    write_reconstruction(tmp_path / "images.mdf", images, scanner, is_simulation=False)
    with MDFFile(tmp_path / "images.mdf") as file:
        assert torch.equal(read_images(file), images)
        assert not file.is_simulation


def test_blocks_of_frames_and_of_frequencies_make_up_the_whole(tmp_path, monkeypatch):
    scanner = SCANNERS["complex"]
    write_scans(tmp_path / "scans.mdf", torch.randn(7, *scanner.signal_shape), scanner)
    # Blocks of two frames, or of one frequency.
    monkeypatch.setattr("mpi_cascade.mdf.measurement.MAX_BLOCK_BYTES", 16 * 2 * 30 * 3 * 8)
    with MDFFile(tmp_path / "scans.mdf") as file:
        by_frame, by_bin = list(file.measurement.by_frame()), list(file.measurement.by_bin())
        whole = file.measurement.read()
    assert len(by_frame) == 4
    assert len(by_bin) == 3
    assert np.array_equal(np.concatenate([block for _, block in by_frame]), whole)
    assert np.array_equal(np.concatenate([block for _, block in by_bin], axis=3), whole)
    assert all(np.array_equal(whole[part], block) for part, block in by_frame)


def test_a_block_larger_than_memory_is_refused(tmp_path, monkeypatch):
    scanner = SCANNERS["real"]
    write_scans(tmp_path / "scans.mdf", torch.randn(7, *scanner.signal_shape), scanner)
    monkeypatch.setattr("mpi_cascade.mdf.measurement.MAX_BLOCK_BYTES", 30 * 8)
    with MDFFile(tmp_path / "scans.mdf") as file:
        assert len(file.measurement.read(frames=slice(2, 3))) == 1
        with pytest.raises(InputError, match="read fewer frames or frequencies at once"):
            file.measurement.read()


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    scanner, path = SCANNERS["real"], tmp_path / "scans.mdf"
    write_scans(path, torch.randn(2, *scanner.signal_shape), scanner)
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(InputError, match="can't be written \\(No space left on device\\)"):
        write_scans(path, torch.randn(2, *scanner.signal_shape), scanner)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_is_noticed_before_hdf5_crashes_and_leaves_nothing(
    tmp_path, monkeypatch
):
    """A stand-in for the free space: a file system of a few MB takes privileges to mount."""
    scanner, disk = SCANNERS["real"], shutil.disk_usage(tmp_path)
    signals = torch.randn(100, *scanner.signal_shape)
    with (
        pytest.raises(InputError, match="can't be written \\(No space left on device\\)"),
        new_scans(tmp_path / "scans.mdf", scanner) as append,
    ):
        append(signals)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: disk._replace(free=2**22))
        append(signals)
    assert not list(tmp_path.iterdir())


def test_what_hdf5_cannot_write_when_it_closes_leaves_nothing(tmp_path, monkeypatch):
    scanner, close = SCANNERS["real"], h5py.File.close

    def fail(file):
        close(file)
        raise RuntimeError("Can't decrement id ref count")

    monkeypatch.setattr(h5py.File, "close", fail)
    with pytest.raises(InputError, match=r"can't be written \(Can't decrement id ref count\)"):
        write_scans(tmp_path / "scans.mdf", torch.randn(2, *scanner.signal_shape), scanner)
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    scanner = SCANNERS["real"]
    (tmp_path / "other").touch()
    write_scans(tmp_path / "scans.mdf", torch.randn(1, *scanner.signal_shape), scanner)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_directory_that_does_not_exist_is_refused(tmp_path):
    scanner = SCANNERS["real"]
    with pytest.raises(InputError, match=r"scans\.mdf can't be written"):
        write_scans(tmp_path / "no" / "scans.mdf", torch.ones(1, *scanner.signal_shape), scanner)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"harmonics": (5,)}, r"has the harmonics \[3\], the scanner \[5\]"),
        ({"num_ffp_x": 5}, "has 30 periods and 1 channels, the scanner 25 FFP"),
        ({"field_of_view_x_m": 4e-3}, r"has other FFP positions than the scanner \(offsetField"),
    ],
)
def test_scans_of_another_scanner_are_refused(tmp_path, other, sentence):
    scanner = SCANNERS["real"]
    write_scans(tmp_path / "scans.mdf", torch.randn(2, *scanner.signal_shape), scanner)
    wanted = Scanner(**{"num_ffp_x": 6, "num_ffp_y": 5, **other})
    with MDFFile(tmp_path / "scans.mdf") as file, pytest.raises(InputError, match=sentence):
        list(read_scans(file, wanted))


def test_scans_are_written_and_read_block_by_block(scanner, tmp_path):
    signals, images = torch.randn(7, *scanner.signal_shape), torch.rand(7, 1, *IMAGE_SHAPE)
    with new_scans(tmp_path / "scans.mdf", scanner) as append:
        for block in signals.split(3):
            append(block)
    with MDFFile(tmp_path / "scans.mdf") as file:
        assert torch.equal(torch.cat(list(read_scans(file, scanner))), signals)
    with new_reconstruction(tmp_path / "images.mdf", IMAGE_SHAPE, scanner, True) as append:
        for block in images.split(3):
            append(block)
    with MDFFile(tmp_path / "images.mdf") as file:
        assert torch.equal(read_images(file), images)


def test_background_frames_are_interpolated_in_time_and_subtracted_once(tmp_path):
    scanner = SCANNERS["complex"]
    signals = torch.randn(6, *scanner.signal_shape)
    write_scans(tmp_path / "scans.mdf", signals, scanner)
    is_background = np.array([1, 0, 0, 1, 0, 0], np.int8)
    with h5py.File(tmp_path / "scans.mdf", "r+") as file:
        file["measurement/isBackgroundFrame"][:] = is_background
    foreground = signals[is_background == 0]
    with MDFFile(tmp_path / "scans.mdf") as file:
        found = torch.cat(list(read_scans(file, scanner)))
    # Frames 1 and 2 lie between the two of the background, 4 and 5 after both.
    share = torch.tensor([1 / 3, 2 / 3, 1, 1])[:, None, None, None]
    torch.testing.assert_close(found, foreground - torch.lerp(signals[:1], signals[3:4], share))
    with h5py.File(tmp_path / "scans.mdf", "r+") as file:
        file["measurement/isBackgroundCorrected"][()] = 1
    with MDFFile(tmp_path / "scans.mdf") as file:
        assert torch.equal(torch.cat(list(read_scans(file, scanner))), foreground)


@pytest.mark.parametrize(
    ("other", "phrases"),
    [
        ({}, []),
        ({"gradient_x_t_per_m": 5.04, "field_of_view_y_m": 6.41e-3}, []),
        ({"gradient_x_t_per_m": 4.5}, ["gradient along x 5 T/m, not 4.5"]),
        ({"gradient_y_t_per_m": 3.0}, ["gradient along y 2.5 T/m, not 3"]),
        ({"drive_amplitude_t": 5e-3}, ["drive amplitude 4 mT, not 5"]),
        ({"drive_frequency_hz": 26e3}, ["drive frequency 25 kHz, not 26"]),
        ({"field_of_view_x_m": 6e-3}, ["FFP positions up to 0.17 steps off"]),
    ],
)
def test_a_scanner_that_is_a_little_different_is_named(tmp_path, other, phrases):
    write_scans(tmp_path / "scans.mdf", torch.randn(1, 1, 5, 6), SCANNERS["real"])
    wanted = Scanner(**{"num_ffp_x": 6, "num_ffp_y": 5, **other})
    with MDFFile(tmp_path / "scans.mdf") as file:
        assert list(read_scans(file, wanted))
        assert differences(file, wanted) == phrases


def test_a_complex_signal_is_not_read_as_a_real_one(tmp_path):
    relaxing = Scanner(num_ffp_x=6, num_ffp_y=5, particle=Particle(relaxation_time_s=1e-6))
    write_scans(tmp_path / "scans.mdf", torch.randn(2, *relaxing.signal_shape), relaxing)
    with MDFFile(tmp_path / "scans.mdf") as file, pytest.raises(InputError, match="quadrature"):
        list(read_scans(file, SCANNERS["real"]))


@pytest.mark.parametrize("shape", [(30, 11), (29, 12)])
def test_a_matrix_of_another_shape_is_not_written(tmp_path, shape):
    with pytest.raises(InputError, match="they must agree"):
        write_system_matrix(
            tmp_path / "matrix.mdf", torch.ones(shape), SCANNERS["real"], IMAGE_SHAPE
        )
    assert not list(tmp_path.iterdir())
