"""
Boundaries, layer by layer
==========================

Neurons of the first layer draw straight lines. Those of later layers draw lines that bend where an earlier one is
crossed. This is Figure 2 of Hanin & Rolnick.
"""

import matplotlib.pyplot as plt

import linregions as lr
from linregions.plotting import plot_layers

network = lr.random_network([2, 10, 10, 10, 1], rng=3, bias_variance=0.3)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-2, 2))
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for layer, ax in enumerate(axes):
    plot_layers(part, ax, newest=layer, legend=layer == 2)
    ax.set_title(f"layer {layer + 1}")
