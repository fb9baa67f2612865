"""Lines of layer 0 that cut the window, and pieces grouped to cells."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits
from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.records import (
    BREAKPOINT,
    COLUMN,
    FIRST_SWITCH,
    N_BREAKPOINTS,
    SIZE,
    Plan,
    Scratch,
)
from linregions.regions.planes.kernels.workspace import (
    ONE,
    ZERO,
    FloatArray,
    IndexArray,
    IntArray,
    WordArray,
    Workspace,
)

LINES_AT_ONCE = 16


@compiled(internal=True)
def describe_batch(
    column: IntArray,
    level: FloatArray,
    activation: FloatArray,
    layer: int,
    t: int,
    first_switch: int,
    relative: float,
    switches: IndexArray,
    columns: IndexArray,
    scale: FloatArray,
) -> None:
    """Describe switches of a layer, whose values stand in `columns` of phi, to the workspace."""
    for k in range(switches.shape[0]):
        switch = switches[k]
        neuron = switch // t
        column[0, k] = columns[k]
        column[1, k] = first_switch + switch
        level[0, k] = activation[BREAKPOINT, layer, switch - neuron * t]
        level[1, k] = relative * (scale[0, neuron] + abs(level[0, k]))
        level[2, k] = scale[1, neuron]


@compiled(internal=True)
def load_lines(ws: Workspace, plan: Plan, sc: Scratch, switches: IndexArray) -> None:
    """Set columns of phi to the values of some switches of layer 0, and describe these."""
    t, columns = plan.shape[N_BREAKPOINTS, 0], sc.pending[COLUMN]
    for k in range(switches.shape[0]):
        columns[k] = 3 + k
        neuron = switches[k] // t
        c0, c1, c2 = plan.first[0, neuron], plan.first[1, neuron], plan.first[2, neuron]
        for v in range(ws.size[0]):
            ws.phi[v, 3 + k] = c0 + c1 * ws.phi[v, 1] + c2 * ws.phi[v, 2]
    describe_batch(
        ws.column,
        ws.level,
        plan.activation,
        np.int64(0),
        t,
        plan.shape[FIRST_SWITCH, 0],
        plan.relative,
        switches,
        columns,
        plan.first[SIZE:],
    )


@compiled()
def group_faces(
    f_word: WordArray,
    target: int,
    faces: IndexArray,
    offsets: IndexArray,
    stack: IndexArray,
    other: IndexArray,
    tally: IndexArray,
    passed: WordArray,
) -> int:
    """Split the faces by lines of layer 0 until at most `target` lines cross a group; return the number of groups.

    `faces` (F,) is reordered in place; groups are ``faces[offsets[g]:offsets[g + 1]]``. Room for the work: `stack`
    (2 F + 2, 2), `other` (F,), `tally` (64 words,), and `passed` (2, words) by some and by every face.
    """
    n_faces = faces.shape[0]
    n_words = f_word.shape[1]
    either, both = passed[0], passed[1]
    stack[0, 0], stack[0, 1] = 0, n_faces
    top = 1
    groups = 0
    offsets[0] = 0
    while top > 0:
        top -= 1
        low, high = stack[top, 0], stack[top, 1]
        for w in range(n_words):
            either[w], both[w] = ZERO, ~ZERO
        for i in range(low, high):
            for w in range(n_words):
                word = f_word[faces[i], w]
                either[w] |= word
                both[w] &= word
        crossing = 0
        for w in range(n_words):
            either[w] &= ~both[w]  # the switches that cross the group
            crossing += count_bits(either[w])
        if crossing <= target or high - low < 2:
            groups += 1
            offsets[groups] = high
            continue
        step = max(1, (high - low) // 64)  # a sample is enough to find a line that halves the group well
        for s in range(64 * n_words):
            tally[s] = 0
        sampled = 0
        for i in range(low, high, step):
            sampled += 1
            for w in range(n_words):
                word = f_word[faces[i], w] & either[w]
                if word == ZERO:
                    continue
                for b in range(64):
                    tally[w * 64 + b] += np.int64(word >> np.uint64(b) & ONE)
        best, best_off = -1, 2 * n_faces + 2
        for s in range(64 * n_words):
            if either[s >> 6] >> np.uint64(s & 63) & ONE == ONE:
                off = abs(2 * tally[s] - sampled)
                if off < best_off:
                    best, best_off = s, off
        w, shift = best >> 6, np.uint64(best & 63)
        at, kept = low, 0
        for i in range(low, high):
            f = faces[i]
            if f_word[f, w] >> shift & ONE == ONE:
                other[kept] = f
                kept += 1
            else:
                faces[at] = f
                at += 1
        for i in range(kept):
            faces[at + i] = other[i]
        stack[top, 0], stack[top, 1] = at, high
        stack[top + 1, 0], stack[top + 1, 1] = low, at
        top += 2
    return groups
