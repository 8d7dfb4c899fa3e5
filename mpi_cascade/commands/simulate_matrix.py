"""``mpi-cascade simulate-matrix``: a system matrix as a calibration would measure it."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from mpi_cascade.checks import InputError, Rule
from mpi_cascade.commands.parsing import check_values, parsed, typed_parser
from mpi_cascade.configurations import with_shipped_configs
from mpi_cascade.experiment import PARSER_MODE, Experiment

_USED = {"scanner", "true_scanner", "image_shape", "system_matrix", "unusual"}
"""What of an experiment a calibration knows."""

_OTHERS = ("model", "data", "trainer", "report", "seed_everything")
"""What else a configuration of ``fit`` has."""


def _between(lower: int, upper: int) -> Rule:
    return Rule(lambda value: lower <= value <= upper, f"lie in {lower} … {upper}")


def main(arguments: Sequence[str]) -> None:
    """Simulates the calibration that the arguments describe."""
    values = parsed(_parser(), with_shipped_configs(arguments))
    names = ("sample_mm", "snr_db", "background_frames", "seed", "output")
    options = {name: values[name] for name in names}
    check_values(simulate_matrix, options)
    simulate_matrix(values.experiment, **options)


def simulate_matrix(
    experiment: Namespace,
    sample_mm: Annotated[float, _between(0, 1000)] = 0.0,
    snr_db: Annotated[float, _between(-300, 300)] = 30.0,
    background_frames: Annotated[int, _between(0, 10_000)] = 64,
    seed: Annotated[int, _between(0, 2**32 - 1)] = 0,
    output: Path | None = None,
) -> None:
    """Simulates the calibration of a scanner, position by position of the image grid, as MDF.

    Args:
        experiment: what a calibration knows of one
        sample_mm: edge of the sample in mm; 0 is a point
        snr_db: 20·log10(max|S| ÷ σ) of white noise
        background_frames: frames without a sample, after all others
        seed: seed of the noise
        output: directory (default: a new one below runs)
    """
    import torch

    from mpi_cascade.mdf import write_system_matrix
    from mpi_cascade.physics.forward import ForwardModel
    from mpi_cascade.physics.psf import sample_psf
    from mpi_cascade.physics.scanner import changed_scanner, check_usual_scanner
    from mpi_cascade.results.directory import output_directory
    from mpi_cascade.results.files import whole_directory

    scanner = experiment.scanner
    true_scanner = changed_scanner(scanner, experiment.true_scanner or {})
    for key, used in (("scanner", scanner), ("true_scanner", true_scanner)):
        check_usual_scanner(used, f"experiment.{key}", experiment.unusual or ())
    if experiment.system_matrix or true_scanner.is_complex != scanner.is_complex:
        raise InputError(
            "the simulated scanner is the analytic one, of the same channels as "
            "experiment.scanner: leave out experiment.system_matrix, and give relaxation to both "
            "scanners or none"
        )
    directory = output_directory(output, "simulate-matrix")
    psf = sample_psf(1e-3 * sample_mm)
    matrix = ForwardModel(true_scanner, experiment.image_shape, psf, unit_scanner=scanner).matrix()
    sigma = matrix.abs().max() * 10 ** (-snr_db / 20)
    generator = torch.Generator().manual_seed(seed)
    matrix = matrix + sigma * torch.randn(matrix.shape, generator=generator)
    background = sigma * torch.randn(background_frames, len(matrix), generator=generator)
    with whole_directory(directory) as unfinished:
        write_system_matrix(
            unfinished / "matrix.mdf", matrix, true_scanner, experiment.image_shape,
            delta_sample_m=1e-3 * sample_mm, background=background,
            notes={"peak_snr_db": str(snr_db), "seed": str(seed)},
        )  # fmt: skip
    path = directory / "matrix.mdf"
    sys.stdout.write(
        f"{path}: {matrix.shape[0]} measurements of {matrix.shape[1]} positions and "
        f"{len(background)} of the background; train on it with\n"
        f"  mpi-cascade fit --config … --experiment.system_matrix.path {path}\n"
    )


def _parser() -> ArgumentParser:
    """Returns the parser: the command's own options, and those of the scanner as in ``fit``."""
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    parser = typed_parser(simulate_matrix, without=["experiment"], parser_mode=PARSER_MODE)
    parser.usage = "%(prog)s --config FILE [--config FILE ...] [OPTION ...]"
    help_text = "configuration of fit, of which the scanner and the image grid count"
    parser.add_argument("-c", "--config", action="config", metavar="FILE", help=help_text)
    unused = {field.name for field in fields(Experiment)} - _USED
    parser.add_class_arguments(Experiment, "experiment", skip=unused, instantiate=False)
    for name in [*(f"experiment.{name}" for name in unused), *_OTHERS]:
        parser.add_argument(f"--{name}", type=Any, help=argparse.SUPPRESS)
    return parser
