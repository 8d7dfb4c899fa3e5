"""Cascades from their checkpoints."""

import pytest
import torch
import yaml

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.training.parts import load_cascade
from mpi_cascade.training.recording import CONFIG_KEY

pytestmark = pytest.mark.slow


@pytest.fixture
def checkpoint(run):
    directory = run("fit", "--trainer.max_epochs=1", "--report.tikhonov=false")
    return directory / "checkpoints" / "last.ckpt"


def rewritten(checkpoint, path, **changes):
    contents = torch.load(checkpoint, weights_only=True)
    torch.save({k: v for k, v in (contents | changes).items() if v is not None}, path)
    return path


def test_a_cascade_comes_back_as_it_was_trained(checkpoint):
    loaded = load_cascade(checkpoint)
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16)
    assert loaded.scanner == scanner
    assert tuple(loaded.image_shape) == (16, 16)
    cascade = Cascade(SpectralInverse(scanner, (16, 16), 2, 4), ResidualUNet((8,)))
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    cascade.load_state_dict({key.removeprefix("cascade."): v for key, v in weights.items()})
    signal = torch.randn(3, 1, 16, 16)
    for image, expected in zip(loaded(signal), cascade(signal), strict=True):
        torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-5)
        assert not image.requires_grad
    assert not any(part.training for part in loaded.module.modules())


def test_what_cannot_be_used_is_refused_in_a_sentence(checkpoint, tmp_path):
    config = torch.load(checkpoint, weights_only=True)[CONFIG_KEY]
    foreign = config.replace("models.refinement.ResidualUNet", "models.refinement.Gone")
    deeper = yaml.safe_load(config)
    deeper["model"]["refinement"]["init_args"]["num_features"] = [8, 8]
    impossible = yaml.safe_load(config)
    impossible["data"]["scanner"]["gradient_x_t_per_m"] = -1.0
    for changed, sentence in (
        (None, "holds no configuration: name a .ckpt file that a run has written"),
        (foreign, "can't be built here .*Gone.*: use the version of the project"),
        (yaml.safe_dump(deeper), "is of another architecture: cascade.refinement."),
        (yaml.safe_dump(impossible), "Scanner.gradient_x_t_per_m is -1.0"),
    ):
        path = rewritten(checkpoint, tmp_path / "other.ckpt", **{CONFIG_KEY: changed})
        with pytest.raises(InputError, match=rf"(?s)other\.ckpt.*{sentence}"):
            load_cascade(path)
    with pytest.raises(InputError, match=r"absent\.ckpt does not exist"):
        load_cascade(tmp_path / "absent.ckpt")


def test_a_value_that_refers_to_another_part_of_the_configuration_is_kept(run, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("data:\n  training_seed: ${seed_everything}\n")
    directory = run(
        "fit", f"--config={overlay}", "--seed_everything=3", "--trainer.max_epochs=1",
        "--report.tikhonov=false",
    )  # fmt: skip
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert config["data"]["training_seed"] == 3
    assert load_cascade(directory / "checkpoints" / "best.ckpt").image_shape
