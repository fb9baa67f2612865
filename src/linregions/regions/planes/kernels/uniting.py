"""Unite faces of cells across edges at which nothing changes. Pure array code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.assembly import LEFT, RIGHT
from linregions.regions.planes.kernels.records import N_CHAINS, N_SIDES, OWN, Output
from linregions.regions.planes.kernels.workspace import (
    N_EDGES,
    N_FACES,
    N_VERTICES,
    ONE,
    SWITCH,
    ZERO,
    A,
    B,
    E,
    FloatArray,
    IndexArray,
    IntArray,
    V,
    WordArray,
)


class Windows(NamedTuple):
    """The comparisons of maxima, C of W windows, to tell who wins from the bits of a face."""

    comparison: IndexArray  # (switches,) the comparison that a switch is, or -1
    switch: IndexArray  # (C,) the switch of a comparison
    window: IndexArray  # (C,)
    entry: IndexArray  # (2, C) what stands on its two sides: an entry,
    earlier: IndexArray  # (2, C) or the winner of this comparison, if not -1
    last: IndexArray  # (W,) the comparison whose winner is the window's, or -1
    mask: WordArray  # (words,) bits of all comparisons


@compiled(internal=True)
def _winner(windows: Windows, words: WordArray, window: int) -> int:
    """Return the entry that wins in a window."""
    c = windows.last[window]
    while True:
        switch = np.uint64(windows.switch[c])
        right = np.int64(words[switch >> np.uint64(6)] >> (switch & np.uint64(63)) & ONE)
        if windows.earlier[right, c] < 0:
            return int(windows.entry[right, c])
        c = windows.earlier[right, c]


@compiled()
def same_sides(out: Output, windows: Windows, faces: IntArray, dissolved: npt.NDArray[np.bool_]) -> None:
    """Find the comparisons on whose two sides no pattern changes.

    Where another switch lies on the same line, and only that one matters, it gives the edge its name.
    """
    for e in range(out.filled[N_EDGES]):
        dissolved[e] = False
        own, left, right = out.edge[SWITCH, e], faces[e, LEFT], faces[e, RIGHT]
        if own < 0 or left < 0 or right < 0 or windows.comparison[own] < 0:
            continue
        lowest, own_matters = -1, False
        for w in range(out.f_word.shape[1]):
            changed = out.f_word[left, w] ^ out.f_word[right, w]
            b = 0
            while changed != ZERO:
                if changed & ONE == ONE:
                    switch = 64 * w + b
                    c = windows.comparison[switch]
                    matters = c < 0
                    if c >= 0:
                        window = windows.window[c]
                        matters = _winner(windows, out.f_word[left], window) != _winner(
                            windows, out.f_word[right], window
                        )
                    if matters and lowest < 0:
                        lowest = switch
                    own_matters |= matters and switch == own
                changed >>= ONE
                b += 1
        dissolved[e] = lowest < 0
        if lowest >= 0 and not own_matters:
            out.edge[SWITCH, e] = lowest


@compiled(allocates=True)
def clear_losers(out: Output, windows: Windows) -> None:
    """Set in the bits of faces those of comparisons to 0 that the winner takes no part in."""
    kept = np.empty(out.f_word.shape[1], np.uint64)
    for f in range(out.filled[N_FACES]):
        words = out.f_word[f]
        kept[:] = ZERO
        for window in range(windows.last.shape[0]):
            c = windows.last[window]
            while c >= 0:
                switch = np.uint64(windows.switch[c])
                bit = words[switch >> np.uint64(6)] >> (switch & np.uint64(63)) & ONE
                kept[switch >> np.uint64(6)] |= bit << (switch & np.uint64(63))
                c = windows.earlier[np.int64(bit), c]
        for w in range(kept.shape[0]):
            words[w] = words[w] & ~windows.mask[w] | kept[w]


@compiled()
def faces_of_edges(out: Output, faces: IntArray) -> None:
    """Set the faces on the two sides of each edge, LEFT and RIGHT of its direction, -1 for none in the cell."""
    faces[:] = -1
    for f in range(out.filled[N_FACES]):
        for i in range(out.f_off[f], out.f_off[f + 1]):
            e = out.side[E, i]
            faces[e, LEFT if out.edge[A, e] == out.side[V, i] else RIGHT] = f


@compiled(allocates=True)
def unite(out: Output, n_cells: int, faces: IntArray, dissolved: npt.NDArray[np.bool_]) -> None:
    """Take away the dissolved edges of some cells, in place: what lies on their two sides becomes one face.

    Faces that are united must be convex together. Of vertices go those at which no edge is left; others may lie within
    a straight line then.
    """
    n_v, n_e, n_f = out.filled[N_VERTICES], out.filled[N_EDGES], out.filled[N_FACES]
    n_s = out.filled[N_SIDES]
    group = np.arange(n_f)  # the lowest of the faces that are one
    for e in range(n_e):
        if not dissolved[e]:
            continue
        a, b = faces[e, LEFT], faces[e, RIGHT]
        while group[a] != a:
            group[a] = group[group[a]]
            a = group[a]
        while group[b] != b:
            group[b] = group[group[b]]
            b = group[b]
        group[max(a, b)] = min(a, b)
    following, last = np.full(n_f, -1), np.arange(n_f)  # faces of a group, one after the other
    for f in range(n_f):
        a = f
        while group[a] != a:
            a = group[a]
        group[f] = a
        if a != f:
            following[last[a]] = f
            last[a] = f
    side = out.side[:, :n_s].copy()
    f_off = out.f_off[: n_f + 1].copy()
    stop = np.empty(n_s, np.int64)  # where each side ends
    for f in range(n_f):
        for i in range(f_off[f], f_off[f + 1]):
            stop[i] = side[V, i + 1 if i + 1 < f_off[f + 1] else f_off[f]]
    vertex, edge = np.full(n_v, -1), np.full(n_e, -1)
    starts = np.full(n_v, -1)  # the side of the group at hand that starts at a vertex
    v0, e0, f0, s0, c0 = 0, 0, 0, 0, 0
    v_new, e_new, f_new, s_new = 0, 0, 0, 0
    for cell in range(n_cells):
        sizes = out.cell_size[cell]
        v1, e1, f1 = v0 + sizes[N_VERTICES], e0 + sizes[N_EDGES], f0 + sizes[N_FACES]
        begin_v, begin_e, begin_f, begin_s = v_new, e_new, f_new, s_new
        for e in range(e0, e1):
            if not dissolved[e]:
                vertex[out.edge[A, e]], vertex[out.edge[B, e]] = 0, 0
        for v in range(v0, v1):
            if vertex[v] == 0:
                vertex[v] = v_new
                out.xy[v_new, 0], out.xy[v_new, 1] = out.xy[v, 0], out.xy[v, 1]
                out.root_v[v_new] = out.root_v[v]
                v_new += 1
        for e in range(e0, e1):
            if not dissolved[e]:
                edge[e] = e_new
                out.edge[A, e_new], out.edge[B, e_new] = vertex[out.edge[A, e]], vertex[out.edge[B, e]]
                out.edge[SWITCH, e_new] = out.edge[SWITCH, e]
                e_new += 1
        for f in range(f0, f1):
            if group[f] != f:
                continue
            first, n_left, g = -1, 0, f
            while g >= 0:
                for i in range(f_off[g], f_off[g + 1]):
                    if not dissolved[side[E, i]]:
                        starts[side[V, i]] = i
                        n_left += 1
                        if first < 0:
                            first = i
                g = following[g]
            i = first
            for _ in range(n_left):
                v, e = side[V, i], side[E, i]
                out.side[V, s_new], out.side[E, s_new] = vertex[v], edge[e]
                s_new += 1
                i = starts[stop[i]]
            f_new += 1
            out.f_off[f_new] = s_new
            for w in range(out.f_word.shape[1]):
                out.f_word[f_new - 1, w] = out.f_word[f, w]
        for i in range(c0, c0 + sizes[N_CHAINS]):
            out.chain[OWN, i] = edge[out.chain[OWN, i]]
        v0, e0, f0, s0, c0 = v1, e1, f1, s0 + sizes[N_SIDES], c0 + sizes[N_CHAINS]
        sizes[N_VERTICES], sizes[N_EDGES] = v_new - begin_v, e_new - begin_e
        sizes[N_FACES], sizes[N_SIDES] = f_new - begin_f, s_new - begin_s
    out.filled[N_VERTICES], out.filled[N_EDGES], out.filled[N_FACES] = v_new, e_new, f_new
    out.filled[N_SIDES] = s_new


@compiled(allocates=True)
def straighten(
    xy: FloatArray,
    edges: IntArray,
    switches: IntArray,
    faces: IntArray,
    f_off: IndexArray,
    f_v: IntArray,
    f_e: IntArray,
    corners: int,
) -> tuple[int, int]:
    """Take away vertices within straight lines or of no edge, and join edges, in place; return how many of both stay.

    Vertices before `corners` are those of the window. Of two edges that become one the lower switch stays.
    """
    n_v, n_e, n_f = xy.shape[0], edges.shape[0], f_off.shape[0] - 1
    degree, one = np.zeros(n_v, np.int64), np.full((n_v, 2), -1)
    for e in range(n_e):
        for end in (A, B):
            v = edges[e, end]
            if degree[v] < 2:
                one[v, degree[v]] = e
            degree[v] += 1
    group = np.arange(n_e)
    for v in range(corners, n_v):
        if degree[v] != 2:
            continue
        a, b = one[v, 0], one[v, 1]
        while group[a] != a:
            a = group[a]
        while group[b] != b:
            b = group[b]
        low = min(a, b)
        switches[low] = min(switches[a], switches[b])
        group[a], group[b] = low, low
    vertex, edge, n_vertices, n_edges, n_sides = np.full(n_v, -1), np.full(n_e, -1), 0, 0, 0
    for v in range(n_v):
        if v < corners or degree[v] > 2:
            vertex[v] = n_vertices
            xy[n_vertices, 0], xy[n_vertices, 1] = xy[v, 0], xy[v, 1]
            n_vertices += 1
    for e in range(n_e):
        a = e
        while group[a] != a:
            a = group[a]
        if a == e:
            edge[e] = n_edges
            switches[n_edges] = switches[e]
            faces[n_edges, LEFT], faces[n_edges, RIGHT] = faces[e, LEFT], faces[e, RIGHT]
            n_edges += 1
        else:
            edge[e] = edge[a]
    for f in range(n_f):
        begin, end = f_off[f], f_off[f + 1]
        f_off[f] = n_sides
        first = n_sides
        for i in range(begin, end):
            if vertex[f_v[i]] >= 0:
                f_v[n_sides], f_e[n_sides] = vertex[f_v[i]], edge[f_e[i]]
                n_sides += 1
        for i in range(first, n_sides):
            v, w, e = f_v[i], f_v[i + 1 if i + 1 < n_sides else first], f_e[i]
            edges[e, A], edges[e, B] = (v, w) if faces[e, LEFT] == f else (w, v)
    f_off[n_f] = n_sides
    return n_vertices, n_edges
