"""What a user gets wrong ends in one sentence, exit status 2, and nothing written."""

import pytest
import torch

from mpi_cascade.training.recording import CONFIG_KEY

SMALL = {
    "scanner": {"field_of_view_x_m": 2.4e-3, "field_of_view_y_m": 2.4e-3},
    "phantoms": {
        "dots": {
            "class_path": "mpi_cascade.phantoms.Points",
            "init_args": {"num_points": [1, 1]},
        }
    },
}


@pytest.fixture
def refusal(compare, capsys, tmp_path, monkeypatch):
    def refuse(*arguments):
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            compare(*arguments)
        assert stopped.value.code == 2
        message = capsys.readouterr().err
        assert message.count("error:") == 1
        assert "Traceback" not in message
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return refuse


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["runs/best.ckpt"], "runs/best.ckpt is no LABEL=PATH: name a checkpoint as mse=runs/"),
        (["=best.ckpt"], "=best.ckpt is no LABEL=PATH"),
        (["mse="], "mse= is no LABEL=PATH"),
        (["mse=absent.ckpt"], "the checkpoint absent.ckpt does not exist"),
        (
            ["truth=absent.ckpt"],
            "truth=absent.ckpt has the name of a classical method or the truth",
        ),
        (["a|b=absent.ckpt"], "a|b=absent.ckpt has a label of other signs than letters"),
        (["_a=absent.ckpt"], "_a=absent.ckpt has a label of other signs than letters"),
        (["Tikhonov=absent.ckpt"], "Tikhonov=absent.ckpt has the name of a classical method"),
        (["mse=absent.ckpt", "--classical", "SART"], "SART is no classical method: use Tikhonov, "),
        (["mse=absent.ckpt", "--num-validation", "0"], "num_validation is 0: it must be 1 or more"),
        (["mse=absent.ckpt", "--num-validation", "x"], "--num-validation: invalid int value: 'x'"),
        (["mse=absent.ckpt", "--suite", "long"], "invalid choice: 'long'"),
        ([], "the following arguments are required: LABEL=CHECKPOINT"),
    ],
)
def test_is_refused_in_one_sentence(refusal, arguments, sentence):
    assert sentence in refusal(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "name"),
    [({"scanner": {"gradient_x_t_per_m": 4.5}}, "scanner"), ({"image_shape": [32, 32]}, "image_s")],
)
def test_cascades_of_different_scanners_or_grids_are_refused(
    refusal, checkpoints, changed, data, name
):
    other = changed(data)
    message = refusal(f"one={checkpoints[0]}", f"other={other}")
    assert f"other={other} has another {name}" in message
    assert f"than one={checkpoints[0]}: compare cascades of one scanner and one image" in message


@pytest.mark.slow
def test_a_field_of_view_too_small_for_the_suite_is_refused(refusal, changed):
    gaps = {"class_path": "mpi_cascade.phantoms.scenes.TwoPoints", "init_args": {"gaps_mm": [0.1]}}
    message = refusal(f"small={changed(SMALL | {'two_points': gaps})}", "--suite", "brief")
    assert "the field of view has 2.40 mm: make" in message


@pytest.mark.slow
def test_a_directory_that_cannot_be_written_is_refused(refusal, checkpoints, compare, tmp_path):
    (tmp_path / "compared").write_text("a file")
    message = refusal(f"one={checkpoints[0]}", "--suite", "brief", "--classical")
    assert "compared can't be written" in message
    assert "choose another with --output" in message


@pytest.mark.slow
def test_a_checkpoint_named_twice_is_refused(refusal, checkpoints):
    item = f"one={checkpoints[0]}"
    assert f"{checkpoints[0]} is named twice: name every checkpoint once" in refusal(item, item)


@pytest.mark.slow
def test_a_directory_with_something_in_it_is_refused(refusal, checkpoints, tmp_path):
    (tmp_path / "compared").mkdir()
    (tmp_path / "compared" / "notes.txt").write_text("mine")
    message = refusal(f"one={checkpoints[0]}")
    assert "compared is not empty: choose another directory with --output" in message


@pytest.mark.slow
def test_the_same_file_by_another_path_is_refused(refusal, checkpoints):
    other = checkpoints[0].parent / ".." / "checkpoints" / checkpoints[0].name
    assert "is named twice" in refusal(f"one={checkpoints[0]}", f"other={other}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "trainer", "name"),
    [
        ({"peak_snr_db": 40.0}, {}, "data"),
        ({"training_seed": 2}, {"gradient_clip_val": 0.5}, "trainer.gradient_clip_val"),
    ],
)
def test_one_label_for_different_trainings_is_refused(
    refusal, checkpoints, changed, data, trainer, name
):
    message = refusal(f"one={checkpoints[0]}", f"one={changed(data, trainer)}")
    assert f"was trained otherwise than the first one, with another {name}: one label" in message


@pytest.mark.slow
def test_two_checkpoints_of_one_training_are_no_two_seeds(refusal, checkpoints):
    best = checkpoints[0].with_name("best.ckpt")
    message = refusal(f"one={checkpoints[0]}", f"one={best}")
    assert f"one={best} has the seeds of {checkpoints[0]} (seed_everything 0, data." in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({CONFIG_KEY: "a: [1"}, "holds no configuration"),
        ({CONFIG_KEY: "- 1"}, "holds no configuration"),
        ({"state_dict": []}, "holds no networks"),
    ],
)
def test_a_damaged_checkpoint_is_refused(refusal, checkpoints, tmp_path, contents, sentence):
    path = tmp_path / "damaged.ckpt"
    torch.save(torch.load(checkpoints[0], weights_only=True) | contents, path)
    assert sentence in refusal(f"one={path}")
