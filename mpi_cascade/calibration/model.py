"""The signal equation of a scan of a small sample.

Of harmonic n at position r it is (1 + η·x)·⟨n·c_n(r − r_0)⟩: the voltage of ``physics.psf``
averaged over a square sample, and a receive coil whose sensitivity changes along x.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import harmonic_psfs
from mpi_cascade.physics.scanner import Scanner

_NUM_SAMPLE_NODES = 4


class ScanModel:
    """The signal equation at the positions of a scan.

    Args:
        x_m: Positions along x in m, (positions,).
        y_m: Positions along y in m, (positions,); None on a line, which runs through the FFP.
        drive_amplitude_t: Amplitude of the drive field in T.
        harmonics: The harmonics n.
    """

    def __init__(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64] | None,
        drive_amplitude_t: float,
        harmonics: tuple[int, ...],
    ) -> None:
        self.x_m, self.y_m = x_m, y_m
        self.drive_amplitude_t = drive_amplitude_t
        self.harmonics = harmonics

    def profiles(self, values: dict[str, float]) -> NDArray[np.float64]:
        """Returns (1 + η·x)·⟨n·c_n(r − r_0)⟩, (harmonics, positions).

        Args:
            values: The fitted quantities by name.
        """
        gradient = values["gradient_x_t_per_m"]
        scanner = Scanner(
            gradient_x_t_per_m=gradient,
            gradient_y_t_per_m=values.get("gradient_y_t_per_m", gradient),
            drive_amplitude_t=self.drive_amplitude_t,
            particle=Particle(core_diameter_m=values["core_diameter_m"]),
        )
        nodes, weights = np.polynomial.legendre.leggauss(_NUM_SAMPLE_NODES)
        spread_m = values["sample_size_m"] / 2 * torch.from_numpy(nodes)
        x_m = torch.from_numpy(self.x_m - values["offset_x_m"])[:, None, None] + spread_m
        y_m = torch.zeros(1, 1, 1, dtype=torch.float64)
        if self.y_m is not None:
            y_m = torch.from_numpy(self.y_m - values["offset_y_m"])[:, None, None]
            y_m = y_m + spread_m[:, None]
        orders = np.array(self.harmonics)[:, None, None, None]
        voltage = orders * harmonic_psfs(scanner, self.harmonics, x_m, y_m).numpy()
        over_x = voltage @ (weights / 2)
        # On a line all of y is one node.
        over_y = over_x @ (weights / 2) if self.y_m is not None else over_x[..., 0]
        return over_y * (1 + values["sensitivity_slope_per_m"] * self.x_m)
