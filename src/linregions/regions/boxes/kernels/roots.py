"""The next layer of a node that no switch crosses any more: which of its switches do."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import (
    COLUMNS,
    COUNT,
    DONE,
    ENTRIES,
    FIRST_VERTEX,
    FIRST_WORD,
    GROW,
    HIGH,
    LAYER,
    LOW,
    OFFSET,
    POOL,
    ROOTS,
    VALUE,
    WIDTH,
    WORDS,
    ZEROS,
    Bench,
    FloatArray,
    IndexArray,
    IntArray,
    Plan,
)
from linregions.regions.boxes.kernels.places import NO_LABEL, ONE, ZERO, sign_at
from linregions.regions.boxes.kernels.splits import settle

_CAUTION = 32.0  # twice that of signs at vertices, which look again


@compiled(inlined=True)
def count_zeros(bench: Bench, e: int, i: int) -> int:
    """Return how many sides and switches vanish at a vertex of a node, that at place i of the list."""
    layer = bench.entry[e, LAYER]
    v = bench.vertex[i]
    if bench.zeros_at[v, 0] >= 0:
        n = bench.zeros_at[v, 1] - bench.zeros_at[v, 0]
    else:
        n = count_bits(bench.slots[i] & bench.earlier[e])
    if layer >= 0:
        w, columns = bench.frame[layer, WIDTH], bench.frame[layer, COLUMNS]
        at = bench.frame[layer, FIRST_WORD] + 2 * w * (v - bench.frame[layer, FIRST_VERTEX])
        n += columns
        for k in range(w):
            n -= count_bits(bench.word[at + k] | bench.word[at + w + k])
    return n


@compiled(internal=True)
def append_zeros(plan: Plan, bench: Bench, e: int, i: int, zeros: int) -> int:
    """List all sides and switches that vanish at a vertex of a node; return the end, or -1 if there is no room."""
    layer = bench.entry[e, LAYER]
    v = bench.vertex[i]
    room = bench.zero.shape[0]
    if bench.zeros_at[v, 0] >= 0:
        for k in range(bench.zeros_at[v, 0], bench.zeros_at[v, 1]):
            if zeros >= room:
                return -1
            bench.zero[zeros] = bench.zero[k]
            zeros += 1
    else:
        slots = bench.slots[i] & bench.earlier[e]
        while slots != ZERO:
            s = lowest_bit(slots)
            slots &= slots - ONE
            if zeros >= room:
                return -1
            bench.zero[zeros] = bench.label[e, s]
            zeros += 1
    if layer >= 0:
        w, columns = bench.frame[layer, WIDTH], bench.frame[layer, COLUMNS]
        at = bench.frame[layer, FIRST_WORD] + 2 * w * (v - bench.frame[layer, FIRST_VERTEX])
        for k in range(w):
            open_ = ~(bench.word[at + k] | bench.word[at + w + k])
            if columns - 64 * k < 64:
                open_ &= (ONE << np.uint64(columns - 64 * k)) - ONE
            while open_ != ZERO:
                m = lowest_bit(open_)
                open_ &= open_ - ONE
                if zeros >= room:
                    return -1
                bench.zero[zeros] = plan.first_switch[layer] + bench.column[layer, 64 * k + m]
                zeros += 1
    return zeros


@compiled(internal=True, fastmath={"contract", "nnan", "nsz"})
def _find_ranges(place: FloatArray, vertex: IntArray, rows: FloatArray, width: int, out: FloatArray) -> None:
    """Find the least and largest pre-activation of each unit of a layer at some vertices: LOW and HIGH of `out`."""
    d = place.shape[1]
    low, high, value = out[LOW], out[HIGH], out[VALUE]
    constants = rows[0]
    for k in range(width):
        low[k] = np.inf
        high[k] = -np.inf
    for i in range(vertex.shape[0]):
        v = vertex[i]
        if d == 3:
            x, y, z = place[v, 0], place[v, 1], place[v, 2]
            of_x, of_y, of_z = rows[1], rows[2], rows[3]
            for k in range(width):
                sum_ = constants[k] + x * of_x[k] + y * of_y[k] + z * of_z[k]
                low[k] = min(low[k], sum_)
                high[k] = max(high[k], sum_)
        else:
            for k in range(width):
                value[k] = constants[k]
            for r in range(d):
                x, slopes = place[v, r], rows[r + 1]
                for k in range(width):
                    value[k] += x * slopes[k]
            for k in range(width):
                low[k] = min(low[k], value[k])
                high[k] = max(high[k], value[k])


@compiled(internal=True, fastmath={"contract"})
def _add_rows(
    weights: FloatArray, units: IndexArray, factors: FloatArray, n: int, made: FloatArray, first: int, span: int
) -> None:
    """Add to each row the sum of the weights of n units times its factors of them, four at a time."""
    for r in range(factors.shape[0]):
        row, own = made[r, first : first + span], factors[r]
        for j in range(0, n, 4):
            a, b, c, d = own[j], own[j + 1], own[j + 2], own[j + 3]
            of_a = weights[units[j] * span : (units[j] + 1) * span]
            of_b = weights[units[j + 1] * span : (units[j + 1] + 1) * span]
            of_c = weights[units[j + 2] * span : (units[j + 2] + 1) * span]
            of_d = weights[units[j + 3] * span : (units[j + 3] + 1) * span]
            for k in range(span):
                row[k] += (a * of_a[k] + b * of_b[k]) + (c * of_c[k] + d * of_d[k])


@compiled(inlined=True)
def _begin_next_rows(plan: Plan, bench: Bench, e: int, layer: int) -> None:
    """Add to the affine maps of later layers what the units of this one do from their lowest piece on."""
    d = bench.place.shape[1]
    first, span, n_before = plan.columns[layer + 1], plan.span[layer], plan.widths[layer]
    # What no earlier layer gives anything to begins with what comes from the input.
    begun = max(first, plan.reach[layer - 1]) if layer > 0 else first
    for r in range(d + 1):
        for k in range(begun, plan.reach[layer]):
            bench.next_rows[e, r, k] = plan.rows[r, k]
    rows = bench.rows[layer]
    n = 0
    for unit in range(n_before):
        piece = bench.piece[unit]
        slope = plan.slopes[layer, piece]
        start = plan.heights[layer, piece] - slope * plan.knots[layer, piece]
        if slope != 0.0 or start != 0.0:
            bench.active[n] = unit
            bench.factor[0, n] = start + slope * rows[0, unit]
            for r in range(1, d + 1):
                bench.factor[r, n] = slope * rows[r, unit]
            n += 1
    while n & 3:
        bench.active[n] = 0
        for r in range(d + 1):
            bench.factor[r, n] = 0.0
        n += 1
    weights = plan.weights[plan.weights_at[layer] : plan.weights_at[layer + 1]]
    _add_rows(weights, bench.active, bench.factor, n, bench.next_rows[e], first, span)


@compiled(internal=True)
def begin_layer(plan: Plan, bench: Bench, layer: int) -> int:
    """Make the node on top, which no switch crosses, the root of the next layer, whose rows are there.

    Nothing has changed where there was no room (GROW).
    """
    d = bench.place.shape[1]
    e = bench.counts[ENTRIES] - 1
    entry = bench.entry[e]
    offset, n = entry[OFFSET], entry[COUNT]
    width, n_breakpoints = plan.widths[layer], plan.n_breakpoints[layer]
    top, words, zeros = entry[POOL], entry[WORDS], entry[ZEROS]
    if top + n > bench.error.shape[0]:
        return GROW
    # New copies of the vertices, whose words are for this layer.
    used = ZERO
    for i in range(n):
        v, new = bench.vertex[offset + i], top + i
        for r in range(d):
            bench.place[new, r] = bench.place[v, r]
        bench.error[new], bench.flags[new] = bench.error[v], bench.flags[v]
        bench.zeros_at[new, 0] = -1
        slots = bench.slots[offset + i]
        used |= slots
        if count_zeros(bench, e, offset + i) != count_bits(slots):
            end = append_zeros(plan, bench, e, offset + i, zeros)
            if end < 0:
                return GROW
            bench.zeros_at[new, 0], bench.zeros_at[new, 1] = zeros, end
            zeros = end
    first = plan.columns[layer]
    for r in range(d + 1):
        row = bench.next_rows[e, r] if layer > 0 else plan.rows[r]
        for k in range(width):
            bench.rows[layer, r, k] = row[first + k]
    _find_ranges(bench.place, bench.vertex[offset : offset + n], bench.rows[layer], width, bench.value)
    far, error = 0.0, 0.0
    for i in range(n):
        error = max(error, bench.error[top + i])
        for r in range(d):
            far = max(far, abs(bench.place[top + i, r]))
    # Columns are switches that cross the node, or touch it.
    columns = 0
    rows = bench.rows[layer]
    for unit in range(width):
        steep = 0.0
        for r in range(1, d + 1):
            steep += abs(rows[r, unit])
        size = plan.constant_size[layer, unit] + plan.slope_size[layer, unit] * far
        band = plan.relative * size + _CAUTION * error * steep
        piece = 0
        for b in range(n_breakpoints):
            level = plan.breakpoints[layer, b]
            wide = band + plan.relative * abs(level)
            if bench.value[LOW, unit] - level > wide:
                piece += 1
            elif bench.value[HIGH, unit] - level >= -wide:
                bench.column[layer, columns] = unit * n_breakpoints + b
                columns += 1
        bench.piece[unit] = piece
    w = (columns + 63) >> 6
    if words + 2 * w * n > bench.word.shape[0]:
        return GROW
    for k in range(words, words + 2 * w * n):
        bench.word[k] = ZERO
    for m in range(columns):
        column = bench.column[layer, m]
        bit = ONE << np.uint64(m & 63)
        for i in range(n):
            sign = sign_at(plan, bench, e, bench.slots[offset + i], NO_LABEL, top + i, layer, column)
            at = words + 2 * w * i + (m >> 6)
            if sign > 0:
                bench.word[at] |= bit
            elif sign < 0:
                bench.word[at + w] |= bit
    # From here on everything changes.
    frame = bench.frame[layer]
    frame[COLUMNS], frame[WIDTH], frame[FIRST_VERTEX], frame[FIRST_WORD] = columns, w, top, words
    for i in range(n):
        bench.vertex[offset + i] = top + i
    entry[LAYER] = layer
    entry[POOL], entry[WORDS], entry[ZEROS] = top + n, words + 2 * w * n, zeros
    bench.earlier[e] = used
    for unit in range(width):
        for b in range(bench.piece[unit]):
            switch = plan.first_switch[layer] + unit * n_breakpoints + b
            bench.key[e, 0] ^= plan.words_on[switch, 0]
            bench.key[e, 1] ^= plan.words_on[switch, 1]
            if bench.pattern.shape[1] > 0:
                bench.pattern[e, switch >> 6] |= ONE << np.uint64(switch & 63)
    if layer + 1 < plan.widths.shape[0]:
        _begin_next_rows(plan, bench, e, layer)
    for k in range(w):
        bench.crossing[e, k] = ~ZERO
    settle(plan, bench, e, 0)
    bench.counts[ROOTS] += 1
    return DONE
