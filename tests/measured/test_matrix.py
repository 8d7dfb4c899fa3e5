"""Measured matrices: of the package's own files, of hand-written ones, and of arrays."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from mdf_files import (
    NUM_CHANNELS,
    NUM_COMPONENTS,
    calibration_fields,
    measured_fields,
    spectra,
    time_signals,
    write_hdf5,
)

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import write_scans, write_system_matrix
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import DeltaSamplePSF
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.scanner_models import ScannerModels

SHAPE = (8, 10)
SCANNERS = {
    "one harmonic": Scanner(num_ffp_x=6, num_ffp_y=5),
    "complex": Scanner(
        num_ffp_x=6, num_ffp_y=5, harmonics=(2, 3), particle=Particle(relaxation_time_s=2e-6)
    ),
}
ONE, COMPLEX = SCANNERS.values()


@pytest.fixture(params=SCANNERS.values(), ids=SCANNERS)
def scanner(request):
    return request.param


@pytest.fixture
def written(scanner, tmp_path):
    """A file of a noisy matrix with background frames, and what went into it."""
    generator = torch.Generator().manual_seed(0)
    matrix = ForwardModel(scanner, SHAPE).matrix()
    noise = 0.01 * torch.randn(matrix.shape, generator=generator)
    background = 0.01 * torch.randn(40, len(matrix), generator=generator)
    return write(tmp_path, scanner, matrix + noise, background), matrix, noise, background


def write(folder, scanner, matrix=None, background=None, sample_m=0.0, shape=SHAPE):
    """Writes a matrix, that of the scanner where none is given."""
    matrix = ForwardModel(scanner, shape).matrix() if matrix is None else matrix
    write_system_matrix(folder / "matrix.mdf", matrix, scanner, shape, sample_m, background)
    return folder / "matrix.mdf"


def load(path, scanner, **options):
    return read_measured(MeasuredMatrix(path=str(path), **options), scanner)


def test_a_matrix_without_background_is_read_bit_by_bit(scanner, tmp_path):
    system = load(write(tmp_path, scanner), scanner)
    assert system.grid_shape == SHAPE
    assert system.signal_shape == scanner.signal_shape
    assert torch.equal(system.matrix, ForwardModel(scanner, SHAPE).matrix())
    assert system.is_as_simulated


def test_a_scan_of_the_same_scanner_is_the_signal_of_the_matrix(scanner, tmp_path):
    images = torch.rand(3, 1, *SHAPE)
    signals = ForwardModel(scanner, SHAPE)(images)
    write_scans(tmp_path / "scans.mdf", signals, scanner)
    system = load(write(tmp_path, scanner), scanner)
    with MDFFile(tmp_path / "scans.mdf") as file:
        read = torch.cat(list(system.receiver.read_scans(file)))
    assert torch.equal(read, signals)
    torch.testing.assert_close(system.model(SHAPE)(images), signals, rtol=0, atol=1e-5)


def test_a_background_of_nothing_but_noise_is_not_subtracted(scanner, written):
    """The mean of 40 frames would add noise of σ/√40 to a whole row; of that little remains."""
    path, matrix, noise, background = written
    added = load(path, scanner).matrix - (matrix + noise)
    # The same at every position: that is what makes it dangerous.
    assert added.std(dim=1).max() < 1e-6
    assert added[:, 0].square().mean().sqrt() < 0.3 * background.mean(dim=0).square().mean().sqrt()


def test_a_background_that_stands_out_is_subtracted(scanner, tmp_path):
    matrix = ForwardModel(scanner, SHAPE).matrix()
    offset = torch.linspace(-2, 3, len(matrix))
    background = offset + 0.01 * torch.randn(40, len(matrix))
    found = load(write(tmp_path, scanner, matrix + offset[:, None], background), scanner).matrix
    torch.testing.assert_close(found, matrix, rtol=0, atol=5 * 0.01 / math.sqrt(40))


def test_denoised_and_sharpened_it_is_nearer_to_the_truth(tmp_path):
    scanner, shape = Scanner(num_ffp_x=32, num_ffp_y=32), (32, 32)
    truth = ForwardModel(scanner, shape).matrix()
    measured = ForwardModel(scanner, shape, DeltaSamplePSF(sample_size_m=6e-4)).matrix()
    sigma = 0.03 * measured.abs().max()
    generator = torch.Generator().manual_seed(0)
    noise = sigma * torch.randn(measured.shape, generator=generator)
    background = sigma * torch.randn(50, len(measured), generator=generator)
    path = write(tmp_path, scanner, measured + noise, background, 6e-4, shape)
    errors = [
        (load(path, scanner, is_denoised=clean, is_sample_corrected=sharp).matrix - truth).norm()
        for clean, sharp in ((False, False), (True, False), (True, True))
    ]
    assert errors[1] < 0.8 * errors[0]
    assert errors[2] < 0.7 * errors[1]


def test_a_sample_must_be_known_to_be_corrected_for(tmp_path):
    path = write(tmp_path, ONE)
    with pytest.raises(InputError, match=r"does not say how large the sample was"):
        load(path, ONE, is_sample_corrected=True)


def test_whitened_rows_have_noise_of_one_strength(tmp_path):
    matrix = ForwardModel(COMPLEX, SHAPE).matrix()
    sigma = torch.tensor([0.02, 0.02, 0.5, 0.5]).repeat_interleave(30)
    background = sigma * torch.randn(2000, len(matrix), generator=torch.Generator().manual_seed(1))
    path = write(tmp_path, COMPLEX, background=background)
    plain, white = load(path, COMPLEX), load(path, COMPLEX, is_whitened=True)
    ratio = (plain.matrix / white.matrix).reshape(4, -1).nanmedian(dim=1).values
    assert ratio[2] / ratio[0] == pytest.approx(25, rel=0.03)
    assert ratio[1] == pytest.approx(ratio[0].item(), rel=1e-3)
    # Scaled so that a concentration of 1 everywhere makes no signal above 1.
    values = white.matrix.reshape(2, 2, 30, -1)
    assert values.square().sum(dim=1).sqrt().sum(dim=-1).max() == pytest.approx(1, rel=1e-5)
    assert not white.is_as_simulated


def test_weak_and_unwanted_frequencies_are_left_out(tmp_path):
    matrix = ForwardModel(COMPLEX, SHAPE).matrix()
    means = matrix.reshape(2, 2, 30, -1).square().sum(dim=1).sqrt().mean(dim=(1, 2))
    # Both harmonics with noise of 1/4 of their mean, but for the first, of the whole.
    sigma = (means * torch.tensor([1.0, 0.25]) / math.sqrt(2)).repeat_interleave(60)
    background = sigma * torch.randn(500, len(matrix), generator=torch.Generator().manual_seed(2))
    path = write(tmp_path, COMPLEX, background=background)
    assert load(path, COMPLEX, min_snr=0.5).signal_shape == (4, 5, 6)
    assert load(path, COMPLEX, min_snr=2.0).receiver.components.tolist() == [3]
    assert load(path, COMPLEX, min_snr=2.0).signal_shape == (2, 5, 6)
    with pytest.raises(InputError, match=r"no row .* signal-to-noise ratio of 9 between 0 and inf"):
        load(path, COMPLEX, min_snr=9.0)
    low = load(path, COMPLEX, frequencies_hz=(0.0, 60e3))
    assert low.receiver.components.tolist() == [2]
    assert torch.equal(low.matrix, load(path, COMPLEX).matrix[:60])


def test_an_array_is_taken_as_it_is(scanner, tmp_path):
    matrix = ForwardModel(scanner, SHAPE).matrix()
    values = matrix.reshape(*scanner.signal_shape, *SHAPE).numpy()
    stored = values[::2] + 1j * values[1::2] if scanner.is_complex else values
    np.save(tmp_path / "matrix.npy", stored)
    system = load(tmp_path / "matrix.npy", scanner)
    assert torch.equal(system.matrix, matrix)
    assert (system.signal_shape, system.grid_shape) == (scanner.signal_shape, SHAPE)
    with pytest.raises(InputError, match="an array without noise or frequencies: leave out all"):
        load(tmp_path / "matrix.npy", scanner, min_snr=3.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_ffp_x": 7}, r"has 30 periods, experiment.scanner 35 FFP positions: they must agree"),
        (
            {"field_of_view_x_m": 5e-3},
            r"6.4 mm along x, experiment.scanner.field_of_view_x_m is 0.005: set it",
        ),
    ],
)
def test_a_matrix_of_another_scanner_is_refused(change, sentence, tmp_path):
    path = write(tmp_path, ONE)
    other = Scanner(**{"num_ffp_x": 6, "num_ffp_y": 5, **change})
    with pytest.raises(InputError, match=sentence):
        load(path, other)


def test_signals_in_quadrature_need_a_scanner_that_knows_of_them(tmp_path):
    path = write(tmp_path, COMPLEX)
    with pytest.raises(
        InputError, match=r"have a quadrature part: give experiment\.scanner\.particle a"
    ):
        load(path, Scanner(num_ffp_x=6, num_ffp_y=5, harmonics=(2, 3)))


@pytest.mark.parametrize("option", ["is_whitened", "is_denoised"])
def test_noise_must_be_known_to_be_used(option, tmp_path):
    path = write(tmp_path, ONE)
    sentence = (
        f"experiment.system_matrix.{option} is True, but .* has fewer than two background frames"
    )
    with pytest.raises(InputError, match=sentence):
        load(path, ONE, **{option: True})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones((1, 5, 6, 8)), r"has the shape \[1, 5, 6, 8\] of float64: a system matrix is"),
        (np.ones((1, 5, 6, 8, 10), np.int64), "a system matrix is"),
        (
            np.ones((1, 6, 5, 8, 10)),
            r"real signals of \[6, 5\] FFP positions, experiment.scanner real",
        ),
        (np.ones((1, 5, 6, 8, 10), complex), "complex signals .* experiment.scanner real ones"),
        (np.full((1, 5, 6, 8, 10), np.nan), "has NaN or infinite values"),
        (np.zeros((1, 5, 6, 8, 10)), "is zero throughout"),
    ],
    ids=["axes", "integers", "grid", "complex", "NaN", "zero"],
)
def test_an_array_that_is_no_system_matrix_is_refused(values, sentence, tmp_path):
    np.save(tmp_path / "matrix.npy", values)
    with pytest.raises(InputError, match=sentence):
        load(tmp_path / "matrix.npy", ONE)


def test_a_pickle_is_never_opened(tmp_path):
    np.save(tmp_path / "matrix.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"matrix\.npy is no npy file of numbers"):
        load(tmp_path / "matrix.npy", ONE)


def test_a_file_without_calibration_is_refused(tmp_path):
    write_scans(tmp_path / "scans.mdf", torch.ones(2, *ONE.signal_shape), ONE)
    with pytest.raises(InputError, match=r"has no group /calibration: name a system matrix"):
        load(tmp_path / "scans.mdf", ONE)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_snr": -1.0}, r"MeasuredMatrix.min_snr is -1.0"),
        ({"frequencies_hz": (5.0, 2.0)}, r"MeasuredMatrix.frequencies_hz is \[5.0, 2.0\]"),
    ],
)
def test_options_out_of_range_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        load("matrix.mdf", ONE, **options)


def test_harmonics_other_than_the_scanners_are_its_own_signals(tmp_path):
    """The analytic model can't take its place, whatever the shapes say."""
    second = Scanner(num_ffp_x=6, num_ffp_y=5, harmonics=(2,))
    path = write(tmp_path, second)
    models = ScannerModels(ONE, MeasuredMatrix(path=str(path)))
    assert not models.are_as_simulated
    with pytest.raises(InputError, match=r"^true_scanner is .* harmonics of their own"):
        models.true(SHAPE, {"gradient_x_t_per_m": 4.9})


