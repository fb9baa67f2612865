"""
Exact integrated gradients
==========================

The gradient is constant on each piece of the segment from black to the image, so the integral is a finite sum. Beside
it: what ten steps miss.
"""

import matplotlib.pyplot as plt
import numpy as np

import linregions as lr
from linregions.training import train

mnist = lr.load_dataset("mnist")
network = train([784, 32, 32, 10], mnist, epochs=0.5, snapshot_epochs=[0.5], rng=0)[0].network
x, black = mnist.x_test[0], np.zeros(784)
best = int(network(x).argmax())
exact = lr.integrated_gradients(network, black, x, output=best)
steps = (np.arange(10) + 0.5) / 10
ten = network.jacobian(steps[:, None] * x)[:, best].mean(axis=0) * x
print(lr.count_regions(network, lr.Segment(black, x)), "pieces")

figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
most = np.abs(exact).max()
for ax, image, title in zip(
    axes,
    (x, exact, ten - exact),
    ("image", f"attributions to class {best}", "error of ten steps, times 10"),
    strict=True,
):
    shown = image / image.max() * most if title == "image" else image * (10 if "error" in title else 1)
    ax.imshow(
        shown.reshape(28, 28),
        cmap="gray" if title == "image" else "RdBu",
        vmin=0 if title == "image" else -most,
        vmax=most,
    )
    ax.set_title(title)
    ax.axis("off")
