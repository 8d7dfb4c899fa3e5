"""The signal equation of a scan of a small sample.

Of harmonic n at position r it is (1 + η·x)·⟨n·c_n(r − r_0)⟩: the voltage of ``physics.psf``
averaged over a square sample, and a receive coil whose sensitivity changes along x.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import harmonic_psfs
from mpi_cascade.physics.scanner import Scanner

_NUM_SAMPLE_NODES = 4


class ScanModel:
    """The signal equation at the positions of a scan; a single line runs through the FFP.

    Args:
        scan: The scan.
        harmonics: The harmonics n.
        device: Where the voltages are computed.
    """

    def __init__(
        self, scan: DeltaSampleScan, harmonics: tuple[int, ...], device: torch.device
    ) -> None:
        self._scan, self._harmonics = scan, harmonics
        self._x_m = torch.from_numpy(scan.x_m).to(device)[:, None, None]
        self._y_m = torch.from_numpy(scan.y_m).to(device)[:, None, None]
        nodes, weights = np.polynomial.legendre.leggauss(_NUM_SAMPLE_NODES)
        self._nodes, self._weights = torch.from_numpy(nodes / 2).to(device), weights / 2
        self._orders = np.array(harmonics)[:, None, None, None]

    def profiles(self, values: dict[str, float]) -> NDArray[np.float64]:
        """Returns (1 + η·x)·⟨n·c_n(r − r_0)⟩, (harmonics, positions).

        Args:
            values: The fitted quantities by name.
        """
        gradient = values["gradient_x_t_per_m"]
        scanner = Scanner(
            gradient_x_t_per_m=gradient,
            gradient_y_t_per_m=values.get("gradient_y_t_per_m", gradient),
            drive_amplitude_t=self._scan.drive_amplitude_t,
            particle=Particle(core_diameter_m=values["core_diameter_m"]),
        )
        spread_m = values["sample_size_m"] * self._nodes
        x_m = self._x_m - values["offset_x_m"] + spread_m
        if self._scan.is_line:
            y_m = torch.zeros_like(self._y_m[:1])
        else:
            y_m = self._y_m - values["offset_y_m"] + spread_m[:, None]
        voltage = self._orders * harmonic_psfs(scanner, self._harmonics, x_m, y_m).numpy(force=True)
        over_x = voltage @ self._weights
        # On a line all of y is one node.
        over_y = over_x[..., 0] if self._scan.is_line else over_x @ self._weights
        return over_y * (1 + values["sensitivity_slope_per_m"] * self._scan.x_m)
