"""A scanner that this package knows nothing of: own physics in numpy, own files by h5py alone.

Its tracer follows Langevin's function at once; a coil gives volts in time, −dM/dt through a filter,
with feed-through, its drift, an offset and noise. Nothing here uses the package.
"""

from pathlib import Path

import numpy as np
from mdf_files import FLAGS, write_hdf5

GRADIENT_T_PER_M = np.array([5.02, 2.51])
DRIVE_T, DRIVE_HZ = 4e-3, 25e3
CORE_M, MS_A_PER_M, TEMPERATURE_K = 25.05e-9, 446e3, 300.0
BETA_PER_T = MS_A_PER_M * np.pi / 6 * CORE_M**3 / (1.380649e-23 * TEMPERATURE_K)

NUM_SAMPLES, NUM_CYCLES = 64, 2
"""Samples of a drive period, and drive periods in one of the file's."""
VOLTS = 3.7e-3
"""Hidden: what a mg Fe/ml on a mm² and its full magnetisation give."""
FFP_M = np.array([0.25e-3, -0.15e-3])
"""Hidden: where the robot's coordinates have the FFP."""

SAMPLE_M, SAMPLE_MOL_PER_L = 0.4e-3, 0.1
IRON_MG_PER_MMOL = 55.845
SAMPLE_MG_PER_ML = SAMPLE_MOL_PER_L * IRON_MG_PER_MMOL
ROBOT_X_M, ROBOT_Y_M = np.linspace(-3.15e-3, 3.15e-3, 15), np.linspace(-3.2e-3, 3.2e-3, 9)

FIELD_OF_VIEW_M, NUM_FFP = 6.4e-3, 64

Points = tuple[np.ndarray, np.ndarray]
"""Positions (points, 2) in m, and concentration × area of each in mg Fe/ml·mm²."""


def square(centre_m: np.ndarray, edge_m: float, mg_per_ml: float, num: int = 8) -> Points:
    axis = ((np.arange(num) + 0.5) / num - 0.5) * edge_m
    offsets = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    area_mm2 = (1e3 * edge_m) ** 2
    return centre_m + offsets, np.full(num**2, mg_per_ml * area_mm2 / num**2)


def disc(centre_m: np.ndarray, diameter_m: float, mg_per_ml: float, num: int = 14) -> Points:
    points_m, _ = square(np.zeros(2), diameter_m, mg_per_ml, num)
    points_m = points_m[np.hypot(*points_m.T) <= diameter_m / 2]
    area_mm2 = np.pi / 4 * (1e3 * diameter_m) ** 2
    return centre_m + points_m, np.full(len(points_m), mg_per_ml * area_mm2 / len(points_m))


def pair(gap_m: float, diameter_m: float, mg_per_ml: float) -> Points:
    """Two discs along x, their facing edges a gap apart."""
    half_m = np.array([(gap_m + diameter_m) / 2, 0.0])
    centre_m = np.array([0.31e-3, -0.23e-3])
    discs = [disc(centre_m + side * half_m, diameter_m, mg_per_ml) for side in (-1, 1)]
    return np.concatenate([one[0] for one in discs]), np.concatenate([one[1] for one in discs])


