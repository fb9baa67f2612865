"""Cut one convex face by several chords, by the order of their ends on its border.

Whether two chords cross follows from the order of their ends. Numbers are needed only where three or more
cross one another: on which side of a third chord the crossing of two lies (`_crossing`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from linregions.kernels.bits import lowest_bit
from linregions.kernels.workspace import (
    BIT,
    FRACTION,
    NEG,
    NEXT,
    ONE,
    OPERANDS,
    POS,
    RADIUS,
    ROUNDING,
    SPREAD,
    SWITCH,
    UNCERTAINTY_CAP,
    ZERO,
    A,
    B,
    E,
    FloatArray,
    IndexArray,
    IntArray,
    V,
    WordArray,
    Workspace,
)


@njit(cache=True, nogil=True, error_model="numpy")
def _value(phi: FloatArray, parent: IntArray, place: FloatArray, v: int, column: int, n_old: int) -> float:
    """Value of a column of phi at a vertex on the border of a face, new ones interpolated."""
    if v < n_old:
        return float(phi[v, column])
    a, b = parent[0, v], parent[1, v]
    return float(phi[a, column] + place[FRACTION, v] * (phi[b, column] - phi[a, column]))


@njit(cache=True, nogil=True, error_model="numpy")
def _crossing(ws: Workspace, edge: int, j: int, k: int, crossing: np.uint64, n_old: int) -> int:
    """Make the vertex where chord k crosses `edge`, a piece of chord j; decide its signs.

    Its place and values come from the ends of the whole chord on the border of the face, never from pieces.
    """
    p, q = ws.chord[0, j], ws.chord[1, j]
    d_p = _value(ws.phi, ws.parent, ws.place, p, ws.column[0, k], n_old) - ws.level[0, k]
    d_q = _value(ws.phi, ws.parent, ws.place, q, ws.column[0, k], n_old) - ws.level[0, k]
    s = d_p / (d_p - d_q)
    if not 0.0 < s < 1.0:
        return -1
    x, y = _value(ws.phi, ws.parent, ws.place, p, 1, n_old), _value(ws.phi, ws.parent, ws.place, p, 2, n_old)
    step_x = _value(ws.phi, ws.parent, ws.place, q, 1, n_old) - x
    step_y = _value(ws.phi, ws.parent, ws.place, q, 2, n_old) - y
    reach_of_ends = max(abs(x) + abs(y), abs(x + step_x) + abs(y + step_y))
    rounding = ws.margin[1] * (abs(x + s * step_x) + abs(y + s * step_y) + OPERANDS * reach_of_ends)
    spread = min((ws.level[1, k] + ws.level[2, k] * rounding) / abs(d_p - d_q), UNCERTAINTY_CAP)
    # Chord j is uncertain too, which moves the crossing along chord k.
    p_k, q_k = ws.chord[0, k], ws.chord[1, k]
    e_p = _value(ws.phi, ws.parent, ws.place, p_k, ws.column[0, j], n_old)
    e_q = _value(ws.phi, ws.parent, ws.place, q_k, ws.column[0, j], n_old)
    spread_k = min((ws.level[1, j] + ws.level[2, j] * rounding) / abs(e_p - e_q), UNCERTAINTY_CAP)
    x_k = _value(ws.phi, ws.parent, ws.place, q_k, 1, n_old) - _value(ws.phi, ws.parent, ws.place, p_k, 1, n_old)
    y_k = _value(ws.phi, ws.parent, ws.place, q_k, 2, n_old) - _value(ws.phi, ws.parent, ws.place, p_k, 2, n_old)
    v = ws.size[0]
    # A third chord l that does not separate the ends of j, or those of k, has its side from them.
    pos_j, neg_j = ws.word[POS, p] | ws.word[POS, q], ws.word[NEG, p] | ws.word[NEG, q]
    pos_k = ws.word[POS, ws.chord[0, k]] | ws.word[POS, ws.chord[1, k]]
    neg_k = ws.word[NEG, ws.chord[0, k]] | ws.word[NEG, ws.chord[1, k]]
    split_j, split_k = pos_j & neg_j, pos_k & neg_k
    pos = (pos_j & ~neg_j) | (split_j & pos_k & ~neg_k)
    neg = (neg_j & ~pos_j) | (split_j & neg_k & ~pos_k)
    # Chords drawn before k pass at the ends of the piece at the most.
    drawn = (ONE << np.uint64(k)) - ONE
    a, b = ws.edge[A, edge], ws.edge[B, edge]
    pos = (pos & ~drawn) | ((ws.word[POS, a] | ws.word[POS, b]) & drawn)
    neg = (neg & ~drawn) | ((ws.word[NEG, a] | ws.word[NEG, b]) & drawn)
    own = (ONE << np.uint64(j)) | (ONE << np.uint64(k))
    pos &= ~own
    neg &= ~own
    open_bits = split_j & split_k & crossing & ~drawn & ~own
    while open_bits != ZERO:
        m = lowest_bit(open_bits)
        open_bits &= open_bits - ONE
        c = ws.column[0, m]
        d_m = _value(ws.phi, ws.parent, ws.place, p, c, n_old)
        change = _value(ws.phi, ws.parent, ws.place, q, c, n_old) - d_m
        change_k = _value(ws.phi, ws.parent, ws.place, q_k, c, n_old) - _value(
            ws.phi, ws.parent, ws.place, p_k, c, n_old
        )
        d_m += s * change - ws.level[0, m]
        band = ws.level[1, m] + ws.level[2, m] * rounding + spread * abs(change) + spread_k * abs(change_k)
        if abs(d_m) <= band:
            ws.counts[0] += d_m != 0.0
            continue
        if abs(d_m) < ws.margin[0] * band:
            ws.margin[0] = abs(d_m) / band
        if d_m > 0.0:
            pos |= ONE << np.uint64(m)
        else:
            neg |= ONE << np.uint64(m)
    if pos & neg != ZERO:
        return -1
    ws.word[POS, v] = pos
    ws.word[NEG, v] = neg
    ws.parent[0, v] = p
    ws.parent[1, v] = q
    ws.place[FRACTION, v] = s
    length = np.hypot(step_x, step_y)
    spread += spread_k * np.hypot(x_k, y_k) / length
    ws.place[SPREAD, v] = spread
    ws.place[ROUNDING, v] = rounding
    ws.place[RADIUS, v] = spread * length + rounding
    ws.size[0] = v + 1
    return v


@njit(cache=True, nogil=True, error_model="numpy")
def _split_part(ws: Workspace, part: int, k: int, crossing: np.uint64, stamp: int, n_old: int) -> int:
    """Write a part's loop, with the crossings of chord k made vertices, to the second loop buffer."""
    loop_v, loop_e = ws.loop[1, V], ws.loop[1, E]
    start, length = ws.part[0, part], ws.part[1, part]
    bit = ONE << np.uint64(k)
    n = 0
    for i in range(start, start + length):
        a, e = ws.pool[V, i], ws.pool[E, i]
        b = ws.pool[V, i + 1] if i + 1 < start + length else ws.pool[V, start]
        loop_v[n] = a
        changes = ((ws.word[POS, a] & ws.word[NEG, b]) | (ws.word[NEG, a] & ws.word[POS, b])) & bit
        if changes == ZERO:
            loop_e[n] = e
            n += 1
            continue
        j = ws.edge[BIT, e]
        if j < 0:
            return -1
        key = j * 64 + k
        if ws.cross_key[0, key] != stamp:
            x = _crossing(ws, e, j, k, crossing, n_old)
            if x < 0:
                return -1
            second = ws.size[1]
            ws.size[1] = second + 1
            ws.edge[A, second] = x
            ws.edge[B, second] = ws.edge[B, e]
            ws.edge[B, e] = x
            ws.edge[SWITCH, second] = ws.edge[SWITCH, e]
            ws.edge[BIT, second] = j
            ws.edge[NEXT, second] = -1
            ws.cross_key[0, key] = stamp
            ws.cross_key[1, key] = x
            ws.cross_key[2, key] = second
        else:
            x, second = ws.cross_key[1, key], ws.cross_key[2, key]
            if ws.edge[B, e] != x:
                return -1
        forward = ws.edge[A, e] == a
        loop_e[n] = e if forward else second
        loop_v[n + 1] = x
        loop_e[n + 1] = second if forward else e
        n += 2
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def zeros(loop: IntArray, word: WordArray, n: int, bit: np.uint64) -> tuple[int, int]:
    """Positions of the two vertices of a loop where a column is zero; (-1, -1) unless the chord is proper."""
    first, second = -1, -1
    for i in range(n):
        v = loop[V, i]
        if (word[POS, v] | word[NEG, v]) & bit == ZERO:
            if first < 0:
                first = i
            elif second < 0:
                second = i
            else:
                return -1, -1
    if second < 0 or second - first < 2 or first + n - second < 2:
        return -1, -1
    return first, second


