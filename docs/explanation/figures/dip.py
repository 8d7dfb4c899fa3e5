"""The dip of two profiles."""

import matplotlib.pyplot as plt
import numpy as np

position = np.linspace(-1, 1, 401)
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
for axis, width in zip(axes, (0.16, 0.3), strict=True):
    profile = sum(np.exp(-(((position - place) / width) ** 2)) for place in (-0.35, 0.35))
    inside = (np.abs(np.abs(position) - 0.35) < 0.2) * profile
    peak, valley = inside.max(), profile[np.abs(position) < 0.35].min()
    for place in (-0.35, 0.35):
        axis.axvspan(place - 0.2, place + 0.2, color="0.93")
    axis.plot(position, profile)
    axis.axhline(peak, color="C1", linestyle=":")
    axis.axhline(valley, color="C2", linestyle=":")
    axis.text(0.72, peak + 0.03, "peak", color="C1")
    axis.text(0.72, valley + 0.03, "valley", color="C2")
    axis.set(title=f"dip = 1 − valley/peak = {1 - valley / peak:.2f}", ylim=(0, 1.25))
    axis.set_xlabel("distance along the line through both discs / mm")
axes[0].set_ylabel("image")
