"""How fast images are reconstructed, and how good they are: the cascade and classical methods."""

import functools
from pathlib import Path

import torch

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
_DIRECT = (_CASCADE, "Tikhonov")


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
    methods = compared.methods + [
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


def _times(
    methods: list[Method], signal: torch.Tensor, batch: int, num_rounds: int, advance: Advance
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
        fast = in_turn(direct, num_rounds=5)[_CASCADE]
        slow = in_turn({label: calls[label]}, num_rounds, 0)[label]
        rows += per_sample(SECTION, {f"{label}, batch {batch}": slow}, batch)
        typical = sorted(fast)[len(fast) // 2]
        rows.append(
            ratio(SECTION, f"{label} ÷ cascade, batch {batch}", slow, [typical] * len(slow))
        )
    times = in_turn(direct, num_rounds=9)
    rows += per_sample(SECTION, {f"{label}, batch {batch}": s for label, s in times.items()}, batch)
    return rows
