"""A cascade outside of this package makes the same images, in batches of any size."""

import sys

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.cli import main
from mpi_cascade.export import export_onnx, export_program
from mpi_cascade.models.preliminary import SpectralInverse, TikhonovBank
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.parts import TrainedCascade

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)


def cascade_of(stage):
    module = CascadeModule(stage, ResidualUNet(num_features=(8, 8))).eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    data = SimulatedDataModule(scanner=SCANNER, image_shape=(16, 16))
    return TrainedCascade(module, SCANNER, (16, 16), {}, data)


def signals(batch):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, *SCANNER.signal_shape, generator=generator)


@pytest.fixture(scope="module")
def cascade():
    return cascade_of(TikhonovBank(ForwardModel(SCANNER, (16, 16)), num_features=4))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_makes_the_same_images(cascade, tmp_path):
    path = tmp_path / "cascade.pt2"
    assert export_program(cascade, path) < 1e-6
    images = torch.export.load(path).module()(signals(7))
    for image, expected in zip(images, cascade(signals(7)), strict=True):
        torch.testing.assert_close(image, expected)


@pytest.mark.slow
def test_an_onnx_model_makes_the_same_images(cascade, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "cascade.onnx"
    assert export_onnx(cascade, path) < 1e-5
    session = onnxruntime.InferenceSession(path)
    preliminary, final = session.run(["preliminary", "final"], {"signal": signals(7).numpy()})
    for image, expected in zip((preliminary, final), cascade(signals(7)), strict=True):
        atol = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(torch.from_numpy(image), expected, rtol=0, atol=atol)


@pytest.mark.slow
def test_a_stage_in_the_fourier_domain_is_refused_by_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "cascade.onnx"
    with pytest.raises(InputError, match=r"SpectralInverse .* can't be exported to ONNX"):
        export_onnx(cascade_of(SpectralInverse(SCANNER, (16, 16), num_features=4)), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.ckpt"], "missing.ckpt"),
        (["missing.ckpt", "--formats", "tflite"], "tflite is no format"),
        (["missing.ckpt", "--output", "nowhere/cascade"], "nowhere is no directory"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", "export", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
