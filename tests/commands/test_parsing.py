"""A typed function as a command."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from mpi_cascade.checks import InputError, PositiveInt
from mpi_cascade.commands.parsing import run_typed

CALLS = []


def draw_lines(
    files: list[Path],
    batch_size: PositiveInt = 32,
    x_mm: tuple[float, float] | None = None,
    harmonics: Sequence[int] = (2, 3),
    kind: Literal["thin", "thick"] = "thin",
    png: bool = False,
    output: Path | None = None,
) -> None:
    """Draws lines.

    A second paragraph is not for the help.

    Args:
        files: what is
            drawn
        batch_size: lines at a time
        x_mm: both ends
        harmonics: harmonics to draw
        kind: how they are drawn
        png: also pictures
        output: directory
    """
    CALLS.append((files, batch_size, x_mm, list(harmonics), kind, png, output))


def test_words_become_arguments():
    run_typed(draw_lines, ["a", "b"])
    assert CALLS.pop() == ([Path("a"), Path("b")], 32, None, [2, 3], "thin", False, None)
    run_typed(
        draw_lines,
        ["a", "--batch-size", "4", "--x-mm", "-3", "2.5", "--harmonics", "5", "--png",
         "--kind=thick", "--output=c"],
    )  # fmt: skip
    assert CALLS.pop() == ([Path("a")], 4, (-3.0, 2.5), [5], "thick", True, Path("c"))
    run_typed(draw_lines, ["a", "--harmonics"])
    assert CALLS.pop()[3] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: files"),
        (["a", "--batch-size", "x"], "--batch-size is x: it must be a whole number"),
        (["a", "--batch-size", "2.5"], "--batch-size is 2.5: it must be a whole number"),
        (["a", "--batch-size", "0"], "--batch-size is 0: it must be greater than 0"),
        (["a", "--batch", "3"], "unrecognized arguments: --batch 3"),
        (["a", "--batch_size", "3"], "unrecognized arguments: --batch_size 3"),
        (["a", "--harmonics", "2", "x"], "--harmonics is x: it must be a whole number"),
        (["a", "--x-mm", "1"], "argument --x-mm: expected 2 arguments"),
        (["a", "--x-mm", "1", "b"], "--x-mm is b: it must be a number"),
        (["a", "--kind", "fat"], "argument --kind: invalid choice: 'fat'"),
    ],
)
def test_what_can_not_be_understood_is_one_sentence(words, sentence):
    with pytest.raises(InputError) as error:
        run_typed(draw_lines, words)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)
    assert not CALLS


def test_the_help_has_a_line_for_each_option(capsys):
    with pytest.raises(SystemExit, match="0"):
        run_typed(draw_lines, ["--help"])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith("usage: mpi-cascade draw-lines [-h]")
    for line in (
        "Draws lines.",
        "files what is drawn",
        "--batch-size N lines at a time (default: 32)",
        "--x-mm X X both ends",
        "--harmonics [N ...] harmonics to draw (default: 2 3)",
        "--kind {thin,thick} how they are drawn (default: thin)",
        "--png also pictures",
        "--output PATH directory",
    ):
        assert line in lines
    assert not any("second paragraph" in line for line in lines)
