"""``python -m mpi_cascade export``: a trained cascade for use without this package."""

import argparse
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.models.cascade import Cascade, Reconstruction
from mpi_cascade.training.parts import TrainedCascade, load_cascade

_TOLERANCE = 1e-4
"""Most that an image may change, in units of the full concentration."""

_BATCHES = (3, 1)
"""Batches that an export is checked with: not only the one that it was traced with."""


def main(arguments: Sequence[str]) -> None:
    """Exports what the arguments name, checks it, and says where it lies."""
    options = _parser().parse_args(arguments)
    for ending in options.formats:
        if f".{ending}" not in _WRITERS:
            raise InputError(f"{ending} is no format: use onnx, pt2 or both")
    base = options.output or options.checkpoint.parent / options.checkpoint.stem
    if not base.name or base.is_dir():
        raise InputError(f"{base} is no name of a file: choose one with --output")
    paths = [base.with_name(f"{base.name}.{ending}") for ending in options.formats]
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists: move it, or choose another name with --output")
        if not path.parent.is_dir():
            raise InputError(f"{path.parent} is no directory: make it, or choose another --output")
    cascade = load_cascade(options.checkpoint)
    if any(path.suffix == ".onnx" for path in paths):
        _require_onnx()
    for path in paths:
        difference = _written(_WRITERS[path.suffix], cascade, path)
        sys.stdout.write(f"{path}: its images differ by {difference:.1e} at most\n")


def export_program(cascade: TrainedCascade, path: Path) -> float:
    """Writes a ``torch.export`` program, and returns how far its images are from the cascade's.

    ``torch.export.load(path).module()(signal)`` is the pair of the preliminary and final image.

    Args:
        cascade: The cascade.
        path: File to write, ending in .pt2.

    Raises:
        InputError: If a stage can't be exported, or the images differ by more than 1e-4.
    """
    program = _program(cascade)
    with warnings.catch_warnings():
        # Of constants that share memory, as a matrix and its transpose do.
        warnings.filterwarnings("ignore", message="No complete tensor found")
        torch.export.save(program, path)
    return _check(cascade, path, torch.export.load(path).module())


def export_onnx(cascade: TrainedCascade, path: Path) -> float:
    """Writes an ONNX model, and returns how far onnxruntime's images are from the cascade's.

    Its input is ``signal``, its outputs are ``preliminary`` and ``final``; the batch is free.

    Args:
        cascade: The cascade.
        path: File to write, ending in .onnx.

    Raises:
        InputError: If onnxruntime is missing, a stage can't be exported, or the images differ by
            more than 1e-4.
    """
    _require_onnx()
    import onnxruntime

    program = _program(cascade)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the exporter's own use of torch and onnxscript.
            written = torch.onnx.export(
                program, input_names=["signal"], output_names=list(Reconstruction._fields),
                dynamo=True, verbose=False,
            )  # fmt: skip
    # The exporter raises whatever its translations of operators raise.
    except Exception as error:
        way_out = (
            "; ONNX has no Fourier transforms of a free batch: leave it out with --formats pt2"
        )
        raise InputError(_refusal(cascade, "ONNX", error) + way_out) from error
    assert written is not None
    written.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def images(signal: Tensor) -> list[Tensor]:
        return [torch.from_numpy(image) for image in session.run(None, {"signal": signal.numpy()})]

    return _check(cascade, path, images)


_WRITERS = {".pt2": export_program, ".onnx": export_onnx}


def _require_onnx() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnxscript")):
        raise InputError(
            "ONNX needs two more packages: pip install -c constraints.txt -e '.[export]', or leave "
            "it out with --formats pt2"
        )


def _written(
    write: Callable[[TrainedCascade, Path], float], cascade: TrainedCascade, path: Path
) -> float:
    """Writes a file that takes its name only when its images are right."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        difference = write(cascade, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} can't be written ({error}): choose another place") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return difference


class _Images(nn.Module):
    """The cascade with a plain tuple as its result: a NamedTuple would need this package."""

    def __init__(self, cascade: Cascade) -> None:
        super().__init__()
        self.cascade = cascade

    def forward(self, signal: Tensor) -> tuple[Tensor, ...]:
        """Returns the preliminary and the final image."""
        return tuple(self.cascade(signal))


def _program(cascade: TrainedCascade) -> torch.export.ExportedProgram:
    signal = torch.zeros(_BATCHES[0], *cascade.data.signal_shape)
    batch = torch.export.Dim("batch")
    try:
        return torch.export.export(
            _Images(cascade.module.cascade).eval(), (signal,), dynamic_shapes=({0: batch},)
        )
    # Of whatever a stage does that can't be traced.
    except Exception as error:
        raise InputError(_refusal(cascade, "torch.export", error)) from error


def _refusal(cascade: TrainedCascade, target: str, error: Exception) -> str:
    names = " and ".join(type(stage).__name__ for stage in cascade.module.cascade.children())
    reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
    return f"a cascade of {names} can't be exported to {target} ({reason.strip()[:200]})"


@torch.no_grad()
def _check(
    cascade: TrainedCascade, path: Path, images: Callable[[Tensor], Sequence[Tensor]]
) -> float:
    generator = torch.Generator().manual_seed(0)
    difference = 0.0
    for batch in _BATCHES:
        signal = torch.rand(batch, *cascade.data.signal_shape, generator=generator) - 0.5
        for found, expected in zip(images(signal), cascade(signal), strict=True):
            scale = max(1.0, float(expected.abs().max()))
            difference = max(difference, float((found - expected).abs().max()) / scale)
    if not difference <= _TOLERANCE:
        raise InputError(
            f"{path} makes images that differ by {difference:.1e} of the largest concentration, "
            f"more than {_TOLERANCE:.0e}: don't use it, and report this"
        )
    return difference


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade export",
        description="Writes a trained cascade as ONNX and as a torch.export program, for any "
        "batch, and checks that they make the same images.",
    )
    parser.add_argument("checkpoint", type=Path, help="a .ckpt file of a run")
    parser.add_argument(
        "--output", type=Path, metavar="NAME", help="files without their ending (the checkpoint's)"
    )
    parser.add_argument(
        "--formats", nargs="+", default=["pt2", "onnx"], metavar="FORMAT",
        help="onnx, pt2 (default: both)",
    )  # fmt: skip
    return parser
