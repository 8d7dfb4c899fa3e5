"""Known parameters are found again, within the uncertainty that is stated."""

from dataclasses import replace

import delta_samples
import numpy as np
import pytest
import torch
from delta_samples import DRIVE_T, TRUTH, X_M, Y_M
from mdf_files import write_hdf5
from public_data import measured

from mpi_cascade.calibration.blocks import Range, sample_range_m, with_block_uncertainties
from mpi_cascade.calibration.fit import fit_scanner
from mpi_cascade.calibration.levels import find_levels
from mpi_cascade.calibration.output import fits_of_lines, undetermined, unexplained
from mpi_cascade.calibration.quantities import standard_uncertainties
from mpi_cascade.calibration.scan import read_rows
from mpi_cascade.checks import InputError

CPU = torch.device("cpu")
LINE_Y_M = np.array([TRUTH["offset_y_m"]])


def simulated(folder, y_m, noise, seed=0):
    path = delta_samples.write_rows(folder / f"{len(y_m)}-{noise}-{seed}.h5", y_m, noise, seed)
    return read_rows(path, "matrix", X_M, y_m, DRIVE_T, 25e3)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    scan = simulated(tmp_path_factory.mktemp("grid"), Y_M, noise=0.01)
    return scan, fit_scanner(scan, (2, 3, 5))


def test_an_exact_line_gives_its_parameters_exactly(tmp_path):
    fit = fit_scanner(simulated(tmp_path, LINE_Y_M, noise=0.0), (2, 3, 4))
    # The sample is averaged over midpoints here, over Gauss-Legendre nodes there.
    for name, (value, _) in fit.estimates.items():
        assert value == pytest.approx(TRUTH[name], rel=5e-4), name
    assert "gradient_y_t_per_m" not in fit.estimates
    # The chain multiplies components of a transform; a scale is that of amplitudes.
    factor = 2 / delta_samples.NUM_SAMPLES
    assert fit.scale == pytest.approx(factor * np.array([3.0, 1.0, 2.0]), rel=1e-3)
    assert fit.r_squared(np.ones(len(X_M), bool)).min() > 1 - 1e-6


def test_the_stated_uncertainty_of_a_line_is_its_scatter(tmp_path):
    fits = [
        fit_scanner(simulated(tmp_path, LINE_Y_M, noise=0.01, seed=seed), (2, 3, 4))
        for seed in range(6)
    ]
    deviations = np.array(
        [[(e.value - TRUTH[name]) / e.std for name, e in fit.estimates.items()] for fit in fits]
    )
    # 30 numbers of nearly Student's t with some 25 degrees of freedom.
    assert np.abs(deviations).max() < 4
    assert 0.6 < np.sqrt((deviations**2).mean()) < 1.5


def test_a_grid_gives_all_parameters_within_their_uncertainty(grid):
    _, fit = grid
    assert set(fit.estimates) == set(TRUTH)
    for name, (value, std) in fit.estimates.items():
        assert abs(value - TRUTH[name]) < 3 * std, name
    for name in ("gradient_x_t_per_m", "gradient_y_t_per_m", "core_diameter_m"):
        assert fit.estimates[name].std < 0.1 * TRUTH[name]


def test_the_levels_are_those_that_were_put_in(grid):
    for level in find_levels(*grid):
        # 1 % noise of the harmonic's own peak, of which the fit takes some away.
        assert level.unexplained_snr_db == pytest.approx(40, abs=1.5)
        assert level.quadrature_snr_db == pytest.approx(40, abs=1.5)
        assert level.receiver_snr_db > 200
        assert level.feed_through == pytest.approx(delta_samples.FEED_THROUGH, rel=0.05)
        assert level.drift_std is None


@pytest.mark.parametrize(("half_width_m", "num_lines"), [(40e-3, 17), (60e-3, 21)])
def test_noise_is_neither_gain_nor_drift(tmp_path, half_width_m, num_lines):
    """On the outer lines there is nothing but noise."""
    y_m = np.linspace(-half_width_m, half_width_m, num_lines)
    found = _levels(tmp_path, y_m, gains=np.zeros(num_lines), steps=np.zeros(num_lines))
    assert (found.gain_std, found.drift_std) == (None, None)