def volts(points: Points, ffp_m: np.ndarray) -> np.ndarray:
    """Returns one drive period at each FFP position, (positions, samples), without disturbances."""
    positions_m, amounts = points
    half = np.cos(2 * np.pi * np.arange(NUM_SAMPLES // 2 + 1) / NUM_SAMPLES)
    moment = np.zeros((len(ffp_m), len(half)))
    for position_m, amount in zip(positions_m, amounts, strict=True):
        static_t = GRADIENT_T_PER_M * (position_m - ffp_m)
        field_x_t = static_t[:, :1] + DRIVE_T * half
        field_t = np.hypot(field_x_t, static_t[:, 1:])
        xi = np.maximum(BETA_PER_T * field_t, 1e-4)
        moment += amount * (1 / np.tanh(xi) - 1 / xi) * field_x_t / np.maximum(field_t, 1e-12)
    # The drive field is even in time, and so is the magnetisation.
    whole = np.concatenate((moment, moment[:, -2:0:-1]), axis=1)
    orders = np.arange(NUM_SAMPLES // 2 + 1)
    filtered = np.fft.rfft(whole) * -1j * orders * _filter(orders)
    return VOLTS * np.fft.irfft(filtered)


def _filter(orders: np.ndarray) -> np.ndarray:
    """The hidden receive chain: a resonance at 5.3 times the drive frequency, and a delay."""
    return np.exp(-0.37j * orders - 0.6j) / (1 - (orders / 5.3) ** 2 + 0.4j * orders)


def frames(clean: np.ndarray, seed: int, snr_db: float) -> np.ndarray:
    """Returns periods in volts as a file has them, (frames, positions, samples), disturbed.

    Args:
        clean: (frames, positions, samples of one drive period); frames of 0 have no sample.
        seed: Of the noise.
        snr_db: Peak of the third harmonic over the noise of its two parts.
    """
    rng = np.random.default_rng(seed)
    third = 2 / NUM_SAMPLES * np.abs(np.fft.rfft(clean)[..., 3]).max()
    cycles = np.tile(clean, NUM_CYCLES)
    time = 2 * np.pi * np.arange(cycles.shape[-1]) / NUM_SAMPLES
    feed_through = third * (
        2 * np.cos(time + 0.4) + 0.5 * np.cos(2 * time) + 0.3 * np.cos(3 * time)
    )
    # It grows by 8 % in all, evenly in the time of measurement.
    drift = 1 + 0.08 * np.linspace(0, 1, len(cycles))[:, None, None]
    sigma = third * 10 ** (-snr_db / 20) * np.sqrt(cycles.shape[-1] / 2)
    return cycles + drift * feed_through + 0.7 * third + sigma * rng.normal(size=cycles.shape)


def write_calibration(path: Path, snr_db: float = 40.0) -> Path:
    """Writes the robot's grid as MDF; every line begins with a frame without the sample."""
    clean, is_background = [], []
    for y_m in ROBOT_Y_M:
        sample_m = np.array([[x_m, y_m] for x_m in ROBOT_X_M]) - FFP_M
        # The sample moves and the FFP does not: the same as the contrary.
        line = volts(square(np.zeros(2), SAMPLE_M, SAMPLE_MG_PER_ML), -sample_m)
        clean += [np.zeros((1, NUM_SAMPLES)), line]
        is_background += [1] + [0] * len(line)
    clean.append(np.zeros((1, NUM_SAMPLES)))
    signals = frames(np.concatenate(clean)[:, None], 1, snr_db)
    size = np.array([len(ROBOT_X_M), len(ROBOT_Y_M), 1])
    steps_m = np.array([np.diff(ROBOT_X_M)[0], np.diff(ROBOT_Y_M)[0], 1e-3])
    return _write(
        path, signals, [*is_background, 1],
        {
            "/calibration/method": "robot",
            "/calibration/size": size,
            "/calibration/fieldOfView": size * steps_m,
            "/calibration/deltaSampleSize": np.full(3, SAMPLE_M),
            "/tracer/name": ["A"], "/tracer/solute": ["Fe"],
            "/tracer/concentration": [SAMPLE_MOL_PER_L],
        },
    )  # fmt: skip


def write_scan(path: Path, points: Points, snr_db: float = 40.0) -> Path:
    """Writes a scan as MDF: lines there and back, between two frames without a sample."""
    axis = ((np.arange(NUM_FFP) + 0.5) / NUM_FFP - 0.5) * FIELD_OF_VIEW_M
    ffp_m = np.stack(np.meshgrid(axis, axis), axis=-1)
    ffp_m[1::2] = ffp_m[1::2, ::-1]
    ffp_m = ffp_m.reshape(-1, 2)
    signal = volts(points, ffp_m)
    signals = frames(np.stack((0 * signal, signal, 0 * signal)), 2, snr_db)
    gradient = np.diag([*GRADIENT_T_PER_M, -GRADIENT_T_PER_M.sum()])
    offset_t = np.pad(-GRADIENT_T_PER_M * ffp_m, ((0, 0), (0, 1)))
    return _write(
        path, signals, [1, 0, 1],
        {
            "/acquisition/gradient": np.broadcast_to(gradient, (len(ffp_m), 1, 3, 3)),
            "/acquisition/offsetField": offset_t[:, None],
        },
    )  # fmt: skip


def _write(path: Path, signals: np.ndarray, is_background: list[int], more: dict) -> Path:
    num_frames, num_periods, num_samples = signals.shape
    drive, receiver = "/acquisition/drivefield", "/acquisition/receiver"
    fields = {
        "/version": "2.1.0",
        "/experiment/isSimulation": np.int8(0),
        "/acquisition/numFrames": num_frames,
        "/acquisition/numPeriodsPerFrame": num_periods,
        f"{drive}/baseFrequency": 100 * DRIVE_HZ,
        f"{drive}/divider": np.array([[100]]),
        f"{drive}/strength": np.full((1, 1, 1), DRIVE_T),
        f"{drive}/phase": np.full((1, 1, 1), np.pi / 2),
        f"{receiver}/numChannels": 1,
        f"{receiver}/numSamplingPoints": num_samples,
        f"{receiver}/bandwidth": DRIVE_HZ * NUM_SAMPLES / 2,
        f"{receiver}/unit": "V",
        **{f"/measurement/{flag}": np.int8(0) for flag in FLAGS},
        "/measurement/isBackgroundFrame": np.array(is_background, np.int8),
        "/measurement/data": signals[:, :, None].astype(np.float32),
        **more,
    }
    return write_hdf5(path, fields)
