"""d′ between a pair of discs and the single capsule most like it, over the gap."""

import matplotlib.pyplot as plt
import torch

from mpi_cascade import ForwardModel, Scanner
from mpi_cascade.evaluation.detectability import detectability
from mpi_cascade.phantoms.scenes import PairGeometry

gaps_mm = torch.tensor([0.05, 0.1, 0.2, 0.3, 0.5])
num = len(gaps_mm)
forward_model = ForwardModel(Scanner(), (192, 192))
figure, axis = plt.subplots(figsize=(6.5, 3.6))
for direction, name in (((1.0, 0.0), "along x"), ((0.0, 1.0), "along y")):
    pairs = PairGeometry(
        centre_m=torch.zeros(num, 2),
        direction=torch.tensor([direction]).expand(num, 2),
        diameter_m=torch.full((num,), 0.4e-3),
        gap_m=1e-3 * gaps_mm,
    )
    at_30_db = detectability(forward_model, pairs, 30.0)
    colour = "C0" if name == "along x" else "C1"
    for snr_db, style in ((30, "-"), (40, "--")):
        # The noise alone changes, and d′ goes with its inverse.
        d_prime = at_30_db * 10 ** ((snr_db - 30) / 20)
        axis.plot(gaps_mm, d_prime, style, marker="o", color=colour, label=f"{name}, {snr_db} dB")
axis.axhline(4, color="0.5", linestyle=":")
axis.text(0.27, 4.4, "an ideal observer errs in 2 %", color="0.4")
axis.set(xlabel="gap / mm", ylabel="d′", yscale="log")
axis.legend(frameon=False, fontsize="small")