def test_gain_and_drift_are_found_behind_noise_and_counted_once(tmp_path):
    y_m = np.linspace(-20e-3, 20e-3, 17)
    rng = np.random.default_rng(0)
    gains, steps = 0.05 * rng.normal(size=17), 0.03 * rng.normal(size=17)
    found = _levels(tmp_path, y_m, gains, steps)
    assert found.gain_std == pytest.approx(0.05, rel=0.4)
    assert found.drift_std == pytest.approx(np.sqrt((steps[1:] ** 2).mean()), rel=0.1)
    # √(1² + 0.5²) %; gains of 5 % are no part of it.
    assert found.unexplained_snr_db == pytest.approx(39, abs=1)


def _levels(folder, y_m, gains, steps):
    """Returns the third harmonic's levels, of lines with gains and a background that drifts.

    Both have white noise: 1 % of the third harmonic's peak, 0.5 % in the background.
    """
    rng = np.random.default_rng(1)
    spectra = np.fft.rfft(delta_samples.rows(y_m, 0.01, 0))
    background = spectra[:, :1].copy()
    # The feed-through is 10 % of the peak and 0.7 rad off the signal.
    in_phase = background / (delta_samples.FEED_THROUGH * np.exp(0.7j))
    noise = 0.005 * np.abs(in_phase[0, 0, 3]) * rng.normal(size=(2, *background.shape))
    spectra[:, 1:] += gains[:, None, None] * (spectra[:, 1:] - background)
    spectra += steps.cumsum()[:, None, None] * in_phase
    spectra[:, :1] += noise[0] + 1j * noise[1]
    periods = np.fft.irfft(spectra).reshape(-1, delta_samples.NUM_SAMPLES)
    path = write_hdf5(folder / "rows.h5", {"matrix": periods})
    scan = read_rows(path, "matrix", X_M, y_m, DRIVE_T, 25e3)
    return find_levels(scan, fit_scanner(scan, (2, 3)))[1]


def test_the_phase_is_that_of_a_positive_scale(grid):
    _, fit = grid
    turn = np.exp(1j * (fit.phase_rad - np.array([0.3, 2.0, 1.2])))
    assert turn.real == pytest.approx(1, abs=1e-3)


def test_what_the_data_do_not_tell_has_no_finite_uncertainty():
    jacobian = np.random.default_rng(0).normal(size=(40, 2)) * np.array([1.0, 0.0])
    std = standard_uncertainties(jacobian, np.ones(40), num_harmonics=2)
    assert np.isfinite(std[0])
    assert np.isinf(std[1])


@pytest.mark.parametrize(
    ("harmonics", "sentence"),
    [
        ((), r"the harmonics are \[\]: the scan has 2 … 32"),
        ((1, 2), r"\[1, 2\]: the scan has 2 … 32"),
        ((3, 40), r"\[3, 40\]: the scan has 2 … 32"),
    ],
)
def test_harmonics_that_are_not_there_are_refused(tmp_path, harmonics, sentence):
    with pytest.raises(InputError, match=sentence):
        fit_scanner(simulated(tmp_path, LINE_Y_M, noise=0.01), harmonics)


def test_too_few_positions_are_refused(tmp_path):
    path = delta_samples.write_rows(tmp_path / "line.h5", LINE_Y_M, 0.01)
    few = read_rows(path, "matrix", X_M, LINE_Y_M, DRIVE_T, 25e3)
    few = replace(few, x_m=few.x_m[:4], y_m=few.y_m[:4], spectra=few.spectra[:4])
    with pytest.raises(InputError, match="the scan has 4 positions, too few for 5 quantities"):
        fit_scanner(few, (2, 3))


def test_one_scanner_explains_three_measured_lines():
    path = measured("delta_sample_3lines.h5")
    x_m, y_m = 1e-3 * np.linspace(-40, 40, 9), 1e-3 * np.array([-21.2, -11.2, -1.2])
    scan = read_rows(path, "matrix", x_m, y_m, 5e-3, 25.7e3)
    fit = fit_scanner(scan, (2, 3, 4, 5, 6))
    r_squared = np.stack([fit.r_squared(scan.y_m == line_y_m) for line_y_m in scan.line_y_m])
    assert r_squared.min() > 0.97
    # Three one-dimensional fits need nearly three times as many parameters to leave little less.
    together, num_together = unexplained([fit], fit)
    separate, num_separate = unexplained(fits_of_lines(scan, fit.harmonics), fit)
    assert (num_together, num_separate) == (17, 45)
    assert together < 0.02
    assert separate > 0.5 * together
    levels = find_levels(scan, fit)
    assert levels[1].drift_std == pytest.approx(0.016, abs=0.002)
    # Lines differ by less than their own points from the model.
    assert {level.gain_std for level in levels} == {None}


