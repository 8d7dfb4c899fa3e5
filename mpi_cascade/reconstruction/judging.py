"""How far a scan and its image can be trusted: residual, noise, and what training scans have."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.evidence.evidence import Evidence, ScanFit
from mpi_cascade.evidence.measured_part import MeasuredPart, measured_share
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.trained import TrainedCascade

_NUM_TRAINING = 256
_BATCH = 32

# What is usual among training scans, and how far beyond it a scan must be.
_USUAL = (0.05, 0.95)
_FACTOR = 2.0
_MARGIN_DB = 3.0
# Beyond it, by a factor, no tracer does what a missing scale does.
_NO_UNIT = 100.0


@dataclass(frozen=True, eq=False)
class Quality(ScanFit):
    """What is known of each of some scans, (batch,), and of its final image.

    Attributes:
        measured_share: Share of the image's energy that the scan determines above its noise, 0 … 1;
            the rest is the prior's.
    """

    measured_share: Float[Tensor, " batch"]

    def of_usable(self, is_usable: Bool[Tensor, " batch"]) -> "Quality":
        """Returns the quality with NaN for the scans that can't be used."""
        return Quality(*(values.where(is_usable, torch.nan) for values in vars(self).values()))


class Judge:
    """Compares scans and their images with those of the training.

    Args:
        cascade: The trained cascade; 256 scans of its scanner, with the noise and the spread of its
            training, are simulated and reconstructed.

    Attributes:
        training: Quality of those scans.
    """

    def __init__(self, cascade: TrainedCascade) -> None:
        experiment = cascade.experiment
        self._evidence = Evidence(experiment.forward_model)
        self._measured_part = _measured_part(experiment.forward_model)
        indices = torch.arange(_NUM_TRAINING, device=cascade.device)
        seed = cascade.configuration.get("data", {}).get("training_seed", 0)
        scans = cascade.scans_like_training()
        signal = scans.scan(
            experiment.mixture, RandomStreams(seed, Stream.TRAINING, indices)
        ).signal
        batches = signal.split(_BATCH)
        self.training = joined([self.measure(it, cascade(it).final)[0] for it in batches])

    @torch.no_grad()
    def measure(self, signal: Signals, image: Images) -> tuple[Quality, Images]:
        """Returns the quality of scans, on the CPU, and the part of images that they determine.

        Args:
            signal: Signals, (batch, channel, y, x), on the cascade's device.
            image: Their final images, (batch, 1, y, x).

        Returns:
            The quality, and the measured part (batch, 1, y, x), which is NaN where S is too large
            to say.
        """
        fit = self._evidence.fit(signal, image)
        measured = torch.full_like(image, torch.nan)
        if self._measured_part is not None:
            measured = self._measured_part(image, fit.noise)
        share = measured_share(image, measured)
        return Quality(*(values.cpu() for values in (*vars(fit).values(), share))), measured

    def require_scale(self, peaks: Float[Tensor, " scans"], path: Path) -> None:
        """Raises an InputError if signals are so far from those of training that a scale lacks.

        Args:
            peaks: Largest |u| of each scan of a file; none counts that is 0 or isn't finite.
            path: The file.
        """
        peaks = peaks[peaks.isfinite() & (peaks > 0)]
        low, high = usual(self.training.peak)
        if len(peaks) and not low / _NO_UNIT < float(peaks.median()) < high * _NO_UNIT:
            raise InputError(
                f"{path}: scans reach {float(peaks.median()):.3g}, those of the training {low:.2g} "
                f"… {high:.2g}, so their scale is missing: give the scanner.yaml that calibrate "
                "writes (--scanner), or what a signal of 1 is (--scale)"
            )

    def warnings(self, quality: Quality) -> list[list[str]]:
        """Returns what is wrong with each scan, a few words each; nothing as a rule.

        Usual is what 90 % of scans like the training's have. Beyond it by a factor of two, an SNR
        by 3 dB, a scan is not what the network was trained for.
        """
        low_peak, high_peak = usual(self.training.peak)
        low_snr_db, high_snr_db = usual(self.training.peak_snr_db)
        _, high_ratio = usual(self.training.residual_to_noise)
        has_signal = quality.peak > 0
        checks = {
            "NaN or infinite values, so it is skipped": quality.peak.isnan(),
            "no signal": quality.peak == 0,
            "peak far below training": has_signal & (quality.peak < low_peak / _FACTOR),
            "peak far above training": quality.peak > _FACTOR * high_peak,
            "SNR below training": quality.peak_snr_db < low_snr_db - _MARGIN_DB,
            "SNR above training": quality.peak_snr_db > high_snr_db + _MARGIN_DB,
            "residual far above training": quality.residual_to_noise > _FACTOR * high_ratio,
        }
        return [
            [name for name, is_wrong in checks.items() if is_wrong[scan]]
            for scan in range(len(quality.peak))
        ]


def _measured_part(forward_model: LinearModel) -> MeasuredPart | None:
    """Returns None where S is too large for its eigenbasis: images can do without it."""
    try:
        return MeasuredPart(forward_model)
    except InputError:
        return None


def usual(values: Float[Tensor, " batch"]) -> tuple[float, float]:
    """Returns the values between which 90 % of those lie that are not NaN."""
    low, high = values.nanquantile(torch.tensor(_USUAL), interpolation="nearest").tolist()
    return low, high


def joined(parts: list[Quality]) -> Quality:
    """Returns the quality of several batches as that of one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Quality(*map(torch.cat, columns))
