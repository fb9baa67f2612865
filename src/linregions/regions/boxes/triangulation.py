"""Polytopes cut into simplices without new vertices: each face from its vertex of the lowest number.

A face is cut alike in whatever polytope it is met, so that the simplices fit together.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

IndexArray = npt.NDArray[np.int64]
Partition = Any  # a BoxPartition, which has what is here as methods
Set = frozenset[int]


def simplices_of(part: Partition) -> IndexArray:
    """Return the simplices of all regions of a partition, shape (T, d + 1)."""
    if part.n_in <= 3:
        return simplices_between(part.facet_offsets, part.facet_vertices, part.facet_cells, part.n_regions, part.n_in)[
            0
        ]
    offsets, facets = part.cell_facets
    found: list[tuple[int, ...]] = []
    known: dict[Set, list[tuple[int, ...]]] = {}
    for cell in range(part.n_regions):
        walls = [
            frozenset(part.facet_vertices[part.facet_offsets[f] : part.facet_offsets[f + 1]].tolist())
            for f in facets[offsets[cell] : offsets[cell + 1]].tolist()
        ]
        found += _pulled(frozenset(part.corners_of(cell).tolist()), walls, part.n_in, known)
    return np.array(found, dtype=np.int64).reshape(-1, part.n_in + 1)


def simplices_between(
    offsets: IndexArray, corners: IndexArray, beside: IndexArray, n_cells: int, d: int
) -> tuple[IndexArray, IndexArray]:
    """Return simplices (T, d + 1) and the cell of each, for d of at most 3.

    Facets are between two cells, or a cell and -1. Corners of polygons are in cyclic order.
    """
    walls, of_wall = fans_of(offsets, corners) if d == 3 else (corners.reshape(-1, d), np.arange(len(beside)))
    lowest = np.full(n_cells, np.iinfo(np.int64).max)
    for side in beside.T:
        inside = side[of_wall] >= 0
        np.minimum.at(lowest, side[of_wall][inside], walls[inside].min(axis=1))
    simplices, cells = [], []
    for side in beside.T:
        cell = side[of_wall]
        apex = lowest[cell]
        keep = (cell >= 0) & (walls != apex[:, None]).all(axis=1)
        if d == 3:  # a polygon that has the apex has it in all its triangles, as their first corner
            keep &= walls[:, 0] != apex
        simplices.append(np.column_stack([apex[keep], walls[keep]]))
        cells.append(cell[keep])
    return np.concatenate(simplices).astype(np.int64), np.concatenate(cells)


def fans_of(offsets: IndexArray, corners: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Return triangles (T, 3) of polygons, from the lowest corner of each, and the polygon of each."""
    sides = np.diff(offsets)
    polygon = np.repeat(np.arange(sides.size), sides)
    place = np.arange(corners.size) - offsets[polygon]
    lowest = np.minimum.reduceat(corners, offsets[:-1]) if corners.size else corners
    start = np.zeros(sides.size, dtype=np.int64)
    at = corners == lowest[polygon]
    start[polygon[at]] = place[at]
    turned = (place - start[polygon]) % sides[polygon]
    inner = (turned > 0) & (turned < sides[polygon] - 1)
    after = np.where(place == sides[polygon] - 1, offsets[polygon], np.arange(corners.size) + 1)
    own = polygon[inner]
    return np.column_stack([lowest[own], corners[inner], corners[after[inner]]]).astype(np.int64), own


def _pulled(face: Set, walls: list[Set], d: int, known: dict[Set, list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    """Return the simplices of a face of d dimensions, whose facets are the largest of its meetings with the walls."""
    if len(face) == d + 1:
        return [tuple(sorted(face))]
    if face in known:
        return known[face]
    meetings = {face & wall for wall in walls if not face <= wall}
    facets = [each for each in meetings if len(each) >= d and not any(each < other for other in meetings)]
    apex = min(face)
    found = [
        (apex, *simplex) for facet in facets if apex not in facet for simplex in _pulled(facet, walls, d - 1, known)
    ]
    known[face] = found
    return found


def faces_of_simplices(simplices: IndexArray, k: int) -> IndexArray:
    """Return the faces with k + 1 vertices of some simplices, each once."""
    found = [np.sort(simplices[:, list(chosen)], axis=1) for chosen in combinations(range(simplices.shape[1]), k + 1)]
    return np.unique(np.concatenate(found), axis=0)
