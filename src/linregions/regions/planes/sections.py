"""What boundaries do inside a section of a solid domain, which a window holds."""

from __future__ import annotations

import numpy as np

from linregions.domains.solids import PlaneSection
from linregions.regions.planes.partition import PlanePartition


def count_meetings(part: PlanePartition, kind: str, section: PlaneSection) -> int:
    """Count the vertices inside a section where boundary edges of at least two neurons meet."""
    chosen = np.flatnonzero(part.is_boundary_of(kind))
    if not chosen.size:
        return 0
    n = part.vertices.shape[0]
    low, high = np.full(n, np.iinfo(np.int32).max), np.full(n, -1)
    for corner in part.edges[chosen].T:
        np.minimum.at(low, corner, part.edge_neuron[chosen])
        np.maximum.at(high, corner, part.edge_neuron[chosen])
    meets = low < high  # vertices without an edge have low > high
    meets[part.edges[part.edge_neuron < 0].ravel()] = False  # the window's border
    return int(np.count_nonzero(section.holds(part.vertices[meets])))


def count_in_disc(part: PlanePartition, section: PlaneSection, kind: str) -> tuple[int, int]:
    """Count the regions that a disc inside a partitioned window meets, and the boundary pieces in it."""
    from linregions.regions.planes.kernels.boundaries import components

    inner = np.flatnonzero(part.edge_neuron >= 0)
    ends = part.vertices[part.edges[inner]]
    inner = inner[section.lengths_inside(ends[:, 0], ends[:, 1]) > 0]
    if not inner.size:  # then the disc lies in one region
        return 1, 0
    faces, pairs = np.unique(part.edge_faces[inner], return_inverse=True)
    boundary = part.is_boundary_of(kind)[inner]
    # Regions may hang together outside the disc only, so they are joined by the edges inside it.
    labels = components(faces.size, pairs.reshape(-1, 2)[~boundary].astype(np.int32))
    return int(labels.max()) + 1, int(np.count_nonzero(boundary))
