"""Which side of a window each edge of its border is on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray

Integers = npt.NDArray[np.integer]
# Vertices that are so close to a corner, in sizes of the window, may be that corner.
_CLOSE = 2.0**-40
_MOST_TRIED = 64


def sides_of(polygon: FloatArray, vertices: FloatArray, edges: Integers, edge_faces: Integers) -> Iterator[Integers]:
    """Yield for each edge the side of the window that it is on, from each corner to the next; -1 inside.

    Going round the border, a side ends at the vertex that is the next corner of `polygon`. Where several vertices are
    so close to a corner that rounding may have moved it, one after the other is taken for it.
    """
    border = np.flatnonzero((edge_faces[:, 0] < 0) | (edge_faces[:, 1] < 0))
    forward = edge_faces[border, 0] >= 0
    begin = np.where(forward, edges[border, 0], edges[border, 1])
    end = np.where(forward, edges[border, 1], edges[border, 0])
    after = dict(zip(begin.tolist(), zip(border.tolist(), end.tolist(), strict=True), strict=True))
    low = polygon.min(axis=0)
    scale = polygon.max(axis=0) - low
    local = (vertices[begin] - low) / scale
    candidates = []
    for corner in (polygon - low) / scale:
        distance = np.abs(local - corner).max(axis=1)
        near = np.flatnonzero(distance <= max(_CLOSE, distance.min()))
        candidates.append(begin[near[np.argsort(distance[near], kind="stable")]].tolist())
    for corners in itertools.islice(itertools.product(*candidates), _MOST_TRIED):
        side = np.full(edges.shape[0], -1, dtype=np.int32)
        for k, first in enumerate(corners):
            v = first
            for _ in range(border.size):
                edge, v = after.get(v, (-1, -1))
                if edge < 0:
                    break
                side[edge] = k
                if v == corners[(k + 1) % len(corners)]:
                    break
        yield side
