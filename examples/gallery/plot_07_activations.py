"""
Other activations
=================

Any continuous piecewise-linear activation: every breakpoint of it makes boundaries of its own.
"""

import matplotlib.pyplot as plt

import linregions as lr

names = ("relu", "leaky_relu(0.2)", "abs", "hard_tanh", "relu6", "hard_sigmoid")
figure, axes = plt.subplots(2, 3, figsize=(8, 5.6), layout="constrained")
for ax, name in zip(axes.flat, names, strict=True):
    network = lr.random_network([2, 12, 12, 1], rng=0, activation=name, bias_variance=0.5)
    part = lr.partition(network, lr.PlaneWindow.of_inputs(-4, 4))
    part.plot(ax, title=f"{name}: {part.n_regions}")
