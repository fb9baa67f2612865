"""Unite what the cells left to one complex: vertices and edges on a border between cells were met twice."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.workspace import A, B, FloatArray, IndexArray, IntArray

# Rows and columns of the arrays below.
ROOT_EDGE, N_PIECES = 0, 1
FIRST, N_FIRST, SECOND, N_SECOND = range(4)
LEFT, RIGHT = 0, 1


@compiled(brief=True)
def count_new(root_v: IntArray) -> int:
    """Return how many vertices are not of the root complex."""
    new = 0
    for v in range(root_v.shape[0]):
        new += root_v[v] < 0
    return new


@compiled(brief=True)
def chain_runs(chain_root: IntArray, cell_ends: IndexArray, runs: IndexArray) -> int:
    """List the shared root edges of cells, cell by cell, to row ROOT_EDGE of `runs`, and their N_PIECES.

    Returns how many they are; there is room for as many as in `chain_root`.
    """
    edges, counts = runs[ROOT_EDGE], runs[N_PIECES]
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
    return found


@compiled(allocates=True)
def twins(chain_root: IntArray, chain_sizes: IntArray, n_root_edges: int) -> IndexArray:
    """Find, for every shared root edge, its pieces as each of two cells saw them.

    Returns (n_root_edges, 4): start in the chain of the FIRST run and its length N_FIRST, then of the SECOND, N_SECOND;
    length 0 for none.
    """
    runs = np.zeros((n_root_edges, 4), dtype=np.int64)
    i, end = 0, 0
    for cell in range(chain_sizes.shape[0]):
        end += chain_sizes[cell]
        while i < end:
            root = chain_root[i]
            j = i + 1
            while j < end and chain_root[j] == root:
                j += 1
            if runs[root, N_FIRST] == 0:
                runs[root, FIRST], runs[root, N_FIRST] = i, j - i
            else:
                runs[root, SECOND], runs[root, N_SECOND] = i, j - i
            i = j
    return runs


@compiled(allocates=True)
def numbers(
    root_v: IntArray, edges: IntArray, chain_root: IntArray, chain_edge: IntArray, chain_sizes: IntArray
) -> tuple[IntArray, IntArray]:
    """Give vertices and edges one number each in the whole, the same to the two that are one.

    Vertices are those of the root complex first, then the others in the order of the cells.
    """
    n_root, n_root_edges = 0, np.int64(0)  # a literal would have `twins` compiled once more
    for v in range(root_v.shape[0]):
        n_root = max(n_root, root_v[v] + 1)
    for i in range(chain_root.shape[0]):
        n_root_edges = max(n_root_edges, chain_root[i] + 1)
    runs = twins(chain_root, chain_sizes, n_root_edges)
    same_v = np.full(root_v.shape[0], -1, dtype=np.int32)
    same_e = np.full(edges.shape[0], -1, dtype=np.int32)
    for root in range(n_root_edges):
        for i in range(runs[root, N_SECOND]):
            first = chain_edge[runs[root, FIRST] + i]
            second = chain_edge[runs[root, SECOND] + i]
            same_e[second] = first
            if i + 1 < runs[root, N_SECOND]:
                same_v[edges[second, B]] = edges[first, B]
    n_v = n_root
    for v in range(same_v.shape[0]):
        if root_v[v] >= 0:
            same_v[v] = root_v[v]
        elif same_v[v] >= 0:
            same_v[v] = same_v[same_v[v]]
        else:
            same_v[v] = n_v
            n_v += 1
    n_e = 0
    for e in range(same_e.shape[0]):
        if same_e[e] >= 0:
            same_e[e] = same_e[same_e[e]]
        else:
            same_e[e] = n_e
            n_e += 1
    return same_v, same_e


@compiled(allocates=True)
def united_vertices(xy: FloatArray, vertex_number: IntArray, n_v: int) -> FloatArray:
    """Return the places of all vertices, of two that are one that of the first."""
    vertices = np.empty((n_v, 2))
    for v in range(xy.shape[0] - 1, -1, -1):  # backwards, so that the first has the last word
        vertices[vertex_number[v], 0], vertices[vertex_number[v], 1] = xy[v, 0], xy[v, 1]
    return vertices


@compiled()
def unite_edges(edges: IntArray, switches: IntArray, vertex_number: IntArray, edge_number: IntArray) -> int:
    """Move the edges that are the first of their number to the front, and number their ends; return how many."""
    n_e = 0
    for e in range(edges.shape[0]):
        if edge_number[e] == n_e:
            edges[n_e, A], edges[n_e, B] = vertex_number[edges[e, A]], vertex_number[edges[e, B]]
            switches[n_e] = switches[e]
            n_e += 1
    return n_e


@compiled(allocates=True)
def unite_faces(
    edges: IntArray, vertex_number: IntArray, edge_number: IntArray, f_off: IndexArray, f_v: IntArray, f_e: IntArray
) -> IntArray:
    """Give corners and sides of the faces their numbers, in place; return the faces of each edge.

    These are LEFT and RIGHT of the direction from its end A to B, -1 outside.
    """
    faces = np.full((edges.shape[0], 2), -1, dtype=np.int32)
    for f in range(f_off.shape[0] - 1):
        for i in range(f_off[f], f_off[f + 1]):
            v, e = vertex_number[f_v[i]], edge_number[f_e[i]]
            f_v[i] = v
            f_e[i] = e
            faces[e, LEFT if edges[e, A] == v else RIGHT] = f
    return faces
