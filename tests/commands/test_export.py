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


def test_what_can_not_be_exported_leaves_nothing(trained, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("a stage of nobody's")

    monkeypatch.setattr(torch.export, "export", refuse)
    message = command_line.refusal("export", trained.checkpoint, "--output", tmp_path / "made")
    assert "a cascade of FixedTikhonov and ResidualCNN can't be exported to torch.export" in message
    assert not list(tmp_path.iterdir())


def test_bad_input_is_one_sentence(trained, tmp_path):
    def refused(*arguments):
        return command_line.refusal("export", *arguments)

    assert "missing.ckpt is no file" in refused("missing.ckpt")
    assert "invalid choice: 'tflite'" in refused(trained.checkpoint, "--formats", "tflite")
    (tmp_path / "notes.txt").touch()
    assert "is not empty" in refused(trained.checkpoint, "--output", tmp_path)
    assert "can't be written" in refused(
        trained.checkpoint, "--output", tmp_path / "notes.txt" / "exported"
    )
