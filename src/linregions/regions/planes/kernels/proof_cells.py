"""Faces of a proposal put together to cells of earlier layers, with boxes round them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]

MARGIN = 2.0**-22  # what boxes are larger by; vertices that are not in them are left


@compiled(internal=True)
def _root(parent: IntArray, k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@compiled()
def find_leaves(
    faces: IntArray, label: IntArray, first: int, first_side: int, parent: IntArray, leaf: IntArray
) -> int:  # fmt: skip
    """Give numbers to leaves: faces that edges with columns from `first` on connect. `parent` is 0, 1, 2, .."""
    for e in range(label.shape[0]):
        if first <= label[e] < first_side:
            a, b = _root(parent, faces[e, 0]), _root(parent, faces[e, 1])
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    count = 0
    for f in range(parent.shape[0]):
        root = _root(parent, f)
        if root == f:
            leaf[f] = count
            count += 1
        else:
            leaf[f] = leaf[root]
    return count


@compiled()
def find_cells(
    faces: IntArray, label: IntArray, first: IndexArray, layer_of: IntArray, leaf: IntArray, parent: IntArray,
    cell: IntArray, crossing: IntArray, crossing_off: IndexArray,
) -> None:  # fmt: skip
    """Put leaves to cells, and list ways from each leaf to others. `parent` is 0, 1, 2, .., `crossing_off` zeros."""
    n_layers, n_leaves = cell.shape
    for k in range(n_leaves):
        cell[n_layers - 1, k] = k
    last = first[n_layers - 1]
    for m in range(n_layers - 2, -1, -1):
        for e in range(label.shape[0]):
            if first[m] <= label[e] < first[m + 1]:
                p, q = leaf[faces[e, 0]], leaf[faces[e, 1]]
                a, b = _root(parent, p), _root(parent, q)
                crossing_off[p + 1] += 1
                crossing_off[q + 1] += 1
                if a < b:
                    parent[b] = a
                else:
                    parent[a] = b
        for k in range(n_leaves):
            cell[m, k] = _root(parent, k)
    for k in range(n_leaves):
        crossing_off[k + 1] += crossing_off[k]
    for e in range(label.shape[0]):
        if label[e] < last:
            for way in range(2):
                k, other = leaf[faces[e, way]], faces[e, 1 - way]
                at = crossing_off[k]
                crossing[at, 0], crossing[at, 1], crossing[at, 2] = other, leaf[other], label[e]
                crossing_off[k] = at + 1
    for k in range(n_leaves, 0, -1):
        crossing_off[k] = crossing_off[k - 1]
    crossing_off[0] = 0


@compiled()
def find_boxes(
    leaf: IntArray, seen_from: IntArray, lines: IntArray, about: FloatArray, cell: IntArray, vertex: IntArray,
    vertex_off: IndexArray, box: FloatArray,
) -> None:  # fmt: skip
    """List the vertices that faces of each leaf look at, and put boxes round those of leaves and cells."""
    n_layers, n_leaves = cell.shape
    for v in range(seen_from.shape[0]):
        vertex_off[leaf[seen_from[v]] + 1] += 1
    for k in range(n_leaves):
        vertex_off[k + 1] += vertex_off[k]
    for m in range(n_layers):
        for k in range(n_leaves):
            box[m, k, 0], box[m, k, 1], box[m, k, 2], box[m, k, 3] = np.inf, -np.inf, np.inf, -np.inf
    own = box[n_layers - 1]
    for v in range(seen_from.shape[0]):
        k = leaf[seen_from[v]]
        at = vertex_off[k]
        vertex[at, 0], vertex[at, 1], vertex[at, 2], vertex[at, 3] = v, seen_from[v], lines[v, 0], lines[v, 1]
        vertex_off[k] = at + 1
        widen(own, k, about[v, 0], about[v, 0], about[v, 1], about[v, 1])
    for k in range(n_leaves, 0, -1):
        vertex_off[k] = vertex_off[k - 1]
    vertex_off[0] = 0
    for m in range(n_layers - 1):
        for k in range(n_leaves):
            widen(box[m], cell[m, k], own[k, 0], own[k, 1], own[k, 2], own[k, 3])
    for m in range(n_layers):
        for k in range(n_leaves):
            centre(box[m], k)


@compiled(inlined=True)
def widen(box: FloatArray, k: int, x0: float, x1: float, y0: float, y1: float) -> None:
    """Make a box, of lowest and highest coordinates, hold another."""
    box[k, 0], box[k, 1] = min(box[k, 0], x0), max(box[k, 1], x1)
    box[k, 2], box[k, 3] = min(box[k, 2], y0), max(box[k, 3], y1)


@compiled(inlined=True)
def centre(box: FloatArray, k: int) -> None:
    """Make middle and half sides of lowest and highest coordinates, a little larger."""
    x0, x1, y0, y1 = box[k, 0], box[k, 1], box[k, 2], box[k, 3]
    box[k, 0], box[k, 1] = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    box[k, 2], box[k, 3] = 0.5 * (x1 - x0) + MARGIN, 0.5 * (y1 - y0) + MARGIN
