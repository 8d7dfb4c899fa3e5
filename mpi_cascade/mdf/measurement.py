"""The signals of an MDF file, read in blocks: a file may be larger than memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.mdf.fields import Acquisition, Processing
from mpi_cascade.mdf.hdf5 import MAX_BLOCK_BYTES, Numbers
from mpi_cascade.mdf.records import RecordReader

DATA = "/measurement/data"
_WHOLE = slice(None)


class Measurement:
    """Signals (frame, period, channel, bin) in physical units, whatever way a file stores them.

    A bin is a harmonic component of the period where the data are Fourier transformed, else a
    sample in time.

    Args:
        fields: Of the open file.
        data: Its signals.
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

    def __init__(self, fields: RecordReader, data: Numbers, acquisition: Acquisition) -> None:
        how = fields.read(Processing, "/measurement")
        if how.is_compressed:
            raise fields.refusal(DATA, "is compressed: store the full system matrix")
        self._fields, self._data, self._conversion = fields, data, how.conversion
        self.is_fourier = how.is_fourier
        self.is_background_corrected = how.is_background_corrected
        self.is_transfer_function_corrected = how.is_transfer_function_corrected
        self.is_permuted = how.is_permuted
        self._is_frame_last = how.is_frame_last
        # Before v2.0 was final, real and imaginary part made a last axis of two.
        self._has_pairs = not data.is_complex and len(data.shape) == 5 and data.shape[4] == 2
        self.shape = self._find_shape()
        for letter, length in zip("NJCK" if self.is_fourier else "NJCV", self.shape, strict=True):
            fields.agree(DATA, letter, length)
        self.components = self._find_components(how, acquisition.num_sampling_points // 2 + 1)
        self.is_background_frame = self._find_background(how)
        self.acquisition_order = self._find_order(how)

    def read(self, frames: slice = _WHOLE, bins: slice = _WHOLE) -> NDArray[Any]:
        """Returns a block of signals, (frame, period, channel, bin), in the file's unit.

        Raises:
            InputError: If the block is too large for memory, can't be read, or has NaN or infinite
                values.
        """
        return self._in_unit(self._finite(self._stored(frames, bins)))

    def by_frame(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yields all frames in blocks of about 64 MiB, each with its place.

        A frame may have values that are NaN or infinite.

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
        step = max(1, int(MAX_BLOCK_BYTES / 16 * self.shape[axis] / self._data.num_bytes))
        has_signal = False
        for start in range(0, self.shape[axis], step):
            part = slice(start, min(start + step, self.shape[axis]))
            if axis == 0:
                values = self._stored(part, _WHOLE)
            else:
                values = self._finite(self._stored(_WHOLE, part))
            has_signal = has_signal or bool(values.any())
            yield part, self._in_unit(values)
        if not has_signal:
            raise self._fields.refusal(DATA, "is zero throughout: nothing was received")

    def _stored(self, frames: slice, bins: slice) -> NDArray[Any]:
        num_frames, num_bins = self.shape[0], self.shape[3]
        size = self._data.num_bytes / (num_frames * num_bins)
        size *= len(range(num_frames)[frames]) * len(range(num_bins)[bins])
        if size > MAX_BLOCK_BYTES:
            raise self._fields.refusal(
                DATA, f"has {size / 2**30:.1f} GiB: read fewer frames or frequencies at once"
            )
        first_or_last = (_WHOLE, _WHOLE, bins, frames) if self._is_frame_last else (
            frames, _WHOLE, _WHOLE, bins
        )  # fmt: skip
        values = self._data.read(first_or_last)
        if self._has_pairs:
            values = values[..., 0] + 1j * values[..., 1]
        return np.moveaxis(values, 3, 0) if self._is_frame_last else values

    def _finite(self, values: NDArray[Any]) -> NDArray[Any]:
        if not np.isfinite(values).all():
            raise self._fields.refusal(
                DATA, "has NaN or infinite values: leave out what was not measured"
            )
        return values

    def _find_shape(self) -> tuple[int, ...]:
        stored = self._data.shape
        if len(stored) != 4 + self._has_pairs:
            raise self._fields.refusal(
                DATA,
                f"has the shape {stored}: it must have four axes, frames, periods, channels and "
                "samples or frequencies",
            )
        if (self._data.is_complex or self._has_pairs) != self.is_fourier:
            raise self._fields.refusal(
                DATA,
                f"is {self._data.dtype}, but isFourierTransformed is {int(self.is_fourier)}: "
                "signals in time are real, their spectra complex",
            )
        return (stored[3], *stored[:3]) if self._is_frame_last else stored[:4]

    def _find_components(self, how: Processing, num_components: int) -> NDArray[np.int64]:
        if not self.is_fourier:
            return np.empty(0, np.int64)
        selected = how.frequency_selection
        if selected is None:
            if self.shape[3] != num_components:
                raise self._fields.refusal(
                    DATA,
                    f"has {self.shape[3]} frequencies of {num_components} without "
                    "isFrequencySelection: say which ones in frequencySelection",
                )
            return np.arange(num_components)
        if (np.diff(selected) <= 0).any() or selected[-1] > num_components:
            raise self._fields.refusal(
                "/measurement/frequencySelection",
                f"must hold ascending numbers of 1 … {num_components}",
            )
        return selected - 1

    def _find_background(self, how: Processing) -> NDArray[np.bool_]:
        if how.is_background_frame is None:
            return np.zeros(self.shape[0], np.bool_)
        if how.is_background_frame.all():
            raise self._fields.refusal(
                "/measurement/isBackgroundFrame", "marks all frames: there is no signal"
            )
        return how.is_background_frame

    def _find_order(self, how: Processing) -> NDArray[np.int64]:
        numbers = np.arange(self.shape[0])
        if how.frame_permutation is None:
            return numbers
        if not np.array_equal(np.sort(how.frame_permutation) - 1, numbers):
            raise self._fields.refusal(
                "/measurement/framePermutation", f"must hold each of 1 … {len(numbers)} once"
            )
        return how.frame_permutation - 1

    def _in_unit(self, values: NDArray[Any]) -> NDArray[Any]:
        """Returns a·values + b; a spectrum has b at frequency 0 alone, where it is left out."""
        if self._conversion is None:
            return values
        scaled = values * self._conversion[:, :1]
        return scaled if self.is_fourier else scaled + self._conversion[:, 1:]
