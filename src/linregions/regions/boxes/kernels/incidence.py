"""Which facets the vertices of a cell lie on, found again from flat arrays, and planes of facets."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import FloatArray, IndexArray, IntArray, WordArray
from linregions.regions.boxes.kernels.records import ONE


@compiled()
def mark_slots(
    offsets: IndexArray,
    vertices: IntArray,
    facets_of: IndexArray,
    facet: IntArray,
    facet_offsets: IndexArray,
    facet_vertices: IntArray,
    row: IntArray,
    slots: WordArray,
) -> None:
    """Set the words of the vertices of some cells: bit s where a vertex lies on the s-th facet of its cell.

    ``vertices[offsets[c]:offsets[c + 1]]`` and ``facet[facets_of[c]:facets_of[c + 1]]`` are those of cell c; `row` is
    room for a number of each vertex of all.
    """
    base = offsets[0]
    for c in range(offsets.shape[0] - 1):
        for i in range(offsets[c], offsets[c + 1]):
            row[vertices[i - base]] = i - base
            slots[i - base] = 0
        for s in range(facets_of[c + 1] - facets_of[c]):
            f = facet[facets_of[c] + s]
            for j in range(facet_offsets[f], facet_offsets[f + 1]):
                slots[row[facet_vertices[j]]] |= ONE << np.uint64(s)


@compiled(inlined=True)
def _leave_out(step: FloatArray, basis: FloatArray, rank: int) -> float:
    """Take from a step what goes along the first rows of a basis; return the square of what is left.

    Twice, since a step nearly along these leaves little but rounding.
    """
    d = step.shape[0]
    for _ in range(2):
        for k in range(rank):
            along = 0.0
            for i in range(d):
                along += step[i] * basis[k, i]
            for i in range(d):
                step[i] -= along * basis[k, i]
    square = 0.0
    for i in range(d):
        square += step[i] * step[i]
    return square


@compiled()
def find_planes(
    points: FloatArray,
    facet_offsets: IndexArray,
    facet_vertices: IntArray,
    inside: FloatArray,
    room: FloatArray,
    normals: FloatArray,
    offsets: FloatArray,
) -> None:
    """Set the plane ``normal @ x = offset`` of each facet, with a unit normal that points away from a point `inside`.

    Directions of the facet are taken one after the other, always to the vertex farthest from those before; the normal
    is what they leave of an axis. `room` has d + 1 rows.
    """
    d = points.shape[1]
    basis, step = room[:d], room[d]
    for f in range(facet_offsets.shape[0] - 1):
        first = facet_vertices[facet_offsets[f]]
        for rank in range(d):
            largest = 0.0
            basis[rank] = 0.0
            is_last = rank == d - 1
            for j in range(0 if is_last else facet_offsets[f] + 1, d if is_last else facet_offsets[f + 1]):
                for i in range(d):
                    if is_last:
                        step[i] = 1.0 if i == j else 0.0
                    else:
                        step[i] = points[facet_vertices[j], i] - points[first, i]
                square = _leave_out(step, basis, rank)
                if square > largest:
                    largest = square
                    for i in range(d):
                        basis[rank, i] = step[i]
            for i in range(d):
                basis[rank, i] /= np.sqrt(largest) if largest > 0.0 else 1.0
        offset, away = 0.0, 0.0
        for i in range(d):
            offset += basis[d - 1, i] * points[first, i]
            away += basis[d - 1, i] * (points[first, i] - inside[f, i])
        sign = 1.0 if away >= 0.0 else -1.0
        offsets[f] = sign * offset
        for i in range(d):
            normals[f, i] = sign * basis[d - 1, i]
