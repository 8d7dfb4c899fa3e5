"""A cascade outside of this package makes the same images, in batches of any size."""

import sys

import pytest
import torch
from mpi_cascade.training.parts import TrainedCascade

from mpi_cascade.checks import InputError
from mpi_cascade.cli import main
from mpi_cascade.export import export_onnx, export_program
from mpi_cascade.models.preliminary import (
    DenseInverse,
    FixedTikhonov,
    SpectralInverse,
    TikhonovBank,
    Unrolled,
)
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
SHAPE = (16, 16)


def cascade_of(stage, scanner=SCANNER):
    shape = scanner.ffp_shape
    module = CascadeModule(stage, ResidualUNet(num_features=(8, 8))).eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    data = SimulatedDataModule(scanner=scanner, image_shape=shape)
    return TrainedCascade(module, scanner, shape, {}, data)


def signals(batch, shape):
    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(1))


STAGES = {
    "TikhonovBank": lambda: TikhonovBank(ForwardModel(SCANNER, SHAPE), num_features=4),
    "DenseInverse": lambda: DenseInverse(ForwardModel(SCANNER, SHAPE)),
    "FixedTikhonov": lambda: FixedTikhonov(ForwardModel(SCANNER, SHAPE)),
    "SpectralInverse": lambda: SpectralInverse(SCANNER, SHAPE, num_features=4),
    "Unrolled by FFT": lambda: Unrolled(ForwardModel(SCANNER, SHAPE), num_features=4),
}


def unrolled_by_waves():
    """On this lattice, S is a product of waves."""
    scanner = Scanner(num_ffp_x=48, num_ffp_y=48)
    return cascade_of(Unrolled(ForwardModel(scanner, (48, 48)), num_features=4), scanner)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("stage", [*STAGES, "Unrolled by waves"])
def test_a_program_makes_the_same_images(stage, tmp_path):
    cascade = cascade_of(STAGES[stage]()) if stage in STAGES else unrolled_by_waves()
    path = tmp_path / "cascade.pt2"
    assert export_program(cascade, path) < 1e-6
    signal = signals(7, cascade.data.signal_shape)
    images = torch.export.load(path).module()(signal)
    for image, expected in zip(images, cascade(signal), strict=True):
        atol = 1e-6 * float(expected.abs().max())
        torch.testing.assert_close(image, expected, rtol=0, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage", ["TikhonovBank", "DenseInverse", "FixedTikhonov", "Unrolled by waves"]
)
def test_an_onnx_model_makes_the_same_images(stage, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    cascade = cascade_of(STAGES[stage]()) if stage in STAGES else unrolled_by_waves()
    path = tmp_path / "cascade.onnx"
    assert export_onnx(cascade, path) < 1e-5
    session = onnxruntime.InferenceSession(path)
    signal = signals(7, cascade.data.signal_shape)
    images = session.run(["preliminary", "final"], {"signal": signal.numpy()})
    for image, expected in zip(images, cascade(signal), strict=True):
        atol = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(torch.from_numpy(image), expected, rtol=0, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["SpectralInverse", "Unrolled by FFT"])
def test_a_stage_in_the_fourier_domain_is_refused_by_onnx(stage, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "cascade.onnx"
    with pytest.raises(InputError, match=f"{stage.split()[0]} .* can't be exported to ONNX"):
        export_onnx(cascade_of(STAGES[stage]()), path)
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
