"""Scans as a sheet of pictures shows them."""

from typing import Any

import numpy as np

from mpi_cascade.reconstruction.sheets import Shown


def shown_scan(shape: tuple[int, int] = (6, 5), **what: Any) -> Shown:
    """Returns a scan whose images are of zeros, but for what is given.

    Args:
        shape: Pixels (y, x) of the images.
        **what: What isn't as usual, as ``Shown`` names it.
    """
    zeros = np.zeros(shape, np.float32)
    usual = {name: zeros for name in ("preliminary", "final", "measured", "prior")}
    usual |= {"lower": zeros, "upper": zeros, "signal": np.zeros((1, 3, 4), np.float32)}
    told = {"title": "scan 0", "share": 0.25, "pairs": (), "withheld": None}
    return Shown(**{**usual, **told, **what})
