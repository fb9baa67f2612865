"""
A sawtooth, and what noise leaves of it
=======================================

Telgarsky's network has exponentially many regions in its depth. With a little noise on its weights it loses most of
them: Figure 3 of Hanin & Rolnick.
"""

import matplotlib.pyplot as plt

import linregions as lr
from linregions.networks.constructions import perturbed

network = lr.sawtooth_network(5)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for ax, one in zip(axes, (network, perturbed(network, 0.1, rng=0)), strict=True):
    part = lr.partition(one, lr.Segment([0.0], [1.0]))
    part.plot(ax, breakpoints=False, title=f"{part.n_regions} regions")
