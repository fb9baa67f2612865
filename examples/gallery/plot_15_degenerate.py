"""
Lines that meet in a point
==========================

Without biases all boundaries pass through the origin: 64 neurons make 128 wedges, no slivers between them. What
rounding leaves open is counted; ``certify=True`` proves it.
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr

network = lr.random_network([2, 64, 1], rng=0, bias_variance=0)
window = lr.PlaneWindow.of_inputs([-1, -0.8], [1.2, 1])
figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
part = lr.partition(network, window)
part.plot(axes[0], color_by="pattern", title=f"{part.n_regions} regions")
print(part.n_regions, part.diagnostics["undecided"])

proved = lr.partition(network, window, certify=True)
print(proved.n_regions, proved.diagnostics["undecided"], proved.diagnostics["certified"])

# %%
# A grid has them all only where it is fine enough, and does not tell when it is:

counts = []
for n in (10, 20, 50, 100, 200, 400):
    axis = np.linspace(-0.8, 1, n)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    counts.append((n, len(np.unique(network.patterns(grid), axis=0))))
print(counts)
axes[1].plot(*zip(*counts, strict=True), "o-")
axes[1].axhline(part.n_regions, color="k", linestyle=":")
axes[1].set(xlabel="points on a side of a grid", ylabel="patterns found", xscale="log")
