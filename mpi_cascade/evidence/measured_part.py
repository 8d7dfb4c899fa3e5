"""Which part of an image the scan determines, and which the prior adds."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mpi_cascade.physics.linear import Images, LinearModel
from mpi_cascade.solvers.tikhonov import Tikhonov

_LEAST_EIGENVALUE = 1e-10
"""Relative eigenvalue below which float32 knows no mode."""


class MeasuredPart:
    """The part of an image that its scan tells above the noise.

    In the basis of S = U Λ^½ Vᵀ the scan tells the coefficient vᵢᵀ c with a standard error of
    σ/√λᵢ. Where that is small against the size τ that coefficients of this image have, the scan
    determines it; where it is large, whatever stands in the image comes from what the network
    learned. Coefficient by coefficient the share that is measured is λᵢ τ²/(λᵢ τ² + σ²), the gain
    of a Wiener filter, with τ the root mean square of the image.

    The part is an image that a linear reconstruction of this noise could have made: blurred. What
    is left, edges above all, and gaps that are narrower than the blur, the scan has no say in.

    Args:
        forward_model: S, on the device of the images.

    Source:
        C. D. Rodgers, Inverse Methods for Atmospheric Sounding, 2000, section 2.4, for the degrees
        of freedom for signal and this gain.
    """

    def __init__(self, forward_model: LinearModel) -> None:
        solver = Tikhonov(forward_model)
        kept = solver.eigenvalues > _LEAST_EIGENVALUE * solver.eigenvalues[-1]
        self._eigenvalues = solver.eigenvalues[kept]
        # V Λ^½ becomes V.
        self._modes = functional.normalize(solver.to_image[kept])

    def __call__(self, image: Images, noise: Float[Tensor, " batch"]) -> Images:
        """Returns the measured part of each image, (batch, 1, y, x); the rest is the prior's.

        Args:
            image: Images, (batch, 1, y, x).
            noise: σ of each scan, (batch,), in the unit of S c; where it is NaN so is the part.
        """
        strength = self._eigenvalues * image.square().mean(dim=(1, 2, 3))[:, None]
        gains = strength / (strength + noise.to(image)[:, None].square())
        coefficients = image.flatten(1) @ self._modes.T
        # An empty image has an empty part, even of a scan without noise.
        part = (coefficients * torch.where(strength > 0, gains, 0.0)) @ self._modes
        return part.reshape(image.shape)


def measured_share(image: Images, measured: Images) -> Float[Tensor, " batch"]:
    """Returns the share of each image's energy that its scan determines, 0 … 1.

    ⟨c, m⟩/⟨c, c⟩ with m the measured part of c: the mean gain of its coefficients, each with its
    square as weight. 1 for an image that lies wholly in modes which the noise leaves alone, 0 for
    one that S doesn't see; NaN for an empty one.

    Args:
        image: Images, (batch, 1, y, x).
        measured: Their measured parts, (batch, 1, y, x).

    Returns:
        Shares, (batch,).
    """
    energy = image.square().sum(dim=(1, 2, 3))
    share = (image * measured).sum(dim=(1, 2, 3)) / energy
    return torch.where(energy > 0, share, torch.nan)
