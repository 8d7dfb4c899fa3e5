"""README and site: every command parses, every Python block runs, every link leads somewhere."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import any_scanner
import command_line
import drawn_scanners
import house
import pytest
import results_tables
import yaml

from mpi_cascade.cli import COMMANDS
from mpi_cascade.commands.parsing import typed_parser
from mpi_cascade.training.configuration import read_training, training_parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = {"lessons", "api", "_build"}
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("weights/*.md"), *DOCS.rglob("*.md")]
    if not MADE & set(path.relative_to(ROOT).parts[:-1])
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
ENDS = {"&&", "|", ";"}
PROGRAMS = {"mpi_cascade", "mpi-cascade", "mpi_cascade.sif"}


def blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def lines(block: str) -> Iterator[list[str]]:
    """Yields the words of every line of a shell's script; a string may go on in the next."""
    begun = ""
    for line in block.replace("\\\n", " ").splitlines():
        begun += line
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            begun += "\n"
            continue
        begun = ""
        yield words


def commands(path: Path) -> Iterator[list[str]]:
    """Yields the words of every command of this project, after ``mpi_cascade``."""
    for block in blocks(path, "bash"):
        for words in lines(block):
            for number, word in enumerate(words):
                rest = words[number + 1 :]
                ended = rest[: next((i for i, w in enumerate(rest) if w in ENDS), len(rest))]
                # Variables of the shell, and places where the reader goes on, can't be parsed.
                if any("$" in other or "…" in other for other in ended):
                    continue
                if word == "configs/devices/slurm.sbatch":
                    yield ["fit", *ended]
                elif word in PROGRAMS and ended and ended[0] in (*COMMANDS, "--help"):
                    yield ended


def _there(word: str) -> str:
    """Returns a file that is there for one that an earlier command of the text would have made."""
    word = re.sub(r"^runs/[\w/]+\.ckpt$", "weights/reference.ckpt", word)
    return re.sub(r"^runs/[\w/]+\.yaml$", "configs/scanners/low_gradient.yaml", word)


def test_every_command_of_the_texts_is_understood(monkeypatch):
    monkeypatch.chdir(ROOT)
    fit, num = training_parser(), 0
    for path in PAGES:
        for name, *options in commands(path):
            if name == "--help":
                continue
            num += 1
            shown = f"{path.relative_to(ROOT)}: {name} {' '.join(options)}"
            assert name in COMMANDS, shown
            if name == "fit":
                read_training([_there(word) for word in options])
                continue
            module = importlib.import_module(f"mpi_cascade.commands.{name.replace('-', '_')}")
            function = getattr(module, name.replace("-", "_"))
            known = typed_parser(function, ("experiment", "data"))._option_string_actions
            for option in options:
                if option.startswith("--") and not option.startswith(("--experiment.", "--data.")):
                    assert option in known or option in ("--config", "--scanner"), shown
                elif option.startswith("--"):
                    assert option in fit._option_string_actions, shown
    assert num > 30


def test_the_python_of_the_texts_runs(monkeypatch, tmp_path):
    for name in ("weights", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    small = (word for word in command_line.SMALL if "shape" in word or "num_ffp" in word)
    command_line.succeed(
        "simulate-matrix", "--config=configs/quickstart.yaml", *small, "--output=calibrated"
    )
    (tmp_path / "calibrated" / "matrix.mdf").rename("matrix.mdf")
    ran = {
        path.stem: names
        for path in PAGES
        for block in blocks(path, "python")
        for names in [{}]
        if not exec(block, names)
    }
    assert {"python", "mdf", "metrics"} <= set(ran)
    names = ran["python"]
    final, truth = names["final"], names["truth"]
    assert names["signal"].shape[1:] == names["cascade"].experiment.forward_model.signal_shape
    assert final[truth > 0].mean() > 0.9
    assert final[truth == 0].abs().mean() < 0.01


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" in link:
            continue
        goal = path.parent / link
        made = {"commands.md", "configuration.md", "parts.md", "contributing.md", "changes.md"}
        is_page = {"api", "lessons"} & set(goal.parts) or goal.name in {*made, "weights.md"}
        assert goal.exists() or goal.with_suffix(".md").exists() or is_page, link


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_first_tables_are_those_of_the_final_suite():
    for path, table in results_tables.tables().items():
        text = path.read_text(encoding="utf-8")
        assert table in text, f"{path.name}: run python docs/results_tables.py"
        wrong = text.replace(table, table.replace("3", "4"))
        assert results_tables.with_table(wrong, table) == text


def test_the_tables_of_any_scanner_are_those_of_its_results():
    text = (DOCS / "any-scanner-results.md").read_text(encoding="utf-8")
    for mark, table in any_scanner.tables().items():
        assert f"<!-- {mark} -->\n{table}\n" in text, "run python docs/any_scanner.py"


def test_the_scanners_of_the_results_are_those_that_were_drawn():
    texts = drawn_scanners.configurations()
    assert len(texts) == 9
    for path, text in texts.items():
        drawn, stored = (
            yaml.safe_load(one)["experiment"] for one in (text, path.read_text(encoding="utf-8"))
        )
        particles = [one["scanner"].pop("particle") for one in (drawn, stored)]
        # Powers are rounded as the machine does.
        assert particles[0] == pytest.approx(particles[1], rel=1e-6)
        harmonics = [one["scanner"].pop("harmonics") for one in (drawn, stored)]
        assert harmonics[0] == harmonics[1] and drawn["image_shape"] == stored["image_shape"]
        assert drawn["scanner"] == pytest.approx(stored["scanner"], rel=1e-6)


def test_the_picture_of_the_house_is_that_of_the_contract():
    drawn = (DOCS / "house.svg").read_text(encoding="utf-8")
    assert house.house(ROOT) == drawn, "run python docs/house.py"


@pytest.mark.slow
def test_the_quickstart_runs_from_a_wheel_outside_the_checkout(tmp_path):
    pytest.importorskip("build", reason="needs the package build")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,), (archive,) = (tmp_path.glob(f"dist/*.{kind}") for kind in ("whl", "tar.gz"))
    for number, package in enumerate((wheel, archive)):
        place = tmp_path / f"installed{number}"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation",
             "--target", place, package],
            check=True, capture_output=True,
        )  # fmt: skip
        ended = subprocess.run(
            [sys.executable, "-m", "mpi_cascade", "fit", "--config=configs/quickstart.yaml",
             *command_line.SMALL, "--output=run"],
            cwd=place, env={**os.environ, "PYTHONPATH": str(place)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
