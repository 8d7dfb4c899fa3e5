"""The package's own scanner in the format's terms.

Every FFP position is a period with an offset field of its own, every received harmonic a selected
frequency: J × C × K with J = FFP positions, C = 1, K = harmonics.
"""

import numpy as np

from mpi_cascade.mdf.fields import SIGNAL_UNIT, Acquisition
from mpi_cascade.physics.scanner import Scanner, cell_centres


def narrowband_acquisition(scanner: Scanner, num_frames: int | None = None) -> Acquisition:
    """Returns how the scanner scans.

    With the FFP at r_F the field is G·(r − r_F), so its offset is −G·r_F. The third gradient makes
    the field free of divergence.

    Args:
        scanner: The scanner; its positions are in the order of its signals, x first.
        num_frames: Frames of the measurement.
    """
    y_m, x_m = (
        cell_centres(count, size).numpy()
        for count, size in zip(scanner.ffp_shape, scanner.field_of_view_m, strict=True)
    )
    gradient = np.array([scanner.gradient_x_t_per_m, scanner.gradient_y_t_per_m, 0.0])
    gradient[2] = -gradient.sum()
    positions_m = np.zeros((len(y_m), len(x_m), 3))
    positions_m[..., 0], positions_m[..., 1] = x_m, y_m[:, None]
    offset_t = -gradient * positions_m.reshape(-1, 1, 3)
    num_periods = len(offset_t)
    # Samples of a period that hold all harmonics: a power of two, 64 at least.
    num_samples = max(64, 1 << (2 * max(scanner.harmonics)).bit_length())
    return Acquisition(
        num_frames=num_frames,
        num_periods=num_periods,
        num_channels=1,
        num_sampling_points=num_samples,
        bandwidth_hz=scanner.drive_frequency_hz * num_samples / 2,
        unit=SIGNAL_UNIT,
        drive_base_hz=scanner.drive_frequency_hz * num_samples,
        drive_divider=np.full((1, 1), num_samples),
        drive_strength_t=np.full((num_periods, 1, 1), scanner.drive_amplitude_t),
        # The drive field is a cosine, the format's waveform a sine.
        drive_phase_rad=np.full((num_periods, 1, 1), np.pi / 2),
        gradient_t_per_m=np.broadcast_to(np.diag(gradient), (num_periods, 1, 3, 3)),
        offset_field_t=offset_t,
    )
