"""A cascade outside of this package makes the same images, in batches of any size."""

import pytest
import tiny_cascades
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.export import export_onnx, export_program
from mpi_cascade.randomness import RandomStreams

_STAGES = "mpi_cascade.models.preliminary"
STAGES = {
    "TikhonovBank": {"num_features": 4},
    "TikhonovBank with mirrors, and a refinement that sees the scan": {"num_features": 4},
    "DenseInverse": {},
    "FixedTikhonov": {},
    "FixedTikhonov with a refinement for any scanner": {},
    "SpectralInverse": {"num_features": 4},
    "Unrolled by FFT": {"num_features": 4},
    "Unrolled by waves": {"num_features": 4},
}


def cascade_of(stage):
    """With weights that a training might give."""
    # On the larger lattice, S is a product of waves.
    num = 48 if stage == "Unrolled by waves" else 16
    description = {
        "scanner": {"num_ffp_x": num, "num_ffp_y": num},
        "image_shape": [num, num],
        "preliminary": {"class_path": f"{_STAGES}.{stage.split()[0]}", "init_args": STAGES[stage]},
        "refinement": {
            "class_path": "mpi_cascade.models.refinement.ResidualUNet",
            "init_args": {"num_features": [8, 8]},
        },
    }
    if stage.endswith("sees the scan"):
        network = description["refinement"] | {
            "init_args": {"num_features": [8, 8], "num_channels": 5}
        }
        description["averages_mirrors"] = True
        description["refinement"] = {
            "class_path": "mpi_cascade.models.data_consistency.DataConsistentRefinement",
            "init_args": {"network": network, "num_steps": 2},
        }
    if stage.endswith("for any scanner"):
        description["refinement"] = tiny_cascades.ANY_SCANNER["refinement"]
    cascade = tiny_cascades.tiny_cascade(description)
    generator = torch.Generator().manual_seed(0)
    for weight in cascade.cascade.parameters():
        torch.nn.init.normal_(weight, std=0.1, generator=generator)
    return cascade


def signals(batch, cascade):
    experiment, streams = cascade.experiment, RandomStreams(0, 0, torch.arange(batch))
    return experiment.scans.scan(experiment.mixture, streams).signal


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("stage", STAGES)
def test_a_program_makes_the_same_images(stage, tmp_path):
    cascade = cascade_of(stage)
    path = tmp_path / "cascade.pt2"
    assert export_program(cascade, path) < 1e-6
    signal = signals(7, cascade)
    images = torch.export.load(path).module()(signal)
    for image, expected in zip(images, cascade(signal), strict=True):
        atol = 1e-6 * float(expected.abs().max())
        torch.testing.assert_close(image, expected, rtol=0, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage", [name for name in STAGES if name not in ("SpectralInverse", "Unrolled by FFT")]
)
def test_an_onnx_model_makes_the_same_images(stage, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    cascade = cascade_of(stage)
    path = tmp_path / "cascade.onnx"
    assert export_onnx(cascade, path) < 1e-5
    session = onnxruntime.InferenceSession(path)
    signal = signals(7, cascade)
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
        export_onnx(cascade_of(stage), path)
    assert not path.exists()
