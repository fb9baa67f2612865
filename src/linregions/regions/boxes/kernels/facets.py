"""The facets of the cells of a batch, and their vertices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import CellBatch, FloatArray, IndexArray, IntArray, WordArray
from linregions.regions.boxes.kernels.records import (
    INCONSISTENT,
    OK,
    ONE,
    ZERO,
)

N_FACETS, N_CORNERS = range(2)


class Facets(NamedTuple):
    """Facets of cells, in the order of cells and slots."""

    filled: IndexArray  # N_FACETS, N_CORNERS
    row: IndexArray  # (facets,): where in the batch's labels of slots it is
    cell: IntArray  # (facets,): of the batch
    end: IndexArray  # (facets,): where its corners end; facets whose corners the cell beyond lists have none
    corner: IntArray  # rows of vertices; for d = 3 in cyclic order, counter-clockwise seen from outside the cell


@compiled(internal=True)
def _turned(batch: CellBatch, first: int, last: int, bit: np.uint64, inside: FloatArray, corner: IntArray) -> bool:
    """Put the vertices of a facet of three dimensions in cyclic order; return False if they have none."""
    slots, points = batch.slots, batch.points
    for i in range(first, last - 1):
        found = -1
        for j in range(i + 1, last):
            # Two vertices of one facet that share another are the ends of an edge.
            if slots[corner[i]] & slots[corner[j]] & ~bit != ZERO:
                found = j
                break
        if found < 0:
            return False
        corner[i + 1], corner[found] = corner[found], corner[i + 1]
    begin, end = corner[first], corner[last - 1]
    if slots[begin] & slots[end] & ~bit == ZERO:
        return False
    nx, ny, nz = 0.0, 0.0, 0.0
    x, y, z = points[begin, 0], points[begin, 1], points[begin, 2]
    for i in range(first + 1, last - 1):
        a, b = corner[i], corner[i + 1]
        ux, uy, uz = points[a, 0] - x, points[a, 1] - y, points[a, 2] - z
        vx, vy, vz = points[b, 0] - x, points[b, 1] - y, points[b, 2] - z
        nx += uy * vz - uz * vy
        ny += uz * vx - ux * vz
        nz += ux * vy - uy * vx
    if nx * (x - inside[0]) + ny * (y - inside[1]) + nz * (z - inside[2]) < 0.0:
        i, j = first + 1, last - 1
        while i < j:
            corner[i], corner[j] = corner[j], corner[i]
            i += 1
            j -= 1
    return True


@compiled()
def list_facets(batch: CellBatch, present: WordArray, centroids: FloatArray, out: Facets) -> int:
    """List the facets of all cells; return OK or INCONSISTENT.

    A facet between two cells has its corners listed by the one on its negative side. Where several planes are one, each
    cell may name another of them, so that both list them.
    """
    d = batch.points.shape[1]
    n_facets, n_corners = 0, 0
    for cell in range(batch.cell_offsets.shape[0] - 1):
        begin, end = batch.cell_offsets[cell], batch.cell_offsets[cell + 1]
        rest = present[cell]
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            rest ^= bit
            row = batch.slot_offsets[cell] + lowest_bit(bit)
            first, is_tie = n_corners, True
            for v in range(begin, end):
                if batch.slots[v] & bit != ZERO:
                    out.corner[n_corners] = v
                    n_corners += 1
                    is_tie &= batch.tight[v] != 0 or count_bits(batch.slots[v]) != d
            if batch.slot_labels[row] >= 0 and batch.slot_signs[row] > 0 and not is_tie:
                n_corners = first
            elif d == 3 and not _turned(batch, first, n_corners, bit, centroids[cell], out.corner):
                return INCONSISTENT
            out.row[n_facets], out.cell[n_facets], out.end[n_facets] = row, cell, n_corners
            n_facets += 1
    out.filled[N_FACETS], out.filled[N_CORNERS] = n_facets, n_corners
    return OK
