"""Euclidean sizes of the regions of a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.regions.planes.sink import RegionBatch


class Measures(NamedTuple):
    """Sizes of a batch: length of every edge, area and perimeter of every region, and sums over each cell."""

    lengths: FloatArray
    areas: FloatArray
    perimeters: FloatArray
    sums: FloatArray  # (cells, 3): areas, perimeters, length of the boundaries, shared ones half


def measure(batch: RegionBatch) -> Measures:
    """Measure all edges and regions of a batch."""
    from linregions.regions.planes.kernels.sizes import measure_regions

    triangle = batch.window.triangle
    metric = np.array([triangle[0, 0], triangle[0, 1], triangle[1, 1], batch.window.area_factor])
    n_regions = batch.n_regions
    made = Measures(
        np.empty(batch.edge.shape[1]), np.empty(n_regions), np.empty(n_regions), np.empty((batch.cells.size, 3))
    )
    shape = batch.vertices, batch.edge, batch.edge_is_shared, batch.face_offsets, batch.side
    measure_regions(*shape, batch.cell_sizes, metric, *made)
    return made