@njit(cache=True, nogil=True, error_model="numpy")
def new_edge(size: IndexArray, edge: IntArray, a: int, b: int, k: int, switch: int) -> int:
    """Append an edge of column k between two vertices; return its number."""
    e = size[1]
    size[1] = e + 1
    edge[A, e] = a
    edge[B, e] = b
    edge[SWITCH, e] = switch
    edge[NEXT, e] = -1
    edge[BIT, e] = k
    return int(e)


@njit(cache=True, nogil=True, error_model="numpy")
def half(loop: IntArray, n: int, first: int, last: int, edge: int, to: IntArray, at: int) -> int:
    """Copy the part of a loop from position `first` on to `last` (cyclic), closed by `edge`; return its end."""
    i = first
    while i != last:
        to[V, at] = loop[V, i]
        to[E, at] = loop[E, i]
        at += 1
        i = i + 1 if i + 1 < n else 0
    to[V, at] = loop[V, last]
    to[E, at] = edge
    return at + 1


@njit(cache=True, nogil=True, error_model="numpy")
def arrange(ws: Workspace, n: int, crossing: np.uint64, stamp: int, n_old: int) -> int:
    """Cut the loop in the first buffer by two or more chords; return the number of parts in the pool, or -1."""
    for k in range(64):
        ws.chord[1, k] = -1
    seen = ZERO
    pos = ZERO
    neg = ZERO
    for i in range(n):
        v = ws.loop[0, V, i]
        pos |= ws.word[POS, v]
        neg |= ws.word[NEG, v]
        ws.pool[V, i] = v
        ws.pool[E, i] = ws.loop[0, E, i]
        on = crossing & ~(ws.word[POS, v] | ws.word[NEG, v])
        while on != ZERO:
            k = lowest_bit(on)
            bit = ONE << np.uint64(k)
            on &= on - ONE
            if seen & bit == ZERO:
                ws.chord[0, k] = v
                seen |= bit
            elif ws.chord[1, k] < 0:
                ws.chord[1, k] = v
            else:
                return -1
    rest = crossing
    while rest != ZERO:
        if ws.chord[1, lowest_bit(rest)] < 0:
            return -1
        rest &= rest - ONE
    ws.part[0, 0] = 0
    ws.part[1, 0] = n
    ws.part_word[0, 0] = pos
    ws.part_word[1, 0] = neg
    parts = 1
    end = n
    rest = crossing
    while rest != ZERO:
        k = lowest_bit(rest)
        rest &= rest - ONE
        bit = ONE << np.uint64(k)
        for part in range(parts):
            if ws.part_word[0, part] & ws.part_word[1, part] & bit == ZERO:
                continue
            m = _split_part(ws, part, k, crossing, stamp, n_old)
            if m < 0:
                return -1
            first, second = zeros(ws.loop[1], ws.word, m, bit)
            if first < 0:
                return -1
            edge = new_edge(ws.size, ws.edge, ws.loop[1, V, first], ws.loop[1, V, second], k, ws.column[1, k])
            middle = half(ws.loop[1], m, first, second, edge, ws.pool, end)
            last = half(ws.loop[1], m, second, first, edge, ws.pool, middle)
            ws.part[0, part] = end
            ws.part[1, part] = middle - end
            ws.part[0, parts] = middle
            ws.part[1, parts] = last - middle
            for which in (part, parts):
                pos = ZERO
                neg = ZERO
                for i in range(ws.part[0, which], ws.part[0, which] + ws.part[1, which]):
                    pos |= ws.word[POS, ws.pool[V, i]]
                    neg |= ws.word[NEG, ws.pool[V, i]]
                ws.part_word[0, which] = pos
                ws.part_word[1, which] = neg
            parts += 1
            end = last
    return parts
