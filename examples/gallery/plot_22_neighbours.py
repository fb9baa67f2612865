"""
Which regions are neighbours
============================

The graph of regions that share an edge, drawn through their middles, and how far each is from one of them in steps.
"""

import networkx as nx
import numpy as np

import linregions as lr

network = lr.random_network([2, 12, 12, 1], rng=1, bias_variance=0.5)
part = lr.partition(network, lr.PlaneWindow.of_inputs(-2, 2))
start = int(part.locate([[0.0, 0.0]])[0])
graph = part.adjacency().to_networkx()
steps = nx.single_source_shortest_path_length(graph, start)
drawn = part.plot(color_by="area", title="steps from the region at the origin")
offsets = part.face_offsets
for region in range(part.n_regions):
    corners = part.vertices[part.face_vertices[offsets[region] : offsets[region + 1]]]
    if part.areas[region] > 0.03:
        place = part.to_axes(part.window.point(corners.mean(axis=0)[None]))[0]
        drawn.axes.text(*place, steps[region], ha="center", va="center", fontsize=8, color="white")
print(
    "the farthest region is",
    max(steps.values()),
    "steps away; on average",
    round(float(np.mean(list(steps.values()))), 2),
)
