"""How fast images are reconstructed, and how good they are: the cascade and classical methods."""

import functools
import statistics
from pathlib import Path

import torch
from torch import Tensor

from mpi_cascade.benchmark.timing import Advance, Row, in_turn, per_sample, ratio
from mpi_cascade.comparison.measuring import quality_db
from mpi_cascade.comparison.methods import (
    CLASSICAL,
    Method,
    load_methods,
    search,
    tuned,
)
from mpi_cascade.data.evaluation import EvaluationSet
from mpi_cascade.data.phantoms import PhantomMixture

SECTION = "reconstruction"
_CASCADE = "cascade"
_HALF = "cascade in bf16"
_DIRECT = (_CASCADE, _HALF, "Tikhonov")


@torch.no_grad()
def measure_reconstruction(
    checkpoint: Path, num_tuning: int, batch: int, advance: Advance
) -> list[Row]:
    """Returns the time per image, alone and in a batch, and the PSNR of every method.

    Classical methods are tuned as ``compare`` does, on scans of their own, and run to convergence.

    Args:
        checkpoint: The cascade.
        num_tuning: Scans that the classical methods are tuned on.
        batch: Images in a batch.
        advance: Called before each part.
    """
    compared = load_methods([f"{_CASCADE}={checkpoint}"])
    part = EvaluationSet(name="tuning", scene=PhantomMixture(), num_cases=num_tuning + batch)
    samples = list(part.batches(compared.models, compared.image_shape))
    signal = torch.cat([sample.signal for sample in samples])
    truth = torch.cat([sample.concentration for sample in samples])
    scans = [(signal[batch:], truth[batch:])]
    model = compared.models.believed(compared.image_shape)
    values = {}
    for name in dict.fromkeys(classical.search for classical in CLASSICAL.values()):
        advance(f"reconstruction: tuning {name}")
        values[name] = search(name, model, scans)
    methods = [*compared.methods, _in_half_precision(compared.methods[0])] + [
        tuned(name, model, values[classical.search]).method for name, classical in CLASSICAL.items()
    ]
    signal, truth = signal[:batch], truth[:batch]
    rows = _times(methods, signal[:1], 1, 3, advance)
    rows += _times(methods, signal, batch, 1, advance)
    advance("reconstruction: quality")
    quality = quality_db(methods, signal, truth)
    return rows + [
        Row(SECTION, f"{label}, {batch} images", "dB PSNR", value, value, value)
        for label, value in quality.items()
    ]


def _in_half_precision(method: Method) -> Method:
    def images(signal: Tensor) -> dict[str, Tensor]:
        with torch.autocast(signal.device.type, dtype=torch.bfloat16):
            return {name: image.float() for name, image in method.images(signal).items()}

    return method._replace(label=_HALF, images=images)


def _times(
    methods: list[Method], signal: Tensor, batch: int, num_rounds: int, advance: Advance
) -> list[Row]:
    """Returns times per image; of the slow methods relative to the cascade right before them."""
    named = {method.label: method for method in methods}
    calls = {label: functools.partial(method.images, signal) for label, method in named.items()}
    direct = {label: calls[label] for label in _DIRECT}
    rows: list[Row] = []
    for label in named:
        if label in _DIRECT:
            continue
        advance(f"reconstruction: {label}, batches of {batch}")
        fast = in_turn(direct, num_rounds=5)
        slow = in_turn({label: calls[label]}, num_rounds, 0)[label]
        rows += per_sample(SECTION, {f"{label}, batch {batch}": slow}, batch)
        for cascade in (_CASCADE, _HALF):
            typical = [statistics.median(fast[cascade])] * num_rounds
            rows.append(ratio(SECTION, f"{label} ÷ {cascade}, batch {batch}", slow, typical))
    times = in_turn(direct, num_rounds=9)
    rows += per_sample(SECTION, {f"{label}, batch {batch}": s for label, s in times.items()}, batch)
    return rows
