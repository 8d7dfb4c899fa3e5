"""Whether the test of a pair tells pairs from single objects as well as noise allows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from timing import Table, start
from torch.utils.benchmark import timer

from mpi_cascade.evaluation.confidence import wilson_interval
from mpi_cascade.evaluation.detectability import amplitude_ratio
from mpi_cascade.evaluation.least_favourable import (
    LeastFavourableCapsules,
    least_favourable_capsules,
)
from mpi_cascade.evaluation.operating_points import roc_area
from mpi_cascade.evidence.evidence import Evidence
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, pair_dip
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import PairGeometry, Scene, TwoPoints
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.trained import TrainedCascade, load

STREAM = 9100
"""Of random numbers; no training and no suite has it."""

LEVELS = (0.01, 0.05, 0.1)


class Case(NamedTuple):
    """What was found for one scan: a row of ``cases.csv``."""

    objects: str
    number: int
    log_ratio: float
    form_log_ratio: float
    false_alarms: float
    misfit: float
    is_supported: bool
    dip: float


def trust(
    table: Table,
    checkpoint: Path = Path("weights/reference.ckpt"),
    gaps_mm: Sequence[float] = (0.1, 0.15, 0.2, 0.3),
    num_cases: int = 16,
    num_nulls: int = 50,
    seed: int = 0,
) -> None:
    """Measures the areas under the ROC of the pair test, of the dip and of an ideal observer.

    Pairs are discs of 0.4 mm along x against the capsules most like them. The false-alarm rates are
    counted among single objects of five forms.

    Args:
        checkpoint: the cascade, a .ckpt file
        gaps_mm: gaps of the pairs in mm
        num_cases: pairs and capsules of each gap
        num_nulls: single objects
        seed: of phantoms and noise
    """
    cascade = load(checkpoint)
    scanner = cascade.experiment.scanner
    scenes: dict[str, Scene] = {}
    if num_nulls:
        scenes["nulls"] = Nulls()
    for gap_mm in gaps_mm:
        pairs = TwoPoints(gaps_mm=(gap_mm,), cases_per_gap=10**6)
        scenes[f"pairs {gap_mm:g} mm"] = pairs
        scenes[f"capsules {gap_mm:g} mm"] = LeastFavourableCapsules(outlines=pairs, scanner=scanner)
    cases: list[Case] = []
    times = []
    for number, (name, scene) in enumerate(scenes.items()):
        num = num_nulls if name == "nulls" else num_cases
        # No two sets share their noise.
        streams = RandomStreams(seed, STREAM + number, torch.arange(num))
        for case, time in examined(cascade, name, scene, streams):
            cases.append(case)
            times.append(1e3 * time)
        write_csv(table.directory / "cases.csv", Case._fields, cases)
    table.add("a pair", "ms", times)
    text = f"{areas(cases, cascade, gaps_mm)}\n\n{alarms(cases)}"
    (table.directory / "trust.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)


def examined(
    cascade: TrainedCascade, name: str, scene: Scene, streams: RandomStreams
) -> list[tuple[Case, float]]:
    """Returns what the test and the image say of each scan at its pair's places, and the time."""
    experiment = cascade.experiment
    sample = experiment.scans.scan(scene, streams)
    images = cascade(sample.signal).final
    assert sample.pairs is not None
    dips = pair_dip(images, sample.pairs, experiment.scanner.field_of_view_m)
    evidence, found = Evidence(experiment.forward_model), []
    for number, dip in enumerate(dips.tolist()):
        one = slice(number, number + 1)
        points_m = places(sample.pairs.cases(one))
        before = timer()
        (pair,) = evidence.pairs(sample.signal[one], images[one], points_m)[0]
        found.append(
            (Case(name, number, *pair.verdict, pair.verdict.is_supported, dip), timer() - before)
        )
    return found


def places(pair: PairGeometry) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns the centres of the discs of one pair, (x, y) in m each."""
    offset_m = 0.5 * (pair.gap_m + pair.diameter_m)[:, None] * pair.direction
    first, second = ((pair.centre_m + sign * offset_m)[0].tolist() for sign in (-1, 1))
    return (first[0], first[1]), (second[0], second[1])


def column(cases: Sequence[Case], objects: str, name: str) -> NDArray[np.float64]:
    """Returns one number of all cases of some objects."""
    return np.array([getattr(case, name) for case in cases if case.objects == objects])


def areas(cases: Sequence[Case], cascade: TrainedCascade, gaps_mm: Sequence[float]) -> str:
    """Returns the table of areas under the ROC, with DeLong's 95 % intervals."""
    rows = []
    for gap_mm in gaps_mm:
        scene = TwoPoints(gaps_mm=(gap_mm,))
        limit = least_favourable_capsules(cascade.experiment.scanner, scene)
        d_prime = float(limit.d_prime[0]) * amplitude_ratio(cascade.experiment.peak_snr_db)
        sets = f"pairs {gap_mm:g} mm", f"capsules {gap_mm:g} mm"
        of_sets = [
            roc_area(*(column(cases, objects, name) for objects in sets))
            for name in ("log_ratio", "dip")
        ]
        is_supported = column(cases, sets[0], "is_supported").astype(bool)
        ideal = f"{float(ndtr(d_prime / math.sqrt(2))):.3f}"
        rows.append([
            f"{gap_mm:g}", f"{d_prime:.1f}", ideal, *map(with_interval, of_sets),
            share_of(is_supported),
        ])  # fmt: skip
    head = [
        "gap / mm", "d′", "area, ideal", "area, test", "area, dip", "pairs supported at 5 % / %"
    ]  # fmt: skip
    return markdown_table(head, rows)


def alarms(cases: Sequence[Case]) -> str:
    """Returns the table of shares of single objects that the test takes for two."""
    sets = [name for name in dict.fromkeys(case.objects for case in cases) if "pairs" not in name]
    rows = []
    for objects in sets:
        rates = column(cases, objects, "false_alarms")
        shares = [share_of(rates <= level) for level in LEVELS]
        dips = column(cases, objects, "dip") >= RAYLEIGH_DIP
        rows.append([objects, f"{len(rates)}", *shares, share_of(dips)])
    head = [f"false alarms ≤ {100 * level:g} % / %" for level in LEVELS]
    return markdown_table(["single objects", "number", *head, "dip ≥ 0.265 / %"], rows)


def with_interval(area: tuple[float, float, float]) -> str:
    """Returns an area with its interval."""
    return "{:.3f} ({:.3f} … {:.3f})".format(*area)


def share_of(is_so: NDArray[np.bool_]) -> str:
    """Returns a share in % with Wilson's interval."""
    share, low, high = (100 * value for value in wilson_interval(is_so))
    return f"{share:.1f} ({low:.1f} … {high:.1f})"


if __name__ == "__main__":
    start(trust)
