"""A trained cascade for use without this package: a ``torch.export`` program, or an ONNX model."""

import importlib.util
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.trained import TrainedCascade

_TOLERANCE = 1e-4
"""Most that an image may change, in units of the full concentration."""

_BATCHES = (3, 1)
"""Batches that an export is checked with: not only the one that it was traced with."""


def export_program(cascade: TrainedCascade, path: Path) -> float:
    """Writes a ``torch.export`` program, and returns how far its images are from the cascade's.

    ``torch.export.load(path).module()(signal)`` is the pair of the preliminary and final image, and
    where they have a guarantee also the lower and upper end of the final one's intervals.

    Args:
        cascade: The cascade, on the CPU.
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

    Its input is ``signal``, its outputs are ``preliminary`` and ``final``; the batch is free. There
    are no intervals: whether they hold takes S c, and ONNX has no Fourier transforms of any batch.

    Args:
        cascade: The cascade, on the CPU.
        path: File to write, ending in .onnx.

    Raises:
        InputError: If onnxruntime is missing, a stage can't be exported, or the images differ by
            more than 1e-4.
    """
    require_onnx()
    import onnxruntime

    cascade = cascade._replace(guarantee=None)
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


WRITERS: dict[str, Callable[[TrainedCascade, Path], float]] = {
    "pt2": export_program, "onnx": export_onnx
}  # fmt: skip
"""What writes each format, by the ending of its files."""


def require_onnx() -> None:
    """Raises an InputError unless what ONNX needs is installed."""
    if any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnxscript")):
        raise InputError(
            "ONNX needs two more packages: pip install -c constraints.txt -e '.[export]', or leave "
            "it out with --formats pt2"
        )


class _Images(nn.Module):
    """The cascade with a plain tuple as its result: a NamedTuple would need this package."""

    def __init__(self, trained: TrainedCascade) -> None:
        super().__init__()
        self.cascade = trained.cascade
        self.intervals = trained.intervals if trained.guarantee else None

    def forward(self, signal: Tensor) -> tuple[Tensor, ...]:
        """Returns the preliminary and the final image, and the ends of its intervals, if any."""
        images: Reconstruction = self.cascade(signal)
        return (*images, *(self.intervals.ends(signal, images) if self.intervals else ()))


def _program(cascade: TrainedCascade) -> torch.export.ExportedProgram:
    signal = torch.zeros(_BATCHES[0], *cascade.experiment.forward_model.signal_shape)
    batch = torch.export.Dim("batch")
    try:
        return torch.export.export(_Images(cascade).eval(), (signal,), dynamic_shapes=({0: batch},))
    # Of whatever a stage does that can't be traced.
    except Exception as error:
        raise InputError(_refusal(cascade, "torch.export", error)) from error


def _refusal(cascade: TrainedCascade, target: str, error: Exception) -> str:
    names = " and ".join(type(stage).__name__ for stage in cascade.cascade.children())
    reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
    return f"a cascade of {names} can't be exported to {target} ({reason.strip()[:200]})"


@torch.no_grad()
def _check(
    cascade: TrainedCascade, path: Path, images: Callable[[Tensor], Sequence[Tensor]]
) -> float:
    generator = torch.Generator().manual_seed(0)
    experiment, wanted = cascade.experiment, _Images(cascade).eval()
    shape = experiment.forward_model.signal_shape
    difference = 0.0
    for batch in _BATCHES:
        # Noise alone, and a scan such as an interval may hold for.
        noise = torch.rand(batch, *shape, generator=generator) - 0.5
        streams = RandomStreams(0, Stream.EXPORT, torch.arange(batch))
        for signal in (noise, experiment.scans.scan(experiment.mixture, streams).signal):
            for found, expected in zip(images(signal), wanted(signal), strict=True):
                scale = max(1.0, float(expected.nan_to_num().abs().max()))
                is_same = torch.equal(found.isnan(), expected.isnan())
                error = float((found - expected).nan_to_num().abs().max()) / scale
                difference = max(difference, error if is_same else math.inf)
    if not difference <= _TOLERANCE:
        raise InputError(
            f"{path.name} makes images that differ by {difference:.1e} of the largest "
            f"concentration, more than {_TOLERANCE:.0e}: don't use it, and report this"
        )
    return difference
