"""
Distances to the nearest boundary
=================================

How far 1,000 test images may move before a neuron switches; exact, one by one. In wider networks the boundary is
nearer: of the order of one over the number of neurons.
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr

mnist = lr.load_dataset("mnist")
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for width in (16, 64, 256):
    network = lr.random_network([784, width, width, 10], rng=0)
    distances = lr.boundary_distance(network, mnist.x_test[:1000])
    ax.hist(np.log10(distances), bins=40, histtype="step", label=f"2 x {width}: mean {distances.mean():.4f}")
    print(width, round(float(distances.mean() * network.n_neurons), 3))
ax.set(xlabel="log10 of the distance", ylabel="test images")
ax.legend()
