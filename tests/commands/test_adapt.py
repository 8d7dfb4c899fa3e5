"""Weights adapted on the command line are a checkpoint like any other."""

from dataclasses import replace

import command_line
import numpy as np
import tiny_cascades
import torch
import yaml

import mpi_cascade
from mpi_cascade.mdf import write_scans
from mpi_cascade.reconstruction.adaptation import adapt


def test_a_file_of_scans_makes_a_checkpoint_of_the_weights_that_python_makes(trained, tmp_path):
    np.save(tmp_path / "scans.npy", trained.signal[:8].numpy())
    output = tmp_path / "adapted"
    shown = command_line.succeed(
        "adapt", trained.checkpoint, tmp_path / "scans.npy", "--scale", 1, "--num-steps", 12,
        "--learning-rate", 1e-3, "--output", output,
    )  # fmt: skip
    expected = adapt(trained.cascade, trained.signal[:8], 12, 1e-3)
    assert expected.summary in shown
    adapted = mpi_cascade.load(output / "adapted.ckpt")
    signal = trained.signal[8:10]
    assert torch.equal(adapted(signal).final, expected.cascade(signal).final)
    lines = (output / "adaptation.csv").read_text().splitlines()
    assert lines[0] == "step,misfit,simulated_psnr_db"
    assert [line.partition(",")[0] for line in lines[1:]] == ["0", "10", "12"]


def test_weights_for_any_scanner_become_those_of_the_stated_one(tmp_path):
    path, scanner = tmp_path / "any.ckpt", {"num_ffp_x": 16, "num_ffp_y": 16, "harmonics": [2]}
    scanners = {"num_positions": [16], "num_scanners": 2}
    mpi_cascade.save(tiny_cascades.tiny_cascade(tiny_cascades.ANY_SCANNER, scanners=scanners), path)
    described = {"experiment": {"scanner": scanner, "image_shape": [16, 16]}}
    (tmp_path / "scanner.yaml").write_text(yaml.safe_dump(described))
    torch.manual_seed(0)
    np.save(tmp_path / "scans.npy", torch.rand(4, 1, 16, 16).numpy())
    command_line.succeed(
        "adapt", path, tmp_path / "scans.npy", "--scale", 1, "--scanner", tmp_path / "scanner.yaml",
        "--num-steps", 1, "--output", tmp_path / "adapted",
    )  # fmt: skip
    adapted = mpi_cascade.load(tmp_path / "adapted" / "adapted.ckpt")
    assert adapted.experiment.scanner.harmonics == (2,)
    assert "scanners" not in adapted.configuration["data"]


def test_it_says_in_what_a_file_differs_from_the_scanner(trained, tmp_path):
    scanner = replace(trained.cascade.experiment.scanner, gradient_x_t_per_m=4.5)
    write_scans(tmp_path / "scans.mdf", trained.signal[:4], scanner)
    ended = command_line.call(
        "adapt", trained.checkpoint, tmp_path / "scans.mdf", "--num-steps", 1,
        "--output", tmp_path / "adapted",
    )  # fmt: skip
    assert ended.status == 0, ended.errors
    assert "warning: gradient along x 4.5 T/m, not 5\n" in ended.errors


def test_what_cannot_be_used_is_refused_and_nothing_written(refusal, trained, tmp_path):
    scans, output = tmp_path / "scans.npy", tmp_path / "adapted"
    np.save(scans, trained.signal[:3].numpy())
    words = ("adapt", trained.checkpoint, scans, "--output", output)
    assert "3 of 3 scans can be used" in refusal(*words)
    np.save(scans, np.full((8, 1, 16, 16), np.nan, np.float32))
    assert "0 of 8 scans can be used" in refusal(*words)
    assert "--num-steps is 0: it must be greater than 0" in refusal(*words, "--num-steps", 0)
    np.save(scans, trained.signal[:8].numpy())
    output.write_text("a file")
    assert "adapted can't be written" in refusal(*words, "--num-steps", 1)
    output.unlink()
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    assert "is not empty: choose another directory" in refusal(*words)
