import math
from dataclasses import dataclass
from typing import Any

import pytest

from mpi_cascade.checks import (
    InputError,
    require_finite,
    require_fraction,
    require_non_negative,
    require_positive,
    require_range,
)


@dataclass
class Coil:
    current_a: Any


@pytest.mark.parametrize(
    ("check", "allowed", "refused"),
    [
        (require_positive, (1e-300, 1, 1e300), (0, -1e-300, math.inf, math.nan)),
        (require_non_negative, (0, 0.0, 5), (-1e-300, -math.inf, math.inf, math.nan)),
        (require_finite, (-1e300, 0, 3), (math.inf, -math.inf, math.nan)),
        (require_fraction, (0, 0.5, 1), (-1e-12, 1 + 1e-12, math.inf, math.nan)),
    ],
)
def test_values_in_the_range_pass_and_others_are_refused(check, allowed, refused):
    for value in allowed:
        check(Coil(value), "current_a")
    for value in refused:
        with pytest.raises(InputError):
            check(Coil(value), "current_a")


@pytest.mark.parametrize("check", [require_positive, require_non_negative, require_fraction])
def test_the_message_names_owner_value_and_bound_in_one_sentence(check):
    with pytest.raises(InputError, match=r"^Coil\.current_a is -2: it must [a-z0-9 …]+$"):
        check(Coil(-2), "current_a")


def test_every_named_attribute_is_checked():
    @dataclass
    class Pair:
        first_m: float
        second_m: float

    with pytest.raises(InputError, match=r"Pair\.second_m is 0"):
        require_positive(Pair(1.0, 0.0), "first_m", "second_m")


@pytest.mark.parametrize("pair", [(0, 1), (0.3, 0.3), (0, 0), (1, 1)])
def test_an_ascending_pair_within_its_bounds_passes(pair):
    require_range(Coil(pair), "current_a", 0.0, 1.0)


@pytest.mark.parametrize("pair", [(0.5, 0.4), (-0.1, 1), (0, 1.1), (math.nan, 1), (0, math.nan)])
def test_any_other_pair_is_refused_with_its_bounds(pair):
    with pytest.raises(InputError, match=r"Coil\.current_a is \[.*\]: .* within 0.0 … 1.0$"):
        require_range(Coil(pair), "current_a", 0.0, 1.0)


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)
