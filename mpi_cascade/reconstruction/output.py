"""What a reconstruction leaves behind: images, pictures and a table of scans.

Must not know how images were made.
"""

import csv
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mpi_cascade.checks import InputError
from mpi_cascade.reconstruction.judging import Quality, usual
from mpi_cascade.results.directory import make_directory

_SHOWN = {
    "peak of |u|": "peak",
    "noise": "noise",
    "peak SNR / dB": "peak_snr_db",
    "residual": "residual",
    "residual / noise": "ratio",
}


@contextmanager
def new_results(directory: Path) -> Iterator[Path]:
    """Gives a place for files, which enter the directory together when all are whole.

    Args:
        directory: The directory, empty or not there; whatever ends the work leaves it so.

    Raises:
        InputError: If it can't be written.
    """
    is_new = not directory.exists()
    make_directory(directory)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory))
    try:
        yield unfinished
        for path in sorted(unfinished.iterdir()):
            path.rename(directory / path.name)
    except OSError as error:
        raise InputError(
            f"{directory} can't be written ({error.strerror}): choose another with --output"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new and not any(directory.iterdir()):
            directory.rmdir()


def write_table(path: Path, quality: Quality, warnings: Sequence[Sequence[str]]) -> None:
    """Writes a row per scan as CSV; what has no value is empty.

    Args:
        path: The file.
        quality: Quality of all scans.
        warnings: What is wrong with each.
    """
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["scan", "peak", "noise", "peak_snr_db", "residual", "residual_to_noise", "warnings"]
        )
        columns = [
            quality.peak, quality.noise, quality.peak_snr_db, quality.residual, quality.ratio
        ]  # fmt: skip
        for scan, (*values, wrong) in enumerate(
            zip(*(column.tolist() for column in columns), warnings, strict=True)
        ):
            shown = ("" if value != value else f"{value:.6g}" for value in values)
            table.writerow([scan, *shown, "; ".join(wrong)])


def summary(
    quality: Quality,
    training: Quality,
    differences: Sequence[str],
    warnings: Sequence[Sequence[str]],
) -> str:
    """Returns a table of scans beside training scans, and all warnings.

    Args:
        quality: Quality of all scans.
        training: Quality of training scans.
        differences: What the file says that is not as in training.
        warnings: What is wrong with each scan.
    """
    header = "".join(f"{name:>12}" for name in ("median", "least", "most"))
    lines = [f"{'':18}{header}   usual in training"]
    for name, attribute in _SHOWN.items():
        values = getattr(quality, attribute)
        known = values[~values.isnan()]
        if not len(known):
            lines.append(f"{name:18}{'not known':>12}")
            continue
        shown = (known.median(), known.min(), known.max())
        low, high = usual(getattr(training, attribute))
        numbers = "".join(f"{value.item():12.3g}" for value in shown)
        lines.append(f"{name:18}{numbers}   {low:.3g} … {high:.3g}")
    lines += [f"warning: the scanner is not the trained one: {phrase}" for phrase in differences]
    for word, count in Counter(word for wrong in warnings for word in wrong).items():
        first = next(scan for scan, wrong in enumerate(warnings) if word in wrong)
        lines.append(f"warning: {word}: {count} of {len(warnings)} scans, the first is {first}")
    return "\n".join(lines)
