"""The table of commands."""

import importlib.util
import subprocess
import sys

import command_line
import pytest

from mpi_cascade.cli import COMMANDS

NOT_FOR_HELP = ("lightning", "wandb", "matplotlib", "scipy")


def modules_after(code):
    """Returns which heavy modules a process has imported after some code."""
    names = (*NOT_FOR_HELP, "torch", "h5py")
    report = f"import sys; print('imported', *[m for m in {names} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(result.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_has_a_line_for_each_command(words):
    lines = command_line.succeed(*words).splitlines()
    for name, does in COMMANDS.items():
        assert f"  {name:16} {does}" in lines


def test_every_command_has_a_module():
    for name in COMMANDS:
        assert importlib.util.find_spec(f"mpi_cascade.commands.{name.replace('-', '_')}"), name


def test_importing_the_package_and_listing_the_commands_imports_nothing_heavy():
    assert modules_after("import mpi_cascade, mpi_cascade.cli as cli; cli.main([])") == set()


def test_no_help_but_that_of_fit_imports_what_takes_long():
    """In one process, where each could only add to what the others import."""
    names = [name for name in COMMANDS if name != "fit"]
    code = (
        "import contextlib, mpi_cascade.cli as cli\n"
        f"for name in {names}:\n"
        "    with contextlib.suppress(SystemExit): cli.main([name, '--help'])"
    )
    assert modules_after(code).isdisjoint(NOT_FOR_HELP)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("comapre", "error: comapre is no command: did you mean compare?"),
        ("fti", "error: fti is no command: did you mean fit?"),
        ("--config", "error: --config is no command: use one of fit, validate, test, predict, "),
    ],
)
def test_a_word_that_is_no_command_is_refused(word, sentence):
    assert sentence in command_line.refusal(word, "x.yaml")


def test_ctrl_c_ends_as_a_shell_expects(monkeypatch, trained):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("mpi_cascade.commands.export.run_typed", interrupt)
    ended = command_line.call("export", trained.checkpoint)
    assert (ended.status, ended.output, ended.errors) == (130, "", "")
