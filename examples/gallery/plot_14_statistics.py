"""
A hundred thousand regions, none of them kept
=============================================

A sink takes each region as it is found. This one keeps sums and histograms, in a few megabytes however many regions
there are.
"""

import linregions as lr

network = lr.random_network([2, 150, 120, 120, 120, 1], rng=0, bias_variance=1.0)
window = lr.PlaneWindow.of_inputs(-16, 16)
found = lr.partition(network, window, sink=lr.RegionStatistics())
print(f"{found.n_regions:,} regions")
found.plot()
