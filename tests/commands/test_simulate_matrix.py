"""From a simulated calibration to a cascade that believes in it, and to images of its scans."""

import command_line
import pytest
import tiny_cascades
import torch
from command_line import TINY

from mpi_cascade.mdf import MDFFile, read_images, write_scans
from mpi_cascade.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.scanner import changed_scanner
from mpi_cascade.physics.system_matrix import SystemMatrix
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.solvers.tikhonov import Tikhonov

OFF = "--experiment.true_scanner={gradient_x_t_per_m: 4.5}"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    directory = tmp_path_factory.mktemp("calibration") / "matrix"
    options = ("--config", TINY, OFF, "--sample-mm", 0.3, "--output", directory)
    shown = command_line.succeed("simulate-matrix", *options)
    assert f"--experiment.system_matrix.path {directory / 'matrix.mdf'}" in shown
    return directory / "matrix.mdf"


@pytest.fixture(scope="module")
def believer(matrix, tmp_path_factory):
    """A cascade with a stage that unrolls the matrix."""
    description = {
        **tiny_cascades.SQUARE,
        "system_matrix": {"path": str(matrix), "is_denoised": True},
        "preliminary": {
            "class_path": "mpi_cascade.models.preliminary.Unrolled",
            "init_args": {"num_steps": 2, "num_features": 4},
        },
    }
    path = tmp_path_factory.mktemp("believer") / "believer.ckpt"
    return tiny_cascades.saved(path, description, num_scans=16)


def test_everything_that_knows_the_physics_is_given_the_matrix(believer, matrix):
    experiment = believer.cascade.experiment
    models = [
        experiment.scans.forward_model,
        experiment.forward_model,
        experiment.preliminary.forward_model,
    ]
    assert all(isinstance(model, SystemMatrix) for model in models)
    assert [model.image_shape for model in models] == [(32, 32), (16, 16), (16, 16)]
    assert experiment.models.system_matrix.path == str(matrix)


def test_classical_solvers_believe_in_the_matrix(believer, matrix):
    experiment = believer.cascade.experiment
    expected = read_measured(
        MeasuredMatrix(path=str(matrix), is_denoised=True), experiment.scanner
    ).matrix
    signal = torch.randn(2, *experiment.forward_model.signal_shape)
    found = Tikhonov(experiment.forward_model, relative_regularisation=1e-2)(signal)
    augmented = torch.cat((expected, 0.1 * torch.linalg.norm(expected, ord=2) * torch.eye(256)))
    right_side = torch.cat((signal.flatten(1).T, torch.zeros(256, 2)))
    image = torch.linalg.lstsq(augmented, right_side).solution.T.reshape(2, 1, 16, 16)
    atol = 1e-3 * float(image.abs().max())
    torch.testing.assert_close(found, image, rtol=0, atol=atol)


def test_a_true_scanner_makes_signals_that_the_matrix_nearly_explains(believer):
    """Nearer than the model of the nominal scanner does, whose gradient is 10 % off."""
    experiment = believer.cascade.experiment
    streams = RandomStreams(0, 100, torch.arange(16))
    images = experiment.scans.scan(experiment.mixture, streams).concentration
    true = experiment.models.true((16, 16), {"gradient_x_t_per_m": 4.5})(images)
    nominal = experiment.models.true((16, 16), {"gradient_x_t_per_m": 5.0})(images)
    measured = experiment.forward_model(images)
    assert (measured - true).norm() < 0.7 * (nominal - true).norm()


def test_scans_of_the_calibrated_scanner_become_images(believer, tmp_path):
    """A file that states the true gradient is read as the matrix's own scanner's."""
    signal = believer.signal[:5]
    true_scanner = changed_scanner(believer.cascade.experiment.scanner, {"gradient_x_t_per_m": 4.5})
    write_scans(tmp_path / "scans.mdf", signal, true_scanner)
    output = tmp_path / "images"
    command_line.succeed(
        "reconstruct", believer.checkpoint, tmp_path / "scans.mdf", "--pairs", 0,
        "--output", output,
    )  # fmt: skip
    with MDFFile(output / "reconstruction.mdf") as file:
        assert torch.equal(read_images(file), believer.cascade(signal).final)


def test_a_matrix_needs_no_network(tmp_path):
    """As ``calibrate`` writes it: a scanner, and a stage 2 at most."""
    config = tmp_path / "scanner.yaml"
    config.write_text(
        "experiment:\n  scanner: {num_ffp_x: 4, num_ffp_y: 3}\n  image_shape: [3, 4]\n"
        "  refinement: mpi_cascade.models.refinement.ResidualCNN\n"
        "data: {two_points: {diameter_mm: 2.0}}\n"
    )
    options = ("--config", config, "--background-frames", 2, "--output", tmp_path / "matrix")
    command_line.succeed("simulate-matrix", *options)
    with MDFFile(tmp_path / "matrix" / "matrix.mdf") as file:
        assert file.measurement.shape[:2] == (14, 12)


def test_the_configuration_of_a_checkpoint_is_one(tmp_path):
    """Whatever else a training has resolved, of which none counts."""
    weights = TINY.parents[2] / "weights" / "reference.yaml"
    options = ("--experiment.scanner.num_ffp_x=4", "--experiment.image_shape=[2,2]")
    other = ("--experiment.refinement.num_features=[3]", "--model.learning_rate=1.0e-3")
    command_line.succeed(
        "simulate-matrix", "--config", weights, *options, *other, "--output", tmp_path / "matrix"
    )


def test_what_is_there_is_never_overwritten(matrix):
    message = command_line.refusal("simulate-matrix", "--config", TINY, "--output", matrix.parent)
    assert f"{matrix.parent} is not empty: choose another directory with --output" in message


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sample-mm", "-1"), "--sample-mm is -1.0: it must lie in 0 … 1000"),
        (("--snr-db", "nan"), "--snr-db is nan: it must be a number"),
        (("--snr-db", "1e3"), "--snr-db is 1000.0: it must lie in -300 … 300"),
        (("--background-frames", "-1"), "--background-frames is -1: it must lie in 0 … 10000"),
        (("--experiment.scaner.num_ffp_x", "3"), "scaner"),
        (("--experiment.scanner.num_ffp_x", "2.5"), "num_ffp_x"),
        (("--experiment.system_matrix.path", "x"), "leave out experiment.system_matrix"),
    ],
)
def test_what_cannot_be_simulated_is_refused(refusal, options, sentence):
    message = refusal("simulate-matrix", "--config", TINY, *options, "--output", "matrix")
    assert sentence in message
