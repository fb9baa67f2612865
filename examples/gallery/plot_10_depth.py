"""
It is the number of neurons that counts
=======================================

Regions along whole lines, of networks with as many neurons and 1 to 6 layers, at initialisation: one region per
neuron, whatever the depth.
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr

rng = np.random.default_rng(0)
figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
for depth in (1, 2, 3, 6):
    sizes, means = [48, 96, 192, 384], []
    for neurons in sizes:
        network = lr.random_network([20, *[neurons // depth] * depth, 1], rng=rng)
        lines = [lr.Line(np.zeros(20), direction) for direction in rng.normal(size=(50, 20))]
        means.append(lr.count_regions(network, lines).mean())
    ax.plot(sizes, means, "o-", label=f"{depth} layers")
ax.plot(sizes, sizes, "k:", label="one per neuron")
ax.set(xscale="log", yscale="log", xlabel="neurons", ylabel="regions on a line")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend()