def test_scans_of_another_scanner_are_named_or_refused(tmp_path):
    path = write(tmp_path, ONE)
    receiver = load(path, ONE).receiver
    signal = torch.rand(2, *ONE.signal_shape)

    def opened(**changes):
        write_scans(tmp_path / "scans.mdf", signal, replace(ONE, **changes))
        return MDFFile(tmp_path / "scans.mdf")

    with opened() as file:
        assert receiver.differences(file) == []
    with opened(drive_amplitude_t=8e-3) as file:
        assert receiver.differences(file) == ["drive amplitude 8 mT, not 4"]
    with opened(gradient_x_t_per_m=4.0) as file:
        assert "gradient along x 4 T/m, not 5" in receiver.differences(file)
    with (
        opened(drive_frequency_hz=50e3) as file,
        pytest.raises(InputError, match="frequencies in steps of 50000 Hz, the system matrix of"),
    ):
        receiver.read_scans(file)


def test_an_snr_of_another_shape_is_refused(tmp_path):
    """Found by fuzzing."""
    fields = calibration_fields() | {"/calibration/snr": np.ones((6, 6, 3))}
    with (
        MDFFile(write_hdf5(tmp_path / "matrix.mdf", fields)) as file,
        pytest.raises(
            InputError,
            match=r"/calibration/snr has 6 periods, /acquisition/numPeriodsPerFrame is 2",
        ),
    ):
        _ = file.calibration


