"""The limit that noise allows: how surely an ideal observer tells a pair of discs from a capsule.

The observer knows both candidates exactly and sees every measurement in white Gaussian noise; d′ is
then the distance of the two noise-free signals in units of the noise's standard deviation, and at
d′ = 4 it errs in 2 % of the cases. The discs count as told apart only if no single capsule would
make the same signal.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from mpi_cascade.phantoms.rendering import Shape, render
from mpi_cascade.phantoms.scenes import PairGeometry, capsule_shapes, pair_shapes
from mpi_cascade.physics.forward import ForwardModel

_START = (1.05, 0.8)
_LARGEST = 2.0
_SHORTEST = 0.5


class Capsules(NamedTuple):
    """The single capsule most like each pair of a batch.

    Attributes:
        d_prime: d′ between pair and capsule at a peak SNR of 0 dB, (batch,).
        length: Length over that of the pair, (batch,).
        width: Width over the diameter of the pair's discs, (batch,).
        concentration: Concentration over that of the pair, (batch,).
    """

    d_prime: Float[Tensor, " batch"]
    length: Float[Tensor, " batch"]
    width: Float[Tensor, " batch"]
    concentration: Float[Tensor, " batch"]


@torch.no_grad()
def least_favourable(
    forward_model: ForwardModel, pairs: PairGeometry, null_model: ForwardModel | None = None
) -> Capsules:
    """Returns the single capsule, of any length, width and concentration, most like each pair.

    The capsule has the pair's centre and direction: by symmetry no other place fits better.

    Args:
        forward_model: S, on a grid several times as fine as discs and gaps: for discs of 0.4 mm and
            gaps of 0.05 mm, pixels of 0.025 mm give the d′ of finer ones to 2 %.
        pairs: The pairs, of concentration 1.
        null_model: The model that makes the capsules' signals, where the observer doesn't know the
            scanner; by default the same.
    """
    found = [
        _most_alike(forward_model, pairs.cases(slice(i, i + 1)), null_model or forward_model)
        for i in range(len(pairs.gap_m))
    ]
    return Capsules(*pairs.gap_m.new_tensor(found).reshape(-1, 4).T)


def detectability(
    forward_model: ForwardModel, pairs: PairGeometry, peak_snr_db: float
) -> Float[Tensor, " batch"]:
    """Returns d′ between each pair and the single capsule whose signal is most like the pair's.

    d′ = min ‖S(c_pair − a·c_capsule(l, w))‖/σ over the capsule's length l, width w ≥ one pixel and
    concentration a, with σ = max|S c_pair|·10^(−SNR/20).

    Args:
        forward_model: S, on a fine grid; see ``least_favourable``.
        pairs: The pairs, of concentration 1.
        peak_snr_db: Peak signal-to-noise ratio in dB.

    Returns:
        d′ ≥ 0, (batch,).

    Source:
        H. H. Barrett and K. J. Myers, Foundations of Image Science, 2004, section 13.2.
    """
    return least_favourable(forward_model, pairs).d_prime * amplitude_ratio(peak_snr_db)


@torch.no_grad()
def outline_detectability(
    forward_model: ForwardModel, pairs: PairGeometry, peak_snr_db: float
) -> Float[Tensor, " batch"]:
    """Returns d′ between each pair and the capsule of its outline at the best concentration.

    The capsule is as long as the pair and as wide as its discs. Never less than ``detectability``,
    whose capsule has its length and width free: this one is for observers who know both.

    Args:
        forward_model: S, on a grid several times as fine as discs and gaps.
        pairs: The pairs, of concentration 1.
        peak_snr_db: Peak signal-to-noise ratio in dB.

    Returns:
        d′ ≥ 0, (batch,).
    """
    signal = _signal(forward_model, pair_shapes(pairs), len(pairs.gap_m))
    capsule = _signal(forward_model, capsule_shapes(pairs), len(pairs.gap_m))
    return (_fit(signal, capsule)[0] * amplitude_ratio(peak_snr_db)).to(pairs.gap_m)


def amplitude_ratio(peak_snr_db: float) -> float:
    """Returns the ratio of amplitudes of a peak signal-to-noise ratio in dB."""
    return float(10 ** (peak_snr_db / 20))


def _most_alike(
    forward_model: ForwardModel, pair: PairGeometry, null_model: ForwardModel
) -> tuple[float, float, float, float]:
    """Returns the numbers of ``Capsules`` of one pair."""
    signal = _signal(forward_model, pair_shapes(pair), 1)
    pixel_m = max(
        size_m / num
        for size_m, num in zip(
            forward_model.scanner.field_of_view_m, forward_model.image_shape, strict=True
        )
    )

    def fit(scales: Sequence[float]) -> tuple[Tensor, Tensor]:
        shapes = capsule_shapes(scaled_outlines(pair, *map(pair.gap_m.new_tensor, scales)))
        return _fit(signal, _signal(null_model, shapes, 1))

    # A simplex needs no derivatives, which the rendered edges would make rough.
    narrowest = min(pixel_m / pair.diameter_m.item(), 1.0)
    unit = fit(_START)[0].item()
    found = minimize(
        lambda scales: fit(scales.tolist())[0].item() / unit,
        _START,
        method="Nelder-Mead",
        bounds=((_SHORTEST, _LARGEST), (narrowest, _LARGEST)),
        options={"xatol": 1e-3, "fatol": 1e-4},
    )
    distance, concentration = fit(found.x.tolist())
    length, width = found.x.tolist()
    return distance.item(), length, width, concentration.item()


def _fit(
    signal: Tensor, capsule: Tensor
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Returns min over a of ‖signal − a·capsule‖/max|signal| for each pair, and the best a."""
    concentration = (signal * capsule).sum(dim=1) / capsule.square().sum(dim=1)
    residual = signal - concentration[:, None] * capsule
    return residual.norm(dim=1) / signal.abs().amax(dim=1), concentration


def _signal(
    forward_model: ForwardModel, shapes: Sequence[Shape], num_samples: int
) -> Float[Tensor, "batch measurements"]:
    shape, size_m = forward_model.image_shape, forward_model.scanner.field_of_view_m
    # In double precision, as the signals of a close pair and its capsule nearly cancel.
    return forward_model(render(shapes, num_samples, shape, size_m)).double().flatten(1)


def scaled_outlines(pairs: PairGeometry, length: Tensor, width: Tensor) -> PairGeometry:
    """Returns the outlines of capsules where pairs lie, theirs scaled along and across.

    Args:
        pairs: The pairs.
        length: Length of the capsules over that of the pairs.
        width: Width over the diameter of the discs.

    Returns:
        Pairs whose outlines the capsules have.
    """
    width_m = width * pairs.diameter_m
    length_m = length * (2 * pairs.diameter_m + pairs.gap_m)
    # The capsule that spans two discs of this width, one and the same disc where it has no length.
    gap_m = torch.maximum(length_m - 2 * width_m, -width_m)
    return pairs._replace(diameter_m=width_m, gap_m=gap_m)
