"""Phantoms and pairs at the scale of a scanner."""

import pytest

from mpi_cascade.checks import InputError
from mpi_cascade.phantoms import Bars, PhantomMixture, SingleObjects, default_families
from mpi_cascade.phantoms.pair_suite import TwoPointSuite
from mpi_cascade.phantoms.scaling import rescaled, scaled
from mpi_cascade.phantoms.scenes import TwoPoints

SIZE_M = (6.4e-3, 6.4e-3)
ALL = default_families(["close_pairs", "single_objects", "capsules"])


def test_lengths_are_multiplied_and_nothing_else_is():
    bars = scaled(Bars(num_bars=(2, 3), amplitude=(0.1, 0.2)), 2.5)
    assert bars.width_mm == (0.5, 1.5)
    assert bars.length_mm == (0.75, 6.2)
    assert (bars.num_bars, bars.amplitude) == ((2, 3), (0.1, 0.2))
    single = scaled(SingleObjects(), 0.5)
    assert (single.length_mm, single.bend_deg) == ((0.1, 1.0), (0.0, 120.0))
    assert scaled(TwoPoints(), 1 / 3).gaps_mm == (0.033, 0.067, 0.1, 0.17)


def test_the_reference_scanner_has_what_it_always_had():
    assert rescaled(default_families(), 1.0, SIZE_M) == default_families()
    assert TwoPointSuite().pairs(1.0, SIZE_M) == TwoPoints()
    assert TwoPointSuite().pairs(1.0, (3e-3, 3e-3)) == TwoPoints()


@pytest.mark.parametrize("scale", [0.3, 1.7, 40.0])
@pytest.mark.parametrize("size_m", [SIZE_M, (0.02, 0.05)])
def test_what_grows_still_fits(scale, size_m):
    families = rescaled(ALL, scale, size_m)
    PhantomMixture(families).check_fits(size_m)
    TwoPointSuite().pairs(scale, size_m).check_fits(size_m)
    for name, family in families.items():
        usual = ALL[name]
        ratio = family.largest_extent_m / usual.largest_extent_m
        assert ratio < 1.05 * max(1.0, scale)
        assert (ratio < 1) == (scale < 1)


@pytest.mark.parametrize(("scale", "of_pairs"), [(0.9, 0.9), (1.0, 1.0), (4.0, 1.5)])
def test_a_small_field_of_view_has_smaller_phantoms_down_to_half(scale, of_pairs):
    size_m = (4e-3, 4e-3)
    families = rescaled(default_families(), scale, size_m)
    PhantomMixture(families).check_fits(size_m)
    assert families["vessels"].largest_extent_m == pytest.approx(0.95 * 4e-3, rel=0.03)
    # What fits as it is stays as it is, and what may grow grows as far as there is room.
    pairs = default_families()["pairs"]
    assert families["pairs"].largest_extent_m == pytest.approx(
        of_pairs * pairs.largest_extent_m, rel=0.02
    )
    with pytest.raises(InputError, match=r"phantoms of clusters may be 2\.80 mm large"):
        PhantomMixture(rescaled(default_families(), scale, (2e-3, 2e-3))).check_fits((2e-3, 2e-3))


def test_what_is_given_is_kept():
    suite = TwoPointSuite(gaps_mm=(0.25,), cases_per_gap=4, angles_deg=(0.0, 90.0))
    pairs = suite.pairs(2.0, SIZE_M)
    assert pairs == TwoPoints(
        gaps_mm=(0.25,), diameter_mm=0.8, cases_per_gap=4, angles_deg=(0.0, 90.0)
    )


def test_what_cannot_be_is_refused_where_it_is_given():
    with pytest.raises(InputError, match=r"gaps_mm is \[-1\.0\]: it must hold one or more gaps"):
        TwoPointSuite(gaps_mm=(-1.0,))
    with pytest.raises(InputError, match=r"diameter_mm is 0\.0: it must be a number or"):
        TwoPointSuite(diameter_mm=0.0)
