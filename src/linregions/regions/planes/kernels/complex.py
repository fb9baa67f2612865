"""Cut a planar complex of convex faces by up to 64 columns (pre-activation minus breakpoint) at once.

A complex is vertices, edges and faces. Face ``f`` is a counter-clockwise loop of vertices ``fv`` and of the
edges ``fe`` from each vertex to the next, between ``f_off[f]`` and ``f_off[f + 1]``. Every column is linear on
every face, so it cuts a face in one chord or not at all. A vertex carries two bit words: in which columns it
is positive and in which negative; neither means zero.

Only three kinds of decision depend on numbers, each taken in one place: the sign of a column at a vertex
(`sign_words`), the order of two cuts on an edge (`_cut_edges`), and the side of a third chord on which two
chords cross (`chords._crossing`). Everything else follows from the words.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.sites import BREAKPOINT
from linregions.regions.planes.kernels.chords import arrange, split
from linregions.regions.planes.kernels.workspace import (
    BAND,
    BIT,
    CLOSEST,
    COLUMN_BIT,
    COLUMN_STEEPNESS,
    CUT_E,
    CUT_V,
    CUTS,
    FRACTION,
    FROM,
    GROW,
    INCONSISTENT,
    LENGTH,
    LINE,
    MERGED,
    N_AFFINE,
    N_EDGES,
    N_FACES,
    N_POOL,
    N_VERTICES,
    NEG,
    NEXT,
    NOW,
    OK,
    ONE,
    OPERANDS,
    PHI_COLUMN,
    POS,
    RELATIVE,
    ROUNDING,
    SNAPPED,
    SPREAD,
    STAMPS,
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
    WordArray,
    Workspace,
    X,
    Y,
)


@compiled(internal=True)
def change_there(
    values: FloatArray, column: int, v: int, parent: IntArray, place: FloatArray, steepness: float
) -> float:
    """Bound what a vertex's uncertain place can change in one column of `values`.

    Where two lines are nearly parallel the place is uncertain along them, but there a third line that is nearly
    parallel as well changes little: so by the column's change along the edge that the vertex lies on.
    """
    loose = steepness * place[UNCERTAINTY, v]
    if place[SPREAD, v] < 0.0:
        return float(loose)
    change = abs(values[parent[TO, v], column] - values[parent[FROM, v], column])
    return float(min(loose, steepness * place[ROUNDING, v] + 2.0 * place[SPREAD, v] * change))


@compiled(internal=True)
def sign_words(ws: Workspace, n_bits: int) -> None:
    """Decide the sign of every column at every vertex."""
    n_vertices = ws.size[N_VERTICES]
    snapped, undecided = 0, 0
    margin = ws.margin[CLOSEST]
    columns, breakpoints = ws.column[PHI_COLUMN], ws.decision[BREAKPOINT]
    bands, steepness = ws.decision[BAND], ws.decision[COLUMN_STEEPNESS]
    for v in range(n_vertices):
        pos = ZERO
        neg = ZERO
        close = ZERO
        r = ws.place[UNCERTAINTY, v]
        row = ws.phi[v]
        for k in range(n_bits):
            d = row[columns[k]] - breakpoints[k]
            band = bands[k] + steepness[k] * r
            bit = np.uint64(k)
            pos |= np.uint64(d > band) << bit
            neg |= np.uint64(d < -band) << bit
            # Near the band, or nearer to it than any so far: few need a second look.
            close |= np.uint64(abs(d) < margin * band) << bit
        close |= ~(pos | neg) & (~ZERO >> np.uint64(64 - n_bits))
        while close != ZERO:
            k = lowest_bit(close)
            bit = close & (ZERO - close)
            close ^= bit
            c = np.int64(columns[k])
            d = row[c] - breakpoints[k]
            band = bands[k] + steepness[k] * r
            if abs(d) <= band:
                band = bands[k] + change_there(ws.phi, c, v, ws.parent, ws.place, steepness[k])
            if d > band:
                pos |= bit
                margin = min(margin, d / band)
            elif d < -band:
                neg |= bit
                margin = min(margin, -d / band)
            else:
                snapped += d != 0.0
                # Every term is zero where the band is, or in the value -0.0, which no sum is.
                undecided += band > 0.0 and not (d == 0.0 and breakpoints[k] == 0.0 and np.signbit(row[c]))
        ws.word[POS, v] = pos
        ws.word[NEG, v] = neg
    ws.counts[SNAPPED] += snapped
    ws.counts[UNDECIDED] += undecided
    ws.margin[CLOSEST] = margin


@compiled(internal=True)
def _fits(ws: Workspace) -> bool:
    """Bound what the batch can create; False (and `need` set) if a buffer is too small."""
    n_vertices, n_edges, n_faces, now = ws.size
    f_off, f_v = ws.f_off[now], ws.side[now, V]
    cuts = 0
    for e in range(n_edges):
        a, b = ws.edge[A, e], ws.edge[B, e]
        cuts += count_bits((ws.word[POS, a] & ws.word[NEG, b]) | (ws.word[NEG, a] & ws.word[POS, b]))
    new_v, new_e, new_f, pool = cuts, cuts, 0, 0
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
        pool = max(pool, length * (2 * (m + pairs) + 1 if m > 1 else 1))
    ws.need[N_VERTICES] = n_vertices + new_v
    ws.need[N_EDGES] = n_edges + new_e
    ws.need[N_FACES] = n_faces + new_f
    ws.need[N_POOL] = pool
    return (
        ws.need[N_VERTICES] <= ws.phi.shape[0]
        and ws.need[N_EDGES] <= ws.edge.shape[1]
        and ws.need[N_FACES] <= ws.f_word.shape[1]
        and pool <= ws.pool.shape[1]
    )


@compiled(internal=True)
def _cut_edges(ws: Workspace) -> None:
    """Cut every edge where columns change sign, in order along it; ties become one vertex."""
    n_vertices, n_edges = ws.size[N_VERTICES], ws.size[N_EDGES]
    place, spread, bits = ws.order[FRACTION], ws.order[SPREAD], ws.order_bit
    for e in range(ws.size[N_EDGES]):
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
            d_a = ws.phi[a, ws.column[PHI_COLUMN, k]] - ws.decision[BREAKPOINT, k]
            d_b = ws.phi[b, ws.column[PHI_COLUMN, k]] - ws.decision[BREAKPOINT, k]
            t = d_a / (d_a - d_b)
            band = ws.decision[BAND, k] + ws.decision[COLUMN_STEEPNESS, k] * (
                (1.0 - t) * ws.place[ROUNDING, a] + t * ws.place[ROUNDING, b]
            )
            i = n
            while i > 0 and place[i - 1] > t:
                place[i], spread[i], bits[i] = place[i - 1], spread[i - 1], bits[i - 1]
                i -= 1
            place[i], spread[i], bits[i] = t, min(band / abs(d_a - d_b), UNCERTAINTY_CAP), k
            n += 1
        x_a, y_a = ws.phi[a, X], ws.phi[a, Y]
        reach_of_ends = max(abs(x_a) + abs(y_a), abs(ws.phi[b, X]) + abs(ws.phi[b, Y]))
        length = abs(ws.phi[b, X] - x_a) + abs(ws.phi[b, Y] - y_a)
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
                    if gap < ws.margin[CLOSEST] * band:
                        ws.margin[CLOSEST] = gap / band
                    break
                ws.counts[MERGED] += gap != 0.0
                ws.counts[UNDECIDED] += 1
                group |= ONE << np.uint64(bits[last])
                if spread[last] < spread[best]:
                    best = last
                last += 1
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
            ws.parent[FROM, n_vertices] = a
            ws.parent[TO, n_vertices] = b
            ws.parent[LINE, n_vertices] = ws.edge[SWITCH, e]
            ws.place[FRACTION, n_vertices] = place[best]
            ws.place[SPREAD, n_vertices] = spread[best]
            t = place[best]
            reach = abs(x_a + t * (ws.phi[b, X] - x_a)) + abs(y_a + t * (ws.phi[b, Y] - y_a))
            reach += OPERANDS * reach_of_ends
            ws.place[ROUNDING, n_vertices] = ws.margin[RELATIVE] * reach
            ws.place[UNCERTAINTY, n_vertices] = spread[best] * length + ws.margin[RELATIVE] * reach
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
    ws.size[N_VERTICES] = n_vertices
    ws.size[N_EDGES] = n_edges


@compiled(inlined=True)
def _border(ws: Workspace, begin: int, stop: int) -> int:
    """Write the loop of a face with the cuts on its edges to the pool; return its length."""
    now = ws.size[NOW]
    loop_v, loop_e = ws.pool[V], ws.pool[E]
    side_v, side_e = ws.side[now, V], ws.side[now, E]
    n = 0
    for i in range(begin, stop):
        v, e = side_v[i], side_e[i]
        loop_v[n] = v
        cuts = ws.edge[CUTS, e]
        if cuts == 0:
            loop_e[n] = e
            n += 1
            continue
        first_v, first_e = ws.edge[CUT_V, e], ws.edge[CUT_E, e]
        if ws.edge[A, e] == v:
            loop_e[n] = e
            n += 1
            for j in range(cuts):
                loop_v[n] = first_v + j
                loop_e[n] = first_e + j
                n += 1
        else:
            loop_e[n] = first_e + cuts - 1
            n += 1
            for j in range(cuts - 1, -1, -1):
                loop_v[n] = first_v + j
                loop_e[n] = first_e + j - 1 if j > 0 else e
                n += 1
    return n


@compiled(inlined=True)
def _set_words(f_word: WordArray, column: IntArray, parent: int, face: int, now: int, passed: np.uint64) -> None:
    """Give a finished face its parent's word and the bits of the columns that it is above."""
    if f_word.shape[2] == 0:  # patterns are not wanted
        return
    then = 1 - now
    for w in range(f_word.shape[2]):
        f_word[then, face, w] = f_word[now, parent, w]
    while passed != ZERO:
        k = lowest_bit(passed)
        passed &= passed - ONE
        bit = np.uint64(column[COLUMN_BIT, k])
        f_word[then, face, bit >> np.uint64(6)] |= ONE << (bit & np.uint64(63))


