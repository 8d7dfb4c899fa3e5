"""What a user gets wrong ends in one sentence, exit status 2, and nothing written."""

import numpy as np
import pytest
import torch
import yaml
from experiments import small_experiment

from mpi_cascade.checkpoints import CONFIG_KEY
from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.loading import load_methods
from mpi_cascade.evaluation.methods import Seeds

SCANNER = {"num_ffp_x": 16, "num_ffp_y": 16}
SMALL = {
    "scanner": {**SCANNER, "field_of_view_x_m": 2.4e-3, "field_of_view_y_m": 2.4e-3},
    "phantoms": {
        "dots": {"class_path": "mpi_cascade.phantoms.Points", "init_args": {"num_points": [1, 1]}}
    },
}


@pytest.fixture
def refusal(refusal, tmp_path):
    return lambda *words: refusal("compare", *words, "--output", tmp_path / "compared")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["runs/best.ckpt"], "runs/best.ckpt is no LABEL=PATH: name a checkpoint as mse=runs/"),
        (["=best.ckpt"], "=best.ckpt is no LABEL=PATH"),
        (["mse="], "mse= is no LABEL=PATH"),
        (["mse=absent.ckpt"], "absent.ckpt is no file"),
        (
            ["truth=absent.ckpt"],
            "truth=absent.ckpt has the name of a classical method, the truth or the zero image",
        ),
        (["zero image=absent.ckpt"], "has the name of a classical method, the truth or the zero"),
        (["a|b=absent.ckpt"], "a|b=absent.ckpt has no usable label: begin it with a letter"),
        (["_a=absent.ckpt"], "_a=absent.ckpt has no usable label: begin it with a letter"),
        (["Tikhonov=absent.ckpt"], "Tikhonov=absent.ckpt has the name of a classical method"),
        (["mse=absent.ckpt", "--classical", "SART"], "'SART' (choose from 'Tikhonov', 'ART', "),
        (["--classical", "ART", "mse=absent.ckpt"], "invalid choice: 'mse=absent.ckpt'"),
        (["mse=absent.ckpt", "--num-validation", "0"], "--num-validation is 0: it must be greater"),
        (["mse=absent.ckpt", "--num-validation", "x"], "--num-validation is x: it must be a whole"),
        (["mse=absent.ckpt", "--batch-size", "-1"], "--batch-size is -1: it must be greater than"),
        (["mse=absent.ckpt", "--suite", "long"], "invalid choice: 'long' (choose from 'standard'"),
        (["mse=absent.ckpt", "--device", "tpu"], "--device is tpu: use cpu, cuda"),
        ([], "the following arguments are required: checkpoints"),
    ],
)
def test_is_refused_in_one_sentence(refusal, arguments, sentence):
    assert sentence in refusal(*arguments)


def test_nothing_to_compare_is_refused():
    with pytest.raises(InputError, match=r"^there is nothing to compare: name one or more"):
        load_methods([])


@pytest.mark.parametrize(
    ("experiment", "name"),
    [
        ({"scanner": {**SCANNER, "gradient_x_t_per_m": 4.5}}, "scanner"),
        ({"image_shape": [32, 32]}, "image_shape"),
        ({"system_matrix": {"path": "matrix.npy"}}, "system_matrix"),
    ],
)
def test_cascades_of_different_scanners_or_grids_are_refused(
    refusal, checkpoints, untrained, tmp_path, experiment, name
):
    np.save("matrix.npy", small_experiment().forward_model.matrix().reshape(1, *4 * [16]).numpy())
    other = untrained(tmp_path / "other.ckpt", experiment=experiment)
    message = refusal(f"one={checkpoints[0]}", f"other={other}")
    assert f"other={other} has another {name} than one={checkpoints[0]}: compare" in message
    assert "cascades of one model of one scanner, and one image grid" in message


def test_a_field_of_view_too_small_for_the_suite_is_refused(refusal, untrained, tmp_path):
    small = untrained(tmp_path / "small.ckpt", experiment=SMALL)
    message = refusal(f"small={small}", "--suite", "brief")
    assert "mm large, the field of view has 2.40 mm: make" in message


def test_a_directory_that_cannot_be_written_is_refused(refusal, checkpoints, tmp_path):
    (tmp_path / "compared").write_text("a file")
    message = refusal(f"one={checkpoints[0]}", "--suite", "brief", "--classical")
    assert "compared can't be written" in message
    assert "choose another directory with --output" in message


