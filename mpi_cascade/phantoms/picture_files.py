"""Reads the pictures of image files."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mpi_cascade.checks import InputError

_ENDINGS = (".npy", ".png", ".nii", ".nii.gz")
_GREY = ("L", "I", "F", "I;16", "I;16B", "I;16L")


def picture_paths(paths: Sequence[Path]) -> list[Path]:
    """Returns files, and in place of folders the pictures in them by name.

    Args:
        paths: Files and folders.

    Raises:
        InputError: If there are none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.name.lower().endswith(_ENDINGS))
            if not inside:
                raise InputError(f"{path} holds no picture: put {_listed()} into it")
            found += inside
        else:
            found.append(path)
    if not found:
        raise InputError(f"files names no picture: give {_listed()} or a folder of them")
    return found


def read_pictures(path: Path) -> list[NDArray[np.float64]]:
    """Returns the pictures of one file, each (y, x) with y upwards.

    Args:
        path: A ``.npy``, ``.png``, ``.nii`` or ``.nii.gz``.

    Raises:
        InputError: If it can't be read as that.
    """
    name = path.name.lower()
    if not name.endswith(_ENDINGS):
        raise InputError(f"{path} is no picture that can be read: give {_listed()}")
    try:
        if name.endswith(".npy"):
            stack = np.load(path, allow_pickle=False)
        elif name.endswith(".png"):
            with Image.open(path) as picture:
                grey = picture if picture.mode in _GREY else picture.convert("L")
                stack = np.asarray(grey)[::-1]
        else:
            stack = _read_nifti(path)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} isn't there: name a file or a folder of pictures") from error
    # The readers raise whatever they raise at what they can't read.
    except Exception as error:
        raise InputError(f"{path} can't be read as a picture: save it anew") from error
    if stack.dtype.kind not in "buif":
        raise InputError(f"{path} holds {stack.dtype}: a picture must hold real numbers")
    if stack.ndim not in (2, 3) or stack.size == 0:
        raise InputError(
            f"{path} has the shape {list(stack.shape)}: give a picture (y, x) or several (n, y, x)"
        )
    values = np.asarray(stack, np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(
            f"{path} has values that are negative or not finite: they stand for concentrations, "
            "so make them 0 or more"
        )
    pictures = [picture for picture in values.reshape(-1, *values.shape[-2:]) if picture.any()]
    if not pictures:
        raise InputError(f"{path} is 0 throughout: leave it out")
    return pictures


def _read_nifti(path: Path) -> NDArray[np.float64]:
    """Returns the slices along the third axis, (n, y, x)."""
    if find_spec("nibabel") is None:
        raise InputError(f"{path} needs nibabel: install it with pip install -e '.[nifti]'")
    import nibabel

    image = nibabel.load(path)
    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise InputError(f"{path} is no image of voxels: give a NIfTI volume")
    values = np.asarray(image.get_fdata(), np.float64)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    return values.T if values.ndim <= 3 else values


def _listed() -> str:
    return f"{', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}"
