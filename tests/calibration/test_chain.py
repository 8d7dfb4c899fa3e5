"""The receive chain of a sample, against what was put in."""

from dataclasses import replace

import delta_samples
import numpy as np
import pytest
import torch
from delta_samples import DRIVE_T, NUM_SAMPLES, TRUTH, X_M, Y_M

from mpi_cascade.calibration.chain import Sample, known_sample, receive_chain
from mpi_cascade.calibration.fit import fit_scanner
from mpi_cascade.calibration.scan import read_rows
from mpi_cascade.checks import InputError
from mpi_cascade.physics.psf import voltage_psf

SIZE_M = TRUTH["sample_size_m"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    path = delta_samples.write_rows(tmp_path_factory.mktemp("grid") / "grid.h5", Y_M, 0.002)
    scan = read_rows(path, "matrix", X_M, Y_M, DRIVE_T, 25e3, "mV")
    return scan, fit_scanner(scan, (2, 3), known={"sample_size_m": SIZE_M})


def test_the_gain_is_that_of_the_chain(grid):
    scan, fit = grid
    chain = receive_chain(scan, fit, Sample(value=5.0, unit="mg Fe/ml", is_mass=False))
    assert (chain.unit, chain.concentration, chain.concentration_unit) == ("mV", 5.0, "mg Fe/ml")
    assert chain.harmonics == (2, 3)
    # ∫ |PSF_n| of the true scanner by a plain sum over shifts of up to the field of view.
    scanner = chain.scanner
    true = replace(
        scanner,
        gradient_x_t_per_m=TRUTH["gradient_x_t_per_m"],
        gradient_y_t_per_m=TRUTH["gradient_y_t_per_m"],
        particle=replace(scanner.particle, core_diameter_m=TRUTH["core_diameter_m"]),
    )
    size_y_m, size_x_m = scanner.field_of_view_m
    x_m, y_m = (
        torch.from_numpy((np.arange(800) + 0.5) / 400 - 1) * size_m
        for size_m in (size_x_m, size_y_m)
    )
    cell_m2 = 4 * size_x_m * size_y_m / 800**2
    for index, (harmonic, factor, phase_rad) in enumerate(((2, 3.0, 0.3), (3, 1.0, 2.0))):
        psf = voltage_psf(true, harmonic, x_m[None], y_m[:, None]).numpy()
        expected = 2 / NUM_SAMPLES * factor * np.abs(psf).sum() * cell_m2 / SIZE_M**2
        assert chain.gain[index] == pytest.approx(expected, rel=0.01)
        assert abs(chain.gain[index] / expected - 1) < 4 * chain.gain_relative_std[index]
        assert chain.phase_rad[index] == pytest.approx(phase_rad, abs=0.01)
        assert abs(chain.phase_rad[index] - phase_rad) < 4 * chain.phase_std_rad[index]
    # Feed-through is the same in every background.
    assert chain.background == pytest.approx(scan.background[0, [2, 3]], rel=1e-3)


def test_of_a_mass_the_size_does_not_count(grid):
    """An image times its unit is the same, whatever edge the sample is counted as."""
    scan, fit = grid
    by_size = receive_chain(scan, fit, Sample(value=2.0, unit="µg Fe", is_mass=False))
    by_mass = receive_chain(scan, fit, Sample(value=2.0, unit="µg Fe", is_mass=True))
    assert by_mass.concentration_unit == "µg Fe/mm²"
    area_mm2 = (1e3 * SIZE_M) ** 2
    # Per area: what a gain of 1 is, times the concentration of 1.
    assert by_mass.concentration / by_mass.gain[1] == pytest.approx(
        by_size.concentration / area_mm2 / by_size.gain[1], rel=1e-4
    )
    assert by_mass.gain_relative_std == by_size.gain_relative_std


def test_what_is_known_of_a_sample(grid):
    scan, _ = grid
    assert known_sample(scan, "5e-1 mg Fe/ml", None, True) == Sample(
        value=0.5, unit="mg Fe/ml", is_mass=False
    )
    assert known_sample(scan, None, "20 µg Fe", False) == Sample(
        value=20.0, unit="µg Fe", is_mass=True
    )
    assert known_sample(scan, None, None, False).unit == "samples"
    assert known_sample(scan, None, None, True) == Sample(
        value=1.0, unit="of the sample", is_mass=False
    )
    stated = replace(scan, stated_iron_mol_per_l=0.1)
    assert known_sample(stated, None, None, True).value == pytest.approx(5.5845)
    assert known_sample(stated, "1 mol/l", None, True).unit == "mol/l"


@pytest.mark.parametrize(
    ("concentration", "mass", "has_size", "sentence"),
    [
        ("5,2 mg/ml", None, True, "--concentration is 5,2 mg/ml: give a number above 0"),
        ("5-6 mg/ml", None, True, "--concentration is 5-6 mg/ml: give a number above 0"),
        ("5–6 mg/ml", None, True, "--concentration is 5–6 mg/ml: give a number above 0"),
        ("5'000 mg/ml", None, True, "--concentration is 5'000 mg/ml: give a number above 0"),
        ("5 mg/ml", "3 µg", True, "--concentration and --mass both say how much"),
        ("5 mg/ml", None, False, "give its edge with --sample-mm, or its mass with --mass"),
        ("five mg/ml", None, True, "--concentration is five mg/ml: give a number above 0 and its"),
        ("5", None, True, "--concentration is 5: give a number above 0 and its unit"),
        (None, "0 µg", False, "--mass is 0 µg: give a number above 0"),
        (None, "-3 µg", False, "--mass is -3 µg: give a number above 0"),
        (None, "1e999 µg", False, "--mass is 1e999 µg: give a number above 0"),
        (None, "1.2.3 µg", False, "--mass is 1.2.3 µg: give a number above 0"),
    ],
)
def test_an_amount_that_cannot_be_read_is_refused(grid, concentration, mass, has_size, sentence):
    with pytest.raises(InputError, match=sentence):
        known_sample(grid[0], concentration, mass, has_size)


def test_a_small_error_of_the_scanner_does_not_scale_images(grid):
    scan, fit = grid
    chain = receive_chain(scan, fit, Sample(value=1.0, unit="of the sample", is_mass=False))
    amplitudes = np.array([[1.0 + 0.5j, -0.2j]])
    exact = chain.signals(amplitudes, chain.scanner)
    other = replace(chain.scanner, particle=replace(chain.scanner.particle, core_diameter_m=23e-9))
    # Two harmonics share the larger unit, here that of the second.
    assert chain.signals(amplitudes, other)[0, 0] == pytest.approx(exact[0, 0], rel=1e-6)
