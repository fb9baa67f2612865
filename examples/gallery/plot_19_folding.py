"""
As many regions as possible
===========================

A network that folds the square onto itself, layer by layer, has exactly as many regions in it as Montúfar et al.
prove that some network of its widths has. A random one has a fraction of that.
"""

import matplotlib.pyplot as plt

import linregions as lr
from linregions import theory

widths = [2, 6, 6, 4, 1]
window = lr.PlaneWindow.of_inputs(0, 1)
figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.2), layout="constrained")
networks = {"folding": lr.folding_network(widths), "random": lr.random_network(widths, rng=0, bias_variance=0.5)}
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    part = lr.partition(network, window)
    part.plot(ax, color_by="pattern", title=f"{name}: {part.n_regions} regions")
print("some network has", theory.montufar_lower_bound(widths), "and none more than", theory.serra_upper_bound(widths))
