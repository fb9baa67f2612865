"""Join the parts that a cell was split to: what the border between two of them was cut to is united."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.assembly import FIRST, N_FIRST, N_SECOND, SECOND, twins
from linregions.regions.planes.kernels.records import FULL, N_CHAINS, N_SIDES, OWN, SHARED, Output
from linregions.regions.planes.kernels.workspace import (
    INCONSISTENT,
    N_EDGES,
    N_FACES,
    N_VERTICES,
    OK,
    SWITCH,
    A,
    B,
    E,
    IntArray,
    V,
)


@compiled(allocates=True)
def join(
    parts: Output, n_parts: int, n_edges: int, root_vertex: IntArray, chain: IntArray, out: Output, slot: int
) -> int:
    """Append the cell that `parts` are to `out`; return OK, FULL (nothing changed) or INCONSISTENT.

    Their root is the complex that was split: it had `n_edges` edges, `root_vertex` are the numbers that its
    vertices had in the root of the whole cell, and `chain` tells which of its edges lie on edges shared with other
    cells.
    """
    n_v, n_e, n_f, n_s, n_c = parts.filled
    v0, e0, f0, s0, c0 = out.filled
    patterns = out.f_word.shape[0] > 0
    if (
        v0 + n_v > out.xy.shape[0]
        or e0 + n_e > out.edge.shape[1]
        or f0 + n_f >= out.f_off.shape[0]
        or (patterns and f0 + n_f > out.f_word.shape[0])
        or s0 + n_s > out.side.shape[1]
        or c0 + n_c > out.chain.shape[1]
    ):
        return FULL
    sizes = np.empty(n_parts, dtype=np.int64)
    for part in range(n_parts):
        sizes[part] = parts.cell_size[part, N_CHAINS]
    runs = twins(parts.chain[SHARED, :n_c], sizes, n_edges)
    same_v, same_e = np.full(n_v, -1, dtype=np.int64), np.full(n_e, -1, dtype=np.int64)
    for edge in range(n_edges):
        if runs[edge, N_SECOND] > 0 and runs[edge, N_SECOND] != runs[edge, N_FIRST]:
            return INCONSISTENT
        for i in range(runs[edge, N_SECOND]):
            first, second = parts.chain[OWN, runs[edge, FIRST] + i], parts.chain[OWN, runs[edge, SECOND] + i]
            same_e[second] = first
            if i + 1 < runs[edge, N_SECOND]:
                same_v[parts.edge[B, second]] = parts.edge[B, first]
    known = np.full(root_vertex.shape[0], -1, dtype=np.int64)
    made_v, made_e = v0, e0
    for v in range(n_v):  # from here on the number of each vertex in the output
        root = parts.root_v[v]
        if root >= 0 and known[root] >= 0:
            same_v[v] = known[root]
        elif same_v[v] >= 0:
            same_v[v] = same_v[same_v[v]]
        else:
            same_v[v] = made_v
            out.xy[made_v, 0], out.xy[made_v, 1] = parts.xy[v, 0], parts.xy[v, 1]
            out.root_v[made_v] = root_vertex[root] if root >= 0 else -1
            made_v += 1
        if root >= 0:
            known[root] = same_v[v]
    for e in range(n_e):
        if same_e[e] >= 0:
            same_e[e] = same_e[same_e[e]]
            continue
        same_e[e] = made_e
        out.edge[A, made_e], out.edge[B, made_e] = same_v[parts.edge[A, e]], same_v[parts.edge[B, e]]
        out.edge[SWITCH, made_e] = parts.edge[SWITCH, e]
        made_e += 1
    for i in range(n_s):
        out.side[V, s0 + i], out.side[E, s0 + i] = same_v[parts.side[V, i]], same_e[parts.side[E, i]]
    for f in range(n_f):
        out.f_off[f0 + f + 1] = s0 + parts.f_off[f + 1]
    if patterns:
        out.f_word[f0 : f0 + n_f] = parts.f_word[:n_f]
    end = c0
    for i in range(chain.shape[1]):
        edge = chain[OWN, i]
        for j in range(runs[edge, N_FIRST]):
            out.chain[SHARED, end], out.chain[OWN, end] = (
                chain[SHARED, i],
                same_e[parts.chain[OWN, runs[edge, FIRST] + j]],
            )
            end += 1
    size = out.cell_size[slot]
    size[N_VERTICES], size[N_EDGES], size[N_FACES] = made_v - v0, made_e - e0, n_f
    size[N_SIDES], size[N_CHAINS] = n_s, end - c0
    for i in range(N_CHAINS + 1):
        out.filled[i] += size[i]
    return OK
