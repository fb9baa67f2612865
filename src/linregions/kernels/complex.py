"""Cut a planar complex of convex faces by up to 64 columns (pre-activation minus breakpoint) at once.

A complex is vertices, edges and faces. Face ``f`` is a counter-clockwise loop of vertices ``fv`` and of the
edges ``fe`` from each vertex to the next, between ``f_off[f]`` and ``f_off[f + 1]``. Every column is linear on
every face, so it cuts a face in one chord or not at all. A vertex carries two bit words: in which columns it
is positive and in which negative; neither means zero.

Only three kinds of decision depend on numbers, each taken in one place: the sign of a column at a vertex
(`sign_words`), the order of two cuts on an edge (`_cut_edges`), and the side of a third chord on which two
chords cross (`_crossing`). Everything else follows from the words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from linregions.kernels.bits import count_bits, lowest_bit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]
IndexArray = npt.NDArray[np.int64]

ONE = np.uint64(1)
ZERO = np.uint64(0)
OK, INCONSISTENT, GROW = 0, 1, 2
# An uncertain cut is never taken to be off by more than this part of its edge.
UNCERTAINTY_CAP = 1e-3


# Rows of the arrays below.
POS, NEG = 0, 1
RADIUS, FRACTION, SPREAD, ROUNDING = range(4)
# Interpolation rounds by the size of its operands, though less often than a sum of many terms.
OPERANDS = 0.125
A, B, SWITCH, NEXT, BIT, CUTS, CUT_V, CUT_E = range(8)
V, E = 0, 1


class Workspace(NamedTuple):
    """Buffers of one thread, few and large, since every array that a compiled function takes costs compile time."""

    size: IndexArray  # of the complex: vertices, edges, faces, and which of two buffers holds the faces
    need: IndexArray  # capacities asked for: vertices, edges, faces, columns, pool
    counts: IndexArray  # snapped signs, merged ties, faces cut by several chords so far
    margin: FloatArray  # closest decision not taken as zero, in multiples of its band; relative tolerance
    phi: FloatArray  # (vertices, columns): basis functions, then pre-activations
    place: FloatArray  # RADIUS: uncertainty of a vertex's place in plane units; FRACTION: where between its parents,
    # SPREAD: uncertainty of that, -1 where the parents are not at hand; ROUNDING of the place in plane units
    word: WordArray  # POS, NEG: columns that are positive, negative at a vertex
    parent: IntArray  # (3, vertices): the two others that a vertex lies between; its number in the root complex
    edge: IntArray  # A, B: ends; SWITCH that made it; NEXT piece of the same original edge; BIT: column of the
    # current batch that made it, else -1; CUTS on it: their number, first vertex CUT_V, first new edge CUT_E
    f_off: IntArray  # (2, faces + 1), double-buffered like the two below
    side: IntArray  # (2, 2, sides): V, E of all faces' loops
    f_word: WordArray  # (2, faces, words): which switches are passed
    loop: IntArray  # (2, 2, ...): V, E of a face with the cuts on its border; of a part being split
    pool: IntArray  # (2, ...): V, E of the loops of the parts of a face
    part: IndexArray  # (2, ...): start and length of each part in the pool
    part_word: WordArray  # (2, ...): POS, NEG of each part
    cross_key: IndexArray  # (3, 64 * 64): face stamp, vertex and second edge of a crossing
    chord: IntArray  # (2, 64): ends of each chord on the border of the face
    column: IntArray  # (2, 64): where in phi a batch's columns are, and their switch
    level: FloatArray  # (3, 64): breakpoint, band and Lipschitz constant of each column
    order: FloatArray  # (2, 64): places of the cuts on one edge, and their uncertainty
    order_bit: IntArray  # (64,)


def make_workspace(vertices: int, edges: int, faces: int, columns: int, pool: int, words: int) -> Workspace:
    """Allocate buffers of the given capacities."""
    sides = 2 * edges + 16

    def ints(*shape: int) -> IntArray:
        return np.empty(shape, dtype=np.int32)

    def longs(*shape: int) -> IndexArray:
        return np.zeros(shape, dtype=np.int64)

    def floats(*shape: int) -> FloatArray:
        return np.empty(shape, dtype=np.float64)

    def bits(*shape: int) -> WordArray:
        return np.empty(shape, dtype=np.uint64)

    return Workspace(
        longs(4), longs(5), longs(3), np.full(2, np.inf),
        floats(vertices, columns), floats(4, vertices), bits(2, vertices), ints(3, vertices),
        ints(8, edges), ints(2, faces + 1), ints(2, 2, sides), bits(2, faces, words),
        ints(2, 2, max(min(sides, 1 << 16), 1024)), ints(2, pool), longs(2, 2200), bits(2, 2200),
        longs(3, 64 * 64) - 1, ints(2, 64), ints(2, 64), floats(3, 64), floats(2, 64), ints(64),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def blur(values: FloatArray, column: int, v: int, parent: IntArray, place: FloatArray, steepness: float) -> float:
    """Bound what a vertex's uncertain place can change in one column of `values`.

    Where two lines are nearly parallel the place is uncertain along them, but there a third line that is nearly
    parallel as well changes little: so by the column's change along the edge that the vertex lies on.
    """
    loose = steepness * place[RADIUS, v]
    if place[SPREAD, v] < 0.0:
        return float(loose)
    change = abs(values[parent[1, v], column] - values[parent[0, v], column])
    return float(min(loose, steepness * place[ROUNDING, v] + 2.0 * place[SPREAD, v] * change))


@njit(cache=True, nogil=True, error_model="numpy")
def sign_words(ws: Workspace, n_bits: int) -> None:
    """Decide the sign of every column at every vertex."""
    n_vertices = ws.size[0]
    snapped = 0
    margin = ws.margin[0]
    for v in range(n_vertices):
        pos = ZERO
        neg = ZERO
        r = ws.place[RADIUS, v]
        for k in range(n_bits):
            c = ws.column[0, k]
            d = ws.phi[v, c] - ws.level[0, k]
            band = ws.level[1, k] + ws.level[2, k] * r
            if abs(d) <= band:
                band = ws.level[1, k] + blur(ws.phi, c, v, ws.parent, ws.place, ws.level[2, k])
            if d > band:
                pos |= ONE << np.uint64(k)
                if d < margin * band:
                    margin = d / band
            elif d < -band:
                neg |= ONE << np.uint64(k)
                if -d < margin * band:
                    margin = -d / band
            elif d != 0.0:
                snapped += 1
        ws.word[POS, v] = pos
        ws.word[NEG, v] = neg
    ws.counts[0] += snapped
    ws.margin[0] = margin


@njit(cache=True, nogil=True, error_model="numpy")
def _fits(ws: Workspace) -> bool:
    """Bound what the batch can create; False (and `need` set) if a buffer is too small."""
    n_vertices, n_edges, n_faces, now = ws.size
    f_off, f_v = ws.f_off[now], ws.side[now, V]
    cuts = 0
    for e in range(n_edges):
        a, b = ws.edge[A, e], ws.edge[B, e]
        cuts += count_bits((ws.word[POS, a] & ws.word[NEG, b]) | (ws.word[NEG, a] & ws.word[POS, b]))
    new_v, new_e, new_f, pool, loop = cuts, cuts, 0, 0, 0
    for f in range(n_faces):
        pos = ZERO
        neg = ZERO
        for i in range(f_off[f], f_off[f + 1]):
            pos |= ws.word[POS, f_v[i]]
            neg |= ws.word[NEG, f_v[i]]
        crossing = pos & neg
        if crossing == ZERO:
            continue
        m = count_bits(crossing)
        pairs = m * (m - 1) // 2
        new_v += pairs
        new_e += m + 2 * pairs
        new_f += m + pairs
        length = f_off[f + 1] - f_off[f] + 4 * m + 4
        loop = max(loop, length)
        if m > 1:
            pool = max(pool, length * (2 * (m + pairs) + 1))
    ws.need[0] = n_vertices + new_v
    ws.need[1] = max(n_edges + new_e, loop // 2 + 1)
    ws.need[2] = n_faces + new_f
    ws.need[4] = pool
    return (
        ws.need[0] <= ws.phi.shape[0]
        and ws.need[1] <= ws.edge.shape[1]
        and ws.need[2] <= ws.f_word.shape[1]
        and pool <= ws.pool.shape[1]
        and loop <= ws.loop.shape[2]
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _cut_edges(ws: Workspace) -> None:
    """Cut every edge where columns change sign, in order along it; ties become one vertex."""
    n_vertices, n_edges = ws.size[0], ws.size[1]
    place, spread, bits = ws.order[0], ws.order[1], ws.order_bit
    for e in range(ws.size[1]):
        a, b = ws.edge[A, e], ws.edge[B, e]
        ws.edge[BIT, e] = -1
        cutting = (ws.word[POS, a] & ws.word[NEG, b]) | (ws.word[NEG, a] & ws.word[POS, b])
        if cutting == ZERO:
            ws.edge[CUTS, e] = 0
            continue
        n = 0
        rest = cutting
        while rest != ZERO:
            k = lowest_bit(rest)
            rest &= rest - ONE
            d_a = ws.phi[a, ws.column[0, k]] - ws.level[0, k]
            d_b = ws.phi[b, ws.column[0, k]] - ws.level[0, k]
            t = d_a / (d_a - d_b)
            band = ws.level[1, k] + ws.level[2, k] * ((1.0 - t) * ws.place[ROUNDING, a] + t * ws.place[ROUNDING, b])
            i = n
            while i > 0 and place[i - 1] > t:
                place[i], spread[i], bits[i] = place[i - 1], spread[i - 1], bits[i - 1]
                i -= 1
            place[i], spread[i], bits[i] = t, min(band / abs(d_a - d_b), UNCERTAINTY_CAP), k
            n += 1
        x_a, y_a = ws.phi[a, 1], ws.phi[a, 2]
        reach_of_ends = max(abs(x_a) + abs(y_a), abs(ws.phi[b, 1]) + abs(ws.phi[b, 2]))
        length = np.hypot(ws.phi[b, 1] - x_a, ws.phi[b, 2] - y_a)
        ws.edge[CUT_V, e] = n_vertices
        ws.edge[CUT_E, e] = n_edges
        passed = ZERO
        first = 0
        after = ws.edge[NEXT, e]
        previous = e
        while first < n:
            best = first
            group = ONE << np.uint64(bits[first])
            last = first + 1
            while last < n:
                gap = place[last] - place[last - 1]
                band = spread[last] + spread[last - 1]
                if gap > band:
                    if gap < ws.margin[0] * band:
                        ws.margin[0] = gap / band
                    break
                group |= ONE << np.uint64(bits[last])
                if spread[last] < spread[best]:
                    best = last
                last += 1
            ws.counts[1] += last - first - 1
            passed |= group
            ahead = cutting & ~passed
            behind = passed & ~group
            ws.word[POS, n_vertices] = (
                ((ws.word[POS, a] | ws.word[POS, b]) & ~cutting)
                | (ws.word[POS, b] & behind)
                | (ws.word[POS, a] & ahead)
            )
            ws.word[NEG, n_vertices] = (
                ((ws.word[NEG, a] | ws.word[NEG, b]) & ~cutting)
                | (ws.word[NEG, b] & behind)
                | (ws.word[NEG, a] & ahead)
            )
            ws.parent[0, n_vertices] = a
            ws.parent[1, n_vertices] = b
            ws.place[FRACTION, n_vertices] = place[best]
            ws.place[SPREAD, n_vertices] = spread[best]
            t = place[best]
            reach = abs(x_a + t * (ws.phi[b, 1] - x_a)) + abs(y_a + t * (ws.phi[b, 2] - y_a))
            reach += OPERANDS * reach_of_ends
            ws.place[ROUNDING, n_vertices] = ws.margin[1] * reach
            ws.place[RADIUS, n_vertices] = spread[best] * length + ws.margin[1] * reach
            ws.edge[A, n_edges] = n_vertices
            ws.edge[SWITCH, n_edges] = ws.edge[SWITCH, e]
            ws.edge[BIT, n_edges] = -1
            ws.edge[NEXT, previous] = n_edges
            ws.edge[B, previous] = n_vertices
            previous = n_edges
            n_vertices += 1
            n_edges += 1
            first = last
        ws.edge[B, previous] = b
        ws.edge[NEXT, previous] = after
        ws.edge[CUTS, e] = n_edges - ws.edge[CUT_E, e]
    ws.size[0] = n_vertices
    ws.size[1] = n_edges


@njit(cache=True, nogil=True, error_model="numpy")
def _border(f_off: IntArray, side: IntArray, edge: IntArray, loop: IntArray, f: int) -> int:
    """Write the loop of a face with the cuts on its edges to `loop`; return its length."""
    n = 0
    for i in range(f_off[f], f_off[f + 1]):
        v, e = side[V, i], side[E, i]
        loop[V, n] = v
        cuts = edge[CUTS, e]
        if cuts == 0:
            loop[E, n] = e
            n += 1
            continue
        first_v, first_e = edge[CUT_V, e], edge[CUT_E, e]
        if edge[A, e] == v:
            loop[E, n] = e
            n += 1
            for j in range(cuts):
                loop[V, n] = first_v + j
                loop[E, n] = first_e + j
                n += 1
        else:
            loop[E, n] = first_e + cuts - 1
            n += 1
            for j in range(cuts - 1, -1, -1):
                loop[V, n] = first_v + j
                loop[E, n] = first_e + j - 1 if j > 0 else e
                n += 1
    return n


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
def _zeros(loop: IntArray, word: WordArray, n: int, bit: np.uint64) -> tuple[int, int]:
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
def _new_edge(size: IndexArray, edge: IntArray, a: int, b: int, k: int, switch: int) -> int:
    e = size[1]
    size[1] = e + 1
    edge[A, e] = a
    edge[B, e] = b
    edge[SWITCH, e] = switch
    edge[NEXT, e] = -1
    edge[BIT, e] = k
    return int(e)


@njit(cache=True, nogil=True, error_model="numpy")
def _half(loop: IntArray, n: int, first: int, last: int, edge: int, to: IntArray, at: int) -> int:
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
def _set_words(
    f_word: WordArray,
    word: WordArray,
    side: IntArray,
    column: IntArray,
    parent: int,
    face: int,
    now: int,
    start: int,
    end: int,
) -> None:
    """Give a finished face its parent's word and the bits of the columns it is above."""
    then = 1 - now
    passed = ZERO
    for i in range(start, end):
        passed |= word[POS, side[then, V, i]]
    for w in range(f_word.shape[2]):
        f_word[then, face, w] = f_word[now, parent, w]
    while passed != ZERO:
        k = lowest_bit(passed)
        passed &= passed - ONE
        switch = np.uint64(column[1, k])
        f_word[then, face, switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))


