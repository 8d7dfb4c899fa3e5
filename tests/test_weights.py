"""The weights that come with the project still make the images that the results speak of."""

from pathlib import Path

import pytest
import torch

from mpi_cascade.checkpoints import load
from mpi_cascade.evaluation.suites import brief_suite
from mpi_cascade.metrics.functional import psnr

WEIGHTS = Path(__file__).parents[1] / "weights"


@pytest.mark.parametrize(
    ("name", "expected_db"),
    [
        ("reference", 33.74),
        pytest.param("reference_1_percent", 33.43, marks=pytest.mark.slow),
        pytest.param("reference_2_percent", 32.75, marks=pytest.mark.slow),
        pytest.param("reference_5_percent", 31.59, marks=pytest.mark.slow),
        ("any_scanner", 32.13),
    ],
)
def test_shipped_weights_reach_the_quality_of_the_results(name, expected_db):
    cascade = load(WEIGHTS / f"{name}.ckpt")
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


@pytest.mark.parametrize("name", ["reference", "reference_5_percent"])
def test_a_shipped_guarantee_is_that_of_its_weights(name):
    assert load(WEIGHTS / f"{name}.ckpt").intervals.level == 0.9
