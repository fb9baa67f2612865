"""
Along a closed path
===================

Any polygonal curve is a domain: here a circle through three images. Where does the largest output change on the way
round?
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr

mnist = lr.load_dataset("mnist")
x0, x1, x2 = (mnist.x_train[mnist.y_train == label][0] for label in (0, 1, 2))
window = lr.PlaneWindow.through(x0, x1, x2)
network = lr.random_network([784, 64, 64, 10], rng=0)
angles = np.linspace(0, 2 * np.pi, 181)
middle = window.polygon.mean(axis=0)
radius = np.linalg.norm(window.polygon[0] - middle) / np.sqrt(2) / 1.5  # the circle through the three
circle = lr.Path(window.point(middle + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
part = lr.partition(network, circle)
changes = part.decision_points()
print(part.n_regions, "regions,", len(changes.t), "changes of the class")
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.hist(part.breakpoints * 2, bins=72, range=(0, 360))
for t in changes.t:
    ax.axvline(2 * t, color="crimson", linewidth=1)
ax.set(xlabel="degrees", ylabel="breakpoints in 5 degrees")
