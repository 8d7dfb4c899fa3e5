"""Weights that hold no scanner, on scanners that their training never saw."""

import command_line
import pytest
import tiny_cascades
import torch
import yaml

import mpi_cascade
from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment
from mpi_cascade.evaluation.loading import load_methods
from mpi_cascade.mdf import MDFFile, read_images, write_scans
from mpi_cascade.physics.scanner import Scanner

SCANNER = {"num_ffp_x": 24, "num_ffp_y": 16, "gradient_x_t_per_m": 4.0, "harmonics": [2, 3]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "any.ckpt"
    scanners = {"num_positions": [16, 24], "num_scanners": 6}
    mpi_cascade.save(tiny_cascades.tiny_cascade(tiny_cascades.ANY_SCANNER, scanners=scanners), path)
    return path


@pytest.fixture
def scanner_file(tmp_path):
    path = tmp_path / "scanner.yaml"
    described = {"scanner": SCANNER, "image_shape": [16, 24], "refinement": "torch.nn.Identity"}
    path.write_text(yaml.safe_dump({"experiment": described}))
    return path


@pytest.fixture
def expected(checkpoint):
    """The cascade as a training for that scanner would build it, with the weights."""
    described = {**tiny_cascades.ANY_SCANNER, "scanner": SCANNER, "image_shape": [16, 24]}
    experiment = build_experiment(described)
    weights = mpi_cascade.load(checkpoint).cascade.state_dict()
    experiment.cascade.load_state_dict(weights)
    return experiment.cascade.eval()


def signals():
    torch.manual_seed(0)
    return torch.rand(3, 2, 16, 24)


def test_in_python_the_weights_are_used_with_the_physics_of_the_scanner(
    checkpoint, scanner_file, expected
):
    cascade = mpi_cascade.load(checkpoint, scanner=scanner_file)
    assert cascade.experiment.scanner == Scanner(**{**SCANNER, "harmonics": (2, 3)})
    torch.testing.assert_close(cascade(signals()).final, expected(signals()).final)


def test_reconstruct_takes_the_scanner_from_its_file(checkpoint, scanner_file, expected, tmp_path):
    write_scans(tmp_path / "scans.mdf", signals(), Scanner(**{**SCANNER, "harmonics": (2, 3)}))
    shown = command_line.succeed(
        "reconstruct", checkpoint, tmp_path / "scans.mdf", "--scanner", scanner_file,
        "--pairs", 0, "--output", tmp_path / "images",
    )  # fmt: skip
    with MDFFile(tmp_path / "images" / "reconstruction.mdf") as file:
        found = read_images(file)
    torch.testing.assert_close(found, expected(signals()).final, rtol=1e-4, atol=1e-4)
    assert "beyond the scanners of the training: height ÷ width of a pixel 1.5" in shown


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_export_writes_a_program_for_the_scanner(checkpoint, scanner_file, expected, tmp_path):
    shown = command_line.succeed(
        "export", checkpoint, "--scanner", scanner_file, "--formats", "pt2",
        "--output", tmp_path / "exported",
    )  # fmt: skip
    program = torch.export.load(tmp_path / "exported" / "any.pt2").module()
    torch.testing.assert_close(program(signals())[1], expected(signals()).final)
    assert "beyond the scanners of the training: height ÷ width of a pixel 1.5" in shown


def test_intervals_are_guaranteed_for_the_scanner(scanner_file, tmp_path):
    description = {
        **tiny_cascades.ANY_SCANNER,
        "intervals": tiny_cascades.WITH_INTERVALS["intervals"],
    }
    scanners = {"num_positions": [16, 24], "num_scanners": 6}
    cascade = tiny_cascades.tiny_cascade(description, scanners=scanners)
    mpi_cascade.save(cascade, tmp_path / "any.ckpt")
    ended = command_line.call(
        "guarantee", tmp_path / "any.ckpt", "--scanner", scanner_file, "--num-scans", 120,
        "--output", tmp_path / "guaranteed",
    )  # fmt: skip
    assert "beyond the scanners of the training: height ÷ width of a pixel 1.5" in ended.errors
    guaranteed = mpi_cascade.load(tmp_path / "guaranteed" / "any.ckpt")
    assert guaranteed.experiment.scanner.harmonics == (2, 3)
    assert guaranteed.guarantee is not None
    assert guaranteed.intervals(signals(), guaranteed(signals())).lower.shape == (3, 1, 16, 24)


def test_predict_makes_scans_of_the_scanner_with_phantoms_of_its_size(
    checkpoint, scanner_file, tmp_path
):
    command_line.succeed(
        "predict", checkpoint, "--scanner", scanner_file, "--data.num_test", 4,
        "--output", tmp_path / "predicted",
    )  # fmt: skip
    with MDFFile(tmp_path / "predicted" / "scans.mdf") as file:
        assert file.numbers("/measurement/data").shape[0] == 4


def test_compared_weights_are_told_the_scanner(checkpoint, scanner_file, trained, expected):
    (method,), experiment, departures = load_methods([f"any={checkpoint}"], scanner=scanner_file)
    assert experiment.image_shape == (16, 24)
    torch.testing.assert_close(method.images(signals())["final"], expected(signals()).final)
    assert departures == (
        "beyond the scanners of the training: height ÷ width of a pixel 1.5, in training 1 … 1",
    )
    with pytest.raises(InputError, match="every checkpoint was trained for one scanner"):
        load_methods([f"one={trained.checkpoint}"], scanner=scanner_file)
    with pytest.raises(InputError, match="has another scanner"):
        load_methods([f"any={checkpoint}", f"one={trained.checkpoint}"], scanner=scanner_file)


def test_weights_for_one_scanner_are_refused(trained, scanner_file):
    with pytest.raises(InputError, match="was trained for one scanner: leave"):
        mpi_cascade.load(trained.checkpoint, scanner=scanner_file)


def test_a_file_without_a_scanner_is_refused(checkpoint, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text("model: {learning_rate: 1.0e-3}")
    with pytest.raises(InputError, match=r"has no experiment.scanner"):
        mpi_cascade.load(checkpoint, scanner=path)
    with pytest.raises(InputError, match="can't be read"):
        mpi_cascade.load(checkpoint, scanner=tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("scanner: {gradient_x_t_per_mm: 3}",
         "scanner.gradient_x_t_per_mm is no key: the nearest is scanner.gradient_x_t_per_m"),
        ("scanner: {particle: {core_nm: 3}}", "scanner.particle.core_nm is no key"),
        ("scanner: {gradient_x_t_per_m: strong}",
         "scanner.gradient_x_t_per_m is strong: it must be a number"),
        ("scanner: {gradient_x_t_per_m: -3}",
         "experiment.scanner.gradient_x_t_per_m is -3.0: it must be greater than 0"),
        ("scanner: {particle: }", "a part of the configuration is empty: fill it"),
        ("scanner: {harmonics: third}", "scanner.harmonics is third: it must be a list"),
        ("scanner: {field_of_view_x_m: 10}",
         "experiment.scanner.field_of_view_x_m is 10.0: 10 m is far above"),
        ("scanner: {}\n  image_shape: [14, 16]",
         "experiment.image_shape is [14, 16]: the networks need multiples of 4"),
        ("scanner: {\n    num_ffp_x: 24]", ", line 3: this is not valid YAML"),
    ],
)  # fmt: skip
def test_a_scanner_with_a_slip_is_refused_in_a_sentence_with_its_file(
    checkpoint, tmp_path, text, sentence
):
    path = tmp_path / "scanner.yaml"
    path.write_text(f"experiment:\n  {text}\n")
    with pytest.raises(InputError) as error:
        mpi_cascade.load(checkpoint, scanner=path)
    said = str(error.value)
    assert said.startswith(str(path)) and sentence in said and "\n" not in said
