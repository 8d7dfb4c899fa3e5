"""The signal equation S c = u of a uniform gradient field, applied in the Fourier domain.

Must not know of noise, phantoms or networks.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Complex64, Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.scanner import Scanner, cell_centres

PointSpreadFunction = Callable[[Scanner, int, Tensor, Tensor], Tensor]


class ForwardModel(LinearModel):
    """Linear map from a concentration image to the signal of every FFP position.

    u_n(r_F) = ∫ c(r)·PSF_n(r − r_F) dr, Eq. (1) of Zhao et al. 2026 (who write r_F − r, the same
    for odd harmonics), with the PSF held constant over a pixel; in matrix form S c = u, Eq. (2).
    While the gradient is uniform S is block
    Toeplitz, and is applied by zero-padded FFT on the coarsest lattice that holds both grids, so
    that pixels and FFP positions are independent of each other.

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
        super().__init__(image_shape, scanner.signal_shape)
        if min(image_shape) < 1:
            raise InputError(f"image_shape is {list(image_shape)}: it must be positive")
        self.scanner = scanner
        ffp_y, ffp_x = scanner.ffp_shape
        pixels_y, pixels_x = self.image_shape
        lattice_y, lattice_x = math.lcm(pixels_y, ffp_y), math.lcm(pixels_x, ffp_x)
        self._pixel_steps = lattice_y // pixels_y, lattice_x // pixels_x
        self._ffp_steps = lattice_y // ffp_y, lattice_x // ffp_x
        # Twice the field of view holds every difference r − r_F: circular equals linear.
        self._period = 2 * lattice_y, 2 * lattice_x
        kernel = self._kernel(psf) / signal_unit(unit_scanner or scanner)
        self._transfer_function: Tensor
        transfer_function = torch.fft.rfft2(kernel).transpose(-1, -2).to(torch.complex64)
        self.register_buffer("_transfer_function", transfer_function.contiguous(), persistent=False)

    def forward(
        self, concentration: Float[Tensor, "batch 1 ny nx"]
    ) -> Float[Tensor, "batch c my mx"]:
        """Returns the noise-free signal S c, (batch, channel, y, x) on the FFP grid."""
        chunks = concentration.split(_chunk_size(concentration))
        return torch.cat([self._signal_of(chunk) for chunk in chunks])

    def adjoint(self, signal: Float[Tensor, "batch c my mx"]) -> Float[Tensor, "batch 1 ny nx"]:
        """Returns the image Sᵀ u, (batch, 1, y, x) on the image grid."""
        return torch.cat([self._image_of(chunk) for chunk in signal.split(_chunk_size(signal))])

    @property
    def transfer_function(self) -> Complex64[Tensor, "c ky kx"]:
        """Fourier transform of the PSF over twice the field of view, as ``torch.fft.rfft2``."""
        return self._transfer_function.transpose(-1, -2)

    def _signal_of(self, concentration: Tensor) -> Tensor:
        spectrum = self._spectrum(concentration, self._pixel_steps) * self._transfer_function
        return self._sample(spectrum, self._ffp_steps)

    def _image_of(self, signal: Tensor) -> Tensor:
        spectrum = self._spectrum(signal, self._ffp_steps) * self._transfer_function.conj()
        return self._sample(spectrum.sum(dim=1, keepdim=True), self._pixel_steps)

    def _spectrum(self, values: Tensor, steps: tuple[int, int]) -> Tensor:
        """Returns the spectrum (…, kx, ky) of values that stand every ``steps`` on the lattice."""
        num_y, num_x = (period // 2 for period in self._period)
        if steps != (1, 1):
            lattice = values.new_zeros(*values.shape[:-2], num_y, num_x)
            lattice[..., :: steps[0], :: steps[1]] = values
            values = lattice
        # Axis by axis, so that the rows of the zero padding are never transformed.
        rows = torch.fft.rfft(values, n=self._period[1]).transpose(-1, -2).contiguous()
        return torch.fft.fft(rows, n=self._period[0])

    def _sample(self, spectrum: Tensor, steps: tuple[int, int]) -> Tensor:
        """Returns what a spectrum (…, kx, ky) is at every ``steps`` of the lattice."""
        # Sampling every step in space sums the step aliases of each frequency.
        first, *others = spectrum.chunk(steps[0], dim=-1)
        folded = sum(others, start=first) / steps[0]
        columns = torch.fft.ifft(folded)[..., : folded.shape[-1] // 2].transpose(-1, -2)
        rows = torch.fft.irfft(columns, n=self._period[1])
        return rows[..., : self._period[1] // 2 : steps[1]]

    def _kernel(self, psf: PointSpreadFunction) -> Float[Tensor, "c py px"]:
        """Returns the PSF times the pixel area, per lattice shift FFP − pixel modulo the period."""
        shifts_m = []
        for period, pixel_step, ffp_step, size_m in zip(
            self._period,
            self._pixel_steps,
            self._ffp_steps,
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
    size_y_m, size_x_m = scanner.field_of_view_m
    num_y, num_x = 128, 128
    x_m = cell_centres(num_x, 2 * size_x_m)[None, :]
    y_m = cell_centres(num_y, 2 * size_y_m)[:, None]
    cell_m2 = 4 * size_y_m * size_x_m / (num_y * num_x)
    return max(
        float(voltage_psf(scanner, harmonic, x_m, y_m).abs().sum()) * cell_m2
        for harmonic in scanner.harmonics
    )


def _chunk_size(batch: Tensor) -> int:
    """Returns how many samples to transform at once: on a CPU, what its cache can hold."""
    return 8 if batch.device.type == "cpu" else max(len(batch), 1)


def _as_channels(harmonics: Tensor) -> Tensor:
    """Returns complex harmonics (n, …) as real channels (2n, …): in phase, quadrature."""
    if not harmonics.is_complex():
        return harmonics
    return torch.stack((harmonics.real, harmonics.imag), dim=1).flatten(0, 1)