def test_a_sample_size_of_the_analytic_model_has_no_place_beside_a_matrix(tmp_path):
    path = write(tmp_path, ONE)
    with pytest.raises(InputError, match=r"^delta_sample_m is 0.0003 and belongs to the analytic"):
        ScannerModels(ONE, MeasuredMatrix(path=str(path)), delta_sample_m=3e-4)


@pytest.fixture
def lissajous_fields():
    """Two periods of three receive channels, transfer function and background left in."""
    generator = np.random.default_rng(5)
    shape = (NUM_CHANNELS, NUM_COMPONENTS)
    return calibration_fields() | {
        "/measurement/isBackgroundCorrected": np.int8(1),
        "/calibration/isMeanderingGrid": np.int8(0),
        "/acquisition/receiver/transferFunction": generator.normal(size=shape)
        + 1j * generator.normal(size=shape),
    }


LISSAJOUS = Scanner(
    num_ffp_x=2, num_ffp_y=1, field_of_view_x_m=0.02, field_of_view_y_m=0.04,
    particle=Particle(relaxation_time_s=1e-6),
)  # fmt: skip


def test_the_transfer_function_is_divided_out_of_every_row(lissajous_fields, tmp_path):
    path = write_hdf5(tmp_path / "matrix.mdf", lissajous_fields)
    # (position, period, channel, frequency) → (channel and frequency, part, period, position).
    stored = spectra()[:4] / lissajous_fields["/acquisition/receiver/transferFunction"]
    rows = stored.reshape(4, 2, -1).transpose(2, 1, 0)
    expected = np.stack((rows.real, rows.imag), axis=1).reshape(-1, 4)
    expected /= np.abs(rows).sum(axis=-1).max()
    system = load(path, LISSAJOUS)
    assert system.signal_shape == (2 * NUM_CHANNELS * NUM_COMPONENTS, 1, 2)
    np.testing.assert_allclose(system.matrix, expected, rtol=1e-5, atol=1e-7)


def test_scans_with_a_transfer_function_need_a_matrix_with_one(lissajous_fields, tmp_path):
    with_one = load(write_hdf5(tmp_path / "matrix.mdf", lissajous_fields), LISSAJOUS)
    scan = measured_fields() | {"/measurement/data": time_signals()}
    with (
        MDFFile(write_hdf5(tmp_path / "scan.mdf", scan)) as file,
        pytest.raises(InputError, match="must both have their transfer function, or neither"),
    ):
        with_one.receiver.read_scans(file)


def test_signals_in_time_are_transformed(lissajous_fields, tmp_path):
    """The file's own spectra are those of ``time_signals``: its scans are its columns."""
    fields = lissajous_fields | {"/acquisition/receiver/transferFunction": None}
    system = load(write_hdf5(tmp_path / "matrix.mdf", fields), LISSAJOUS)
    scan = measured_fields() | {"/measurement/isBackgroundCorrected": np.int8(1)}
    with MDFFile(write_hdf5(tmp_path / "scan.mdf", scan)) as file:
        signals = torch.cat(list(system.receiver.read_scans(file)))
    torch.testing.assert_close(signals.flatten(1).T, system.matrix, rtol=1e-4, atol=1e-6)
