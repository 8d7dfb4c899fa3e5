"""MDF files written by hand with h5py alone after the format's text, to change field by field."""

from pathlib import Path

import h5py
import numpy as np

NUM_FRAMES, NUM_PERIODS, NUM_CHANNELS, NUM_SAMPLES = 6, 2, 3, 16
NUM_COMPONENTS = NUM_SAMPLES // 2 + 1
FLAGS = (
    "isBackgroundCorrected", "isFastFrameAxis", "isFourierTransformed", "isFramePermutation",
    "isFrequencySelection", "isSparsityTransformed", "isSpectralLeakageCorrected",
    "isTransferFunctionCorrected",
)  # fmt: skip


def time_signals() -> np.ndarray:
    shape = (NUM_FRAMES, NUM_PERIODS, NUM_CHANNELS, NUM_SAMPLES)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def spectra() -> np.ndarray:
    return np.fft.rfft(time_signals()).astype(np.complex64)


def measured_fields() -> dict[str, object]:
    """A measured scan in time, v2.1, with two background frames."""
    drive, receiver = "/acquisition/drivefield", "/acquisition/receiver"
    return {
        "/version": "2.1.0",
        "/uuid": "3170fdf8-f8e1-4cbf-ac73-41520b41f6ee",
        "/time": "2020-06-16T10:00:00.000",
        "/experiment/isSimulation": np.int8(0),
        "/acquisition/numFrames": NUM_FRAMES,
        "/acquisition/numPeriodsPerFrame": NUM_PERIODS,
        "/acquisition/numAverages": 10,
        "/acquisition/gradient": np.broadcast_to(
            np.diag([-1.0, -1.0, 2.0]), (NUM_PERIODS, 1, 3, 3)
        ),
        "/acquisition/offsetField": np.zeros((NUM_PERIODS, 1, 3)),
        f"{drive}/baseFrequency": 2.5e6,
        f"{drive}/divider": np.array([[100]]),
        f"{drive}/strength": np.full((NUM_PERIODS, 1, 1), 0.012),
        f"{drive}/phase": np.zeros((NUM_PERIODS, 1, 1)),
        f"{drive}/waveform": [["sine"]],
        f"{receiver}/numChannels": NUM_CHANNELS,
        f"{receiver}/numSamplingPoints": NUM_SAMPLES,
        f"{receiver}/bandwidth": 2e5,
        f"{receiver}/unit": "V",
        "/measurement/data": time_signals(),
        "/measurement/isBackgroundFrame": np.array([0, 0, 0, 0, 1, 1], np.int8),
        **{f"/measurement/{flag}": np.int8(0) for flag in FLAGS},
    }


def calibration_fields() -> dict[str, object]:
    """A system matrix of 2 × 2 voxels in the grid's order, background last, frames fastest."""
    return {
        **measured_fields(),
        "/measurement/data": np.moveaxis(spectra(), 0, 3),
        "/measurement/isFastFrameAxis": np.int8(1),
        "/measurement/isFourierTransformed": np.int8(1),
        "/measurement/isFramePermutation": np.int8(1),
        "/measurement/framePermutation": np.array([2, 3, 4, 5, 1, 6]),
        "/calibration/method": "robot",
        "/calibration/size": np.array([2, 2, 1]),
        "/calibration/fieldOfView": np.array([0.02, 0.04, 0.001]),
        "/calibration/fieldOfViewCenter": np.array([0.1, 0.0, 0.0]),
    }


def write_hdf5(path: Path, fields: dict[str, object]) -> Path:
    """Writes fields by absolute name; those of None are left out."""
    with h5py.File(path, "w") as file:
        for name, value in fields.items():
            if value is not None:
                file[name] = value
    return path
