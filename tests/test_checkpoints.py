"""Cascades from their checkpoints."""

from dataclasses import replace

import pytest
import torch
import yaml

from mpi_cascade.checkpoints import CONFIG_KEY
from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.guaranteeing import calibration_like
from mpi_cascade.mdf import write_system_matrix
from mpi_cascade.measured import MeasuredMatrix
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.models.refinement import ResidualCNN
from mpi_cascade.trained import load, save


def test_a_cascade_comes_back_as_it_was_saved(trained):
    loaded = load(trained.checkpoint)
    assert loaded.experiment.scanner == trained.cascade.experiment.scanner
    assert tuple(loaded.experiment.image_shape) == (16, 16)
    assert loaded.configuration == trained.cascade.configuration
    cascade = Cascade(FixedTikhonov(), ResidualCNN(4, 2))
    cascade.use(loaded.experiment.forward_model)
    weights = torch.load(trained.checkpoint, weights_only=True)["state_dict"]
    cascade.load_state_dict({key.removeprefix("cascade."): v for key, v in weights.items()})
    for image, expected in zip(loaded(trained.signal), cascade(trained.signal), strict=True):
        torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-5)
        assert not image.requires_grad
    assert not any(part.training for part in loaded.cascade.modules())


def test_signals_may_be_arrays(trained):
    arrays = trained.cascade(trained.signal.double().numpy())
    assert torch.equal(arrays.final, trained.cascade(trained.signal).final)


def test_of_a_measured_matrix_no_scanner_is_a_little_off(trained, tmp_path):
    """So weights that allow for errors serve it, as their guarantee and their usual scans do."""
    experiment = trained.cascade.experiment
    path, matrix = tmp_path / "matrix.mdf", experiment.forward_model.matrix()
    write_system_matrix(path, matrix, experiment.scanner, experiment.image_shape)
    of_it = trained.cascade._replace(
        experiment=replace(experiment, system_matrix=MeasuredMatrix(path=str(path))),
        configuration={"data": {"scanner_spread": {"core_diameter": 0.3, "num_scanners": 2}}},
    )
    scan = next(calibration_like(of_it, num=3, batch_size=3))
    clean = experiment.forward_model(scan.concentration)
    noise = (scan.signal - clean).std(dim=(1, 2, 3)) / clean.abs().amax(dim=(1, 2, 3))
    assert noise.tolist() == pytest.approx([10**-1.5] * 3, rel=0.2)


@pytest.fixture
def changed(trained, tmp_path):
    """Writes the checkpoint with some of its contents replaced, or left out where they are None."""

    def write(**changes):
        contents = torch.load(trained.checkpoint, weights_only=True) | changes
        path = tmp_path / "other.ckpt"
        torch.save({key: value for key, value in contents.items() if value is not None}, path)
        return path

    return write


def test_what_cannot_be_used_is_refused_in_a_sentence(trained, changed, tmp_path):
    configuration = yaml.safe_dump(trained.cascade.configuration)
    foreign = configuration.replace("refinement.ResidualCNN", "refinement.Gone")
    deeper = configuration.replace("num_layers: 2", "num_layers: 3")
    impossible = configuration.replace("num_ffp_x: 16", "num_ffp_x: -1")
    assert len({configuration, foreign, deeper, impossible}) == 4
    for changes, sentence in (
        ({"state_dict": None}, "holds no networks: name a .ckpt file of a run"),
        ({CONFIG_KEY: None}, "holds no configuration: name a .ckpt file that a run has written"),
        ({CONFIG_KEY: "a text"}, "holds no configuration"),
        ({CONFIG_KEY: "model: {}"}, "was written by version 0.1.0"),
        ({CONFIG_KEY: foreign}, "can't be built here .*Gone.*: use the version of the project"),
        ({CONFIG_KEY: deeper}, "is of another architecture: refinement.correction.2.weight is"),
        ({CONFIG_KEY: impossible}, "can't be built here .*scanner.num_ffp_x is -1"),
    ):
        with pytest.raises(InputError, match=rf"(?s)other\.ckpt.*{sentence}"):
            load(changed(**changes))
    with pytest.raises(InputError, match=r"absent\.ckpt is no file"):
        load(tmp_path / "absent.ckpt")


@pytest.mark.parametrize("contents", [b"", b"no archive", b"PK\x03\x04 half of one"])
def test_a_damaged_file_is_refused(tmp_path, contents):
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(contents)
    with pytest.raises(InputError, match=r"damaged\.ckpt can't be read"):
        load(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "hostile.ckpt"
    torch.save({"state_dict": {}, "hostile": print}, path)
    with pytest.raises(InputError, match=r"hostile\.ckpt can't be read \(UnpicklingError\)"):
        load(path)


def test_what_is_saved_again_is_the_same(trained, tmp_path):
    path = tmp_path / "again.ckpt"
    save(load(trained.checkpoint), path)
    again = load(path)
    assert torch.equal(again(trained.signal).final, trained.cascade(trained.signal).final)
    with pytest.raises(InputError, match=r"nowhere.* can't be written .*: choose another place"):
        save(again, tmp_path / "nowhere" / "again.ckpt")