@njit(cache=True, nogil=True, error_model="numpy")
def _arrange(ws: Workspace, n: int, crossing: np.uint64, stamp: int, n_old: int) -> int:
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
            first, second = _zeros(ws.loop[1], ws.word, m, bit)
            if first < 0:
                return -1
            edge = _new_edge(ws.size, ws.edge, ws.loop[1, V, first], ws.loop[1, V, second], k, ws.column[1, k])
            middle = _half(ws.loop[1], m, first, second, edge, ws.pool, end)
            last = _half(ws.loop[1], m, second, first, edge, ws.pool, middle)
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


@njit(cache=True, nogil=True, error_model="numpy")
def cut_faces(ws: Workspace, n_bits: int, n_columns: int) -> int:
    """Cut the complex by the columns described in `column` and `level`; fill `n_columns` of phi at new vertices.

    The signs must be there (`sign_words`). Returns OK, GROW (nothing changed; see `need`) or INCONSISTENT.
    """
    if not _fits(ws):
        return GROW
    now = ws.size[3]
    then = 1 - now
    n_old = ws.size[0]
    n_faces = ws.size[2]
    _cut_edges(ws)
    f_off, f_v, f_e = ws.f_off[then], ws.side[then, V], ws.side[then, E]
    f_off[0] = 0
    made = 0
    end = 0
    for f in range(n_faces):
        pos = ZERO
        neg = ZERO
        for i in range(ws.f_off[now, f], ws.f_off[now, f + 1]):
            v = ws.side[now, V, i]
            pos |= ws.word[POS, v]
            neg |= ws.word[NEG, v]
        crossing = pos & neg
        if crossing == ZERO:
            start = end
            for i in range(ws.f_off[now, f], ws.f_off[now, f + 1]):
                f_v[end] = ws.side[now, V, i]
                f_e[end] = ws.side[now, E, i]
                end += 1
            _set_words(ws.f_word, ws.word, ws.side, ws.column, f, made, now, start, end)
            made += 1
            f_off[made] = end
            continue
        n = _border(ws.f_off[now], ws.side[now], ws.edge, ws.loop[0], f)
        if crossing & (crossing - ONE) == ZERO:
            first, second = _zeros(ws.loop[0], ws.word, n, crossing)
            if first < 0:
                return INCONSISTENT
            k = lowest_bit(crossing)
            edge = _new_edge(ws.size, ws.edge, ws.loop[0, V, first], ws.loop[0, V, second], k, ws.column[1, k])
            for start, stop in ((first, second), (second, first)):
                begin = end
                end = _half(ws.loop[0], n, start, stop, edge, ws.side[then], end)
                _set_words(ws.f_word, ws.word, ws.side, ws.column, f, made, now, begin, end)
                made += 1
                f_off[made] = end
            continue
        ws.counts[2] += 1  # a stamp that never repeats, so that `cross_key` needs no clearing
        parts = _arrange(ws, n, crossing, ws.counts[2], n_old)
        if parts < 0:
            return INCONSISTENT
        for part in range(parts):
            begin = end
            for i in range(ws.part[0, part], ws.part[0, part] + ws.part[1, part]):
                f_v[end] = ws.pool[V, i]
                f_e[end] = ws.pool[E, i]
                end += 1
            _set_words(ws.f_word, ws.word, ws.side, ws.column, f, made, now, begin, end)
            made += 1
            f_off[made] = end
    ws.size[2] = made
    ws.size[3] = then
    _fill(ws, n_old, n_bits, n_columns)
    return OK


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(ws: Workspace, n_old: int, n_bits: int, n_columns: int) -> None:
    """Interpolate phi at the new vertices; a column is exactly at its breakpoint where it made the vertex."""
    phi = ws.phi
    for v in range(n_old, ws.size[0]):
        a, b, t = ws.parent[0, v], ws.parent[1, v], ws.place[FRACTION, v]
        for c in range(n_columns):
            phi[v, c] = phi[a, c] + t * (phi[b, c] - phi[a, c])
        if n_columns > 3:
            for k in range(n_bits):
                if (ws.word[POS, v] | ws.word[NEG, v]) >> np.uint64(k) & ONE == ZERO:
                    phi[v, ws.column[0, k]] = ws.level[0, k]
