"""Flat arrays of cells, taken apart again: batches of cells with the facets of each, and planes of facets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.batch import CellBatch, FloatArray, IndexArray, IntArray

_CELLS_IN_BATCH = 1 << 13


class FacetsOfCells(NamedTuple):
    """The facets of each cell: those of cell c are ``facet[offsets[c]:offsets[c + 1]]``, ascending."""

    offsets: IndexArray  # (C + 1,)
    facet: IntArray  # (2 F - sides,)

    @classmethod
    def of(cls, cells: BoxCells) -> FacetsOfCells:
        """Find the facets of all cells."""
        n_cells = cells.cell_offsets.size - 1
        both = cells.facet_cells.ravel()
        order = np.argsort(both, kind="stable")
        counts = np.bincount(both + 1, minlength=n_cells + 1)
        return cls(np.append(0, np.cumsum(counts[1:])), (order[counts[0] :] // 2).astype(np.int32))


def batches_of(cells: BoxCells, facets: FacetsOfCells, size: int = _CELLS_IN_BATCH) -> Iterator[tuple[int, CellBatch]]:
    """Go through cells batch by batch, with the number of the first cell of each.

    Slot s of a cell is the s-th of its facets; keys of vertices are made of their numbers, and no vertex is marked as
    tight.
    """
    from linregions.regions.boxes.kernels.incidence import mark_slots

    n_cells = cells.cell_offsets.size - 1
    row = np.empty(len(cells.vertices), dtype=np.int32)
    # Neurons serve as switches: what is looked at is whether a label is negative.
    label = np.where(cells.facet_side >= 0, -1 - cells.facet_side.astype(np.int32), cells.facet_neuron)
    for first in range(0, n_cells, size):
        last = min(first + size, n_cells)
        offsets = cells.cell_offsets[first : last + 1]
        vertices = cells.cell_vertices[offsets[0] : offsets[-1]]
        own = facets.offsets[first : last + 1]
        facet = facets.facet[own[0] : own[-1]]
        slots = np.empty(vertices.size, dtype=np.uint64)
        mark_slots(offsets, vertices, own - own[0], facet, cells.facet_offsets, cells.facet_vertices, row, slots)
        keys = np.stack([vertices, vertices], axis=1).astype(np.uint64)
        owner = np.repeat(np.arange(first, last), np.diff(own))
        yield (
            first,
            CellBatch(
                offsets - offsets[0],
                cells.vertices[vertices],
                slots,
                keys,
                np.zeros(vertices.size, dtype=np.uint8),
                own - own[0],
                label[facet],
                np.where(cells.facet_cells[facet, 1] == owner, 1, -1).astype(np.int8),
                np.zeros((last - first, 2), dtype=np.uint64),
                cells.pattern_words[first:last],
            ),
        )


def facet_planes(cells: BoxCells) -> tuple[FloatArray, FloatArray]:
    """Return the plane ``normal @ x = offset`` of every facet, from its vertices.

    Parameters
    ----------
    cells : BoxCells

    Returns
    -------
    normals : ndarray of float64, shape (F, d)
        Unit normals, towards the cell on the positive side, outwards on sides of the domain.
    offsets : ndarray of float64, shape (F,)
    """
    from linregions.regions.boxes.kernels.incidence import find_planes

    n, d = len(cells.facet_cells), cells.vertices.shape[1]
    normals, offsets = np.empty((n, d)), np.empty(n)
    inside = cells.centroids[cells.facet_cells[:, 0]]
    find_planes(
        cells.vertices, cells.facet_offsets, cells.facet_vertices, inside, np.empty((d + 1, d)), normals, offsets
    )
    return normals, offsets
