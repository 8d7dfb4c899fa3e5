"""Losses of the measurements that an image would give."""

from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError, Positive, check_arguments
from mpi_cascade.losses.pixel import mean_root_square
from mpi_cascade.losses.terms import SampleLoss
from mpi_cascade.physics.linear import Images, LinearModel
from mpi_cascade.scans.simulated import Sample


class DataConsistency(SampleLoss):
    """Root mean square of S c − u over a scan's measurements, averaged over the scans.

    S is the model that a reconstruction believes in and u has noise, so the truth has a loss too:
    about the noise's standard deviation. What lies in the near-null space of S has none, so this
    loss needs another one beside it.

    Args:
        forward_model: S, on the grid of the images; in a training, ``use`` gives it.
        floor: Residual, in units of the signal, below which a scan counts as explained, > 0;
            keeps the gradient finite.

    Raises:
        InputError: If ``floor`` is not positive, or if there is no model (when called).
    """

    def __init__(self, forward_model: LinearModel | None = None, floor: Positive = 1e-4) -> None:
        super().__init__()
        self.forward_model = forward_model
        self.floor = floor
        check_arguments(self)

    def use(self, forward_model: LinearModel) -> None:
        """Takes a forward model, in place of any that it had."""
        self.forward_model = forward_model

    def forward(self, estimate: Images, sample: Sample) -> Float[Tensor, ""]:
        """Returns the mean over scans of √(mean|S c − u|² + floor²) − floor, 0 where S c = u."""
        if self.forward_model is None:
            raise InputError(
                "DataConsistency has no forward model to compare an image with the signal: give "
                "it one when it is made, or with use(forward_model) before it is called"
            )
        # Mixed precision may hand over an image in bfloat16, which has no FFT.
        signal = self.forward_model(estimate.to(sample.signal.dtype))
        return mean_root_square(signal - sample.signal, self.floor)
