"""All cells of a node, depth first, into the buffers of an output."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import (
    CELLS,
    COUNT,
    CROSSED,
    DONE,
    ENTRIES,
    EULER,
    FULL,
    GROW,
    LAYER,
    LISTS,
    MOST_VERTICES,
    OFFSET,
    PAUSED,
    PLACED,
    SLOTS,
    ZEROS,
    Bench,
    Output,
    Plan,
)
from linregions.regions.boxes.kernels.places import NO_LABEL, ONE, ZERO, place_anew
from linregions.regions.boxes.kernels.roots import append_zeros, begin_layer, count_zeros
from linregions.regions.boxes.kernels.splits import forget_lists, split
from linregions.regions.boxes.kernels.tally import own_faces

# Error of a vertex, in the size of a cell, from which on it is placed anew.
_SMALL = 2.0**-16


@compiled(internal=True)
def _place_well(plan: Plan, bench: Bench, e: int) -> None:
    """Place the vertices of a cell anew where it is so small that their errors count."""
    d = bench.place.shape[1]
    begin = bench.entry[e, OFFSET]
    end = begin + bench.entry[e, COUNT]
    error, extent = 0.0, 0.0
    for i in range(begin, end):
        error = max(error, bench.error[bench.vertex[i]])
    for r in range(d):
        low, high = np.inf, -np.inf
        for i in range(begin, end):
            x = bench.place[bench.vertex[i], r]
            low, high = min(low, x), max(high, x)
        extent = max(extent, high - low)
    if error > _SMALL * extent:
        for i in range(begin, end):
            v = bench.vertex[i]
            if not bench.flags[v] & PLACED:
                place_anew(plan, bench, e, bench.slots[i], NO_LABEL, v)


@compiled(internal=True)
def _emit(plan: Plan, bench: Bench, out: Output) -> int:
    """Write the node on top, which is a cell, to the output."""
    d = bench.place.shape[1]
    e = bench.counts[ENTRIES] - 1
    entry = bench.entry[e]
    offset, n, used = entry[OFFSET], entry[COUNT], entry[SLOTS]
    cell, row, at = out.filled[0], out.filled[1], out.filled[2]
    if cell >= out.cell_keys.shape[0] or row + n > out.slots.shape[0] or at + used > out.slot_labels.shape[0]:
        return FULL
    _place_well(plan, bench, e)
    n_switches = plan.words_on.shape[0]
    key0, key1 = bench.key[e, 0], bench.key[e, 1]
    for i in range(n):
        v, slots = bench.vertex[offset + i], bench.slots[offset + i]
        for r in range(d):
            out.points[row + i, r] = bench.place[v, r] * plan.scale[r]
        out.slots[row + i] = slots
        first, second = key0, key1
        if count_zeros(bench, e, offset + i) != count_bits(slots):
            out.tight[row + i] = 1
            begin = entry[ZEROS]
            end = append_zeros(plan, bench, e, offset + i, begin)
            if end < 0:
                return GROW
            for k in range(begin, end):
                label = bench.zero[k]
                if label < 0:
                    label = n_switches - 1 - label
                elif is_on(plan, bench, e, label):
                    first ^= plan.words_on[label, 0]
                    second ^= plan.words_on[label, 1]
                first ^= plan.words_zero[label, 0]
                second ^= plan.words_zero[label, 1]
        else:
            out.tight[row + i] = 0
            while slots != ZERO:
                s = lowest_bit(slots)
                slots &= slots - ONE
                label = bench.label[e, s]
                if label < 0:
                    label = n_switches - 1 - label
                elif bench.sign[e, s] > 0:
                    first ^= plan.words_on[label, 0]
                    second ^= plan.words_on[label, 1]
                first ^= plan.words_zero[label, 0]
                second ^= plan.words_zero[label, 1]
        out.vertex_keys[row + i, 0], out.vertex_keys[row + i, 1] = first, second
    for s in range(used):
        out.slot_labels[at + s], out.slot_signs[at + s] = bench.label[e, s], bench.sign[e, s]
    out.cell_keys[cell, 0], out.cell_keys[cell, 1] = key0, key1
    for k in range(out.pattern_words.shape[1]):
        out.pattern_words[cell, k] = bench.pattern[e, k]
    out.cell_offsets[cell + 1], out.slot_offsets[cell + 1] = row + n, at + used
    out.filled[0], out.filled[1], out.filled[2] = cell + 1, row + n, at + used
    return DONE


@compiled(internal=True)
def is_on(plan: Plan, bench: Bench, e: int, switch: int) -> bool:
    """Tell whether a switch is positive in a node; patterns must be there."""
    return (bench.pattern[e, switch >> 6] >> np.uint64(switch & 63)) & ONE != ZERO


@compiled()
def walk(plan: Plan, bench: Bench, out: Output, emits: bool, steps: int) -> int:
    """Work nodes until there are none (DONE), after some steps (PAUSED), or until buffers are FULL or have to GROW."""
    last = plan.widths.shape[0] - 1
    for _ in range(steps):
        e = bench.counts[ENTRIES] - 1
        if e < 0:
            return DONE
        entry = bench.entry[e]
        if bench.counts[LISTS] > 0:
            forget_lists(bench, e)
        if entry[CROSSED] >= 0:
            status = split(plan, bench)
        elif entry[LAYER] == last:
            status = DONE
            if emits:
                status = _emit(plan, bench, out)
            else:
                begin = entry[OFFSET]
                euler, fit = own_faces(
                    bench.place.shape[1],
                    bench.slots[begin : begin + entry[COUNT]],
                    bench.off[e],
                    bench.label[e],
                    bench.key[e, 0],
                    plan.words_on,
                    plan.words_zero,
                    bench.beside,
                )
                bench.counts[EULER] += euler
                bench.fit[0] += fit
            if status == DONE:
                bench.counts[ENTRIES] = e
                bench.counts[CELLS] += 1
                bench.counts[MOST_VERTICES] = max(bench.counts[MOST_VERTICES], entry[COUNT])
        else:
            status = begin_layer(plan, bench, entry[LAYER] + 1)
        if status != DONE:
            return status
    return PAUSED
