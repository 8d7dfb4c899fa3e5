"""What is no calibration is named."""

from dataclasses import replace

import delta_samples
import numpy as np
import pytest
import torch
from delta_samples import DRIVE_T, TRUTH, X_M

from mpi_cascade.calibration.blocks import with_block_uncertainties
from mpi_cascade.calibration.fit import clear_harmonics, fit_scanner
from mpi_cascade.calibration.quantities import Estimate
from mpi_cascade.calibration.refusal import reasons_against
from mpi_cascade.calibration.scan import read_rows

LINE_Y_M = np.array([TRUTH["offset_y_m"]])


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("line") / "line.h5"
    delta_samples.write_rows(path, LINE_Y_M, 0.01)
    scan = read_rows(path, "matrix", X_M, LINE_Y_M, DRIVE_T, 25e3)
    return scan, fit_scanner(scan, (2, 3, 4))


def test_nothing_is_said_against_a_good_fit(good):
    scan, fit = good
    assert reasons_against(scan, fit) == []
    assert reasons_against(scan, with_block_uncertainties(scan, fit, torch.device("cpu"))) == []


def test_an_ffp_outside_the_scan_is_named(good):
    scan, fit = good
    outside = replace(fit, estimates=fit.estimates | {"offset_x_m": Estimate(-31e-3, 1e-3)})
    (sentence,) = reasons_against(scan, outside)
    assert sentence == (
        "the field-free point lies at x = -31 mm, outside the scan of -30 … 30 mm: measure around "
        "it"
    )


@pytest.mark.parametrize(("std", "shown"), [(11e-9, "55 %"), (np.inf, "not at all")])
def test_an_uncertain_quantity_is_named(good, std, shown):
    scan, fit = good
    poor = replace(fit, estimates=fit.estimates | {"core_diameter_m": Estimate(20e-9, std)})
    (sentence,) = reasons_against(scan, poor)
    assert sentence.startswith(f"the data don't determine the core diameter ({shown}): an uncert")
    poor = replace(fit, response_relative_std=np.array([0.1, 0.6, 0.1]))
    (sentence,) = reasons_against(scan, poor)
    assert "the size of harmonic 3 (60 %)" in sentence


def test_what_no_scanner_explains_is_named(good):
    scan, fit = good
    # A third of the scatter in phase remains, and nothing in quadrature.
    wrong = np.random.default_rng(0).normal(size=fit.measured.shape[1])
    measured = fit.measured.copy()
    measured[1] = fit.fitted[1] + 0.5 * fit.fitted[1].std() * wrong / wrong.std()
    (sentence,) = reasons_against(scan, replace(fit, measured=measured))
    r_squared = (
        1
        - ((measured[1] - fit.fitted[1]) ** 2).sum()
        / ((measured[1] - measured[1].mean()) ** 2).sum()
    )
    assert sentence.startswith(f"no scanner explains the harmonics 3 (R² {r_squared:.2f}), at leas")


def test_noise_is_named_and_left_out_unless_asked_for(good):
    scan, _ = good
    rng = np.random.default_rng(0)
    spectra = scan.spectra.copy()
    sigma = np.abs(spectra[:, 4]).max()
    spectra[:, 4] = sigma * (rng.normal(size=len(X_M)) + 1j * rng.normal(size=len(X_M)))
    noisy = replace(scan, spectra=spectra)
    assert clear_harmonics(noisy, (2, 3, 4)) == (2, 3)
    assert clear_harmonics(noisy, (4,)) == (4,)
    assert clear_harmonics(scan, (2, 3, 4, 500)) == (2, 3, 4)
    sentences = reasons_against(noisy, fit_scanner(noisy, (2, 3, 4)))
    assert sentences[0].startswith("below the noise are the harmonics 4 (")
    assert not any(
        "no scanner explains" in sentence and " 4 " in sentence for sentence in sentences
    )
