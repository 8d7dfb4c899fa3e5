"""What adapting weights to a user's own scans does to images, whose truth it isn't told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from timing import Table, start
from torch.utils.benchmark import timer

from mpi_cascade.evaluation.confidence import student_interval
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.reconstruction.adaptation import adapt
from mpi_cascade.results.tables import markdown_table, write_csv
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.trained import TrainedCascade, load

SEEN, OTHERS = 9300, 9301
"""Streams of random numbers; no training, no suite and no adaptation has them."""


class Case(NamedTuple):
    """What was found for one scan: a row of ``cases.csv``."""

    situation: str
    was_seen: bool
    number: int
    before_db: float
    after_db: float


def adaptation(
    table: Table,
    checkpoint: Path = Path("weights/any_scanner.ckpt"),
    scanners: Sequence[Path] = (Path("docs/results/any_scanner/half_gradient.yaml"),),
    percents: Sequence[float] = (-5, -2, 2, 5),
    num_seen: int = 16,
    num_others: int = 32,
    num_steps: int = 30,
    learning_rate: float = 1e-4,
) -> None:
    """Measures the PSNR of scans before and after an adaptation, on scanners that are off.

    Args:
        checkpoint: the cascade, a .ckpt file
        scanners: other scanners that weights for any are told, each of them as it is believed
        percents: how far the true gradients are from those that are believed, and the core too
            where it is 5 or more
        num_seen: scans that the adaptation is given
        num_others: scans that it is not given
        num_steps: steps of the adaptation
        learning_rate: of its steps
    """
    believed = load(checkpoint)
    cases: list[Case] = []
    rows = []
    situations = [(name, believed, off) for name, off in off_by(believed, percents).items()]
    situations += [(path.stem, load(checkpoint, scanner=path), {}) for path in scanners]
    for name, cascade, off in situations:
        seen, others = (
            scans_of(cascade.experiment, off, stream, num)
            for stream, num in ((SEEN, num_seen), (OTHERS, num_others))
        )
        before = timer()
        adapted = adapt(cascade, seen.signal, num_steps, learning_rate)
        table.add(f"adaptation, {name}", "s", [timer() - before])
        found = compared(name, cascade, adapted.cascade, {True: seen, False: others})
        cases += found
        misfits = f"{adapted.checks[0].misfit:.3f} → {adapted.kept.misfit:.3f}"
        rows.append([name, f"{adapted.kept.step}", misfits, *summary(found)])
        write_csv(table.directory / "cases.csv", Case._fields, cases)
    head = [
        "true scanner", "steps kept", "misfit of held-out scans / σ²", "PSNR of others before / dB",
        "others, change / dB", "worst", "scans given, change / dB", "worst",
    ]  # fmt: skip
    text = markdown_table(head, rows)
    (table.directory / "adaptation.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)


def off_by(cascade: TrainedCascade, percents: Sequence[float]) -> dict[str, Mapping[str, Any]]:
    """Returns what of the true scanner isn't as believed, by name."""
    scanner: Scanner = cascade.experiment.scanner
    found: dict[str, Mapping[str, Any]] = {"as believed": {}}
    for percent in percents:
        factor = 1 + percent / 100
        found[f"gradient {percent:+g} %"] = {
            name: factor * getattr(scanner, name)
            for name in ("gradient_x_t_per_m", "gradient_y_t_per_m")
        }
        if abs(percent) >= 5:
            diameter_m = factor * scanner.particle.core_diameter_m
            found[f"core {percent:+g} %"] = {"particle": {"core_diameter_m": diameter_m}}
    return found


def scans_of(experiment: Experiment, off: Mapping[str, Any], stream: int, num: int) -> Sample:
    """Returns scans of a scanner that is off."""
    nominal = experiment.scans
    true = experiment.models.true(nominal.forward_model.image_shape, off)
    noise = [WhiteNoise(peak_snr_db=experiment.peak_snr_db)]
    scans = SimulatedScans(true, experiment.scanner, nominal.oversampling, noise)
    return scans.scan(experiment.mixture, RandomStreams(0, stream, torch.arange(num)))


def compared(
    name: str, before: TrainedCascade, after: TrainedCascade, samples: Mapping[bool, Sample]
) -> list[Case]:
    """Returns the PSNR of every scan that has a truth, before and after."""
    cases = []
    for was_seen, sample in samples.items():
        values = [
            torch.cat([
                psnr(cascade(signal).final, truth)
                for signal, truth in zip(
                    sample.signal.split(16), sample.concentration.split(16), strict=True
                )
            ]).tolist()
            for cascade in (before, after)
        ]  # fmt: skip
        pairs = enumerate(zip(*values, strict=True))
        cases += [
            Case(name, was_seen, number, *pair) for number, pair in pairs if pair[0] == pair[0]
        ]
    return cases


def summary(cases: Sequence[Case]) -> list[str]:
    """Returns the PSNR before, and the changes with their 95 % intervals and the worst ones."""
    others = [case for case in cases if not case.was_seen]
    cells = [f"{np.mean([case.before_db for case in others]):.1f}"]
    for was_seen in (False, True):
        changes = np.array([c.after_db - c.before_db for c in cases if c.was_seen == was_seen])
        cells += ["{:+.2f} ({:+.2f} … {:+.2f})".format(*student_interval(changes))]
        cells += [f"{changes.min():+.2f}"]
    return cells


if __name__ == "__main__":
    start(adaptation)
