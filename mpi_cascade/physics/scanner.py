"""The scanner: gradient and drive field, the grid of field-free points and the field of view."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import torch
from jaxtyping import Float64
from torch import Tensor

from mpi_cascade.checks import Checked, InputError, Positive, PositiveInt, Usual, check_usual
from mpi_cascade.physics.particle import Particle

_ALIKE = 0.01
"""Share up to which two quantities are those of one scanner."""

_COMPARED = (
    ("gradient_x_t_per_m", "gradient along x", 1.0, "T/m"),
    ("gradient_y_t_per_m", "gradient along y", 1.0, "T/m"),
    ("drive_amplitude_t", "drive amplitude", 1e3, "mT"),
    ("drive_frequency_hz", "drive frequency", 1e-3, "kHz"),
)

Gradient = Annotated[Positive, Usual(0.01, 100, "T/m", "a gradient of the selection field")]
Width = Annotated[Positive, Usual(100e-6, 1, "m", "a field of view")]


@dataclass(frozen=True, kw_only=True)
class Scanner(Checked):
    """A narrowband scanner whose field-free point (FFP) steps over a rectangle.

    At position r, with the FFP at r_F, the flux density is B(t) = G·(r − r_F) + A·cos(ωt)·x̂ with
    G = diag(Gx, Gy); the receive coil lies along x. The defaults are the ``reference`` scanner.

    Args:
        gradient_x_t_per_m: Gradient Gx along x, the drive direction, in T/m, > 0.
        gradient_y_t_per_m: Gradient Gy along y in T/m, > 0.
        drive_amplitude_t: Amplitude A of the drive field in T, > 0.
        drive_frequency_hz: Frequency ω/2π of the drive field in Hz, > 0.
        field_of_view_x_m: Width of the field of view in m, > 0, centred at 0.
        field_of_view_y_m: Height of the field of view in m, > 0, centred at 0.
        num_ffp_x: Number of FFP positions along x, > 0.
        num_ffp_y: Number of FFP positions along y, > 0; 1 is a line scan along x.
        harmonics: The harmonics of the drive frequency that are received, each ≥ 2, ascending.
        particle: The tracer.

    Raises:
        InputError: If a value is out of its range.
    """

    gradient_x_t_per_m: Gradient = 5.0
    gradient_y_t_per_m: Gradient = 2.5
    drive_amplitude_t: Annotated[Positive, Usual(10e-6, 0.2, "T", "a drive field")] = 4e-3
    drive_frequency_hz: Annotated[Positive, Usual(100, 10e6, "Hz", "a drive frequency")] = 25e3
    field_of_view_x_m: Width = 6.4e-3
    field_of_view_y_m: Width = 6.4e-3
    num_ffp_x: PositiveInt = 64
    num_ffp_y: PositiveInt = 64
    harmonics: tuple[int, ...] = (3,)
    particle: Particle = field(default_factory=Particle)

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        is_valid = all(harmonic >= 2 for harmonic in self.harmonics)
        is_ascending = all(one < two for one, two in itertools.pairwise(self.harmonics))
        if not self.harmonics or not is_valid or not is_ascending:
            raise InputError(
                f"Scanner.harmonics is {list(self.harmonics)}: name one or more different "
                "harmonics of the drive frequency, each 2 or higher, in ascending order"
            )

    @property
    def ffp_shape(self) -> tuple[int, int]:
        """Shape (y, x) of the grid of FFP positions."""
        return self.num_ffp_y, self.num_ffp_x

    @property
    def field_of_view_m(self) -> tuple[float, float]:
        """Size (y, x) of the field of view in m."""
        return self.field_of_view_y_m, self.field_of_view_x_m

    @property
    def is_complex(self) -> bool:
        """Whether the harmonics have a quadrature part, that is, whether relaxation is on."""
        return self.particle.relaxation_time_s > 0

    @property
    def num_channels(self) -> int:
        """Real channels of a signal: one a harmonic, or two (in phase, quadrature) if complex."""
        return len(self.harmonics) * (2 if self.is_complex else 1)

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return self.num_channels, *self.ffp_shape


def changed_scanner(scanner: Scanner, changes: Mapping[str, Any]) -> Scanner:
    """Returns the scanner with some of its quantities changed.

    Args:
        scanner: The scanner to start from.
        changes: New values by name; ``particle`` is a mapping of the tracer's own new values.

    Raises:
        InputError: If a name is no quantity of a scanner or its tracer, or a value is out of range.
    """
    values = dict(changes)
    try:
        # YAML has lists, and a list is no tuple.
        if "harmonics" in values:
            values["harmonics"] = tuple(values["harmonics"])
        if "particle" in values:
            values["particle"] = replace(scanner.particle, **values["particle"])
        return replace(scanner, **values)
    except (InputError, TypeError) as error:
        raise InputError(f"true_scanner is {dict(changes)}: {error}") from error


def scanner_differences(found: Scanner, wanted: Scanner) -> list[str]:
    """Returns in what a scanner differs from another one by more than 1 %, a phrase each.

    Fields of view, FFP grids and harmonics are not compared; on a line, nor is y.

    Args:
        found: The scanner.
        wanted: The other one.
    """
    is_line = 1 in (found.num_ffp_y, wanted.num_ffp_y)
    quantities = [
        (label, factor, unit, getattr(found, name), getattr(wanted, name))
        for name, label, factor, unit in _COMPARED
        if not (is_line and name == "gradient_y_t_per_m")
    ]
    diameters_m = found.particle.core_diameter_m, wanted.particle.core_diameter_m
    quantities.append(("core diameter", 1e9, "nm", *diameters_m))
    return [
        f"{label} {factor * one:.4g} {unit}, not {factor * other:.4g}"
        for label, factor, unit, one, other in quantities
        if abs(one - other) > _ALIKE * other
    ]


def check_usual_scanner(scanner: Scanner, key: str, meant: Collection[str]) -> None:
    """Raises an InputError if a quantity of a scanner, or of its tracer, looks like a slip of unit.

    Args:
        scanner: The scanner.
        key: Its key in the configuration.
        meant: Names of quantities that are meant as they are.
    """
    check_usual(scanner, key, meant)
    check_usual(scanner.particle, f"{key}.particle", meant)


def cell_centres(
    num_cells: int, size_m: float, device: torch.device | None = None
) -> Float64[Tensor, " cells"]:
    """Returns the centres, in m, of ``num_cells`` equal cells that fill ``size_m`` around 0.

    FFP positions and pixels of every grid are centres of such cells over one field of view.
    """
    cells = torch.arange(num_cells, dtype=torch.float64, device=device)
    return ((cells + 0.5) / num_cells - 0.5) * size_m