def test_of_noise_alone_separate_lines_explain_as_much_as_they_have_parameters(tmp_path):
    """A true scanner behind all lines: what is left is noise, less the share of the parameters."""
    scan = simulated(tmp_path, Y_M, noise=0.02)
    fit = fit_scanner(scan, (2, 3))
    together, num_together = unexplained([fit], fit)
    separate, num_separate = unexplained(fits_of_lines(scan, fit.harmonics), fit)
    num_values = 2 * len(scan.x_m)
    expected = (num_values - num_separate) / (num_values - num_together)
    assert separate / together == pytest.approx(expected, rel=0.3)


def test_uncertainties_allow_for_residuals_that_repeat_each_other(tmp_path):
    """The same error on every line, as of a model that is a little wrong, isn't more data."""
    y_m = TRUTH["offset_y_m"] + np.linspace(-10e-3, 10e-3, 5)
    scan = simulated(tmp_path, y_m, noise=0.0)
    wrong = np.random.default_rng(0).normal(size=(len(X_M), scan.spectra.shape[1]))
    largest = np.abs(scan.spectra).max(axis=0)
    scan = replace(scan, spectra=scan.spectra + 0.02 * np.tile(largest * wrong, (len(y_m), 1)))
    fit = fit_scanner(scan, (2, 3, 4, 5))
    robust = with_block_uncertainties(scan, fit, CPU)
    assert {name: e.value for name, e in robust.estimates.items()} == {
        name: e.value for name, e in fit.estimates.items()
    }
    for name, (_, std) in fit.estimates.items():
        assert robust.estimates[name].std >= std
    # By hand, for one quantity: leaving out each harmonic in turn.
    left_out = [
        fit_scanner(scan, tuple(n for n in (2, 3, 4, 5) if n != harmonic)).value("offset_x_m")
        for harmonic in (2, 3, 4, 5)
    ]
    by_harmonics = np.sqrt(3 * np.var(left_out))
    assert by_harmonics > 1.2 * fit.estimates["offset_x_m"].std
    assert robust.estimates["offset_x_m"].std >= 0.99 * by_harmonics


def test_a_known_sample_is_not_fitted(tmp_path):
    scan = simulated(tmp_path, LINE_Y_M, noise=0.01)
    known = {"sample_size_m": TRUTH["sample_size_m"]}
    fit = fit_scanner(scan, (2, 3, 4), known=known)
    assert fit.estimates["sample_size_m"] == (TRUTH["sample_size_m"], 0.0)
    free = fit_scanner(scan, (2, 3, 4))
    for name in ("gradient_x_t_per_m", "core_diameter_m"):
        assert 0 < fit.estimates[name].std <= 1.05 * free.estimates[name].std
        assert abs(fit.value(name) - TRUTH[name]) < 4 * fit.estimates[name].std
    assert with_block_uncertainties(scan, fit, CPU).estimates["sample_size_m"].std == 0


def test_the_range_of_the_sample_ends_where_the_misfit_has_risen(tmp_path):
    scan = simulated(tmp_path, LINE_Y_M, noise=0.02)
    fit = fit_scanner(scan, (2, 3, 4))
    found = sample_range_m(scan, fit, CPU)
    assert found.low < fit.value("sample_size_m") < found.high
    allowed = fit.misfit * (1 + 3.84 / 3)
    for size_m in found:
        if 0 < size_m < np.inf:
            there = fit_scanner(scan, (2, 3, 4), known={"sample_size_m": size_m})
            assert there.misfit == pytest.approx(allowed, rel=0.05)
    exact = simulated(tmp_path, LINE_Y_M, noise=1e-4)
    narrow = sample_range_m(exact, fit_scanner(exact, (2, 3, 4)), CPU)
    assert narrow.high - narrow.low < 0.05 * TRUTH["sample_size_m"]
    assert narrow.low < TRUTH["sample_size_m"] < narrow.high


def test_what_the_data_do_not_determine_is_said(tmp_path):
    fit = fit_scanner(simulated(tmp_path, LINE_Y_M, noise=0.01), (2, 3, 4))
    size_m = fit.value("sample_size_m")
    assert undetermined(fit, None) == undetermined(fit, Range(0.9 * size_m, 1.1 * size_m)) == []
    (sentence,) = undetermined(fit, Range(0.0, 2 * size_m))
    assert "from 0 to " in sentence and "--sample-mm" in sentence
    (sentence,) = undetermined(fit, Range(0.1e-3, np.inf))
    assert "from 0.1 on all fit" in sentence
