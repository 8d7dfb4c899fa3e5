"""The weights that come with the project still make the images that the results speak of."""

from pathlib import Path

import command_line
import pytest
import torch
import yaml

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.suites import brief_suite
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.trained import load, takes_scanner

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights"


def test_weights_for_any_scanner_have_intervals_once_they_are_calibrated():
    cascade = load(WEIGHTS / "any_scanner.ckpt")
    assert cascade.cascade.intervals is not None
    with pytest.raises(InputError, match="calibrate them with mpi-cascade guarantee"):
        _ = cascade.intervals


def test_weights_for_any_scanner_go_on_with_one(tmp_path):
    """By the command of the documentation, on few scans of a small scanner."""
    scanner = tmp_path / "scanner.yaml"
    grid = {"num_ffp_x": 32, "num_ffp_y": 32, "gradient_x_t_per_m": 4.0}
    scanner.write_text(yaml.safe_dump({"experiment": {"scanner": grid, "image_shape": [32, 32]}}))
    command_line.succeed(
        "fit", "--config", WEIGHTS / "any_scanner.yaml",
        "--config", ROOT / "configs" / "training" / "one_scanner.yaml", "--config", scanner,
        "--weights", WEIGHTS / "any_scanner.ckpt", "--output", tmp_path / "run",
        *command_line.SMALL, "--trainer.fast_dev_run", "false", "--trainer.max_epochs", 1,
        "--model.learning_rate", 1e-9, "--report.tikhonov", "false",
    )  # fmt: skip
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert not takes_scanner(checkpoint)
    for_one, for_any = load(checkpoint), load(WEIGHTS / "any_scanner.ckpt", scanner=scanner)
    assert for_one.experiment.scanner == for_any.experiment.scanner
    assert for_one.cascade.intervals is None
    assert "single_objects" in for_one.experiment.mixture.families
    (sample, *_) = brief_suite(for_any.experiment.scanner).sets[0].batches(for_any.experiment)
    found, expected = (cascade(sample.signal[:4]).final for cascade in (for_one, for_any))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 * expected.max().item())


@pytest.mark.parametrize(
    ("name", "expected_db", "has_intervals"),
    [
        ("reference", 33.74, True),
        pytest.param("reference_1_percent", 33.43, False, marks=pytest.mark.slow),
        pytest.param("reference_2_percent", 32.75, False, marks=pytest.mark.slow),
        pytest.param("reference_5_percent", 31.59, True, marks=pytest.mark.slow),
        ("any_scanner", 33.99, False),
        pytest.param("any_scanner_5_percent", 31.17, False, marks=pytest.mark.slow),
    ],
)
def test_shipped_weights_reach_the_quality_of_the_results(name, expected_db, has_intervals):
    cascade = load(WEIGHTS / f"{name}.ckpt")
    assert (cascade.guarantee is not None) == has_intervals
    if has_intervals:  # Their guarantee is that of these very weights.
        assert cascade.intervals.level == 0.9
    (phantoms,) = (
        part for part in brief_suite(cascade.experiment.scanner).sets if part.name == "phantoms"
    )
    samples = list(phantoms.batches(cascade.experiment))
    images = [cascade(sample.signal).final for sample in samples]
    values = [
        psnr(image, sample.concentration) for image, sample in zip(images, samples, strict=True)
    ]
    assert torch.cat(values).nanmean().item() == pytest.approx(expected_db, abs=0.05)
    # Noise is relative to the peak: a tenth of the signal is a scan of a tenth of the tracer.
    torch.testing.assert_close(
        cascade(0.1 * samples[0].signal).final, 0.1 * images[0], rtol=0, atol=1e-5
    )
