"""Images as a NIfTI file, written block by block."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from torch import Tensor

# Lengths of a NIfTI-1 image are 16-bit integers.
_MOST_NIFTI1 = 2**15 - 1
_MOST_DESCRIBED = 79  # Bytes.


def is_available() -> bool:
    """Returns whether nibabel is installed (``pip install -e '.[nifti]'``)."""
    return find_spec("nibabel") is not None


@contextmanager
def new_nifti(
    path: Path,
    num_images: int,
    image_shape: tuple[int, int],
    size_m: tuple[float, float],
    unit: str | None = None,
) -> Iterator[Callable[[Tensor], None]]:
    """Gives what appends images, (batch, 1, y, x), to a new ``.nii.gz``.

    Its axes are x, y, z (one slice) and the scan; its affine maps voxels to mm, 0 the centre.

    Args:
        path: The file.
        num_images: How many images there will be.
        image_shape: Pixels (y, x).
        size_m: Size (y, x) of an image in m.
        unit: Unit of the concentration, if it has one; it stands in the header's ``descrip``.
    """
    import nibabel

    num_y, num_x = image_shape
    is_small = max(num_images, num_y, num_x) <= _MOST_NIFTI1
    header = nibabel.Nifti1Header() if is_small else nibabel.Nifti2Header()
    header.set_data_dtype(np.dtype("<f4"))
    header.set_data_shape((num_x, num_y, 1, num_images))
    header.set_xyzt_units("mm")
    if unit:
        header["descrip"] = f"tracer concentration in {unit}".encode()[:_MOST_DESCRIBED]
    step_mm = np.array([1e3 * size_m[1] / num_x, 1e3 * size_m[0] / num_y])
    # A slice needs some thickness: that of a pixel, as in MDF.
    header.set_zooms((*step_mm, step_mm[0], 1.0))
    affine = np.diag([*step_mm, step_mm[0], 1.0])
    affine[:2, 3] = -step_mm * (np.array([num_x, num_y]) - 1) / 2
    header.set_sform(affine, code="scanner")
    header.set_qform(affine, code="scanner")
    with gzip.open(path, "wb", compresslevel=1) as file:
        header.write_to(file)

        def append(images: Tensor) -> None:
            # x changes fastest in both, then y, then the image.
            file.write(images.numpy(force=True).astype("<f4").tobytes())

        yield append
