"""From switches to neurons: regions that only comparisons part which decide nothing are one, edges have names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.planes.arrangement import Complex
from linregions.networks.network import Network

# Edges whose patterns are compared together.
_EDGES_AT_ONCE = 1024


class Regions(NamedTuple):
    """A window cut into activation regions, with the arrays of a `PlanePartition`."""

    vertices: FloatArray
    edges: npt.NDArray[np.int32]
    edge_neuron: npt.NDArray[np.int32]
    edge_breakpoint: npt.NDArray[np.int32]
    edge_faces: npt.NDArray[np.int32]
    face_offsets: npt.NDArray[np.int64]
    face_vertices: npt.NDArray[np.int32]
    face_edges: npt.NDArray[np.int32]
    patterns: npt.NDArray[np.uint8]
    n_exact: int


def regions_of(network: Network, found: Complex, n_corners: int) -> Regions:
    """Return the regions of a window of so many corners, which are the first vertices."""
    patterns = network.numbering.unpacked(found.bits)
    if network.graph.maxima.step.size:
        found, patterns = _merged(found, patterns, n_corners)
    neuron, breakpoint = names_of(patterns, found.edge_faces)
    vertices, edges, _, faces, offsets, corners, sides, _, n_exact = found
    return Regions(vertices, edges, neuron, breakpoint, faces, offsets, corners, sides, patterns, n_exact)


def names_of(
    patterns: npt.NDArray[np.uint8], faces: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return for each edge the first neuron that differs beside it, and the lower of its two pieces."""
    neuron, breakpoint = np.full((2, faces.shape[0]), -1, dtype=np.int32)
    inner = np.flatnonzero(faces.min(axis=1) >= 0)
    for start in range(0, inner.size, _EDGES_AT_ONCE):
        edges = inner[start : start + _EDGES_AT_ONCE]
        left, right = (patterns[faces[edges, side]] for side in (0, 1))
        first = (left != right).argmax(axis=1)
        rows = np.arange(edges.size)
        neuron[edges], breakpoint[edges] = first, np.minimum(left[rows, first], right[rows, first])
    return neuron, breakpoint


def _merged(found: Complex, patterns: npt.NDArray[np.uint8], n_corners: int) -> tuple[Complex, npt.NDArray[np.uint8]]:
    """Unite regions with one pattern, which are convex, and edges that meet where no other does."""
    patterns, region = np.unique(patterns, axis=0, return_inverse=True)
    region = np.append(region.ravel(), -1)
    faces = region[found.edge_faces]
    kept = np.flatnonzero(faces[:, 0] != faces[:, 1])
    degree = np.bincount(found.edges[kept].ravel(), minlength=len(found.vertices))
    is_corner = degree > 2
    is_corner[:n_corners] = True
    after: list[dict[int, tuple[int, int]]] = [{} for _ in range(len(patterns))]  # the end and edge of each start
    for e, (a, b), (left, right) in zip(kept.tolist(), found.edges[kept].tolist(), faces[kept].tolist(), strict=True):
        if left >= 0:
            after[left][a] = b, e
        if right >= 0:
            after[right][b] = a, e
    offsets, corners, sides = [0], [], []
    known: dict[int, int] = {}
    edges: list[tuple[int, int]] = []
    switch: list[int] = []
    beside: list[list[int]] = []
    for number, way in enumerate(after):
        begin = v = next(v for v in way if is_corner[v])
        while True:
            start, first = v, -1
            while True:
                v, e = way[v]
                first = e if first < 0 else min(first, e)
                if is_corner[v]:
                    break
            if first not in known:
                known[first] = len(edges)
                edges.append((start, v))
                switch.append(found.switch[first])
                beside.append([number, -1])
            else:
                beside[known[first]][1] = number
            corners.append(start)
            sides.append(known[first])
            if v == begin:
                break
        offsets.append(len(corners))
    used, ends = np.unique(np.array(edges), return_inverse=True)
    place = np.full(len(found.vertices), -1, dtype=np.int32)
    place[used] = np.arange(used.size)
    return Complex(
        found.vertices[used], ends.reshape(-1, 2).astype(np.int32), np.array(switch, dtype=np.int32),
        np.array(beside, dtype=np.int32), np.array(offsets, dtype=np.int64), place[corners],
        np.array(sides, dtype=np.int32), found.bits[:0], found.n_exact,
    ), patterns  # fmt: skip
