"""The decision boundary of a classifier in a plane: where the arg-max of its outputs changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray


@dataclass(frozen=True, eq=False)
class DecisionBoundary:
    """Straight pieces on which two outputs tie above all others, one or more in each region they cross.

    Parameters
    ----------
    segments : ndarray of float64, shape (S, 2, 2)
        Both ends of each piece, in plane coordinates.
    classes : ndarray of int64, shape (S, 2)
        The two outputs that tie on it, the smaller number first. Seen along the piece, the first class lies
        on the left.
    regions : ndarray of int64, shape (S,)
        The activation region that the piece crosses.
    """

    segments: FloatArray
    classes: npt.NDArray[np.int64]
    regions: npt.NDArray[np.int64]
    _ends: npt.NDArray[np.int64]
    _n_edges: int

    @cached_property
    def polylines(self) -> list[FloatArray]:
        """The pieces joined to polylines, each of shape (m, 2); closed ones repeat their first point.

        Each keeps to one pair of classes and ends where it leaves the window or where three classes meet.
        """
        first, last = self._nodes()
        after: dict[tuple[int, int, int], list[int]] = {}
        for s, node in enumerate(first):
            after.setdefault(node, []).append(s)
        ending = set(last)
        used = np.zeros(len(first), dtype=bool)
        lines = []
        starts = [s for s, node in enumerate(first) if node not in ending]
        for s in [*starts, *range(len(first))]:
            if used[s]:
                continue
            points = [self.segments[s, 0]]
            at: int | None = s
            while at is not None:
                used[at] = True
                points.append(self.segments[at, 1])
                at = next((k for k in after.get(last[at], []) if not used[k]), None)
            lines.append(np.array(points))
        return lines

    def _nodes(self) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Name the ends: two linear functions tie once on an edge, so (edge, classes) is a unique point of it."""
        nodes: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
        for (a, b), region, ends in zip(self.classes.tolist(), self.regions.tolist(), self._ends.tolist(), strict=True):
            for side in range(2):
                on = ends[side]
                # A point where three classes meet lies inside one region and ends three lines.
                nodes[side].append((on, a, b) if on < self._n_edges else (-1 - region, on, side))
        return nodes


def boundary_in(
    vertices: FloatArray,
    face_offsets: npt.NDArray[np.int64],
    face_vertices: npt.NDArray[np.int32],
    face_edges: npt.NDArray[np.int32],
    faces: npt.NDArray[np.int64],
    maps: FloatArray,
    n_edges: int,
) -> DecisionBoundary:
    """Find the boundary in some faces of a partition, on each of which all outputs are affine.

    `maps` is (faces, n_out, 3): the outputs are ``maps @ (u, v, 1)``.
    """
    from linregions.kernels.decision import envelope

    corners = int(np.diff(face_offsets).max(initial=0)) + maps.shape[1] + 4
    polygons = np.empty((2, corners, 2)), np.empty((2, corners), dtype=np.int64), np.empty(corners)
    room, found = 0, 2 * faces.size + 64
    while found > room:
        room = found
        places, numbers = np.empty((room, 4)), np.empty((room, 5), dtype=np.int64)
        found = envelope(
            vertices, face_offsets, face_vertices, face_edges, faces, maps, n_edges, *polygons, places, numbers
        )
    numbers = numbers[:found]
    return DecisionBoundary(
        places[:found].reshape(found, 2, 2),
        numbers[:, :2].copy(),
        numbers[:, 2].copy(),
        numbers[:, 3:].copy(),
        n_edges,
    )
