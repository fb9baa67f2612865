"""Cut one convex face by several chords, by the order of their ends on its border.

Whether two chords cross follows from the order of their ends. Numbers are needed only where three or more
cross one another: on which side of a third chord the crossing of two lies (`_crossing`).
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.sites import BREAKPOINT
from linregions.regions.planes.kernels.workspace import (
    BAND,
    BIT,
    CLOSEST,
    COLUMN_STEEPNESS,
    COLUMN_SWITCH,
    CROSS_E,
    CROSS_STAMP,
    CROSS_V,
    FRACTION,
    FROM,
    LENGTH,
    LINE,
    N_EDGES,
    N_VERTICES,
    NEG,
    NEXT,
    ONE,
    OPERANDS,
    PHI_COLUMN,
    POS,
    RELATIVE,
    ROUNDING,
    SNAPPED,
    SPREAD,
    START,
    SWITCH,
    TO,
    UNCERTAINTY,
    UNCERTAINTY_CAP,
    UNDECIDED,
    ZERO,
    A,
    B,
    E,
    FloatArray,
    IntArray,
    V,
    Workspace,
    X,
    Y,
)


@compiled(internal=True)
def _value(phi: FloatArray, parent: IntArray, place: FloatArray, v: int, column: int, n_old: int) -> float:
    """Value of a column of phi at a vertex on the border of a face, new ones interpolated."""
    if v < n_old:
        return float(phi[v, column])
    a, b = parent[FROM, v], parent[TO, v]
    return float(phi[a, column] + place[FRACTION, v] * (phi[b, column] - phi[a, column]))


@compiled(internal=True)
def _crossing(ws: Workspace, edge: int, j: int, k: int, crossing: np.uint64, n_old: int) -> int:
    """Make the vertex where chord k crosses `edge`, a piece of chord j; decide its signs.

    Its place and values come from the ends of the whole chord on the border of the face, never from pieces.
    """
    p, q = ws.chord[A, j], ws.chord[B, j]
    d_p = _value(ws.phi, ws.parent, ws.place, p, ws.column[PHI_COLUMN, k], n_old) - ws.decision[BREAKPOINT, k]
    d_q = _value(ws.phi, ws.parent, ws.place, q, ws.column[PHI_COLUMN, k], n_old) - ws.decision[BREAKPOINT, k]
    s = d_p / (d_p - d_q)
    u, w = np.int32(X), np.int32(Y)
    if not 0.0 < s < 1.0:
        return -1
    x, y = _value(ws.phi, ws.parent, ws.place, p, u, n_old), _value(ws.phi, ws.parent, ws.place, p, w, n_old)
    step_x = _value(ws.phi, ws.parent, ws.place, q, u, n_old) - x
    step_y = _value(ws.phi, ws.parent, ws.place, q, w, n_old) - y
    reach_of_ends = max(abs(x) + abs(y), abs(x + step_x) + abs(y + step_y))
    rounding = ws.margin[RELATIVE] * (abs(x + s * step_x) + abs(y + s * step_y) + OPERANDS * reach_of_ends)
    spread = min((ws.decision[BAND, k] + ws.decision[COLUMN_STEEPNESS, k] * rounding) / abs(d_p - d_q), UNCERTAINTY_CAP)
    # Chord j is uncertain too, which moves the crossing along chord k.
    p_k, q_k = ws.chord[A, k], ws.chord[B, k]
    e_p = _value(ws.phi, ws.parent, ws.place, p_k, ws.column[PHI_COLUMN, j], n_old)
    e_q = _value(ws.phi, ws.parent, ws.place, q_k, ws.column[PHI_COLUMN, j], n_old)
    spread_k = min(
        (ws.decision[BAND, j] + ws.decision[COLUMN_STEEPNESS, j] * rounding) / abs(e_p - e_q), UNCERTAINTY_CAP
    )
    x_k = _value(ws.phi, ws.parent, ws.place, q_k, u, n_old) - _value(ws.phi, ws.parent, ws.place, p_k, u, n_old)
    y_k = _value(ws.phi, ws.parent, ws.place, q_k, w, n_old) - _value(ws.phi, ws.parent, ws.place, p_k, w, n_old)
    v = ws.size[N_VERTICES]
    # A third chord l that does not separate the ends of j, or those of k, has its side from them.
    pos_j, neg_j = ws.word[POS, p] | ws.word[POS, q], ws.word[NEG, p] | ws.word[NEG, q]
    pos_k = ws.word[POS, ws.chord[A, k]] | ws.word[POS, ws.chord[B, k]]
    neg_k = ws.word[NEG, ws.chord[A, k]] | ws.word[NEG, ws.chord[B, k]]
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
        c = ws.column[PHI_COLUMN, m]
        d_m = _value(ws.phi, ws.parent, ws.place, p, c, n_old)
        change = _value(ws.phi, ws.parent, ws.place, q, c, n_old) - d_m
        change_k = _value(ws.phi, ws.parent, ws.place, q_k, c, n_old) - _value(
            ws.phi, ws.parent, ws.place, p_k, c, n_old
        )
        d_m += s * change - ws.decision[BREAKPOINT, m]
        band = (
            ws.decision[BAND, m]
            + ws.decision[COLUMN_STEEPNESS, m] * rounding
            + spread * abs(change)
            + spread_k * abs(change_k)
        )
        if abs(d_m) <= band:
            ws.counts[SNAPPED] += d_m != 0.0
            ws.counts[UNDECIDED] += 1
            continue
        if abs(d_m) < ws.margin[CLOSEST] * band:
            ws.margin[CLOSEST] = abs(d_m) / band
        if d_m > 0.0:
            pos |= ONE << np.uint64(m)
        else:
            neg |= ONE << np.uint64(m)
    if pos & neg != ZERO:
        return -1
    ws.word[POS, v] = pos
    ws.word[NEG, v] = neg
    ws.parent[FROM, v] = p
    ws.parent[TO, v] = q
    ws.parent[LINE, v] = ws.column[COLUMN_SWITCH, j]
    ws.place[FRACTION, v] = s
    length = max(abs(step_x), abs(step_y))
    if length > 0.0:  # else both ends of the chord are at one place, as far as numbers tell
        spread += spread_k * (abs(x_k) + abs(y_k)) / length
    ws.place[SPREAD, v] = spread
    ws.place[ROUNDING, v] = rounding
    ws.place[UNCERTAINTY, v] = spread * (abs(step_x) + abs(step_y)) + rounding
    ws.size[N_VERTICES] = v + 1
    return v


@compiled(inlined=True)
def _cross(ws: Workspace, a: int, e: int, k: int, crossing: np.uint64, stamp: int, n_old: int) -> tuple[int, int, int]:
    """Let chord k cross edge `e`, a piece of another chord met from vertex `a`, unless it did already.

    Returns the vertex, the piece of the edge before it and the piece after it; (-1, 0, 0) if signs contradict.
    """
    j = ws.edge[BIT, e]
    if j < 0:
        return -1, 0, 0
    key = j * 64 + k
    if ws.cross_key[CROSS_STAMP, key] != stamp:
        x = _crossing(ws, e, j, k, crossing, n_old)
        if x < 0:
            return -1, 0, 0
        second = ws.size[N_EDGES]
        ws.size[N_EDGES] = second + 1
        ws.edge[A, second] = x
        ws.edge[B, second] = ws.edge[B, e]
        ws.edge[B, e] = x
        ws.edge[SWITCH, second] = ws.edge[SWITCH, e]
        ws.edge[BIT, second] = j
        ws.edge[NEXT, second] = -1
        ws.cross_key[CROSS_STAMP, key] = stamp
        ws.cross_key[CROSS_V, key] = x
        ws.cross_key[CROSS_E, key] = second
    else:
        x, second = ws.cross_key[CROSS_V, key], ws.cross_key[CROSS_E, key]
        if ws.edge[B, e] != x:
            return -1, 0, 0
    if ws.edge[A, e] == a:
        return x, e, second
    return x, second, e


@compiled(inlined=True)
def side_of(pos: np.uint64, neg: np.uint64, bit: np.uint64) -> np.int64:
    """Return 1 where a column is positive, -1 where negative, 0 where zero."""
    return np.int64(pos >> bit & ONE) - np.int64(neg >> bit & ONE)


# One pass for both halves, since a face is walked once for every chord: this is the innermost loop of all.
@compiled(inlined=True)
def split(
    ws: Workspace,
    from_v: IntArray,
    from_e: IntArray,
    start: int,
    length: int,
    to_v: IntArray,
    to_e: IntArray,
    up: int,
    down: int,
    k: int,
    crossing: np.uint64,
    stamp: int,
    n_old: int,
) -> tuple[int, int, np.uint64, np.uint64, np.uint64, np.uint64]:
    """Split a loop by chord k: write what is above from `up` on and what is below from `down` on.

    Where the chord crosses an edge of the loop, a vertex is made (only with ``crossing``, inside a face).
    Returns the ends of both loops, -1 for the first if signs contradict one another, and the POS and NEG words of
    the loop above and of that below.
    """
    word_pos, word_neg = ws.word[POS], ws.word[NEG]
    bit = np.uint64(k)
    chord = ws.size[N_EDGES]
    ws.size[N_EDGES] = chord + 1
    up_pos, up_neg, down_pos, down_neg = ZERO, ZERO, ZERO, ZERO
    fall, rise, falls, rises = 0, 0, 0, 0
    v = from_v[start + length - 1]
    before = side_of(word_pos[v], word_neg[v], bit)
    v = from_v[start]
    pos, neg = word_pos[v], word_neg[v]
    side = side_of(pos, neg, bit)
    for i in range(start, start + length):
        e = from_e[i]
        w = from_v[i + 1] if i + 1 < start + length else from_v[start]
        next_pos, next_neg = word_pos[w], word_neg[w]
        after = side_of(next_pos, next_neg, bit)
        if side > 0:
            up_pos |= pos
            up_neg |= neg
            to_v[up], to_e[up] = v, e
            up += 1
            if after < 0:
                x, first, second = _cross(ws, v, e, k, crossing, stamp, n_old)
                if x < 0 or falls > 0:
                    return -1, 0, ZERO, ZERO, ZERO, ZERO
                to_e[up - 1] = first
                to_v[up], to_e[up] = x, chord
                to_v[down], to_e[down] = x, second
                up += 1
                down += 1
                fall = x
                falls += 1
        elif side < 0:
            down_pos |= pos
            down_neg |= neg
            to_v[down], to_e[down] = v, e
            down += 1
            if after > 0:
                x, first, second = _cross(ws, v, e, k, crossing, stamp, n_old)
                if x < 0 or rises > 0:
                    return -1, 0, ZERO, ZERO, ZERO, ZERO
                to_e[down - 1] = first
                to_v[down], to_e[down] = x, chord
                to_v[up], to_e[up] = x, second
                up += 1
                down += 1
                rise = x
                rises += 1
        else:
            to_v[up], to_v[down] = v, v
            if before > 0 and after < 0 and falls == 0:
                to_e[up], to_e[down] = chord, e
                fall = v
                falls += 1
            elif before < 0 and after > 0 and rises == 0:
                to_e[up], to_e[down] = e, chord
                rise = v
                rises += 1
            else:
                return -1, 0, ZERO, ZERO, ZERO, ZERO
            up += 1
            down += 1
        v, before, side, pos, neg = w, side, after, next_pos, next_neg
    if falls != 1 or rises != 1:
        return -1, 0, ZERO, ZERO, ZERO, ZERO
    ends_pos, ends_neg = word_pos[fall] | word_pos[rise], word_neg[fall] | word_neg[rise]
    ws.edge[A, chord] = fall
    ws.edge[B, chord] = rise
    ws.edge[SWITCH, chord] = ws.column[COLUMN_SWITCH, k]
    ws.edge[NEXT, chord] = -1
    ws.edge[BIT, chord] = k
    return up, down, up_pos | ends_pos, up_neg | ends_neg, down_pos | ends_pos, down_neg | ends_neg


@compiled(internal=True)
def arrange(ws: Workspace, n: int, crossing: np.uint64, stamp: int, n_old: int) -> int:
    """Cut the loop of `n` sides in the pool by two or more chords; return the number of parts in the pool, or -1."""
    pool_v, pool_e = ws.pool[V], ws.pool[E]
    seen = ZERO
    closed = ZERO
    pos = ZERO
    neg = ZERO
    for i in range(n):
        v = pool_v[i]
        pos |= ws.word[POS, v]
        neg |= ws.word[NEG, v]
        on = crossing & ~(ws.word[POS, v] | ws.word[NEG, v])
        while on != ZERO:
            k = lowest_bit(on)
            bit = on & (ZERO - on)
            on ^= bit
            if seen & bit == ZERO:
                ws.chord[A, k] = v
                seen |= bit
            elif closed & bit == ZERO:
                ws.chord[B, k] = v
                closed |= bit
            else:
                return -1
    if closed != crossing:
        return -1
    ws.part[START, 0] = 0
    ws.part[LENGTH, 0] = n
    ws.part_word[POS, 0] = pos
    ws.part_word[NEG, 0] = neg
    parts = 1
    end = n
    rest = crossing
    while rest != ZERO:
        k = lowest_bit(rest)
        bit = rest & (ZERO - rest)
        rest ^= bit
        for part in range(parts):
            if ws.part_word[POS, part] & ws.part_word[NEG, part] & bit == ZERO:
                continue
            start, length = ws.part[START, part], ws.part[LENGTH, part]
            middle = end + length + 1  # cutting off a corner makes one side more
            up, down, up_pos, up_neg, down_pos, down_neg = split(
                ws, pool_v, pool_e, start, length, pool_v, pool_e, end, middle, k, crossing, stamp, n_old
            )
            if up < 0:
                return -1
            ws.part[START, part], ws.part[LENGTH, part] = end, up - end
            ws.part_word[POS, part], ws.part_word[NEG, part] = up_pos, up_neg
            ws.part[START, parts], ws.part[LENGTH, parts] = middle, down - middle
            ws.part_word[POS, parts], ws.part_word[NEG, parts] = down_pos, down_neg
            parts += 1
            end = down
    return parts
