"""
The plane through three digits
==============================

784 inputs, and a plane through three training examples: Figure 1 of Hanin & Rolnick, of a network at initialisation.
"""

import linregions as lr

mnist = lr.load_dataset("mnist")
x0, x1, x2 = (mnist.x_train[mnist.y_train == label][0] for label in (0, 1, 2))
network = lr.random_network([784, 64, 64, 64, 10], rng=0)
part = lr.partition(network, lr.PlaneWindow.through(x0, x1, x2))
print(part.n_regions, "regions, the smallest of area", part.areas.min())
part.plot(points=[x0, x1, x2], labels=[0, 1, 2], title=f"{part.n_regions:,} regions")
