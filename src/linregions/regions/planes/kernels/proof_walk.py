"""A walk through all cells of a proposal, from one to the next, which proves the signs of all columns at its vertices.

Cells of earlier layers are left last, so that their forms are made once. A unit that has one sign on a box round a
cell's vertices, with a bound on the error of its form, is done there; others are looked at on smaller cells, and those
that are left at each vertex.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.proof_cells import MARGIN, centre, widen
from linregions.regions.planes.kernels.proof_forms import LEAST, SLACK, U, bit, cross
from linregions.regions.planes.kernels.proof_records import BIAS, ERROR, NORM, Hand, Layers, Pieces

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]
IndexArray = npt.NDArray[np.int64]
Listed = npt.NDArray[np.uint32]  # numbers of switches; compiled code asks of others whether they are below zero

DONE, NO_ROOM, GIVEN_UP = 0, 1, 2
_MANY = 24  # vertices of a leaf that are looked at in parts, of so many
_PART = 12
# Where two lines meet is found if it is known like that, and numbers are of such sizes.
_KNOWN, _SMALL, _LARGE = 2.0**-14, 2.0**-200, 2.0**200


@compiled()
def walk(layers: Layers, pieces: Pieces, hand: Hand, face: int, n_open: int) -> tuple[int, int]:
    """Walk from a face, whose forms are in state 0, as far as edges lead; return a code, and how many are left.

    `open` lists the vertices that are left. DONE: all leaves that edges lead to are done. NO_ROOM: slots or the list
    are too few. GIVEN_UP: something is not as a right proposal has it.
    """
    n_layers = layers.size.shape[0]
    state, start, leaf = 0, 0, pieces.leaf[face]
    while True:
        n_open = _look(layers, pieces, hand, state, face, leaf, start, n_open)
        if n_open < 0:
            return (NO_ROOM if n_open == -1 else GIVEN_UP), 0
        for k in range(pieces.crossing_off[leaf], pieces.crossing_off[leaf + 1]):
            if not hand.reached[pieces.crossing[k, 1]]:
                m = layers.layer_of[pieces.crossing[k, 2]]
                end = hand.ends[m, 1]
                for i in range(3):
                    hand.queue[m, end, i] = pieces.crossing[k, i]
                hand.queue[m, end, 3] = state
                hand.ends[m, 1] = end + 1
                hand.uses[n_layers, state] += 1
        _leave(hand.free, hand.n_free, hand.uses, hand.slot, state)
        state = -1
        m = n_layers - 2
        while m >= 0 and state < 0:
            if hand.ends[m, 0] == hand.ends[m, 1]:
                m -= 1
                continue
            at = hand.ends[m, 0]
            hand.ends[m, 0] = at + 1
            face, leaf, source = hand.queue[m, at, 0], hand.queue[m, at, 1], hand.queue[m, at, 3]
            if hand.reached[leaf]:
                _leave(hand.free, hand.n_free, hand.uses, hand.slot, source)
                continue
            state = _enter(hand.free, hand.n_free, hand.uses, hand.slot, source, m)
            if state < 0:
                return NO_ROOM, 0
            hand.reached[leaf] = True
            cross(layers, hand, source, state, hand.queue[m, at, 2], pieces.words[face])
            _leave(hand.free, hand.n_free, hand.uses, hand.slot, source)
            start = m + 1
        if state < 0:
            return DONE, n_open


@compiled(inlined=True)
def _enter(free: IntArray, n_free: IndexArray, uses: IntArray, slots: IntArray, source: int, m: int) -> int:
    """Return a new state that shares the forms of layers up to m, -1 if there is no room."""
    n_layers = slots.shape[1]
    for k in range(m + 1, n_layers + 1):
        if n_free[k] == 0:
            return -1
    n_free[n_layers] -= 1
    state = int(free[n_layers, n_free[n_layers]])
    uses[n_layers, state] = 1
    for k in range(n_layers):
        slot = slots[source, k]
        if k > m:
            n_free[k] -= 1
            slot = free[k, n_free[k]]
        uses[k, slot] += 1
        slots[state, k] = slot
    return state


@compiled(internal=True)
def _leave(free: IntArray, n_free: IndexArray, uses: IntArray, slots: IntArray, state: int) -> None:
    """Use a state once less, and give back what is of no use."""
    n_layers = slots.shape[1]
    uses[n_layers, state] -= 1
    if uses[n_layers, state] == 0:
        free[n_layers, n_free[n_layers]] = state
        n_free[n_layers] += 1
        for k in range(n_layers):
            slot = slots[state, k]
            uses[k, slot] -= 1
            if uses[k, slot] == 0:
                free[k, n_free[k]] = slot
                n_free[k] += 1


@compiled(inlined=True)
def _look(
    layers: Layers, pieces: Pieces, hand: Hand, state: int, face: int, leaf: int, start: int, n_open: int
) -> int:  # fmt: skip
    """Prove the signs at the vertices that faces of a leaf look at; return how many vertices are left, -1 or -2."""
    n_layers = layers.size.shape[0]
    first, last = pieces.vertex_off[leaf], pieces.vertex_off[leaf + 1]
    words = pieces.words[pieces.vertex[first, 1] if first < last else face]
    for k in range(words.shape[0]):
        change = words[k] ^ hand.word[k]
        hand.word[k] = words[k]
        while change != 0:
            at = 64 * k + lowest_bit(change)
            hand.sign[at] = -hand.sign[at]
            change &= change - np.uint64(1)
    for m in range(start - 1, -1, -1):
        if hand.current[m] != pieces.cell[m, leaf]:
            start = m
    own = pieces.box[n_layers - 1, leaf]
    size, levels = last - first, n_layers
    if size > _MANY:
        size, levels = _PART, n_layers + 1
    begin, end, m = first, first, start
    # Each level is a smaller cell; the last one, where there are many vertices, is one part of them after the other.
    while True:
        while m < levels:
            if m < n_layers:
                hand.current[m] = pieces.cell[m, leaf]
                box = pieces.box[m, pieces.cell[m, leaf]]
                if not box[2] >= 0.0:
                    return n_open  # no vertices
            else:
                box = hand.part[0]
                end = min(begin + size, last)
                box[0], box[1], box[2], box[3] = np.inf, -np.inf, np.inf, -np.inf
                for at in range(begin, end):
                    x, y = pieces.about[pieces.vertex[at, 0], 0], pieces.about[pieces.vertex[at, 0], 1]
                    widen(hand.part, 0, x, x, y, y)
                centre(hand.part, 0)
            known = hand.known[m]
            for k in range(words.shape[0]):
                known[0, k] = hand.known[m - 1, 0, k] if m else np.uint64(0)
                known[1, k] = hand.known[m - 1, 1, k] if m else np.uint64(0)
            for k in range(min(m + 1, n_layers)):
                n = layers.size[k]
                at = hand.base[k] + hand.slot[state, k] * (3 * n + 8)
                form, unit = hand.pool[at : at + 3 * n + 8], layers.unit[k]
                norm, bias = layers.norm[unit : unit + n], layers.bias[unit : unit + n]
                point = layers.point[layers.points[k] : layers.points[k + 1]]
                sign = hand.sign[layers.first[k] : layers.first[k + 1]]
                if k == m:
                    hand.n_listed[m, m] = _test_all(
                        form, norm, bias, point, sign, hand.margin, layers.mask[m], hand.word, known, box,
                        layers.first[m], hand.listed[m, m],
                    )  # fmt: skip
                else:
                    hand.n_listed[k, m] = _test_listed(
                        form, norm, bias, point, known, box, layers.first[k], hand.listed[k, m - 1],
                        hand.n_listed[k, m - 1], hand.listed[k, m],
                    )  # fmt: skip
            m += 1
        if levels == n_layers:
            box, end = own, last
        else:
            box = hand.part[0]
        n_open = _look_at(layers, pieces, hand, state, levels - 1, box, begin, end, n_open)
        if n_open < 0 or end >= last:
            return n_open
        begin, m = end, n_layers


@compiled(inlined=True)
def _part_of_error(bounds: FloatArray, x: float, y: float) -> float:
    """Return what the value of a unit is off by at points with such coordinates at most, for its norm 1."""
    error = bounds[ERROR] + bounds[ERROR + 1] * x + bounds[ERROR + 2] * y
    return (error + 64 * U * (bounds[NORM] + bounds[NORM + 1] * x + bounds[NORM + 2] * y)) * SLACK + LEAST


@compiled(internal=True)
def _test_all(
    form: FloatArray, norm: FloatArray, bias: FloatArray, point: FloatArray, sign: FloatArray, margin: FloatArray,
    mask: WordArray, word: WordArray, known: WordArray, box: FloatArray, first: int, listed: Listed,
) -> int:  # fmt: skip
    """Tell which switches of a layer have the sign of the pattern on a box; list the others, and return how many."""
    n = norm.shape[0]
    c, s, t, bounds = form[:n], form[n : 2 * n], form[2 * n : 3 * n], form[3 * n : 3 * n + 8]
    x, y, wide, high = box[0], box[1], box[2], box[3]
    error, of_bias = _part_of_error(bounds, abs(x) + wide, abs(y) + high), (bounds[BIAS] + 64) * U
    for k in range(word.shape[0]):
        known[0, k] |= mask[k]
        known[1, k] = (known[1, k] & ~mask[k]) | (word[k] & mask[k])
    count = 0
    if point.shape[0] == 1 and point[0] == 0.0:
        for j in range(n):
            value = c[j] + (s[j] * x + t[j] * y)
            margin[j] = sign[j] * value - (abs(s[j]) * wide + abs(t[j]) * high) - error * norm[j] - of_bias * bias[j]
        for j in range(n):
            listed[count] = j
            # One without weights and bias is zero throughout, which counts as not above.
            count += not (margin[j] > 0.0 or (norm[j] == 0.0 and bias[j] == 0.0 and sign[j] < 0.0))
    else:
        for j in range(n):
            value = c[j] + (s[j] * x + t[j] * y)
            limit = (abs(s[j]) * wide + abs(t[j]) * high) + error * norm[j] + of_bias * bias[j]
            for b in range(point.shape[0]):
                k = j * point.shape[0] + b
                more = limit + 8 * U * (abs(value) + abs(point[b]))
                if not sign[k] * (value - point[b]) > more * SLACK:
                    listed[count] = k
                    count += 1
    for i in range(count):
        k = first + int(listed[i])
        known[0, k >> 6] &= ~(np.uint64(1) << np.uint64(k & 63))
    return count


@compiled(internal=True)
def _test_listed(
    form: FloatArray, norm: FloatArray, bias: FloatArray, point: FloatArray, known: WordArray, box: FloatArray,
    first: int, old: Listed, n_old: int, listed: Listed,
) -> int:  # fmt: skip
    """Tell which switches of a layer, of those listed in the larger cell, have one sign on a box; list the others."""
    n, n_points = norm.shape[0], point.shape[0]
    c, s, t, bounds = form[:n], form[n : 2 * n], form[2 * n : 3 * n], form[3 * n : 3 * n + 8]
    x, y, wide, high = box[0], box[1], box[2], box[3]
    error, of_bias = _part_of_error(bounds, abs(x) + wide, abs(y) + high), (bounds[BIAS] + 64) * U
    count = 0
    for i in range(n_old):
        j, b = old[i], 0
        if n_points > 1:
            j, b = np.uint32(old[i] // n_points), old[i] % n_points
        value = c[j] + (s[j] * x + t[j] * y)
        limit = (abs(s[j]) * wide + abs(t[j]) * high) + error * norm[j] + of_bias * bias[j]
        if point[b] != 0.0:
            limit += 8 * U * (abs(value) + abs(point[b]))
            value -= point[b]
        if abs(value) > limit * SLACK:
            k = first + int(old[i])
            one = np.uint64(1) << np.uint64(k & 63)
            known[0, k >> 6] |= one
            if value > 0.0:
                known[1, k >> 6] |= one
            else:
                known[1, k >> 6] &= ~one
        else:
            listed[count] = old[i]
            count += 1
    return count


@compiled(internal=True)
def _holds_at(
    form: FloatArray, norm: FloatArray, bias: FloatArray, point: FloatArray, place: FloatArray, words: WordArray,
    first: int, listed: Listed, n_listed: int, one: int, other: int,
) -> bool:  # fmt: skip
    """Tell whether the switches listed have the signs of a pattern at a vertex, but two that are zero there."""
    n, n_points = norm.shape[0], point.shape[0]
    c, s, t, bounds = form[:n], form[n : 2 * n], form[2 * n : 3 * n], form[3 * n : 3 * n + 8]
    x, y, dx, dy = place[0], place[1], place[2], place[3]
    error, of_bias = _part_of_error(bounds, abs(x) + dx, abs(y) + dy), (bounds[BIAS] + 64) * U
    for i in range(n_listed):
        j, b = listed[i], 0
        if n_points > 1:
            j, b = np.uint32(listed[i] // n_points), listed[i] % n_points
        k = first + int(listed[i])
        value = c[j] + (s[j] * x + t[j] * y)
        limit = error * norm[j] + of_bias * bias[j] + (abs(s[j]) * dx + abs(t[j]) * dy)
        if point[b] != 0.0:
            limit += 8 * U * (abs(value) + abs(point[b]))
            value -= point[b]
        if not (value if bit(words, k) else -value) > limit * SLACK and k != one and k != other:
            return False
    return True


@compiled(inlined=True)
def _look_at(
    layers: Layers, pieces: Pieces, hand: Hand, state: int, level: int, box: FloatArray, begin: int, end: int,
    n_open: int,
) -> int:  # fmt: skip
    """Look at vertices of a leaf that are in a box; return how many are left in all, -1 without room, -2 if wrong."""
    seen, n_layers = -1, layers.size.shape[0]
    sides, first_side, inside = layers.sides, layers.first[n_layers], True
    for k in range(sides.shape[0]):
        c, s, t = sides[k, 0], sides[k, 1], sides[k, 2]
        reach = abs(s) * box[2] + abs(t) * box[3]
        size = abs(c) + abs(s * box[0]) + abs(t * box[1]) + reach
        inside &= c + (s * box[0] + t * box[1]) - reach > 64 * U * size + LEAST
    for at in range(begin, end):
        face = pieces.vertex[at, 1]
        words = pieces.words[face]
        if face != seen:
            seen = face
            for k in range(words.shape[0]):
                if (words[k] ^ hand.known[level, 1, k]) & hand.known[level, 0, k]:
                    return -2
        one, other = pieces.vertex[at, 2], pieces.vertex[at, 3]
        place = hand.place[at]
        _place(layers, hand, state, one, other, place)
        x, y, dx, dy = place[0], place[1], place[2], place[3]
        good = abs(x - box[0]) + dx <= box[2] - 0.5 * MARGIN and abs(y - box[1]) + dy <= box[3] - 0.5 * MARGIN
        m = 0
        while good and m < n_layers:
            n, unit = layers.size[m], layers.unit[m]
            begins = hand.base[m] + hand.slot[state, m] * (3 * n + 8)
            good = _holds_at(
                hand.pool[begins : begins + 3 * n + 8], layers.norm[unit : unit + n], layers.bias[unit : unit + n],
                layers.point[layers.points[m] : layers.points[m + 1]], place, words, layers.first[m],
                hand.listed[m, level], hand.n_listed[m, level], one, other,
            )  # fmt: skip
            m += 1
        if not inside:
            for k in range(sides.shape[0]):
                c, s, t = sides[k, 0], sides[k, 1], sides[k, 2]
                limit = 16 * U * (abs(c) + abs(s * x) + abs(t * y)) + 2 * (abs(s) * dx + abs(t) * dy) + LEAST
                if not c + (s * x + t * y) > limit and first_side + k != one and first_side + k != other:
                    good = False
        if not good:
            if n_open >= hand.open.shape[0]:
                return -1
            hand.open[n_open] = pieces.vertex[at, 0]
            n_open += 1
    return n_open


@compiled(inlined=True)
def _form(layers: Layers, hand: Hand, state: int, column: int) -> tuple[float, float, float, float, float, float]:
    """Return the form of a column, and bounds of the errors of its coefficients."""
    n_layers = layers.size.shape[0]
    if column >= layers.first[n_layers]:
        side = layers.sides[column - layers.first[n_layers]]
        return side[0], side[1], side[2], 4 * U * abs(side[0]), 4 * U * abs(side[1]), 4 * U * abs(side[2])
    m = layers.layer_of[column]
    n, n_points = layers.size[m], layers.points[m + 1] - layers.points[m]
    j = (column - layers.first[m]) // n_points
    b = layers.points[m] + (column - layers.first[m]) % n_points
    at = hand.base[m] + hand.slot[state, m] * (3 * n + 8)
    bounds, norm = hand.pool[at + 3 * n : at + 3 * n + 8], layers.norm[layers.unit[m] + j] * SLACK
    c, off = hand.pool[at + j], bounds[BIAS] * U * layers.bias[layers.unit[m] + j] * SLACK
    if layers.point[b] != 0.0:
        off += 4 * U * (abs(c) + abs(layers.point[b]))
        c -= layers.point[b]
    return (
        c, hand.pool[at + n + j], hand.pool[at + 2 * n + j],
        bounds[ERROR] * norm + off, bounds[ERROR + 1] * norm, bounds[ERROR + 2] * norm,
    )  # fmt: skip


@compiled(inlined=True)
def _place(layers: Layers, hand: Hand, state: int, one: int, other: int, place: FloatArray) -> None:
    """Write where two columns are zero, and bounds of the errors; infinite where little is known."""
    p0, p1, p2, dp0, dp1, dp2 = _form(layers, hand, state, one)
    q0, q1, q2, dq0, dq1, dq2 = _form(layers, hand, state, other)
    place[0], place[1], place[2], place[3] = 0.0, 0.0, np.inf, np.inf
    size = max(abs(p0), abs(p1), abs(p2)), max(abs(q0), abs(q1), abs(q2))
    if not (size[0] > _SMALL and size[1] > _SMALL and size[0] < _LARGE and size[1] < _LARGE):
        return
    x, dx = _minor(p2, p0, q2, q0, dp2, dp0, dq2, dq0)
    y, dy = _minor(p0, p1, q0, q1, dp0, dp1, dq0, dq1)
    w, dw = _minor(p1, p2, q1, q2, dp1, dp2, dq1, dq2)
    room = abs(w) - 2.0 * dw
    if not room > _SMALL * _SMALL:
        return
    x, y = x / w, y / w
    dx = ((dx + abs(x) * dw) / room + 4 * U * abs(x)) * 1.000001
    dy = ((dy + abs(y) * dw) / room + 4 * U * abs(y)) * 1.000001
    if dx < _KNOWN and dy < _KNOWN:
        place[0], place[1], place[2], place[3] = x, y, dx, dy


@compiled(inlined=True)
def _minor(
    a: float, b: float, c: float, d: float, da: float, db: float, dc: float, dd: float
) -> tuple[float, float]:  # fmt: skip
    """Return ``a d - b c`` and a bound on its error."""
    first, second = a * d, b * c
    off = 4 * U * (abs(first) + abs(second)) + 2.0**-1000
    off += abs(a) * dd + abs(d) * da + da * dd + abs(b) * dc + abs(c) * db + db * dc
    return first - second, off
