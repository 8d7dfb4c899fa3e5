"""The signals of an MDF file, read in blocks: a file may be larger than memory.

Must not know of scanners or images.
"""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.acquisition import Acquisition
from mpi_cascade.mdf.fields import first_name, flag, integer, real, shaped
from mpi_cascade.mdf.hdf5 import MAX_BLOCK_BYTES, HDF5File, num_bytes

_GROUP, _DATA = "/measurement", "/measurement/data"
_WHOLE = slice(None)


class Measurement:
    """Signals (frame, period, channel, bin) in physical units, whatever way a file stores them.

    A bin is a harmonic component of the period where the data are Fourier transformed, else a
    sample in time.

    Args:
        file: The open file.
        acquisition: How its scan was made.

    Attributes:
        shape: Frames, periods, channels, bins.
        is_fourier: Whether the data are Fourier transformed, and so complex.
        is_background_corrected: Whether a background has been subtracted.
        is_transfer_function_corrected: Whether the transfer function is divided out.
        is_background_frame: Which frames were measured without a sample, (N,).
        is_permuted: Whether frames are in another order than that of acquisition.
        acquisition_order: Number of each stored frame in the order of acquisition, from 0.
        components: Number of each bin among the period's Fourier components, 0 the mean, (K,);
            empty for data in time.

    Raises:
        InputError: If shapes or flags contradict each other.
    """

    def __init__(self, file: HDF5File, acquisition: Acquisition) -> None:
        self._file = file
        if _flag_or(file, "isSparsityTransformed", "isBasisTransformed"):
            raise InputError(f"{file.path}: {_DATA} is compressed: store the full system matrix")
        self.is_fourier = _required_flag(file, "isFourierTransformed")
        self.is_background_corrected = _flag_or(file, "isBackgroundCorrected")
        self.is_transfer_function_corrected = _flag_or(file, "isTransferFunctionCorrected")
        self._is_frame_last = _flag_or(file, "isFastFrameAxis", "isTransposed")
        self._parts, self._has_pairs = self._find_parts()
        stored = self._parts[0].shape[:4]
        order = (3, 0, 1, 2) if self._is_frame_last else (0, 1, 2, 3)
        self.shape = tuple(int(stored[axis]) for axis in order)
        self._check_shape(acquisition)
        self.components = self._find_components(acquisition)
        self.is_background_frame = self._find_background()
        self.is_permuted = _flag_or(file, "isFramePermutation")
        self.acquisition_order = self._find_order()
        self._conversion = self._find_conversion()

    def read(self, frames: slice = _WHOLE, bins: slice = _WHOLE) -> NDArray[Any]:
        """Returns a block of signals, (frame, period, channel, bin), in the file's unit.

        Raises:
            InputError: If the block is too large for memory, can't be read, or has NaN or infinite
                values.
        """
        return self._in_unit(self._stored(frames, bins))

    def by_frame(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yields all frames in blocks of about 64 MiB, each with its place.

        Raises:
            InputError: If a block can't be read, or at the end if all were zero.
        """
        return self._blocks(0)

    def by_bin(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yields all frequencies (or samples) in blocks of about 64 MiB, each with its place.

        Raises:
            InputError: If a block can't be read, or at the end if all were zero.
        """
        return self._blocks(3)

    def _blocks(self, axis: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        total = sum(map(num_bytes, self._parts))
        step = max(1, int(MAX_BLOCK_BYTES / 16 * self.shape[axis] / total))
        has_signal = False
        for start in range(0, self.shape[axis], step):
            part = slice(start, min(start + step, self.shape[axis]))
            values = self._stored(part, _WHOLE) if axis == 0 else self._stored(_WHOLE, part)
            has_signal = has_signal or bool(values.any())
            yield part, self._in_unit(values)
        if not has_signal:
            raise InputError(f"{self._file.path}: {_DATA} is zero throughout: nothing was received")

    def _stored(self, frames: slice, bins: slice) -> NDArray[Any]:
        size = sum(map(num_bytes, self._parts)) / (self.shape[0] * self.shape[3])
        size *= len(range(self.shape[0])[frames]) * len(range(self.shape[3])[bins])
        if size > MAX_BLOCK_BYTES:
            raise InputError(
                f"{self._file.path}: {_DATA} has {size / 2**30:.1f} GiB: read fewer frames or "
                "frequencies at once"
            )
        selection = (
            (_WHOLE, _WHOLE, bins, frames)
            if self._is_frame_last
            else (frames, _WHOLE, _WHOLE, bins)
        )
        values = self._file.block(_DATA, self._parts, selection)
        if self._has_pairs:
            values = values[..., 0] + 1j * values[..., 1]
        self._file.require_finite(_DATA, values)
        return np.moveaxis(values, 3, 0) if self._is_frame_last else values

    def _find_parts(self) -> tuple[list[h5py.Dataset], bool]:
        parts = self._file.parts(_DATA)
        is_complex = len(parts) == 2 or parts[0].dtype.kind == "c" or parts[0].dtype.names
        shape = parts[0].shape
        # Before v2.0 was final, real and imaginary part made a last axis of two.
        has_pairs = not is_complex and len(shape) == 5 and shape[4] == 2
        if len(shape) != 4 + has_pairs:
            raise InputError(
                f"{self._file.path}: {_DATA} has the shape {shape}: it must have four axes, "
                "frames, periods, channels and samples or frequencies"
            )
        if bool(is_complex or has_pairs) != self.is_fourier:
            raise InputError(
                f"{self._file.path}: {_DATA} is {parts[0].dtype}, but isFourierTransformed is "
                f"{int(self.is_fourier)}: signals in time are real, their spectra complex"
            )
        return parts, has_pairs

    def _check_shape(self, acquisition: Acquisition) -> None:
        path, (num_frames, num_periods, num_channels, num_bins) = self._file.path, self.shape
        stated = {
            "frames": (first_name(self._file, "/acquisition/numFrames"), num_frames),
            "periods": (
                first_name(
                    self._file, "/acquisition/numPeriodsPerFrame", "/acquisition/numPeriods",
                    "/acquisition/numPatches",
                ),
                num_periods,
            ),
            "channels": (first_name(self._file, "/acquisition/receiver/numChannels"), num_channels),
        }  # fmt: skip
        for what, (name, length) in stated.items():
            if name and integer(self._file, name) != length:
                raise InputError(
                    f"{path}: {_DATA} has {length} {what}, {name} is "
                    f"{integer(self._file, name)}: they must agree"
                )
        most = acquisition.num_sampling_points
        if num_bins > most // 2 + 1 if self.is_fourier else num_bins != most:
            raise InputError(
                f"{path}: {_DATA} has {num_bins} bins, which do not fit "
                f"/acquisition/receiver/numSamplingPoints of {most}"
            )

    def _find_components(self, acquisition: Acquisition) -> NDArray[np.int64]:
        if not self.is_fourier:
            return np.empty(0, np.int64)
        most = acquisition.num_sampling_points // 2 + 1
        if not _flag_or(self._file, "isFrequencySelection"):
            if self.shape[3] != most:
                raise InputError(
                    f"{self._file.path}: {_DATA} has {self.shape[3]} frequencies of {most} without "
                    "isFrequencySelection: say which ones in frequencySelection"
                )
            return np.arange(most)
        name = f"{_GROUP}/frequencySelection"
        selected = self._numbering(name, self.shape[3], most)
        if (np.diff(selected) <= 0).any():
            raise InputError(f"{self._file.path}: {name} is not ascending")
        return selected

    def _find_background(self) -> NDArray[np.bool_]:
        name = f"{_GROUP}/isBackgroundFrame"
        if self._file.find(name) is None:
            return np.zeros(self.shape[0], np.bool_)
        values = np.ravel(real(self._file, name))
        if len(values) != self.shape[0] or not np.isin(values, (0, 1)).all():
            raise InputError(
                f"{self._file.path}: {name} must hold 0 or 1 for each of {self.shape[0]} frames"
            )
        if values.all():
            raise InputError(f"{self._file.path}: {name} marks all frames: there is no signal")
        return values == 1

    def _find_order(self) -> NDArray[np.int64]:
        if not self.is_permuted:
            return np.arange(self.shape[0])
        name = f"{_GROUP}/framePermutation"
        order = self._numbering(name, self.shape[0], self.shape[0])
        if len(np.unique(order)) != len(order):
            raise InputError(
                f"{self._file.path}: {name} names a frame twice: it must be a permutation"
            )
        return order

    def _numbering(self, name: str, length: int, most: int) -> NDArray[np.int64]:
        """Returns a list of the format's numbers 1 … most, from 0."""
        values = np.ravel(real(self._file, name))
        is_valid = (values == np.round(values)) & (values >= 1) & (values <= most)
        if len(values) != length or not is_valid.all():
            raise InputError(
                f"{self._file.path}: {name} must hold {length} numbers of 1 … {most}, as "
                f"{_DATA} has {length}"
            )
        return values.astype(np.int64) - 1

    def _find_conversion(self) -> NDArray[np.float64] | None:
        receiver = "/acquisition/receiver/dataConversionFactor"
        name = first_name(self._file, receiver, f"{_GROUP}/dataConversionFactor")
        if name is None:
            return None
        factors = shaped(self._file, name, 2)
        if factors.shape != (self.shape[2], 2):
            raise InputError(
                f"{self._file.path}: {name} has the shape {factors.shape}: it must hold a factor "
                f"and an offset for each of {self.shape[2]} channels"
            )
        return factors

    def _in_unit(self, values: NDArray[Any]) -> NDArray[Any]:
        """Returns a·values + b; a spectrum has b at frequency 0 alone, where it is left out."""
        if self._conversion is None:
            return values
        scaled = values * self._conversion[:, :1]
        return scaled if self.is_fourier else scaled + self._conversion[:, 1:]


def _flag_or(file: HDF5File, *names: str) -> bool:
    """Returns the first of several flags of ``/measurement`` that the file has, else False."""
    name = first_name(file, *(f"{_GROUP}/{name}" for name in names))
    return flag(file, name) if name else False


def _required_flag(file: HDF5File, name: str) -> bool:
    if file.find(_GROUP) is None:
        raise InputError(
            f"{file.path} has no group {_GROUP}, so no signals: it holds "
            f"{', '.join(file.names()) or 'nothing'}"
        )
    return flag(file, f"{_GROUP}/{name}")
