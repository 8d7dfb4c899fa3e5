import math
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from jsonargparse import ArgumentParser
from torch import nn

from mpi_cascade.checks import (
    Checked,
    Finite,
    Fraction,
    InputError,
    NonNegative,
    Positive,
    PositiveInt,
    ascending,
    check_arguments,
)

RULES = {
    "positive": (Positive, (1e-300, 1, 1e300), (0, -1e-300, math.inf, math.nan)),
    "count": (PositiveInt, (1, 10**9), (0, -1)),
    "not negative": (NonNegative, (0, 0.0, 5), (-1e-300, -math.inf, math.inf, math.nan)),
    "finite": (Finite, (-1e300, 0, 3), (math.inf, -math.inf, math.nan)),
    "fraction": (Fraction, (0, 0.5, 1), (-1e-12, 1 + 1e-12, math.inf, math.nan)),
    "pair": (
        Annotated[tuple[float, float], ascending(0.0, 1.0)],
        ((0, 1), (0.3, 0.3), (0, 0), (1, 1)),
        ((0.5, 0.4), (-0.1, 1), (0, 1.1), (math.nan, 1), (0, math.nan)),
    ),
    "any pair": (
        Annotated[tuple[float, float], ascending()],
        ((-1e300, 1e300),),
        ((1, 0), (-math.inf, 0), (0, math.inf), (math.nan, 0)),
    ),
}


def coil(kind: Any) -> type:
    """Returns a dataclass whose first argument is of the kind, and whose second must be > 0."""

    @dataclass(frozen=True, kw_only=True)
    class Coil(Checked):
        current_a: kind
        turns: PositiveInt = 1
        name: str = ""

    return Coil


@pytest.mark.parametrize(("kind", "allowed", "refused"), RULES.values(), ids=RULES)
def test_values_that_keep_the_rule_pass_and_others_are_refused(kind, allowed, refused):
    for value in allowed:
        assert coil(kind)(current_a=value).current_a == value
    for value in refused:
        with pytest.raises(InputError, match=r"^Coil\.current_a is .*: it must [a-z0-9 ….]+$"):
            coil(kind)(current_a=value)


def test_the_message_has_a_pair_and_its_bounds():
    kind, *_ = RULES["pair"]
    with pytest.raises(InputError, match=r"is \[2, 3\]: .* an ascending pair within 0.0 … 1.0$"):
        coil(kind)(current_a=(2, 3))


def test_every_argument_is_checked():
    with pytest.raises(InputError, match=r"^Coil\.turns is 0: it must be greater than 0$"):
        coil(Positive)(current_a=1.0, turns=0)


class Amplifier(nn.Module):
    def __init__(self, gain: Positive = 1.0) -> None:
        super().__init__()
        self.gain = gain
        check_arguments(self)


def test_arguments_of_any_class_can_be_checked():
    assert Amplifier(2.0).gain == 2
    with pytest.raises(InputError, match=r"^Amplifier\.gain is 0: it must be greater than 0$"):
        Amplifier(0)


def test_configurations_take_such_arguments_and_their_help_says_the_rule():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Amplifier, "amplifier")
    assert parser.parse_args(["--amplifier.gain=3"]).amplifier.gain == 3.0
    assert "must be greater than 0" in " ".join(parser.format_help().split())


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)
