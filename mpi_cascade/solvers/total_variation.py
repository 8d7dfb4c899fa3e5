"""The objective that FISTA and ADMM share: least squares, total variation, L1 and c ≥ 0.

It is ½‖S c − u‖² + p·(w_tv·TV(c) + w_l1·‖c‖₁) of each scan, with p = max|u|; TV(c) = Σ|∇c| is
isotropic. As the weights are relative to the peak p of each scan, c is the minimiser for u exactly
if α c is that for α u: like the noise, they follow the peak.

Source:
    M. Storath et al., IEEE TMI 36, 2017, doi:10.1109/TMI.2016.2593954, for non-negative total
    variation and L1 in magnetic particle imaging.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.physics.linear import Images, LinearModel, Signals

# Of 150 power iterations from a random start in up to 10⁵ dimensions, 0.871·ln(n)/149 is missing
# in the mean (Kuczyński and Woźniakowski 1992).
_POWER_ITERATIONS, _POWER_MARGIN = 150, 1.07


def peaks(signal: Signals) -> Float[Tensor, "batch 1 1 1"]:
    """Returns max|u| of each scan, or 1 for an empty one, so that it can be divided by."""
    peak = signal.abs().amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(peak > 0, peak, 1)


def gradient(image: Images) -> Float[Tensor, "batch 2 ny nx"]:
    """Returns the forward differences ∇c along y and x, 0 at the far edge (Neumann)."""
    differences = image.new_zeros(len(image), 2, *image.shape[-2:])
    torch.sub(image[:, 0, 1:], image[:, 0, :-1], out=differences[:, 0, :-1])
    torch.sub(image[:, 0, :, 1:], image[:, 0, :, :-1], out=differences[:, 1, :, :-1])
    return differences


def gradient_adjoint(field: Float[Tensor, "batch 2 ny nx"]) -> Images:
    """Returns ∇ᵀ of a vector field (y, x), which is minus its divergence."""
    image = field.new_zeros(len(field), 1, *field.shape[-2:])
    along_y, along_x = field[:, 0, :-1], field[:, 1, :, :-1]
    image[:, 0, 1:] += along_y
    image[:, 0, :-1] -= along_y
    image[:, 0, :, 1:] += along_x
    image[:, 0, :, :-1] -= along_x
    return image


def clip_vectors(
    field: Float[Tensor, "batch 2 ny nx"], length: float
) -> Float[Tensor, "batch 2 ny nx"]:
    """Returns the nearest field whose vectors are no longer than ``length`` ≥ 0.

    What it takes off is the shrinkage of the vectors by ``length`` (Moreau).
    """
    smallest = max(length, torch.finfo(field.dtype).tiny)
    # Some forty times as fast as norm(dim=1), with which either solver would spend half its time.
    lengths = torch.hypot(field[:, :1], field[:, 1:])
    return field * (length / lengths.clamp_min(smallest))


def squared_norm(forward_model: LinearModel) -> float:
    """Returns ‖S‖², the largest eigenvalue of Sᵀ S, from above by a few percent.

    The bound max|transfer function|² would be 1.6 times too large at the reference scanner.

    Source:
        J. Kuczyński and H. Woźniakowski, SIAM J. Matrix Anal. Appl. 13, 1992,
        doi:10.1137/0613066, for how far the power method is off.
    """
    device = forward_model.device
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 1, *forward_model.image_shape, generator=generator).to(device)
    for _ in range(_POWER_ITERATIONS):
        image = forward_model.adjoint(forward_model(image / image.norm()))
    return _POWER_MARGIN * float(image.norm())
