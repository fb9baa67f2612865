"""A node in two: the vertices on either side of a switch, and new ones where it crosses edges."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import (
    COUNT,
    CROSSED,
    CROWDED,
    DONE,
    ENTRIES,
    FIRST_VERTEX,
    FIRST_WORD,
    GROW,
    INCONSISTENT,
    LAYER,
    LISTS,
    N_SLOTS,
    OFFSET,
    POOL,
    SIMPLE,
    SLOTS,
    SPLITS,
    WIDTH,
    WORDS,
    ZEROS,
    Bench,
    Plan,
)
from linregions.regions.boxes.kernels.places import NO_LABEL, ONE, ZERO, place_between, sign_at

_ALL = ~ZERO
_TINY = 2.0**-1000


@compiled(internal=True)
def list_zeros(bench: Bench, e: int, slots: np.uint64, v: int, zeros: int) -> int:
    """List the sides and switches of earlier layers that vanish at a vertex, from its slots; return the end, or -1."""
    slots &= bench.earlier[e]
    begin = zeros
    while slots != ZERO:
        s = lowest_bit(slots)
        slots &= slots - ONE
        if zeros >= bench.zero.shape[0]:
            return -1
        bench.zero[zeros] = bench.label[e, s]
        zeros += 1
    bench.zeros_at[v, 0], bench.zeros_at[v, 1] = begin, zeros
    bench.counts[LISTS] += 1
    return zeros


@compiled(internal=True)
def forget_lists(bench: Bench, e: int) -> None:
    """Forget the lists of vertices that were made in a node worked before, which had this place: its slots do."""
    zeros, offset = bench.entry[e, ZEROS], bench.entry[e, OFFSET]
    for i in range(offset, offset + bench.entry[e, COUNT]):
        v = bench.vertex[i]
        if bench.zeros_at[v, 0] >= zeros:
            bench.zeros_at[v, 0] = -1


@compiled(internal=True)
def _common_zeros(bench: Bench, e: int, p: int, q: int, slots: np.uint64, v: int, zeros: int) -> int:
    """List what vanishes at two vertices, if that is more than the slots they share; return the end, or -1."""
    begin = zeros
    for i in range(bench.zeros_at[p, 0], bench.zeros_at[p, 1]):
        label = bench.zero[i]
        for k in range(bench.zeros_at[q, 0], bench.zeros_at[q, 1]):
            if bench.zero[k] == label:
                if zeros >= bench.zero.shape[0]:
                    return -1
                bench.zero[zeros] = label
                zeros += 1
                break
    if zeros - begin == count_bits(slots & bench.earlier[e]):
        return begin
    bench.zeros_at[v, 0], bench.zeros_at[v, 1] = begin, zeros
    return zeros


@compiled(inlined=True)
def _is_edge(bench: Bench, e: int, common: np.uint64, p: int, q: int) -> bool:
    """Tell whether no third vertex lies on all slots that two have in common."""
    offset = bench.entry[e, OFFSET]
    for i in range(offset, offset + bench.entry[e, COUNT]):
        if (bench.slots[i] & common) == common and bench.vertex[i] != p and bench.vertex[i] != q:
            return False
    return True


@compiled(inlined=True)
def _all_simple(bench: Bench, e: int) -> int:
    """Return whether all vertices of a node lie on d slots."""
    d, begin = bench.place.shape[1], bench.entry[e, OFFSET]
    for i in range(begin, begin + bench.entry[e, COUNT]):
        if count_bits(bench.slots[i]) != d:
            return 0
    return 1


@compiled(inlined=True)
def _switch_on(plan: Plan, bench: Bench, e: int, layer: int, column: int) -> None:
    """Switch a column on in a node: in its key and pattern, and in the affine map to the next layer."""
    switch = plan.first_switch[layer] + column
    bench.key[e, 0] ^= plan.words_on[switch, 0]
    bench.key[e, 1] ^= plan.words_on[switch, 1]
    if bench.pattern.shape[1] > 0:
        bench.pattern[e, switch >> 6] |= ONE << np.uint64(switch & 63)
    if layer + 1 < plan.widths.shape[0]:
        d = bench.place.shape[1]
        unit = column // plan.n_breakpoints[layer]
        b = column - unit * plan.n_breakpoints[layer]
        span, first = plan.span[layer], plan.columns[layer + 1]
        steeper = plan.slopes[layer, b + 1] - plan.slopes[layer, b]
        at = plan.weights_at[layer] + unit * span
        weights = plan.weights[at : at + span]
        for r in range(d + 1):
            factor = bench.rows[layer, r, unit]
            if r == 0:
                factor -= plan.breakpoints[layer, b]
            factor *= steeper
            row = bench.next_rows[e, r, first : first + span]
            for k in range(span):
                row[k] += factor * weights[k]


@compiled(inlined=True)
def settle(plan: Plan, bench: Bench, e: int, first: int) -> None:
    """Find which of the columns that may cross a node do, and switch on those that are positive on all of it."""
    layer, offset = bench.entry[e, LAYER], bench.entry[e, OFFSET]
    w = bench.frame[layer, WIDTH]
    end = offset + bench.entry[e, COUNT]
    base = bench.frame[layer, FIRST_WORD] - 2 * w * bench.frame[layer, FIRST_VERTEX]
    crossed = -1
    for k in range(first, w):
        left = bench.crossing[e, k]
        if left != ZERO:
            positive, negative = ZERO, ZERO
            for i in range(offset, end):
                at = base + 2 * w * bench.vertex[i] + k
                positive |= bench.word[at]
                negative |= bench.word[at + w]
            on = left & positive & ~negative
            left &= positive & negative
            bench.crossing[e, k] = left
            if left != ZERO and crossed < 0:
                crossed = 64 * k + lowest_bit(left)
            while on != ZERO:
                bit = lowest_bit(on)
                on &= on - ONE
                _switch_on(plan, bench, e, layer, bench.column[layer, 64 * k + bit])
    bench.entry[e, CROSSED] = crossed


@compiled(inlined=True)
def split(plan: Plan, bench: Bench) -> int:
    """Split the node on top by the first column that crosses it: the negative part takes its place, on top the other.

    Nothing has changed where there was no room (GROW).
    """
    d = bench.place.shape[1]
    e = bench.counts[ENTRIES] - 1
    entry = bench.entry[e]
    layer, offset, n, j = entry[LAYER], entry[OFFSET], entry[COUNT], entry[CROSSED]
    w, first_vertex = bench.frame[layer, WIDTH], bench.frame[layer, FIRST_VERTEX]
    first_word = bench.frame[layer, FIRST_WORD]
    word, place = bench.word, bench.place
    if e + 1 >= bench.entry.shape[0]:
        return GROW
    if n > bench.part.shape[1]:
        return GROW
    j_word, j_bit = j >> 6, ONE << np.uint64(j & 63)
    column = bench.column[layer, j]
    n_breakpoints = plan.n_breakpoints[layer]
    unit = column // n_breakpoints
    switch = plan.first_switch[layer] + column
    rows = bench.rows[layer]
    for i in range(d + 1):
        bench.normal[i] = rows[i, unit]
    constant = bench.normal[0] - plan.breakpoints[layer, column - unit * n_breakpoints]
    part, part_slots, part_value = bench.part, bench.part_slots, bench.part_value
    below, above, on = 0, 0, 0
    slots_below, slots_above = ZERO, ZERO
    base = first_word - 2 * w * first_vertex + j_word
    for i in range(offset, offset + n):
        v, slots = bench.vertex[i], bench.slots[i]
        at = base + 2 * w * v
        positive, negative = word[at] & j_bit, word[at + w] & j_bit
        if positive | negative:
            value = constant
            for k in range(d):
                value += bench.normal[k + 1] * place[v, k]
            if negative:
                part[0, below], part_slots[0, below] = v, slots
                part_value[0, below] = min(value, -_TINY)
                slots_below |= slots
                below += 1
            else:
                part[1, above], part_slots[1, above] = v, slots
                part_value[1, above] = max(value, _TINY)
                slots_above |= slots
                above += 1
        else:
            part[2, on], part_slots[2, on] = v, slots
            on += 1
    if slots_below == _ALL or slots_above == _ALL:
        return CROWDED
    # New vertices: on edges, whose ends have d - 1 slots in common.
    top, words, zeros = entry[POOL], entry[WORDS], entry[ZEROS]
    simple, few = entry[SIMPLE] != 0 or d <= 3, d - 1
    room, room_words, room_cut = bench.error.shape[0], word.shape[0], bench.cut.shape[0]
    cut = 0
    for i in range(above):
        p, slots_p, value_p = part[1, i], part_slots[1, i], part_value[1, i]
        for k in range(below):
            common = slots_p & part_slots[0, k]
            if count_bits(common) < few:
                continue
            q = part[0, k]
            if not simple and not _is_edge(bench, e, common, p, q):
                continue
            if top >= room or words + 2 * w > room_words or cut >= room_cut:
                return GROW
            place_between(plan, bench, e, common, p, q, value_p, part_value[0, k], layer, column, top)
            bench.zeros_at[top, 0] = -1
            if bench.zeros_at[p, 0] >= 0 and bench.zeros_at[q, 0] >= 0:
                zeros = _common_zeros(bench, e, p, q, common, top, zeros)
                if zeros < 0:
                    return GROW
            at_p, at_q = first_word + 2 * w * (p - first_vertex), first_word + 2 * w * (q - first_vertex)
            for m in range(w):
                positive_p, negative_p = word[at_p + m], word[at_p + w + m]
                positive_q, negative_q = word[at_q + m], word[at_q + w + m]
                positive = (positive_p & ~negative_q) | (positive_q & ~negative_p)
                negative = (negative_p & ~positive_q) | (negative_q & ~positive_p)
                open_ = (positive_p & negative_q) | (negative_p & positive_q)
                if m == j_word:
                    open_ &= ~j_bit
                while open_ != ZERO:
                    bit = lowest_bit(open_)
                    open_ &= open_ - ONE
                    other = bench.column[layer, 64 * m + bit]
                    sign = sign_at(plan, bench, e, common, switch, top, layer, other)
                    if sign > 0:
                        positive |= ONE << np.uint64(bit)
                    elif sign < 0:
                        negative |= ONE << np.uint64(bit)
                word[words + m], word[words + w + m] = positive, negative
            bench.cut[cut], bench.cut_slots[cut] = top, common
            cut += 1
            top += 1
            words += 2 * w
    if offset + n + cut + on + n + cut > bench.vertex.shape[0]:
        return GROW
    if on + cut < d:
        return INCONSISTENT
    # What vanishes where slots may be cleared is listed, as slots will not tell.
    for i in range(on):
        v = part[2, i]
        if bench.zeros_at[v, 0] < 0:
            zeros = list_zeros(bench, e, part_slots[2, i], v, zeros)
            if zeros < 0:
                return GROW
    # The parts. A slot stays a facet where some vertex of it is strictly on the side.
    one, two = e, e + 1
    free_below, free_above = lowest_bit(~slots_below), lowest_bit(~slots_above)
    bit_below, bit_above = ONE << np.uint64(free_below), ONE << np.uint64(free_above)
    at = offset
    for i in range(below):
        bench.vertex[at], bench.slots[at] = part[0, i], part_slots[0, i]
        at += 1
    for i in range(on):
        bench.vertex[at], bench.slots[at] = part[2, i], (part_slots[2, i] & slots_below) | bit_below
        at += 1
    for i in range(cut):
        bench.vertex[at], bench.slots[at] = bench.cut[i], bench.cut_slots[i] | bit_below
        at += 1
    middle = at
    for i in range(above):
        bench.vertex[at], bench.slots[at] = part[1, i], part_slots[1, i]
        at += 1
    for i in range(on):
        bench.vertex[at], bench.slots[at] = part[2, i], (part_slots[2, i] & slots_above) | bit_above
        at += 1
    for i in range(cut):
        bench.vertex[at], bench.slots[at] = bench.cut[i], bench.cut_slots[i] | bit_above
        at += 1
    used = entry[SLOTS]
    for s in range(used):
        bench.label[two, s], bench.sign[two, s] = bench.label[one, s], bench.sign[one, s]
    bench.earlier[two] = bench.earlier[one] & slots_above
    bench.earlier[one] &= slots_below
    bench.off[two] = bench.off[one] & ~bit_above
    bench.off[one] |= bit_below
    bench.label[one, free_below], bench.sign[one, free_below] = switch, -1
    bench.label[two, free_above], bench.sign[two, free_above] = switch, 1
    was_simple = entry[SIMPLE]
    other = bench.entry[two]
    other[OFFSET], other[COUNT], other[LAYER] = middle, at - middle, layer
    entry[COUNT] = middle - offset
    for into in range(2):
        each = bench.entry[e + into]
        each[POOL], each[WORDS], each[ZEROS] = top, words, zeros
        each[SIMPLE] = 1
    entry[SLOTS], other[SLOTS] = max(used, free_below + 1), max(used, free_above + 1)
    if on > 0 or was_simple == 0:
        for each_one in range(e, e + 2):
            bench.entry[each_one, SIMPLE] = _all_simple(bench, each_one)
    bench.key[two, 0], bench.key[two, 1] = bench.key[one, 0], bench.key[one, 1]
    for k in range(bench.pattern.shape[1]):
        bench.pattern[two, k] = bench.pattern[one, k]
    for k in range(j_word, w):
        bench.crossing[two, k] = bench.crossing[one, k]
    if layer + 1 < plan.widths.shape[0]:
        first, end = plan.columns[layer + 1], plan.reach[layer]
        for r in range(d + 1):
            old, new = bench.next_rows[one, r, first:end], bench.next_rows[two, r, first:end]
            for k in range(end - first):
                new[k] = old[k]
    bench.counts[ENTRIES] = e + 2
    for each_one in range(e, e + 2):
        settle(plan, bench, each_one, j_word)
    bench.counts[SPLITS] += 1
    return DONE


__all__ = ["NO_LABEL", "N_SLOTS", "list_zeros", "settle", "split"]
