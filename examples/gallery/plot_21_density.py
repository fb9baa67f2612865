"""
Boundary volume in 784 dimensions
=================================

In high dimension one measures the volume of the boundaries, by exact counts on random chords, with a standard error.
The theory says: in proportion to the number of neurons.
"""

import matplotlib.pyplot as plt

import linregions as lr

sizes = (16, 32, 64, 128)
found = [lr.boundary_density(lr.random_network([784, n, n, n, 10], rng=n), 0.0, 1.0, rng=0) for n in sizes]
for n, one in zip(sizes, found, strict=True):
    print(f"3 x {n}: {one}")
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.errorbar(
    [3 * n for n in sizes], [one.value for one in found], [2 * one.stderr for one in found], fmt="o-", capsize=3
)
ax.set(xlabel="neurons", ylabel="boundary density in the cube", xscale="log", yscale="log")
ax.set_xticks([3 * n for n in sizes], [3 * n for n in sizes])
ax.minorticks_off()
