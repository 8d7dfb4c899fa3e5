"""``reconstruct``, from a file of scans to images."""

import gzip
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import command_line
import h5py
import nibabel
import numpy as np
import processes
import pytest
import torch
from PIL import Image
from results import table

from mpi_cascade.mdf import MDFFile, read_images, write_scans


@pytest.fixture
def reconstruct(tmp_path):
    """Runs ``reconstruct`` and returns its directory and what it said; pairs take it longest."""

    def command(*arguments, pairs=0):
        directory = tmp_path / "reconstructed"
        shown = command_line.succeed(
            "reconstruct", *arguments, "--pairs", pairs, "--output", directory
        )
        return directory, shown

    return command


def rows(directory):
    return table(directory / "scans.csv")


def images(directory):
    with MDFFile(directory / "reconstruction.mdf") as file:
        return read_images(file)


@pytest.fixture(params=["trained", "trained_on_lines"])
def any_trained(request):
    return request.getfixturevalue(request.param)


def test_scans_from_mdf_become_the_images_of_memory(any_trained, reconstruct, tmp_path):
    checkpoint, cascade, scans = any_trained
    scans = torch.cat((scans[:4], torch.zeros_like(scans[:1])))
    write_scans(tmp_path / "scans.mdf", scans, cascade.experiment.scanner)
    directory, shown = reconstruct(checkpoint, tmp_path / "scans.mdf", "--batch-size", 2, pairs=2)
    expected = torch.cat([cascade(batch).final for batch in scans.split(2)])
    assert torch.equal(images(directory), expected)
    assert {path.name for path in directory.iterdir()} == {
        "images.png", "measured.nii.gz", "pairs.csv", "parts.png", "prior.nii.gz",
        "reconstruction.mdf", "reconstruction.nii.gz", "scans.csv",
    }  # fmt: skip
    assert f"Everything lies in {directory}" in shown
    with MDFFile(directory / "reconstruction.mdf") as file:
        assert file.is_simulation
        assert file.text("/_mpi_cascade/checkpoint") == str(checkpoint)
    with h5py.File(directory / "reconstruction.mdf") as file:
        parts = [file[f"reconstruction/_{name}"][:, :, 0] for name in ("measured", "prior")]
    flat = expected.flatten(1).numpy()
    np.testing.assert_allclose(sum(parts), flat, atol=1e-6)
    # What the table says can be said from the arrays alone.
    residual = cascade.experiment.forward_model(expected) - scans
    told = rows(directory)
    assert [int(row["scan"]) for row in told] == list(range(5))
    np.testing.assert_allclose(
        [float(row["residual"]) for row in told], residual.square().mean((1, 2, 3)).sqrt(), 1e-4
    )
    np.testing.assert_allclose(
        [float(row["peak"]) for row in told], scans.abs().amax((1, 2, 3)), 1e-4
    )
    for row in told:
        if float(row["peak"]):
            ratio = float(row["residual"]) / float(row["noise"])
            assert float(row["residual_to_noise"]) == pytest.approx(ratio, rel=1e-4)
            image, part = flat[int(row["scan"])], parts[0][int(row["scan"])]
            share = (image * part).sum() / (image**2).sum()
            assert float(row["measured_share"]) == pytest.approx(share, rel=1e-3)
        else:
            assert (row["residual_to_noise"], row["warnings"]) == ("", "no signal")


def test_nifti_and_pictures(any_trained, reconstruct, tmp_path):
    checkpoint, cascade, scans = any_trained
    np.save(tmp_path / "scans.npy", scans[:2])
    directory, _ = reconstruct(checkpoint, tmp_path / "scans.npy", "--png")
    for name in ("images.png", "parts.png", "png/scan-0.png", "png/scan-1-parts.png"):
        with Image.open(directory / name) as picture:
            assert picture.size[0] > 500
            pixels = np.asarray(picture.convert("L"))
        # Nothing is cut off at an edge.
        edges = np.concatenate((pixels[[0, -1]].ravel(), pixels[:, [0, -1]].ravel()))
        assert (edges == 255).all(), name
    # The affine is that of the format: voxel centres in mm, 0 the centre of the image.
    nifti = nibabel.load(directory / "reconstruction.nii.gz")
    found = np.asarray(nifti.dataobj)
    assert np.array_equal(found[:, :, 0].T, images(directory)[:, 0])
    parts = (nibabel.load(directory / f"{name}.nii.gz") for name in ("measured", "prior"))
    np.testing.assert_allclose(sum(np.asarray(part.dataobj) for part in parts), found, atol=1e-6)
    num_y, num_x = cascade.experiment.image_shape
    first, last = nifti.affine @ [0, 0, 0, 1], nifti.affine @ [num_x - 1, num_y - 1, 0, 1]
    np.testing.assert_allclose(first[:2], [-3.2 + 3.2 / num_x, -3.2 + 3.2 / num_y], atol=1e-6)
    np.testing.assert_allclose(last[:3], [*-first[:2], 0], atol=1e-6)
    assert nifti.header.get_xyzt_units()[0] == "mm"
    with gzip.open(directory / "reconstruction.nii.gz") as file:
        assert len(file.read()) == 352 + found.nbytes


def test_npy_and_hdf5_give_the_same_images_without_a_channel_axis(trained, reconstruct, tmp_path):
    checkpoint, cascade, scans = trained
    scans = scans[:2]
    np.save(tmp_path / "scans.npy", scans[:, 0].double().numpy().astype(">f8"))
    first, _ = reconstruct(checkpoint, tmp_path / "scans.npy")
    expected = cascade(scans).final
    assert torch.equal(images(first), expected)
    first.rename(tmp_path / "first")
    with h5py.File(tmp_path / "scans.h5", "w") as file:
        file["a/signal"] = scans
    second, _ = reconstruct(checkpoint, tmp_path / "scans.h5", "--dataset", "a/signal")
    assert torch.equal(images(second), expected)


