"""What a user gets wrong ends in one sentence, exit status 2, and nothing written."""

import pytest
import torch
from command_line import TINY

CASES = {
    "negative gradient": (
        ["--experiment.scanner.gradient_x_t_per_m=-1"],
        "experiment.scanner.gradient_x_t_per_m is -1.0: it must be greater than 0",
    ),
    "negative diameter": (
        ["--experiment.scanner.particle.core_diameter_m=-2e-9"],
        "experiment.scanner.particle.core_diameter_m is -2e-09: it must be greater than 0",
    ),
    "image as fine as the simulation": (
        ["--experiment.oversampling=1"],
        "oversampling is 1: the simulation grid must be at least twice as fine",
    ),
    "phantom too large": (
        ["--experiment.scanner.field_of_view_y_m=0.002"],
        "phantoms of clusters may be 2.80 mm large, the field of view has 2.00 mm",
    ),
    "two points too far apart": (
        ["--data.two_points.gaps_mm=[8]"],
        "the two points of the evaluation are 11.20 mm wide",
    ),
    "FFP off by metres": (
        ["--data.scanner_spread.ffp_offset_m=0.1"],
        "data.scanner_spread.ffp_offset_m is 0.1: that is in m, and it must not exceed",
    ),
    "empty runs of scanners": (
        ["--data.scanners.num_in_a_row=0"],
        "data.scanners.num_in_a_row is 0: it must be greater than 0",
    ),
    "receiver without gain": (
        [
            "--experiment.receive_chain.gain=[0.0]",
            "--experiment.receive_chain.phase_rad=[0.0]",
            "--experiment.receive_chain.harmonics=[3]",
            "--experiment.receive_chain.scanner.num_ffp_x=16",
        ],
        "experiment.receive_chain.gain is [0.0]: each must be greater than 0",
    ),
    "unknown key": (["--data.gradient=3"], "unrecognized arguments: --data.gradient=3"),
    "unknown nested key": (
        ["--experiment.refinement.init_args.depth=3"],
        "Option 'depth' is not accepted",
    ),
    "unknown weight": (["--experiment.phantom_weights.stars=1"], "phantom weights name stars"),
    "uneven epoch": (["--data.samples_per_epoch=25"], "samples_per_epoch is 25"),
    "empty image": (
        ["--experiment.image_shape=[16,0]"],
        "image_shape is [16, 0]: it must be positive",
    ),
    "undividable image": (
        ["--experiment.image_shape=[17,18]"],
        "experiment.image_shape is [17, 18]: the networks need multiples of 2",
    ),
    "image of another shape": (
        ["--experiment.refinement=torch.nn.MaxPool2d", "--experiment.refinement.kernel_size=2"],
        "the final image of the configured networks has shape [1, 1, 8, 8], not [1, 1, 16, 16]",
    ),
    "image that a layer can't take": (
        ["--experiment.refinement=torch.nn.BatchNorm3d", "--experiment.refinement.num_features=1"],
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
            "--experiment.preliminary=mpi_cascade.models.preliminary.FixedTikhonov",
            "--experiment.refinement=torch.nn.Identity",
        ],
        "DeepSupervision has a phase that trains preliminary and refinement, where there are no "
        "weights to train: choose another strategy or network",
    ),
    "a phase with nothing to train": (
        ["--experiment.refinement=torch.nn.Identity", "--model.strategy=Staged"],
        "Staged has a phase that trains refinement, where there are no weights to train",
    ),
    "phases that don't add up": (
        ["--model.strategy=probes.TwoPhases", "--model.strategy.shares=[0.5,0.6]"],
        "the phases of TwoPhases take 1.1 of the training: make their shares add up to 1",
    ),
    "fundamental harmonic": (
        ["--experiment.scanner.harmonics=[1]"],
        "experiment.scanner.harmonics is [1]",
    ),
    "noise without a level": (
        ["--experiment.peak_snr_db=.nan"],
        "experiment.peak_snr_db is nan: it must be a finite number",
    ),
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
    "no checkpoint": (["--weights=absent.ckpt"], "absent.ckpt is no file"),
    "nothing to go on with": (["--resume=absent.ckpt"], "absent.ckpt is no file"),
    "the weights and the state": (
        ["--resume={tiny_run}", "--weights={tiny_run}"],
        "--resume goes on with a training and --weights starts a new one: give one of them",
    ),
    "another architecture": (
        ["--weights={tiny_run}", "--experiment.refinement.init_args.num_features=[8,8]"],
        "is of another architecture: refinement.",
    ),
    "a training without an end": (
        ["--trainer.max_epochs=-1", "--trainer.max_time=00:00:01:00"],
        "the training has no end that the schedule could aim at",
    ),
    "no configuration": (["--config=absent.yaml"], "absent.yaml"),
    "a directory of something else": (["--output={directory}"], "is not empty: choose another"),
}


@pytest.mark.parametrize(("options", "sentence"), CASES.values(), ids=CASES.keys())
def test_is_refused_in_one_sentence(refusal, tiny_run, tmp_path, options, sentence):
    checkpoint = tiny_run / "checkpoints" / "last.ckpt"
    chosen = [option.format(tiny_run=checkpoint, directory=tiny_run) for option in options]
    assert sentence in refusal("fit", "--config", TINY, "--output", tmp_path / "run", *chosen)


def test_checkpoints_that_cannot_be_used_are_refused(refusal, tiny_run, tmp_path):
    whole = (tiny_run / "checkpoints" / "best.ckpt").read_bytes()
    truncated = tmp_path / "truncated.ckpt"
    truncated.write_bytes(whole[: len(whole) // 2])
    pickled = tmp_path / "pickled.ckpt"
    torch.save({"state_dict": {}, "hostile": print}, pickled)
    for option in ("--resume", "--weights"):
        for path in (truncated, pickled):
            sentence = refusal("fit", "--config", TINY, option, path, "--output", tmp_path / "run")
            assert f"{path} can't be read" in sentence


@pytest.mark.parametrize("root", ["/proc/nowhere", "occupied"])
def test_a_directory_that_cannot_be_written_is_refused(refusal, tmp_path, root):
    (tmp_path / "occupied").write_text("a file")
    sentence = refusal("fit", "--config", TINY, f"--trainer.default_root_dir={root}")
    assert f"error: {root}/fit-" in sentence
    assert "choose another directory with --output" in sentence
    assert (tmp_path / "occupied").read_text() == "a file"
