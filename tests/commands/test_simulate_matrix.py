"""From a simulated calibration to a cascade trained on it, and to images of its scanner's scans."""

import sys

import pytest
import torch
from command_line import TINY, run
from mpi_cascade.training.parts import load_cascade

from mpi_cascade.cli import main
from mpi_cascade.evaluation.methods import load_methods, tuned
from mpi_cascade.mdf import read_images, write_scans
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.scanner import changed_scanner
from mpi_cascade.physics.system_matrix import SystemMatrix
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.training.datamodule import Stream

OFF = "--data.true_scanner={gradient_x_t_per_m: 4.5}"


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", *map(str, arguments)])
    main()


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    path = tmp_path_factory.mktemp("matrix") / "matrix.mdf"
    with pytest.MonkeyPatch.context() as monkeypatch:
        command(monkeypatch, "simulate-matrix", path, "--config", TINY, OFF, "--sample-mm", "0.3")
    return path


@pytest.fixture(scope="module")
def trained(matrix, tmp_path_factory):
    """Every part that knows S: a stage that unrolls it, data consistency, the report's Tikhonov."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        directory = run(
            monkeypatch, tmp_path_factory.mktemp("runs"), "fit", "--trainer.max_epochs=1",
            f"--data.system_matrix.path={matrix}", "--data.system_matrix.is_denoised=true",
            "--model.preliminary=mpi_cascade.models.preliminary.Unrolled",
            "--model.preliminary.num_steps=2", "--model.preliminary.num_features=4",
            "--model.preliminary_loss=mpi_cascade.losses.DataConsistency",
            config=TINY,
        )  # fmt: skip
    return directory / "checkpoints" / "last.ckpt"


def test_everything_that_knows_the_physics_is_given_the_matrix(trained, matrix):
    cascade = load_cascade(trained)
    models = [
        cascade.data.scans.forward_model,
        cascade.data.reconstruction_model(),
        cascade.module.cascade.preliminary.forward_model,
    ]
    assert all(isinstance(model, SystemMatrix) for model in models)
    assert [model.image_shape for model in models] == [(32, 32), (16, 16), (16, 16)]
    assert cascade.data.models.system_matrix.path == str(matrix)


def test_classical_solvers_of_a_comparison_believe_in_the_matrix(trained, matrix):
    compared = load_methods([f"measured={trained}"])
    believed = compared.models.believed(compared.image_shape)
    expected = read_measured(
        MeasuredMatrix(path=str(matrix), is_denoised=True), compared.models.scanner
    ).matrix
    signal = torch.randn(2, *believed.signal_shape)
    found = tuned("Tikhonov", believed, {"relative_regularisation": 1e-2}).method.images(signal)
    augmented = torch.cat((expected, 0.1 * torch.linalg.norm(expected, ord=2) * torch.eye(256)))
    right_side = torch.cat((signal.flatten(1).T, torch.zeros(256, 2)))
    image = torch.linalg.lstsq(augmented, right_side).solution.T.reshape(2, 1, 16, 16)
    atol = 1e-3 * float(image.abs().max())
    torch.testing.assert_close(found["final"], image, rtol=0, atol=atol)


def test_a_true_scanner_makes_signals_that_the_matrix_nearly_explains(trained):
    """Nearer than the model of the nominal scanner does, whose gradient is 10 % off."""
    data = load_cascade(trained).data
    keys = SampleKeys(Stream.TEST, torch.arange(16))
    images = data.simulate(keys).concentration
    true = data.models.true((16, 16), {"gradient_x_t_per_m": 4.5})(images)
    nominal = data.models.true((16, 16), {"gradient_x_t_per_m": 5.0})(images)
    measured = data.reconstruction_model()(images)
    assert (measured - true).norm() < 0.7 * (nominal - true).norm()


def test_scans_of_the_calibrated_scanner_become_images(trained, monkeypatch, tmp_path):
    """A file that states the true gradient is read as the matrix's own scanner's."""
    cascade = load_cascade(trained)
    signal = cascade.data.simulate(SampleKeys(Stream.TEST, torch.arange(5))).signal
    true_scanner = changed_scanner(cascade.scanner, {"gradient_x_t_per_m": 4.5})
    write_scans(tmp_path / "scans.mdf", signal, true_scanner)
    command(
        monkeypatch, "reconstruct", trained, tmp_path / "scans.mdf", "--output", tmp_path / "images"
    )
    with MDFFile(tmp_path / "images" / "reconstruction.mdf") as file:
        assert torch.equal(read_images(file), cascade(signal).final)


@pytest.mark.parametrize("is_whitened", [False, True])
def test_predict_writes_scans_in_units_that_a_file_can_say(
    matrix, is_whitened, monkeypatch, tmp_path
):
    chosen = (
        f"--data.system_matrix.path={matrix}", f"--data.system_matrix.is_whitened={is_whitened}"
    )  # fmt: skip
    options = ("--trainer.max_epochs=1", "--report.tikhonov=false")
    directory = run(monkeypatch, tmp_path, "fit", *options, *chosen, config=TINY)
    checkpoint = f"--ckpt_path={directory / 'checkpoints' / 'last.ckpt'}"
    predicted = run(monkeypatch, tmp_path, "predict", *chosen, checkpoint, config=TINY)
    assert (predicted / "predictions" / "0-scans.mdf").exists() == (not is_whitened)
    assert (predicted / "predictions" / "0-00000.npz").exists()


def test_a_matrix_needs_no_network(monkeypatch, tmp_path):
    """As ``calibrate`` writes it: data, and a stage 2 at most."""
    config = tmp_path / "scanner.yaml"
    config.write_text(
        "data: {scanner: {num_ffp_x: 4, num_ffp_y: 3}, image_shape: [3, 4]}\n"
        "model: {refinement: mpi_cascade.models.refinement.ResidualCNN}\n"
    )
    path = tmp_path / "matrix.mdf"
    command(monkeypatch, "simulate-matrix", path, "--config", config, "--background-frames", "2")
    with MDFFile(path) as file:
        assert file.measurement.shape[:2] == (14, 12)


def test_a_file_is_never_overwritten(matrix, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        command(monkeypatch, "simulate-matrix", matrix, "--config", TINY)
    assert f"error: {matrix} exists: name a new file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sample-mm", "-1"), "--sample-mm is -1.0: it must lie in 0 … 1000"),
        (("--snr-db", "nan"), "--snr-db is nan: it must lie in -300 … 300"),
        (("--background-frames", "-1"), "--background-frames is -1: it must lie in 0 … 10000"),
        (("--data.scaner.num_ffp_x", "3"), "scaner"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options, sentence, monkeypatch, tmp_path, capsys):
    path = tmp_path / "matrix.mdf"
    with pytest.raises(SystemExit):
        command(monkeypatch, "simulate-matrix", path, "--config", TINY, *options)
    assert sentence in capsys.readouterr().err
    assert not path.exists()
