"""The two-point suite as a configuration says it: what it leaves open follows from the scanner."""

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from mpi_cascade.checks import Checked, PositiveInt, ascending
from mpi_cascade.phantoms.scaling import fitted
from mpi_cascade.phantoms.scenes import Concentration, Diameter, Share, TwoPoints


@dataclass(frozen=True, kw_only=True)
class TwoPointSuite(Checked):
    """Pairs of discs at random sub-pixel positions; both discs of a pair have one diameter.

    Args:
        gaps_mm: Gaps between the facing edges in mm, ≥ 0; by default what 0.1, 0.2, 0.3 and 0.5 mm
            are to the ``reference`` scanner, by the width of the PSF and the size of the pixels.
        diameter_mm: Diameter of the discs in mm, ≥ 0.001, or the smallest and the largest; by
            default what 0.4 mm is to the ``reference`` scanner.
        cases_per_gap: Pairs of each gap, > 0.
        angles_deg: Smallest and largest angle of the pair against x in degrees, uniform between.
        concentration: Smallest and largest concentration of the first disc, 0.001 … 1.
        second_concentration: Concentration of the second disc relative to the first, 0 … 1, or the
            smallest and the largest.

    Raises:
        InputError: If a value is out of its range.
    """

    gaps_mm: tuple[float, ...] | None = None
    diameter_mm: Diameter | None = None
    cases_per_gap: PositiveInt = 256
    angles_deg: Annotated[tuple[float, float], ascending()] = (0.0, 0.0)
    concentration: Concentration = (1.0, 1.0)
    second_concentration: Share = 1.0

    def __post_init__(self) -> None:
        """Checks what was given as the pairs themselves do."""
        super().__post_init__()
        TwoPoints(**self._given())

    def pairs(self, scale: float, field_of_view_m: tuple[float, float]) -> TwoPoints:
        """Returns the pairs for one scanner.

        Args:
            scale: What lengths of the ``reference`` scanner are multiplied by, see
                ``length_scale``; no more than the field of view allows.
            field_of_view_m: Size (y, x) of the field of view in m.
        """
        return replace(fitted(TwoPoints(), scale, field_of_view_m), **self._given())

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}
