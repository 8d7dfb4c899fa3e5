import math
from dataclasses import replace

import pytest
import torch
from pairs import make_pairs

from mpi_cascade.evaluation.detectability import detectability, outline_detectability
from mpi_cascade.evaluation.least_favourable import fine_shape, least_favourable_capsules
from mpi_cascade.evaluation.limits import limits
from mpi_cascade.evaluation.measures import PAIRS
from mpi_cascade.evaluation.operating_points import least_splits
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)


def part(name="pairs", peak_snr_db=30.0, **scene):
    cases = TwoPoints(**{"gaps_mm": (0.1, 0.3, 0.6), "cases_per_gap": 1, **scene})
    return EvaluationSet(
        name=name, kind=PAIRS, scene=cases, indices=range(len(cases)), peak_snr_db=peak_snr_db
    )


def test_limits_are_the_detectability_of_central_pairs():
    gaps_mm = (0.1, 0.6)
    found = limits([part(angles_deg=(90.0, 90.0), peak_snr_db=20.0, gaps_mm=gaps_mm)], SCANNER)
    assert [limit.set_name for limit in found] == ["pairs"] * 2
    assert tuple(limit.gap_mm for limit in found) == gaps_mm
    pairs = make_pairs(*gaps_mm, angle=math.pi / 2)
    model = ForwardModel(SCANNER, (256, 256))
    expected = detectability(model, pairs, 20.0).tolist()
    assert [limit.d_prime for limit in found] == pytest.approx(expected, rel=1e-2)
    expected = outline_detectability(model, pairs, 20.0).tolist()
    assert [limit.outline_d_prime for limit in found] == pytest.approx(expected, rel=1e-3)
    for limit in found:
        assert limit.least_splits == least_splits(0.95, limit.d_prime)
        # Who doesn't know the scanner can't tell more.
        assert limit.off_percent == 5 and limit.off_d_prime <= limit.d_prime
        assert limit.off_least_splits >= limit.least_splits
    d_primes = [limit.d_prime for limit in found]
    assert d_primes == sorted(d_primes)
    assert all(0 < limit.d_prime <= limit.outline_d_prime for limit in found)


def test_sets_without_one_capsule_to_tell_from_have_no_limit():
    unequal, turned = part(second_concentration=0.5), part(angles_deg=(0.0, 180.0))
    varied = part(second_concentration=(0.5, 1.0))
    off = replace(part(), true_scanner={"gradient_x_t_per_m": 5.1})
    assert limits([unequal, turned, varied, off], SCANNER) == []


def test_of_several_diameters_the_limit_is_that_of_the_easiest():
    (of_range,) = limits([part(diameter_mm=(0.3, 0.6), gaps_mm=(0.3,))], SCANNER, 0.0)
    ends = [
        limits([part(diameter_mm=diameter, gaps_mm=(0.3,))], SCANNER, 0.0)[0].d_prime
        for diameter in (0.3, 0.6)
    ]
    assert of_range.d_prime == pytest.approx(max(ends), rel=1e-4)
    assert of_range.off_d_prime == of_range.d_prime


def test_the_concentration_does_not_matter_as_noise_is_relative_to_the_peak():
    scene = TwoPoints(gaps_mm=(0.3,), cases_per_gap=1)
    weak = replace(scene, concentration=(0.1, 0.2))
    one, same = (least_favourable_capsules(SCANNER, each) for each in (scene, weak))
    for column, expected in zip(one, same, strict=True):
        assert torch.equal(column, expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (256, 256)),
        ({"num_ffp_x": 64, "num_ffp_y": 64}, (256, 256)),
        # With 256 pixels, pixels and positions would have a common lattice of 6400.
        ({"num_ffp_x": 100, "num_ffp_y": 300}, (300, 300)),
        ({"field_of_view_x_m": 12.8e-3, "num_ffp_y": 1}, (256, 512)),
        # Large fields of view have larger pixels.
        ({"field_of_view_x_m": 0.08, "num_ffp_x": 50, "field_of_view_y_m": 0.08}, (2048, 2000)),
    ],
)
def test_the_fine_grid_is_a_multiple_of_the_positions(changes, expected):
    assert fine_shape(replace(SCANNER, **changes)) == expected