def test_another_scanner_is_named_for_every_scan(trained, reconstruct, tmp_path):
    checkpoint, cascade, scans = trained
    path = tmp_path / "scans.mdf"
    write_scans(path, scans[:2], cascade.experiment.scanner)
    with h5py.File(path, "r+") as file:
        file["acquisition/drivefield/strength"][...] = 5e-3
    directory, shown = reconstruct(checkpoint, path)
    phrase = "drive amplitude 5 mT, not 4"
    assert f"warning: the scanner is not the trained one: {phrase}" in shown
    assert all(phrase in row["warnings"] for row in rows(directory))


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(trained, tmp_path):
    checkpoint, cascade, _ = trained
    # More scans than are done in time, of which the disk holds next to nothing.
    path, output = tmp_path / "scans.npy", tmp_path / "reconstructed"
    np.lib.format.open_memmap(
        path, "w+", np.float32, (10**6, *cascade.experiment.scanner.ffp_shape)
    )
    process = processes.start(
        [sys.executable, "-m", "mpi_cascade", "reconstruct", str(checkpoint), str(path),
         "--output", str(output)]
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(output.glob(".unfinished-*/.partial-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    errors = None
    while errors is None:
        assert time.monotonic() < deadline
        # Python drops an interrupt that falls into a callback of a weak reference: press again.
        os.kill(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in errors or "Exception ignored" in errors
    assert sorted(tmp_path.iterdir()) == [path]


def test_scans_that_cannot_be_used_are_skipped_named_and_counted(trained, reconstruct, tmp_path):
    scans = trained.signal[:4].clone()
    scans[1, 0, 2, 3], scans[2] = torch.nan, torch.inf
    write_scans(tmp_path / "scans.mdf", scans, trained.cascade.experiment.scanner)
    directory, shown = reconstruct(trained.checkpoint, tmp_path / "scans.mdf", "--png")
    made = images(directory)
    assert made[[1, 2]].isnan().all()
    expected = trained.cascade(trained.signal[[0, 3]]).final
    assert torch.allclose(made[[0, 3]], expected, atol=1e-5 * float(expected.max()))
    assert "so it is skipped: 2 of 4 scans, the first is 1" in shown
    assert ["skipped" in row["warnings"] for row in rows(directory)] == [False, True, True, False]
    assert [row["peak"] == "" for row in rows(directory)] == [False, True, True, False]
    assert {path.name for path in (directory / "png").iterdir()} == {
        f"scan-{number}{kind}.png" for number in (0, 3) for kind in ("", "-parts")
    }


def test_a_block_of_background_frames_only_is_passed_over(
    trained, reconstruct, tmp_path, monkeypatch
):
    """And a background frame that is NaN does not count."""
    scans, path = trained.signal[:2], tmp_path / "scans.mdf"
    background = torch.full_like(scans[:1], 0.25)
    broken = torch.full_like(background, torch.nan)
    frames = torch.cat((background, background, broken, scans + background))
    write_scans(path, frames, trained.cascade.experiment.scanner)
    with h5py.File(path, "r+") as file:
        del file["measurement/isBackgroundFrame"]
        file["measurement/isBackgroundFrame"] = np.array([1, 1, 1, 0, 0], np.int8)
    monkeypatch.setattr("mpi_cascade.mdf.measurement.MAX_BLOCK_BYTES", 2**15)
    with MDFFile(path) as file:
        assert len(list(file.measurement.by_frame())) == 5
    directory, _ = reconstruct(trained.checkpoint, path)
    expected = trained.cascade(scans).final
    assert torch.allclose(images(directory), expected, atol=1e-5 * float(expected.max()))


def test_a_given_pair_is_tested_in_every_scan_up_to_the_limit(trained, reconstruct, tmp_path):
    scans = trained.signal[:3]
    write_scans(tmp_path / "scans.mdf", scans, trained.cascade.experiment.scanner)
    directory, shown = reconstruct(
        trained.checkpoint, tmp_path / "scans.mdf", "--pair-mm", -1, 0.5, 1, 0.5, pairs=2
    )
    assert "pairs of peaks: 2 tested, " in shown and "1 more were not tested (--pairs)" in shown
    found = table(directory / "pairs.csv")
    assert [(row["scan"], row["x1_mm"], row["y2_mm"]) for row in found] == [
        ("0", "-1.0", "0.5"), ("1", "-1.0", "0.5"),
    ]  # fmt: skip
    assert all(0 < float(row["false_alarms"]) <= 1 for row in found)


def test_a_directory_that_cannot_be_used_is_refused(refusal, trained, tmp_path):
    path, output = tmp_path / "scans.npy", tmp_path / "reconstructed"
    np.save(path, trained.signal[:3])
    words = ("reconstruct", trained.checkpoint, path, "--pairs", 0, "--output", output)
    output.write_text("a file")
    assert "reconstructed can't be written" in refusal(*words)
    output.unlink()
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    assert "is not empty: choose another directory with --output" in refusal(*words)
    (output / "notes.txt").unlink()
    # An empty directory stays, whatever ends the work.
    np.save(path, torch.nan * trained.signal[:3])
    assert "NaN" in refusal(*words)
    np.save(path, trained.signal[:3])
    command_line.succeed(*words)
    assert (output / "scans.csv").is_file()
