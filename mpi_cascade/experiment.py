"""The description of an experiment: what is scanned, how, and the networks that reconstruct it.

It is what a configuration says under ``experiment``, and what a checkpoint holds with the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any

from torch import nn

from mpi_cascade.checks import Finite, InputError, NonNegative, Usual, check_arguments, check_usual
from mpi_cascade.measured import MeasuredMatrix
from mpi_cascade.models.cascade import Cascade, sharing_weights
from mpi_cascade.models.intervals import IntervalHead
from mpi_cascade.phantoms import PhantomFamily, PhantomMixture, default_families
from mpi_cascade.phantoms.scaling import rescaled
from mpi_cascade.physics.disturbances import SNR, Disturbance, VariedNoise, WhiteNoise
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.resolution import length_scale
from mpi_cascade.physics.scanner import Scanner, changed_scanner, check_usual_scanner
from mpi_cascade.refusals import key_homes
from mpi_cascade.scans.scanner_models import ScannerModels, analytic_model
from mpi_cascade.scans.simulated import SimulatedScans, fine_shape, square_oversampling
from mpi_cascade.scans.varied import ScannerSpread, VariedScans

PARSER_MODE = "omegaconf+"
"""How configurations are read: as YAML in which ``${…}`` stands for another value."""

EXPERIMENT_CLASSES = MappingProxyType({
    **key_homes(("mpi_cascade.models.preliminary",), nn.Module, "experiment.preliminary"),
    **key_homes(
        (
            "mpi_cascade.models.refinement", "mpi_cascade.models.data_consistency",
            "mpi_cascade.models.proximal", "mpi_cascade.models.conditioned",
        ),
        nn.Module, "experiment.refinement",
    ),
    **key_homes(("mpi_cascade.phantoms",), PhantomFamily, "experiment.phantoms"),
    **key_homes(("mpi_cascade.physics.disturbances",), Disturbance, "experiment.disturbances"),
})  # fmt: skip
"""Where the classes are that an experiment may name."""

OF_ONE_SCANNER: Mapping[str, Any] = MappingProxyType(
    {"true_scanner": None, "system_matrix": None, "receive_chain": None}
)
"""What an experiment on another scanner is without, unless it is told that scanner's own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """A scanner and its phantoms, simulated, and the two stages that reconstruct them.

    Args:
        preliminary: Stage 1, from the signal (batch, channel, y, x) to an image (batch, 1, y, x).
        refinement: Stage 2, from that image to the final one of the same shape.
        scanner: The scanner that reconstructions believe in.
        image_shape: Pixels (y, x) of the images over the scanner's field of view.
        oversampling: Pixels of the simulation grid per image pixel along its shorter side, ≥ 2.
        phantoms: Families of training, validation and test phantoms by name; the default is
            pairs, clusters, bars, vessels and blobs, as large as the scanner and the pixels need,
            with such close_pairs, single_objects and capsules as have a weight.
        phantom_weights: Weight of each family in the mixture; 1 where none is given.
        peak_snr_db: White receiver noise, 20·log10(max|u|/σ).
        disturbances: Further disturbances, applied before the noise.
        true_scanner: Quantities in which the scanner that makes the signals differs from
            ``scanner``, by name.
        system_matrix: Measured system matrix that reconstructions believe in, in place of the
            analytic model of ``scanner``. It makes the signals too, unless ``true_scanner`` does.
        delta_sample_m: Edge of the delta sample with which a calibration would have measured the
            analytic model that reconstructions believe in, in m; 0 is an ideal point.
        receive_chain: What the scanner's receiver makes of tracer, as ``calibrate`` writes it;
            measured scans are read with it, and images then have its unit. Simulated signals are
            those without it.
        is_equivariant: Whether the cascade's images scale with the signal (see ``Cascade``).
        averages_mirrors: Whether a trained cascade takes the mean over mirrored scans (see
            ``Cascade``).
        intervals: Network of the uncertainty of the final image's pixels, if there is one.
        unusual: Names of quantities, such as ``core_diameter_m``, that are meant as they are,
            though they look like a slip of unit.

    Raises:
        InputError: If a value is out of its range or far from usual, a phantom may exceed the field
            of view, or a stage can't make images of this shape from the signals.
    """

    # Their first weights are drawn in this order, as they always were.
    refinement: nn.Module
    preliminary: nn.Module
    scanner: Scanner = field(default_factory=Scanner)
    image_shape: tuple[int, int] = (64, 64)
    oversampling: int = 2
    phantoms: dict[str, PhantomFamily] | None = None
    phantom_weights: dict[str, float] | None = None
    peak_snr_db: Annotated[Finite, SNR] = 30.0
    disturbances: Sequence[Disturbance] = ()
    true_scanner: dict[str, Any] | None = None
    system_matrix: MeasuredMatrix | None = None
    delta_sample_m: Annotated[NonNegative, Usual(10e-6, 0.1, "m", "a delta sample")] = 0.0
    receive_chain: ReceiveChain | None = None
    is_equivariant: bool = True
    averages_mirrors: bool = False
    intervals: IntervalHead | None = None
    unusual: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Builds the simulator and the networks, so that what can't work is refused at once."""
        if min(self.image_shape) < 1:
            raise InputError(
                f"experiment.image_shape is {list(self.image_shape)}: it must be positive"
            )
        multiple = self.cascade.image_multiple
        if any(size % multiple for size in self.image_shape):
            raise InputError(
                f"experiment.image_shape is {list(self.image_shape)}: the networks need multiples "
                f"of {multiple}, so change it, or shorten num_features of the networks"
            )
        check_arguments(self)
        self._check_usual()
        self.mixture.check_fits(self.scanner.field_of_view_m)
        if self.receive_chain and not self.system_matrix:
            self.receive_chain.places(self.scanner)
        _ = self.scans
        self.cascade.use(self.forward_model)

    def _check_usual(self) -> None:
        """Raises an InputError if a quantity looks like a slip of unit."""
        meant = self.unusual or ()
        check_usual(self, "experiment", meant)
        check_usual_scanner(self.scanner, "experiment.scanner", meant)
        check_usual_scanner(self.actual_scanner, "experiment.true_scanner", meant)
        for number, disturbance in enumerate(self.disturbances):
            check_usual(disturbance, f"experiment.disturbances[{number}]", meant)

    @cached_property
    def mixture(self) -> PhantomMixture:
        """The phantoms of training, validation and test."""
        weights = self.phantom_weights or {}
        families = self.phantoms or rescaled(
            default_families(weights), self.length_scale, self.scanner.field_of_view_m
        )
        return PhantomMixture(families, weights)

    @cached_property
    def length_scale(self) -> float:
        """How much larger phantoms are by default than those for the ``reference`` scanner."""
        return length_scale(self.scanner, self.image_shape)

    @cached_property
    def models(self) -> ScannerModels:
        """What reconstructions believe of the scanner, and what makes its signals."""
        return ScannerModels(self.scanner, self.system_matrix, self.delta_sample_m)

    @cached_property
    def forward_model(self) -> LinearModel:
        """The model S, on the grid of the images, that reconstructions may know."""
        return self.models.believed(self.image_shape)

    @cached_property
    def cascade(self) -> Cascade:
        """Both stages."""
        return Cascade(
            self.preliminary, self.refinement, self.is_equivariant, self.averages_mirrors,
            self.intervals,
        )  # fmt: skip

    @cached_property
    def scans(self) -> SimulatedScans:
        """The simulator."""
        field_of_view_m = self.scanner.field_of_view_m
        per_axis = square_oversampling(self.image_shape, field_of_view_m, self.oversampling)
        changes = self.true_scanner or {}
        return SimulatedScans(
            self.models.true(fine_shape(self.image_shape, per_axis), changes),
            nominal_scanner=self.scanner,
            oversampling=per_axis,
            disturbances=[*self.disturbances, WhiteNoise(peak_snr_db=self.peak_snr_db)],
        )

    def varied_scans(
        self, spread: ScannerSpread | None, peak_snr_db: tuple[float, float] | None
    ) -> SimulatedScans:
        """Returns the simulator of training scans, whose scanners or noise differ scan by scan.

        Args:
            spread: How far scanners may be off, if they are.
            peak_snr_db: Lowest and highest peak SNR in dB, if it is varied.

        Raises:
            InputError: If a measured system matrix stands for the scanner: it says nothing of
                others.
        """
        usual = self.scans
        if spread is None and peak_snr_db is None:
            return usual
        white = WhiteNoise(peak_snr_db=self.peak_snr_db)
        noise = VariedNoise(peak_snr_db=peak_snr_db) if peak_snr_db else white
        bank: list[LinearModel] = [usual.forward_model]
        if spread is not None:
            if self.system_matrix is not None:
                raise InputError(
                    "scanner_spread needs the analytic model, and a measured system_matrix stands "
                    "for the scanner: leave one of them out"
                )
            shape, scanner = usual.forward_model.image_shape, self.actual_scanner
            drawn = zip(spread.scanners(scanner), spread.receptions(scanner), strict=True)
            bank = [analytic_model(one, self.scanner, shape, psf) for one, psf in drawn]
        return VariedScans(bank, self.scanner, usual.oversampling, [*self.disturbances, noise])

    @property
    def actual_scanner(self) -> Scanner:
        """The scanner that makes the signals."""
        return changed_scanner(self.scanner, self.true_scanner or {})

    def on(self, scanner: Scanner, image_shape: tuple[int, int]) -> "Experiment":
        """Returns this experiment on another scanner, with the same weights and larger phantoms.

        Phantoms are as much larger or smaller as the scanner's resolution, as far as the field of
        view allows. What belongs to the scanner of this experiment alone is left out: a measured
        system matrix, a receive chain, and in what the true scanner differs.

        Args:
            scanner: The scanner that reconstructions believe in.
            image_shape: Pixels (y, x) of the images over its field of view.

        Raises:
            InputError: If weights hold the scanner, or a phantom may exceed the field of view.
        """
        phantoms = self.phantoms
        if phantoms is not None:
            factor = length_scale(scanner, image_shape) / self.length_scale
            phantoms = rescaled(phantoms, factor, scanner.field_of_view_m)
        there = replace(
            self, scanner=scanner, image_shape=image_shape, phantoms=phantoms,
            preliminary=sharing_weights(self.preliminary),
            refinement=sharing_weights(self.refinement),
            intervals=self.intervals and sharing_weights(self.intervals),
            **OF_ONE_SCANNER,
        )  # fmt: skip
        own = {id(weight) for weight in self.cascade.parameters()}
        if any(id(weight) not in own for weight in there.cascade.parameters()):
            raise InputError(
                "the networks' weights hold the scanner that they are trained for, as those of "
                "DenseInverse, TikhonovBank and SpectralInverse do: use FixedTikhonov or Unrolled "
                "as stage 1"
            )
        return there
