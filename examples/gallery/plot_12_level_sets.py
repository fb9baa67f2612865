"""
Level sets
==========

Where an output equals a number, exactly: a contour plot without a grid.
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr

network = lr.random_network([2, 32, 32, 1], rng=5, bias_variance=0.5)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-3, 3))
drawn = part.plot(color_by="output", edges=False)
values = network(np.random.default_rng(0).uniform(-3, 3, (1000, 2)))
for level in np.quantile(values, np.linspace(0.1, 0.9, 7)):
    for line in part.level_set(0, level).polylines:
        drawn.axes.plot(*part.to_axes(part.window.point(line)).T, "k", linewidth=0.8)
plt.show()
