"""
All regions of a small network
==============================

A network of two inputs and two hidden layers, cut into its regions in a square.
"""

import linregions as lr

network = lr.random_network([2, 32, 32, 1], rng=0, bias_variance=0.1)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-1, 1))
print(part)
part.plot(title=f"{part.n_regions} regions")

# %%
# The hue says which way the output rises, the strength how steeply. Each region is a polygon with an affine map:

print(part.affine_maps[0])  # output = map @ (u, v, 1)
print(part.areas.min(), part.areas.max())
