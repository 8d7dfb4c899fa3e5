"""``export``, from a checkpoint to files that another program loads."""

import command_line
import pytest
import torch


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_checkpoint_becomes_a_program(trained, tmp_path):
    output = tmp_path / "exported"
    shown = command_line.succeed(
        "export", trained.checkpoint, "--formats", "pt2", "--output", output
    )
    assert f"{output / 'square.pt2'}: its images differ by" in shown
    assert [path.name for path in output.iterdir()] == ["square.pt2"]
    images = torch.export.load(output / "square.pt2").module()(trained.signal[:2])
    torch.testing.assert_close(images[1], trained.cascade(trained.signal[:2]).final)


def test_what_can_not_be_exported_leaves_nothing(refusal, trained, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("a stage of nobody's")

    monkeypatch.setattr(torch.export, "export", refuse)
    message = refusal("export", trained.checkpoint, "--output", "made")
    assert "a cascade of FixedTikhonov and ResidualCNN can't be exported to torch.export" in message


def test_bad_input_is_one_sentence(refusal, trained, tmp_path):
    (tmp_path / "notes.txt").touch()
    for words, sentence in (
        (("missing.ckpt",), "missing.ckpt is no file"),
        ((trained.checkpoint, "--formats", "tflite"), "invalid choice: 'tflite'"),
        ((trained.checkpoint, "--output", tmp_path), "is not empty"),
        ((trained.checkpoint, "--output", "notes.txt/exported"), "can't be written"),
    ):
        assert sentence in refusal("export", *words)