def test_a_directory_with_something_in_it_is_refused(refusal, checkpoints, tmp_path):
    (tmp_path / "compared").mkdir()
    (tmp_path / "compared" / "notes.txt").write_text("mine")
    message = refusal(f"one={checkpoints[0]}")
    assert "compared is not empty: choose another directory with --output" in message


def test_a_checkpoint_named_twice_is_refused(refusal, checkpoints):
    path = checkpoints[0]
    assert f"{path} is named twice: name every checkpoint once" in refusal(*2 * [f"one={path}"])
    elsewhere = path.parent / ".." / path.parent.name / path.name
    assert "is named twice" in refusal(f"one={path}", f"other={elsewhere}")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"experiment": {"peak_snr_db": 40.0}}, "experiment.peak_snr_db"),
        ({"model": {"learning_rate": 1e-3}}, "model.learning_rate"),
        ({"data": {"batch_size": 8}}, "data.batch_size"),
        ({"trainer": {"gradient_clip_val": 0.5}}, "trainer.gradient_clip_val"),
    ],
)
def test_one_label_for_different_trainings_is_refused(
    refusal, checkpoints, untrained, tmp_path, changes, name
):
    other = untrained(tmp_path / "other.ckpt", seed=1, **changes)
    message = refusal(f"one={checkpoints[0]}", f"one={other}")
    assert f"one={other} was trained otherwise than the first one, with another {name}: " in message
    assert "one label is for trainings that differ in nothing but their seeds" in message


def test_seeds_of_one_label_may_differ_in_what_has_no_effect(checkpoints, untrained, tmp_path):
    other = untrained(
        tmp_path / "other.ckpt", 2, data={"num_workers": 2, "evaluation_batch_size": 8},
        trainer={"log_every_n_steps": 5, "gradient_clip_val": None},
    )  # fmt: skip
    paths = {"one": checkpoints[0], "two": checkpoints[1]}
    found, experiment, _ = load_methods(
        [*(f"{k}={path}" for k, path in paths.items()), f"one={other}"]
    )
    assert [method[:2] for method in found] == [("one", 0), ("two", 0), ("one", 1)]
    assert [method.seeds for method in found] == [Seeds(0, 0), Seeds(1, 1), Seeds(2, 2)]
    assert [method.source for method in found] == [str(path) for path in (*checkpoints, other)]
    assert tuple(experiment.image_shape) == (16, 16)


@pytest.mark.slow
def test_two_checkpoints_of_one_training_are_no_two_seeds(refusal, tiny_run):
    last, best = (tiny_run / "checkpoints" / f"{name}.ckpt" for name in ("last", "best"))
    message = refusal(f"one={last}", f"one={best}")
    assert f"one={best} has the seeds of {last} (seed_everything 0, data.training_seed" in message


@pytest.mark.slow
def test_what_a_training_writes_tells_it_from_another(refusal, tiny_run, tmp_path):
    last, other = tiny_run / "checkpoints" / "last.ckpt", tmp_path / "other.ckpt"
    contents = torch.load(last, weights_only=True)
    for section, name, value in (
        ("experiment", "oversampling", 3), ("model", "learning_rate", 1.0),
        ("data", "samples_per_epoch", 48), ("trainer", "max_epochs", 3),
    ):  # fmt: skip
        configuration = yaml.safe_load(contents[CONFIG_KEY])
        assert configuration[section][name] != value
        configuration[section][name] = value
        torch.save(contents | {CONFIG_KEY: yaml.safe_dump(configuration)}, other)
        assert f"with another {section}.{name}: one" in refusal(f"one={last}", f"one={other}")


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({CONFIG_KEY: "a: [1"}, "holds no configuration"),
        ({CONFIG_KEY: "- 1"}, "holds no configuration"),
        ({CONFIG_KEY: "model: {}"}, "was written by version 0.1.0"),
        ({"state_dict": []}, "holds no networks"),
        ({"state_dict": {}}, "is of another architecture"),
    ],
)
def test_a_damaged_checkpoint_is_refused(refusal, checkpoints, tmp_path, contents, sentence):
    path = tmp_path / "damaged.ckpt"
    torch.save(torch.load(checkpoints[0], weights_only=True) | contents, path)
    assert sentence in refusal(f"one={path}")