@compiled(internal=True)
def cut_faces(ws: Workspace, n_bits: int, n_columns: int) -> int:
    """Cut the complex by the columns described in `column` and `decision`; fill `n_columns` of phi at new vertices.

    The signs must be there (`sign_words`). Returns OK, GROW (nothing changed; see `need`) or INCONSISTENT.
    """
    if not _fits(ws):
        return GROW
    now = ws.size[NOW]
    then = 1 - now
    n_old = ws.size[N_VERTICES]
    n_faces = ws.size[N_FACES]
    _cut_edges(ws)
    f_off, f_v, f_e = ws.f_off[then], ws.side[then, V], ws.side[then, E]
    old_off, old_v, old_e = ws.f_off[now], ws.side[now, V], ws.side[now, E]
    pool_v, pool_e = ws.pool[V], ws.pool[E]
    f_off[0] = 0
    # Of one type with what they become: a literal would have `split` compiled once more.
    made, end, zero = np.int64(0), np.int64(0), np.int64(0)
    for f in range(n_faces):
        begin, stop = old_off[f], old_off[f + 1]
        pos = ZERO
        neg = ZERO
        for i in range(begin, stop):
            v = old_v[i]
            pos |= ws.word[POS, v]
            neg |= ws.word[NEG, v]
        crossing = pos & neg
        if crossing == ZERO:
            for i in range(begin, stop):
                f_v[end] = old_v[i]
                f_e[end] = old_e[i]
                end += 1
            _set_words(ws.f_word, ws.column, f, made, now, pos)
            made += 1
            f_off[made] = end
            continue
        n = _border(ws, begin, stop)
        if crossing & (crossing - ONE) == ZERO:
            k = lowest_bit(crossing)
            above = 2
            for i in range(n):
                above += ws.word[POS, pool_v[i]] & crossing != ZERO
            up, down, up_pos, _, down_pos, _ = split(
                ws, pool_v, pool_e, zero, n, f_v, f_e, end, end + above, k, ZERO, zero, n_old
            )
            if up != end + above:
                return INCONSISTENT
            _set_words(ws.f_word, ws.column, f, made, now, up_pos)
            _set_words(ws.f_word, ws.column, f, made + 1, now, down_pos)
            f_off[made + 1], f_off[made + 2] = up, down
            made += 2
            end = down
            continue
        ws.counts[STAMPS] += 1  # a stamp that never repeats, so that `cross_key` needs no clearing
        parts = arrange(ws, n, crossing, ws.counts[STAMPS], n_old)
        if parts < 0:
            return INCONSISTENT
        for part in range(parts):
            start = ws.part[START, part]
            for i in range(start, start + ws.part[LENGTH, part]):
                f_v[end] = pool_v[i]
                f_e[end] = pool_e[i]
                end += 1
            _set_words(ws.f_word, ws.column, f, made, now, ws.part_word[POS, part])
            made += 1
            f_off[made] = end
    ws.size[N_FACES] = made
    ws.size[NOW] = then
    _fill(ws, n_old, n_bits, n_columns)
    return OK


@compiled(internal=True)
def _fill(ws: Workspace, n_old: int, n_bits: int, n_columns: int) -> None:
    """Interpolate phi at the new vertices; a column is exactly at its breakpoint where it made the vertex."""
    phi = ws.phi
    bits = ~ZERO >> np.uint64(64 - n_bits)
    for v in range(n_old, ws.size[N_VERTICES]):
        a, b, t = ws.parent[FROM, v], ws.parent[TO, v], ws.place[FRACTION, v]
        for c in range(n_columns):
            phi[v, c] = phi[a, c] + t * (phi[b, c] - phi[a, c])
        if n_columns > N_AFFINE:
            on = ~(ws.word[POS, v] | ws.word[NEG, v]) & bits
            while on != ZERO:
                k = lowest_bit(on)
                on &= on - ONE
                phi[v, ws.column[PHI_COLUMN, k]] = ws.decision[BREAKPOINT, k]
