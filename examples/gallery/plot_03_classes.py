"""
Three classes and their exact boundary
======================================

The decision boundary is found in every region it passes, not on a grid. Classes are filled up to it, through the
middle of regions.
"""

import linregions as lr

network = lr.random_network([2, 24, 24, 3], rng=0, bias_variance=0.5)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-3, 3))
boundary = part.decision_boundary()
print(len(boundary.segments), "straight pieces in", len(boundary.polylines), "curves")
part.plot(color_by="class", decision_boundary=True)
