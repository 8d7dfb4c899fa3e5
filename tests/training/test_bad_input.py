"""What a user gets wrong ends in one sentence, exit status 2, and nothing written."""

import sys

import pytest
import torch

from mpi_cascade.cli import main

CASES = {
    "negative gradient": (
        ["--data.scanner.gradient_x_t_per_m=-1"],
        "Scanner.gradient_x_t_per_m is -1.0: it must be greater than 0",
    ),
    "negative diameter": (
        ["--data.scanner.particle.core_diameter_m=-2e-9"],
        "Particle.core_diameter_m is -2e-09: it must be greater than 0",
    ),
    "image as fine as the simulation": (
        ["--data.oversampling=1"],
        "oversampling is 1: the simulation grid must be at least twice as fine",
    ),
    "phantom too large": (
        ["--data.scanner.field_of_view_y_m=0.002"],
        "phantoms of pairs may be 2.60 mm large, the field of view has 2.00 mm",
    ),
    "two points too far apart": (
        ["--data.two_points.gaps_mm=[8]"],
        "the two points of the evaluation are 8.80 mm wide",
    ),
    "unknown key": (["--data.gradient=3"], "unrecognized arguments: --data.gradient=3"),
    "unknown nested key": (
        ["--model.refinement.init_args.depth=3"],
        "Option 'depth' is not accepted",
    ),
    "unknown weight": (["--data.phantom_weights.stars=1"], "weights names stars"),
    "uneven epoch": (["--data.samples_per_epoch=25"], "samples_per_epoch is 25"),
    "empty image": (["--data.image_shape=[16,0]"], "image_shape is [16, 0]: it must be positive"),
    "undividable image": (
        ["--data.image_shape=[17,18]"],
        "image_shape is [17, 18]: a ResidualUNet of this depth needs multiples of 2",
    ),
    "image of another shape": (
        ["--model.refinement=torch.nn.MaxPool2d", "--model.refinement.kernel_size=2"],
        "the final image of the configured networks has shape [1, 1, 8, 8], not [1, 1, 16, 16]",
    ),
    "image that a layer can't take": (
        ["--model.refinement=torch.nn.BatchNorm3d", "--model.refinement.num_features=1"],
        "the configured networks fail on a signal of shape [1, 1, 16, 16]: expected 5D input",
    ),
    "no learning rate": (["--model.learning_rate=0"], "learning_rate is 0.0"),
    "negative weight": (
        ["--model.strategy=DeepSupervision", "--model.strategy.first_weight=-1"],
        "DeepSupervision.first_weight is -1.0",
    ),
    "strategy without an end": (
        ["--model.strategy=Staged", "--model.strategy.preliminary_share=1"],
        "Staged.preliminary_share is 1.0: leave a share for stage 2",
    ),
    "nothing to train": (
        [
            "--model.preliminary=mpi_cascade.models.preliminary.FixedTikhonov",
            "--model.refinement=torch.nn.Identity",
        ],
        "DeepSupervision has a phase that trains preliminary and refinement, where there are no "
        "weights to train: choose another strategy or network",
    ),
    "a phase with nothing to train": (
        ["--model.refinement=torch.nn.Identity", "--model.strategy=Staged"],
        "Staged has a phase that trains refinement, where there are no weights to train",
    ),
    "phases that don't add up": (
        ["--model.strategy=probes.TwoPhases", "--model.strategy.shares=[0.5,0.6]"],
        "the phases of TwoPhases take 1.1 of the training: make their shares add up to 1",
    ),
    "fundamental harmonic": (["--data.scanner.harmonics=[1]"], "Scanner.harmonics is [1]"),
    "noise without a level": (["--data.peak_snr_db=.nan"], "WhiteNoise.peak_snr_db is nan"),
    "half precision": (["--trainer.precision=bf16-true"], "trainer.precision is bf16-true"),
    "no checkpoints": (
        ["--trainer.enable_checkpointing=false"],
        "trainer.enable_checkpointing is False",
    ),
    "no device": (["--trainer.devices=0"], "trainer: `Trainer(devices='0')`"),
    "unknown way to share": (["--trainer.strategy=banana"], "trainer: You selected an invalid"),
    "no step": (["--trainer.max_steps=0"], "trainer.max_steps is 0"),
    "validation beyond the epoch": (
        ["--trainer.val_check_interval=7"],
        "trainer.val_check_interval is 7: an epoch has 6 batches",
    ),
    "fewer than no workers": (["--data.num_workers=-1"], "num_workers is -1"),
    "unknown option of the optimiser": (
        ["--model.optimizer_options.weigth_decay=0.1"],
        "model.optimizer_options: AdamW.__init__() got an unexpected keyword argument",
    ),
    "no checkpoint": (["--ckpt_path=absent.ckpt"], "the checkpoint absent.ckpt does not exist"),
}


def refusal(run, capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        run("fit", *arguments)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.count("error:") == 1
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize(("arguments", "sentence"), CASES.values(), ids=CASES.keys())
def test_is_refused_in_one_sentence(run, capsys, tmp_path, arguments, sentence):
    assert sentence in refusal(run, capsys, *arguments)
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def checkpoint(run):
    directory = run("fit", "--trainer.max_epochs=1")
    return directory / "checkpoints" / "best.ckpt"


@pytest.mark.slow
def test_checkpoints_that_cannot_be_used_are_refused(run, capsys, tmp_path, checkpoint):
    whole = checkpoint.read_bytes()
    truncated = tmp_path / "truncated.ckpt"
    truncated.write_bytes(whole[: len(whole) // 2])
    pickled = tmp_path / "pickled.ckpt"
    torch.save({"state_dict": {}, "hostile": print}, pickled)
    other = tmp_path / "other.ckpt"
    torch.save({"weights": torch.zeros(3)}, other)
    before = sorted((tmp_path / "runs").rglob("*"))
    for path, sentence in (
        (truncated, "truncated.ckpt can't be read"),
        (pickled, "pickled.ckpt can't be read"),
        (other, "other.ckpt holds no networks"),
    ):
        assert sentence in refusal(run, capsys, f"--ckpt_path={path}")
    deeper = "--model.refinement.init_args.num_features=[8,8]"
    sentence = refusal(run, capsys, f"--ckpt_path={checkpoint}", deeper)
    assert "is of another architecture: cascade.refinement." in sentence
    assert sorted((tmp_path / "runs").rglob("*")) == before


@pytest.mark.parametrize("root", ["/proc/nowhere", "occupied"])
def test_a_directory_that_cannot_be_written_is_refused(run, capsys, tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "occupied").write_text("a file")
    sentence = refusal(run, capsys, f"--trainer.default_root_dir={root}")
    assert f"the run directory {root}/fit-" in sentence
    assert "choose another with --trainer.default_root_dir" in sentence
    assert (tmp_path / "occupied").read_text() == "a file"


@pytest.mark.parametrize("subcommand", ["validate", "test", "predict"])
def test_an_untrained_cascade_is_not_evaluated(run, capsys, subcommand):
    with pytest.raises(SystemExit) as stopped:
        run(subcommand)
    assert stopped.value.code == 2
    assert (
        f"{subcommand} needs a trained cascade: name one with --ckpt_path"
        in capsys.readouterr().err
    )


def test_a_training_without_an_end_is_refused(run, capsys):
    message = refusal(run, capsys, "--trainer.max_epochs=-1", "--trainer.max_time=00:00:01:00")
    assert "the training has no end that the schedule could aim at" in message


def test_an_absent_config_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", "fit", "--config", "absent.yaml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "absent.yaml" in capsys.readouterr().err
