"""Stage 1: networks from the signal to the preliminary image.

Each takes a signal (batch, channel, y, x) on the FFP grid and returns an image (batch, 1, y, x),
once ``use`` has given it the forward model. An argument out of its range raises an InputError.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mpi_cascade.checks import InputError, Positive, PositiveInt, check_arguments
from mpi_cascade.models.filters import Regularisations, TikhonovFilters, decades
from mpi_cascade.models.stages import PhysicsStage
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.total_variation import squared_norm


class DenseInverse(PhysicsStage):
    """The voltage vector times a learned matrix, started from a Tikhonov inverse.

    Every pixel is a learned linear combination of all measurements, as in the paper's S c = u.

    Args:
        relative_regularisation: λ of the Tikhonov start, relative to the largest eigenvalue of
            S Sᵀ, > 0.
    """

    def __init__(self, relative_regularisation: Positive = 1e-3) -> None:
        super().__init__()
        self.relative_regularisation = relative_regularisation
        check_arguments(self)

    def use(self, forward_model: LinearModel) -> None:
        """Starts from the Tikhonov inverse of a forward model."""
        self.image_shape = forward_model.image_shape
        solver = Tikhonov(forward_model, self.relative_regularisation)
        self.inverse = nn.Parameter(solver.inverse_matrix())

    def forward(self, signal: Signals) -> Images:
        """Returns the preliminary image."""
        image = functional.linear(signal.flatten(1), self.inverse)
        return image.unflatten(1, (1, *self.image_shape))


class FixedTikhonov(PhysicsStage):
    """The Tikhonov image, with nothing to learn: what is left when only stage 2 is a network.

    Modes with eigenvalues below 1 % of λ, which it all but suppresses, are left out.

    Args:
        relative_regularisation: λ relative to the largest eigenvalue of S Sᵀ, > 0.
    """

    def __init__(self, relative_regularisation: Positive = 1e-3) -> None:
        super().__init__()
        self.relative_regularisation = relative_regularisation
        check_arguments(self)
        self.filters = TikhonovFilters(1, (relative_regularisation, relative_regularisation))

    def use(self, forward_model: LinearModel) -> None:
        """Makes the Tikhonov inverse of a forward model."""
        self.filters.use(forward_model)

    def forward(self, signal: Signals) -> Images:
        """Returns the Tikhonov image."""
        return self.filters(self.filters.coefficients(signal))


class TikhonovBank(PhysicsStage):
    """Several Tikhonov images of the signal, from sharp but noisy to smooth, mixed by convolutions.

    All share one eigendecomposition, S Sᵀ = U Λ Uᵀ, of which only the modes with eigenvalues of at
    least 1 % of the smallest λ are kept. Image k starts as Sᵀ U (Λ + λₖ)⁻¹ Uᵀ u, and a gain per
    mode is learned; a small residual network mixes the images. Unlike an inverse in the Fourier
    domain it knows where the scan ends.

    Args:
        num_images: Images in the bank, > 0.
        num_features: Channels of the mixing convolutions, > 0.
        relative_regularisation: Smallest and largest λ, relative to the largest eigenvalue of
            S Sᵀ, ≥ 1e-12.
    """

    def __init__(
        self,
        num_images: PositiveInt = 6,
        num_features: PositiveInt = 16,
        relative_regularisation: Regularisations = (1e-6, 1e-2),
    ) -> None:
        super().__init__()
        self.num_images, self.num_features = num_images, num_features
        self.relative_regularisation = relative_regularisation
        check_arguments(self)
        self.mean = nn.Parameter(torch.full((num_images, 1, 1), 1 / num_images))
        self.mixing = _mixing(num_images, num_features)
        self.filters = TikhonovFilters(num_images, relative_regularisation)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the bank of a forward model."""
        self.filters.use(forward_model)
        self.gain_change = nn.Parameter(torch.zeros(self.filters.inverse.shape))

    def forward(self, signal: Signals) -> Images:
        """Returns the preliminary image."""
        images = self.filters(self.filters.coefficients(signal), 1 + self.gain_change)
        return (self.mean * images).sum(dim=1, keepdim=True) + self.mixing(images)


