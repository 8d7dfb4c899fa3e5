"""From the files of a scanner that the package knows nothing of to an image in mg Fe/ml."""

from pathlib import Path

import command_line
import foreign_scanner
import h5py
import nibabel
import numpy as np
import pytest
from PIL import Image

from mpi_cascade.configurations import read_receive_chain
from mpi_cascade.mdf import MDFFile, read_images, read_scans
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner

WEIGHTS = Path(__file__).parents[2] / "weights"
GAP_M, DIAMETER_M, MG_PER_ML = 0.5e-3, 0.4e-3, 3.0
PIXEL_MM = 0.1


def chain(**changes):
    values = {
        "scanner": Scanner(), "harmonics": (2, 3), "gain": (0.09, 0.02), "phase_rad": (2.6, 1.9),
        "background_real": (1e-4, 2e-4), "background_imag": (0.0, -1e-4),
        "concentration": 5.0, "concentration_unit": "mg Fe/ml",
    }  # fmt: skip
    return ReceiveChain(**{**values, **changes})


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    points = foreign_scanner.disc(np.zeros(2), DIAMETER_M, MG_PER_ML, num=4)
    return foreign_scanner.write_scan(tmp_path_factory.mktemp("disc") / "scan.mdf", points)


def read(path, receive_chain, scanner=Scanner()):
    with MDFFile(path) as file:
        (signals,) = read_scans(file, scanner, receive_chain)
    return signals[0, 0].numpy()


def by_hand(path, receive_chain, background):
    """The third harmonic as a few lines of numpy make it, lines that run back turned round."""
    with h5py.File(path) as file:
        first, scanned, last = file["measurement/data"][:, :, 0].astype(np.float64)
    signal = scanned - (first + last) / 2 if background is None else scanned
    time = np.arange(signal.shape[1]) / foreign_scanner.NUM_SAMPLES
    amplitude = 2 * (signal * np.exp(-2j * np.pi * 3 * time)).mean(axis=1)
    amplitude = amplitude - (0 if background is None else background)
    place = receive_chain.harmonics.index(3)
    turned = amplitude * np.exp(-1j * receive_chain.phase_rad[place])
    grid = turned.real.reshape(64, 64) / receive_chain.gain[place]
    grid[1::2] = grid[1::2, ::-1].copy()
    return grid


def test_a_scan_in_time_is_read_as_its_harmonic(scan):
    expected = by_hand(scan, chain(), None)
    assert np.abs(read(scan, chain()) - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_scan_without_a_background_has_that_of_the_calibration(scan, tmp_path):
    path = tmp_path / "scan.mdf"
    path.write_bytes(scan.read_bytes())
    with h5py.File(path, "r+") as file:
        file["measurement/isBackgroundFrame"][:] = 0
    expected = by_hand(path, chain(), 2e-4 - 1e-4j)
    with MDFFile(path) as file:
        found = next(iter(read_scans(file, Scanner(), chain())))[1, 0].numpy()
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("changes", "scanner", "sentence"),
    [
        ({"unit": "counts"}, {}, "has signals in V, the scanner was calibrated in counts"),
        ({"is_transfer_function_corrected": True}, {}, "must both have their transfer function"),
        ({}, {"harmonics": (3, 5)}, r"calibrated for the harmonics \[2, 3\], not for \[5\]"),
        ({}, {"num_ffp_x": 32}, "has 4096 periods and 1 channels, the scanner 2048 FFP"),
        ({}, {"field_of_view_x_m": 7.4e-3}, "has other FFP positions than the scanner"),
        (
            {"harmonics": (3, 40), "phase_rad": (0, 0), "gain": (1, 1)},
            {"harmonics": (3, 40)}, r"lacks a harmonic of \[3, 40\]",
        ),
    ],
)  # fmt: skip
def test_a_scan_that_is_not_of_the_chain_is_refused(scan, changes, scanner, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(scan, chain(**changes), Scanner(**scanner))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"gain": (1.0,)}, r"ReceiveChain.gain is \[1.0\]: give one finite number for each"),
        ({"gain": (1.0, 0.0)}, "each must be greater than 0"),
        ({"phase_rad": (np.nan, 0.0)}, "ReceiveChain.phase_rad"),
        ({"background_real": (1.0,)}, "ReceiveChain.background_real"),
        ({"background_imag": ()}, r"background_imag \[\]: give both, or none"),
        ({"concentration": 0.0}, "ReceiveChain.concentration is 0.0"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        chain(**changes)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["reference", "any_scanner"])
def test_a_foreign_scanner_is_calibrated_and_its_scan_reconstructed(weights, tmp_path):
    sample = foreign_scanner.write_calibration(tmp_path / "sample.mdf")
    pair = foreign_scanner.pair(GAP_M, DIAMETER_M, MG_PER_ML)
    scan = foreign_scanner.write_scan(tmp_path / "pair.mdf", pair)
    calibrated, images = tmp_path / "calibrated", tmp_path / "images"
    grid = ("--ffp-grid", 64, 64, "--region-mm", 6.4, 6.4)
    command_line.succeed("calibrate", sample, *grid, "--output", calibrated)
    found = read_receive_chain(calibrated / "scanner.yaml")
    assert (found.unit, found.concentration_unit) == ("V", "mg Fe/ml")
    assert found.concentration == pytest.approx(foreign_scanner.SAMPLE_MG_PER_ML, rel=1e-5)
    shown = command_line.succeed(
        "reconstruct", WEIGHTS / f"{weights}.ckpt", scan, "--scanner", calibrated / "scanner.yaml",
        "--pairs", 0, "--output", images,
    )  # fmt: skip
    assert "images: tracer concentration in mg Fe/ml; 1 above is 5.585 mg Fe/ml" in shown
    with MDFFile(images / "reconstruction.mdf") as file:
        (image,) = read_images(file)[:, 0].numpy()
        assert file.text("/_mpi_cascade/concentration_unit") == "mg Fe/ml"
    assert image.sum() * PIXEL_MM**2 == pytest.approx(pair[1].sum(), rel=0.05)
    # Rayleigh's dip between the discs, on the row of their centres.
    positions_mm = (np.arange(64) + 0.5) * PIXEL_MM - 3.2
    profile = image[np.abs(positions_mm + 0.23).argmin()]
    left, right = (np.abs(positions_mm - 0.31 - side * 0.45) < 0.25 for side in (-1, 1))
    valley = profile[np.abs(positions_mm - 0.31) < 0.25].min()
    assert 1 - valley / min(profile[left].max(), profile[right].max()) > 0.265
    nifti = nibabel.load(images / "reconstruction.nii.gz")
    assert nifti.header["descrip"].item() == b"tracer concentration in mg Fe/ml"
    with Image.open(images / "images.png") as picture:
        assert picture.size[0] > 500
