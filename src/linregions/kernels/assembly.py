"""Unite what the cells left to one complex: vertices and edges on a border between cells were met twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.int32]


@compiled(brief=True)
def count_new(root_v: IntArray) -> int:
    """Return how many vertices are not of the root complex."""
    new = 0
    for v in range(root_v.shape[0]):
        new += root_v[v] < 0
    return new


@compiled(allocates=True, brief=True)
def chain_runs(chain_root: IntArray, cell_ends: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Return the shared root edges that cells list, cell by cell, and how many pieces each has there."""
    edges = np.empty(chain_root.shape[0], dtype=np.int64)
    counts = np.empty(chain_root.shape[0], dtype=np.int64)
    found = 0
    begin = 0
    for cell in range(cell_ends.shape[0]):
        for i in range(begin, cell_ends[cell]):
            if i > begin and chain_root[i] == chain_root[i - 1]:
                counts[found - 1] += 1
            else:
                edges[found] = chain_root[i]
                counts[found] = 1
                found += 1
        begin = cell_ends[cell]
    return edges[:found], counts[:found]


@compiled(allocates=True)
def twins(chain: IntArray, chain_off: IndexArray, n_root_edges: int) -> IndexArray:
    """Find, for every shared root edge, its pieces as each of two cells saw them.

    Returns (n_root_edges, 4): start and length in the chain of the first run, then of the second; length 0 for none.
    """
    runs = np.zeros((n_root_edges, 4), dtype=np.int64)
    for cell in range(chain_off.shape[0] - 1):
        i = chain_off[cell]
        while i < chain_off[cell + 1]:
            root = chain[0, i]
            j = i + 1
            while j < chain_off[cell + 1] and chain[0, j] == root:
                j += 1
            at = 0 if runs[root, 1] == 0 else 2
            runs[root, at], runs[root, at + 1] = i, j - i
            i = j
    return runs


@compiled(allocates=True)
def unite(
    xy: FloatArray,
    root_v: IntArray,
    e_a: IntArray,
    e_b: IntArray,
    e_switch: IntArray,
    f_off: IndexArray,
    f_v: IntArray,
    f_e: IntArray,
    chain: IntArray,
    chain_off: IndexArray,
) -> tuple[FloatArray, IntArray, IntArray, IntArray, IntArray]:
    """Give vertices and edges one number each; rewrite `f_v` in place.

    Vertices are those of the root complex first, then the others in the order of the cells. Returns
    vertices, edges, their switches, their faces (left and right of the direction a to b, -1 outside), and the
    edges of the faces' sides.
    """
    n_root, n_root_edges = 0, 0
    for v in range(root_v.shape[0]):
        n_root = max(n_root, root_v[v] + 1)
    for i in range(chain.shape[1]):
        n_root_edges = max(n_root_edges, chain[0, i] + 1)
    runs = twins(chain, chain_off, n_root_edges)
    same_v = np.full(xy.shape[0], -1, dtype=np.int32)
    same_e = np.full(e_a.shape[0], -1, dtype=np.int32)
    for root in range(n_root_edges):
        for i in range(runs[root, 3]):
            first = chain[1, runs[root, 0] + i]
            second = chain[1, runs[root, 2] + i]
            same_e[second] = first
            if i + 1 < runs[root, 3]:
                same_v[e_b[second]] = e_b[first]
    n_v = n_root
    for v in range(xy.shape[0]):  # from here on the number of each vertex in the whole
        if root_v[v] >= 0:
            same_v[v] = root_v[v]
        elif same_v[v] >= 0:
            same_v[v] = same_v[same_v[v]]
        else:
            same_v[v] = n_v
            n_v += 1
    vertices = np.empty((n_v, 2))
    for v in range(xy.shape[0] - 1, -1, -1):  # backwards, so that the first of two twins has the last word
        vertices[same_v[v], 0], vertices[same_v[v], 1] = xy[v, 0], xy[v, 1]
    n_e = 0
    for e in range(e_a.shape[0]):
        if same_e[e] >= 0:
            same_e[e] = same_e[same_e[e]]
        else:
            same_e[e] = n_e
            n_e += 1
    edges = np.empty((n_e, 2), dtype=np.int32)
    switches = np.empty(n_e, dtype=np.int32)
    faces = np.full((n_e, 2), -1, dtype=np.int32)
    for e in range(e_a.shape[0] - 1, -1, -1):
        at = same_e[e]
        edges[at, 0], edges[at, 1] = same_v[e_a[e]], same_v[e_b[e]]
        switches[at] = e_switch[e]
    face_edges = np.empty(f_e.shape[0], dtype=np.int32)
    for f in range(f_off.shape[0] - 1):
        for i in range(f_off[f], f_off[f + 1]):
            v, e = same_v[f_v[i]], same_e[f_e[i]]
            f_v[i] = v
            face_edges[i] = e
            faces[e, 0 if edges[e, 0] == v else 1] = f
    return vertices, edges, switches, faces, face_edges
