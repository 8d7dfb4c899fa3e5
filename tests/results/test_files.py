"""What a directory of results holds after an error, and what the error says."""

import errno

import pytest

from mpi_cascade.checks import InputError
from mpi_cascade.results.directory import new_directory
from mpi_cascade.results.files import whole_directory


def test_files_enter_a_directory_together(tmp_path):
    with whole_directory(tmp_path / "made") as unfinished:
        (unfinished / "table.csv").write_text("a")
        assert not (tmp_path / "made" / "table.csv").exists()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["table.csv"]


@pytest.mark.parametrize("error", [ConnectionError("unreachable"), FileNotFoundError(2, "no file")])
def test_an_error_of_the_work_is_not_one_of_the_directory(tmp_path, error):
    with pytest.raises(type(error)), whole_directory(tmp_path / "made") as unfinished:
        (unfinished / "table.csv").write_text("a")
        raise error
    assert not (tmp_path / "made").exists()


def test_a_full_disk_is_one_sentence(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    sentence = r"made can't be written \(No space left on device\): choose another with --output"
    with pytest.raises(InputError, match=sentence), whole_directory(tmp_path / "made"):
        raise full
    assert not (tmp_path / "made").exists()


def test_commands_of_the_same_second_have_directories_of_their_own(tmp_path):
    assert len({new_directory("fit", tmp_path) for _ in range(20)}) == 20
