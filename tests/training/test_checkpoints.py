"""Weights to share: a third of a checkpoint, and the same images."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from results import predicted

from mpi_cascade.checks import InputError
from mpi_cascade.training.checkpoints import write_weights


@pytest.mark.slow
def test_shared_weights_predict_what_the_run_does(run, tmp_path):
    checkpoint = run("fit") / "checkpoints" / "best.ckpt"
    write_weights(checkpoint, tmp_path / "shared")
    shared, config = tmp_path / "shared.ckpt", tmp_path / "shared.yaml"
    assert shared.stat().st_size < 0.6 * checkpoint.stat().st_size
    assert yaml.safe_load(config.read_text())["trainer"]["default_root_dir"] == "runs"
    assert str(tmp_path) not in config.read_text()
    images = [
        predicted(run("predict", f"--ckpt_path={path}", **options))[0]
        for path, options in ((checkpoint, {}), (shared, {"config": config}))
    ]
    np.testing.assert_array_equal(images[0]["signal"], images[1]["signal"])
    np.testing.assert_array_equal(images[0]["final"], images[1]["final"])


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="holds no networks"):
        write_weights(path, tmp_path / "shared")
    torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match="holds no configuration"):
        write_weights(path, tmp_path / "shared")
    assert list(Path(tmp_path).iterdir()) == [path]
