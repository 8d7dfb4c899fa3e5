"""``python -m mpi_cascade simulate-matrix``: a system matrix as a calibration would measure it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor

from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.mdf import write_system_matrix
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.psf import sample_psf
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.parsing import refusing_plainly

# What a configuration of fit has beside its data, which is read and not used.
_OTHER_SECTIONS = ("model", "trainer", "report")
_OTHER_VALUES = ("ckpt_path", "weights_only")
_MOST_FRAMES = 10_000


def main(arguments: Sequence[str]) -> None:
    """Simulates the calibration that the arguments describe, and writes it."""
    options, configuration = _parser().parse_known_args(arguments)
    _check(options)
    if options.file.exists():
        raise InputError(f"{options.file} exists: name a new file")
    data = _read_data(configuration)
    if data.models.system_matrix or data.true_scanner.is_complex != data.scanner.is_complex:
        raise InputError(
            "the simulated scanner is the analytic one, of the same channels as data.scanner: "
            "leave out data.system_matrix, and give relaxation to both scanners or none"
        )
    matrix, background = _measured(data, options)
    write_system_matrix(
        options.file, matrix, data.true_scanner, data.image_shape,
        delta_sample_m=1e-3 * options.sample_mm, background=background,
        notes={"peak_snr_db": str(options.snr_db), "seed": str(options.seed)},
    )  # fmt: skip
    sys.stdout.write(
        f"{options.file}: {matrix.shape[0]} measurements of {matrix.shape[1]} positions and "
        f"{len(background)} of the background; train on it with\n"
        f"  python -m mpi_cascade fit --config … --data.system_matrix.path {options.file}\n"
    )


def _check(options: argparse.Namespace) -> None:
    bounds = {
        "sample_mm": (0.0, 1e3),
        "snr_db": (-300.0, 300.0),
        "background_frames": (0, _MOST_FRAMES),
        "seed": (0, 2**63 - 1),
    }
    for name, (lower, upper) in bounds.items():
        value = getattr(options, name)
        if not lower <= value <= upper:
            raise InputError(
                f"--{name.replace('_', '-')} is {value}: it must lie in {lower:g} … {upper:g}"
            )


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade simulate-matrix",
        description="Simulates the calibration of a scanner, position by position of the image "
        "grid, with a sample of finite size and noise, and writes it as MDF. All other options are "
        "those of fit: --config, --data.true_scanner (the scanner that is calibrated) …",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, help="the MDF file to write")
    parser.add_argument("--sample-mm", type=float, default=0.0, help="edge of the sample (a point)")
    parser.add_argument(
        "--snr-db", type=float, default=30.0, help="20·log10(max|S| ÷ σ) of white noise (30)"
    )
    parser.add_argument(
        "--background-frames",
        type=int,
        default=64,
        help="frames without a sample, after all others (64)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (0)")
    return parser


def _read_data(arguments: Sequence[str]) -> SimulatedDataModule:
    """Returns the data of a configuration of ``fit``, whatever it says of networks."""
    parser = LightningArgumentParser(exit_on_error=False, parser_mode="omegaconf+")
    parser.add_argument("--config", action="config")
    parser.add_lightning_class_args(SimulatedDataModule, "data")
    for name in _OTHER_SECTIONS:
        parser.add_argument(f"--{name}", type=dict)
    for name in _OTHER_VALUES:
        parser.add_argument(f"--{name}")
    parser.add_argument("--seed_everything", default=0)
    with refusing_plainly("the configuration can't be built"):
        data: SimulatedDataModule = parser.instantiate_classes(parser.parse_args(arguments)).data
        return data


def _measured(data: SimulatedDataModule, options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Returns the noisy matrix (measurements, positions), and background (frames, measurements)."""
    model = ForwardModel(
        data.true_scanner,
        data.image_shape,
        sample_psf(1e-3 * options.sample_mm),
        unit_scanner=data.scanner,
    )
    matrix = model.matrix()
    sigma = matrix.abs().max() * 10 ** (-options.snr_db / 20)
    generator = torch.Generator().manual_seed(options.seed)
    noise = torch.randn(len(matrix), matrix.shape[1], generator=generator)
    background = torch.randn(options.background_frames, len(matrix), generator=generator)
    return matrix + sigma * noise, sigma * background
