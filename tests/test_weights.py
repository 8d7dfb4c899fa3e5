"""The weights that come with the project still make the images that the results speak of."""

from pathlib import Path

import pytest
import torch

from mpi_cascade.checkpoints import load
from mpi_cascade.evaluation.suites import brief_suite
from mpi_cascade.metrics.functional import psnr

WEIGHTS = Path(__file__).parents[1] / "weights" / "reference.ckpt"


def test_shipped_weights_reach_the_quality_of_the_results():
    cascade = load(WEIGHTS)
    (phantoms,) = (
        part for part in brief_suite(cascade.experiment.scanner).sets if part.name == "phantoms"
    )
    values = torch.cat(
        [
            psnr(cascade(sample.signal).final, sample.concentration)
            for sample in phantoms.batches(cascade.experiment)
        ]
    )
    assert values.nanmean().item() == pytest.approx(33.53, abs=0.05)
