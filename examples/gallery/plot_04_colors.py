"""
Seven ways to colour regions
============================

What ``color_by`` can be.
"""

import matplotlib.pyplot as plt

import linregions as lr

network = lr.random_network([2, 16, 16, 3], rng=0, bias_variance=0.5)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-3, 3))
figure, axes = plt.subplots(2, 4, figsize=(10, 5.4), layout="constrained")
for ax, name in zip(axes.flat, lr.plotting.COLOR_BY, strict=False):
    part.plot(ax, color_by=name, title=name)
axes.flat[-1].axis("off")