class SpectralInverse(PhysicsStage):
    """A bank of learned regularised inverses in the Fourier domain, mixed by convolutions.

    Each filter starts as the Tikhonov inverse conj(Ŝ)/(|Ŝ|² + λ) of the zero-padded convolution,
    with its own λ from sharp but noisy to smooth; a gain per frequency is learned. A small
    residual network mixes the filtered images. A measured system matrix is no convolution: the
    filters start from the analytic model then, too.

    Args:
        num_filters: Filters in the bank, > 0.
        num_features: Channels of the mixing convolutions, > 0.
        relative_regularisation: Smallest and largest λ of the bank, relative to the largest
            |Ŝ|², ≥ 1e-12.
    """

    def __init__(
        self,
        num_filters: PositiveInt = 6,
        num_features: PositiveInt = 16,
        relative_regularisation: Regularisations = (1e-5, 1e-2),
    ) -> None:
        super().__init__()
        self.num_filters, self.num_features = num_filters, num_features
        self.relative_regularisation = relative_regularisation
        check_arguments(self)
        self.mean = nn.Parameter(torch.full((num_filters, 1, 1), 1 / num_filters))
        self.mixing = _mixing(num_filters, num_features)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the bank of a forward model's scanner."""
        scanner = forward_model.scanner
        self.image_shape, self.signal_shape = forward_model.image_shape, scanner.signal_shape
        regularisations = decades(self.relative_regularisation, self.num_filters)
        # On the FFP grid pixels and measurements share one lattice, where S is a product.
        transfer_function = ForwardModel(scanner, scanner.ffp_shape).transfer_function
        inverse = _regularised_inverses(transfer_function, regularisations)
        self.inverse = nn.Buffer(inverse, persistent=False)
        self.gain_change = nn.Parameter(torch.zeros(inverse.shape))

    def forward(self, signal: Signals) -> Images:
        """Returns the preliminary image."""
        if signal.shape[1:] != self.signal_shape:
            raise InputError(
                f"SpectralInverse was made for signals of {list(self.signal_shape)}, not of "
                f"{list(signal.shape[1:])}: use TikhonovBank for a system matrix of other channels"
            )
        num_y, num_x = signal.shape[-2:]
        period = (2 * num_y, 2 * num_x)
        spectrum = torch.fft.rfft2(signal, s=period)[:, None]
        spectra = (spectrum * (self.inverse * (1 + self.gain_change))).sum(dim=2)
        filtered = torch.fft.irfft2(spectra, s=period)[..., :num_y, :num_x]
        image = (self.mean * filtered).sum(dim=1, keepdim=True) + self.mixing(filtered)
        if image.shape[-2:] == self.image_shape:
            return image
        return functional.interpolate(image, self.image_shape, mode="bilinear")


class Unrolled(PhysicsStage):
    """Learned proximal gradient steps x ← x − τ·Sᵀ(S x − u) + CNN(x, Sᵀ(S x − u)), from x = 0.

    Every step has a step size and a small network of its own; the physics is fixed.

    Args:
        num_steps: Steps, > 0.
        num_features: Channels of each step's network, > 0.

    Source:
        J. Adler and O. Öktem, Inverse Problems 33, 2017, doi:10.1088/1361-6420/aa9581.
    """

    def __init__(self, num_steps: PositiveInt = 5, num_features: PositiveInt = 24) -> None:
        super().__init__()
        self.num_steps, self.num_features = num_steps, num_features
        check_arguments(self)
        self.step_sizes = nn.Parameter(torch.ones(num_steps))
        self.corrections = nn.ModuleList(_mixing(2, num_features) for _ in range(num_steps))

    def use(self, forward_model: LinearModel) -> None:
        """Takes the physics of a forward model."""
        self.image_shape = forward_model.image_shape
        self.forward_model = forward_model
        self.curvature = squared_norm(forward_model)

    def forward(self, signal: Signals) -> Images:
        """Returns the preliminary image."""
        image = signal.new_zeros(signal.shape[0], 1, *self.image_shape)
        for step_size, correction in zip(self.step_sizes, self.corrections, strict=True):
            residual = self.forward_model(image) - signal
            gradient = self.forward_model.adjoint(residual) / self.curvature
            # Transforms need full precision, whatever the convolutions use.
            change = correction(torch.cat((image, gradient), dim=1)).float()
            image = image - step_size * gradient + change
        return image


def _mixing(num_images: int, num_features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_images, num_features, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(num_features, num_features, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(num_features, 1, 3, padding=1),
    )


def _regularised_inverses(
    transfer_function: Tensor, regularisations: Float[Tensor, " filters"]
) -> Tensor:
    """Returns conj(Ŝ)/(Σ|Ŝ|² + λ) for each λ, (filter, channel, ky, kx), complex."""
    energy = transfer_function.abs().square().sum(dim=0)
    weights = energy + regularisations[:, None, None] * energy.max()
    return transfer_function.conj() / weights[:, None]
