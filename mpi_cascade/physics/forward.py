"""The signal equation S c = u of a uniform gradient field, applied in the Fourier domain."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.costs import announce_time
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.convolution import Lattice, PaddedFFT, common_lattice
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.psf import NUM_SAMPLE_NODES, DeltaSamplePSF, num_phases, voltage_psf
from mpi_cascade.physics.scanner import Scanner, cell_centres
from mpi_cascade.physics.waves import WaveProducts, wave_products

_LEAST_POINTS_OF_WAVES = 2**13
_CHUNK = 8

_MOST_UNIT_POINTS = 2048
"""Along an axis, when the PSF is integrated: enough for 80 mm at 5 T/m, in two seconds."""

_SECONDS_PER_VALUE = 1e-7
"""Of a core, for a phase of the drive period at a point."""

PointSpreadFunction = Callable[[Scanner, int, Tensor, Tensor], Tensor]


class ForwardModel(LinearModel):
    """Linear map from a concentration image to the signal of every FFP position.

    u_n(r_F) = ∫ c(r)·PSF_n(r − r_F) dr, Eq. (1) of Zhao et al. 2026 (who write r_F − r, the same
    for odd harmonics), with the PSF held constant over a pixel; in matrix form S c = u, Eq. (2).
    While the gradient is uniform S is block Toeplitz on the coarsest lattice that holds both
    grids, so that pixels and FFP positions are independent of each other. It is applied as
    products of small matrices where the PSF is smooth on that lattice, and else by zero-padded FFT,
    whichever is faster; both are exact to float32 rounding.

    The signal is in units of ∫ |PSF| dr, so that on grids that resolve the PSF |u| does not exceed
    the largest concentration.
    Its channels are the harmonics of the scanner, or for complex harmonics the part in phase and
    the quadrature part of each.

    Args:
        scanner: The scanner.
        image_shape: Pixels (y, x) over the scanner's field of view.
        psf: Voltage per point of tracer, called as ``psf(scanner, harmonic, x_m, y_m)``.
        unit_scanner: Scanner whose ∫ |PSF| dr is the unit, where it differs from ``scanner``:
            a perturbed scanner is read with the gain of the nominal one.

    Raises:
        InputError: If ``image_shape`` is not positive.

    Source:
        M. Zhao et al., Image reconstruction based on a cascaded neural network for magnetic
        particle imaging, 2026; J. Rahmer et al., BMC Med. Imaging 9, 2009,
        doi:10.1186/1471-2342-9-4.
    """

    def __init__(
        self,
        scanner: Scanner,
        image_shape: tuple[int, int],
        psf: PointSpreadFunction = voltage_psf,
        unit_scanner: Scanner | None = None,
    ) -> None:
        super().__init__(scanner, image_shape, scanner.signal_shape)
        if min(image_shape) < 1:
            raise InputError(f"image_shape is {list(image_shape)}: it must be positive")
        self._lattice = common_lattice(self.image_shape, scanner.ffp_shape)
        _announce(scanner, self._lattice, psf)
        kernel = self._kernel(psf).double() / signal_unit(unit_scanner or scanner)
        by_fft = PaddedFFT(self._lattice, kernel)
        self.transfer_function = nn.Buffer(by_fft.transfer_function, persistent=False)
        self._convolution = _faster(by_fft, wave_products(self._lattice, kernel))

    def forward(self, concentration: Images) -> Signals:
        """Returns the noise-free signal S c, (batch, channel, y, x) on the FFP grid."""
        return _in_chunks(self._convolution.forward, concentration)

    def adjoint(self, signal: Signals) -> Images:
        """Returns the image Sᵀ u, (batch, 1, y, x) on the image grid."""
        return _in_chunks(self._convolution.adjoint, signal)

    @property
    def num_operations(self) -> float:
        """Multiply-adds of the signal of one image; of an FFT, as many that take as long."""
        return self._convolution.num_operations

    def _kernel(self, psf: PointSpreadFunction) -> Float[Tensor, "c py px"]:
        """Returns the PSF times the pixel area, per lattice shift FFP − pixel modulo the period."""
        shifts_m = []
        for period, pixel_step, ffp_step, size_m in zip(
            self._lattice.period,
            self._lattice.pixel_steps,
            self._lattice.ffp_steps,
            self.scanner.field_of_view_m,
            strict=True,
        ):
            steps = torch.fft.fftfreq(period, 1 / period, dtype=torch.float64)
            # Centres of a pixel and an FFP cell of unequal size differ by part of a step.
            offset = (pixel_step - ffp_step) / 2
            shifts_m.append((offset - steps) * (size_m / (period / 2)))
        num_y, num_x = self.image_shape
        size_y_m, size_x_m = self.scanner.field_of_view_m
        pixel_area_m2 = size_y_m * size_x_m / (num_y * num_x)
        harmonics = [
            psf(self.scanner, harmonic, shifts_m[1][None, :], shifts_m[0][:, None])
            for harmonic in self.scanner.harmonics
        ]
        return _as_channels(torch.stack(harmonics)) * pixel_area_m2


@lru_cache(maxsize=16)
def signal_unit(scanner: Scanner) -> float:
    """Returns ∫ |PSF| dr in m² over shifts of up to the field of view, the unit of the signals.

    With several harmonics it is the largest of theirs.

    Args:
        scanner: The scanner.
    """
    gradients_t_per_m = scanner.gradient_y_t_per_m, scanner.gradient_x_t_per_m
    beta = scanner.particle.field_sensitivity_per_t
    halves_m, cell_m2 = [], 1.0
    for size_m, gradient_t_per_m in zip(scanner.field_of_view_m, gradients_t_per_m, strict=True):
        # Two points in 1/βG, about a fifth of the width of the PSF.
        num = min(max(128, 2 * math.ceil(2 * size_m * beta * gradient_t_per_m)), _MOST_UNIT_POINTS)
        # |PSF| is even along both axes.
        halves_m.append(cell_centres(num, 2 * size_m)[num // 2 :])
        cell_m2 *= 2 * size_m / num
    y_m, x_m = halves_m
    return max(
        4 * float(voltage_psf(scanner, harmonic, x_m[None, :], y_m[:, None]).abs().sum()) * cell_m2
        for harmonic in scanner.harmonics
    )


def _announce(scanner: Scanner, lattice: Lattice, psf: PointSpreadFunction) -> None:
    """Says how long a PSF takes where that is long, and refuses what would take hours."""
    seconds = _SECONDS_PER_VALUE * math.prod(lattice.period) * num_phases(scanner)
    if isinstance(psf, DeltaSamplePSF):
        seconds *= NUM_SAMPLE_NODES**2
    num_y, num_x = lattice.period
    announce_time(
        seconds,
        f"the PSF on {num_y} × {num_x} points",
        "use fewer pixels or FFP positions, a smaller core or a weaker drive field",
    )


def _faster(by_fft: PaddedFFT, by_waves: WaveProducts | None) -> PaddedFFT | WaveProducts:
    # On a small lattice both take the time of starting a few operations, and the FFT rounds less.
    if by_waves is None or by_fft.num_points < _LEAST_POINTS_OF_WAVES:
        return by_fft
    return by_waves if by_waves.num_operations < by_fft.num_operations else by_fft


def _in_chunks(operator: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Returns the operator of a batch: on a CPU in chunks that its cache can hold."""
    # In full precision, whatever the networks around it use.
    with in_full_precision(batch.device):
        if batch.device.type != "cpu" or torch.compiler.is_compiling():
            return operator(batch)  # A number of chunks would fix the batch of a compiled model.
        return torch.cat([operator(chunk) for chunk in batch.split(_CHUNK)])


def _as_channels(harmonics: Tensor) -> Tensor:
    """Returns complex harmonics (n, …) as real channels (2n, …): in phase, quadrature."""
    if not harmonics.is_complex():
        return harmonics
    return torch.stack((harmonics.real, harmonics.imag), dim=1).flatten(0, 1)
