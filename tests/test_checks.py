import math
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from jsonargparse import ArgumentParser
from torch import nn

from mpi_cascade.checks import (
    POSITIVE,
    Checked,
    Finite,
    Fraction,
    InputError,
    NonNegative,
    Positive,
    PositiveInt,
    Usual,
    ascending,
    check_arguments,
    check_usual,
    with_prefix,
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


def test_an_empty_value_is_refused_as_others_are():
    with pytest.raises(InputError, match=r"^object\.current_a is None: it must be greater than 0$"):
        POSITIVE.check(object(), "current_a", None)


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


@dataclass(frozen=True)
class Receiver:
    drive_t: Annotated[Positive, Usual(1e-5, 0.2, "T", "a drive field")] = 4e-3
    levels_db: Annotated[tuple[float, float], Usual(-20, 400, "dB", "a level")] = (0.0, 0.0)


@pytest.mark.parametrize("drive_t", [1e-5, 4e-3, 0.2])
def test_usual_values_pass(drive_t):
    check_usual(Receiver(drive_t, (-20.0, 400.0)), "coil", ())


@pytest.mark.parametrize(
    ("receiver", "sentence"),
    [
        (Receiver(4.0), "coil.drive_t is 4.0: 4 T is far above a drive field (10 µT … 200 mT); "
         "write 4 mT as 0.004, or if it is meant, add drive_t to experiment.unusual"),
        (Receiver(4e-9), "coil.drive_t is 4e-09: 4 nT is far below a drive field (10 µT … 200 mT); "
         "if it is meant, add drive_t to experiment.unusual"),
        (Receiver(levels_db=(0.0, -300.0)), "coil.levels_db is -300.0: -300 dB is far below a "
         "level (-20 dB … 400 dB); if it is meant, add levels_db to experiment.unusual"),
    ],
)  # fmt: skip
def test_what_is_far_from_usual_is_refused_unless_it_is_meant(receiver, sentence):
    with pytest.raises(InputError) as caught:
        check_usual(receiver, "coil", ("turns",))
    assert str(caught.value) == sentence
    check_usual(receiver, "coil", ("drive_t", "levels_db"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99999e-3, "m", "1 mm"), (2e-13, "m", "0.0002 nm"), (2.5e6, "Hz", "2.5 MHz"),
        (-5e-3, "T/m", "-5 mT/m"), (300.0, "K", "300 K"),
    ],
)  # fmt: skip
def test_units_have_prefixes(value, unit, text):
    assert with_prefix(value, unit) == text
