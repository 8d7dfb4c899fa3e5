"""How fast images are reconstructed, and how good they are: the cascade and classical methods."""

import functools
from pathlib import Path

import torch
from torch import Tensor

from mpi_cascade.benchmark.timing import Advance, Row, in_turn, per_sample, ratio
from mpi_cascade.evaluation.measuring import quality_db
from mpi_cascade.evaluation.methods import (
    CLASSICAL,
    Method,
    load_methods,
    search,
    tuned,
)
from mpi_cascade.evaluation.suites import EvaluationSet
from mpi_cascade.phantoms import PhantomMixture

SECTION = "reconstruction"
_CASCADE = "cascade"
_HALF = "cascade in bf16"
_DIRECT = (_CASCADE, _HALF, "Tikhonov")
_NUM_ROUNDS = 3


@torch.no_grad()
def measure_reconstruction(
    checkpoint: Path, num_tuning: int, batch: int, advance: Advance
) -> list[Row]:
    """Returns the time per image, alone and in a batch, and the PSNR of every method.

    Classical methods are tuned as ``compare`` does, on scans of their own, and run as long as
    there: ADMM and FISTA to convergence, ART for 1,000 sweeps.

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
    rows = _times(methods, signal[:1], advance) + _times(methods, signal, advance)
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


def _times(methods: list[Method], signal: Tensor, advance: Advance) -> list[Row]:
    """Returns times per image; of the slow methods relative to the cascade in the same round."""
    calls = {method.label: functools.partial(method.images, signal) for method in methods}
    direct = {label: calls.pop(label) for label in _DIRECT}
    size = len(signal)
    rows: list[Row] = []
    for label, call in calls.items():
        advance(f"reconstruction: {label}, batches of {size}")
        in_turn(direct, num_rounds=0)
        times = in_turn({**direct, label: call}, _NUM_ROUNDS, num_warm_ups=0)
        rows += per_sample(SECTION, {f"{label}, batch {size}": times[label]}, size)
        for cascade in (_CASCADE, _HALF):
            name = f"{label} ÷ {cascade}, batch {size}"
            rows.append(ratio(SECTION, name, times[label], times[cascade]))
    fast = in_turn(direct, num_rounds=9)
    return rows + per_sample(
        SECTION, {f"{label}, batch {size}": seconds for label, seconds in fast.items()}, size
    )
