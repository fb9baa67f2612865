"""Cut the window by layer 0, and group the pieces to cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.kernels.compiled import compiled
from linregions.kernels.complex import cut_faces, sign_words
from linregions.kernels.plan import (
    BREAKPOINT,
    FIRST_SWITCH,
    N_BREAKPOINTS,
    SIZE,
    STEEPNESS,
    WIDTH,
    Plan,
)
from linregions.kernels.workspace import OK, ONE, ZERO, FloatArray, IndexArray, IntArray, WordArray, Workspace

BoolArray = npt.NDArray[np.bool_]

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


@compiled(allocates=True)
def cut_root(ws: Workspace, plan: Plan, chosen: BoolArray, base: WordArray) -> int:
    """Cut the one face in the workspace by those switches of layer 0 that are chosen.

    Returns OK, GROW or INCONSISTENT. In `base` are the switches passed everywhere, chosen or not.
    """
    m = ws.size[0]
    n = plan.shape[WIDTH, 0]
    t = plan.shape[N_BREAKPOINTS, 0]
    base[:] = ZERO
    reach_u, reach_v = 0.0, 0.0
    for i in range(m):
        reach_u, reach_v = max(reach_u, abs(ws.phi[i, 1])), max(reach_v, abs(ws.phi[i, 2]))
    reach = reach_u + reach_v
    pending = np.empty(n * t, dtype=np.int64)
    columns = np.empty(n * t, dtype=np.int64)
    crossing = 0
    for neuron in range(n):
        low, high = np.inf, -np.inf
        slack = plan.first[STEEPNESS, neuron] * plan.relative * reach
        for i in range(m):
            z = plan.first[0, neuron] + plan.first[1, neuron] * ws.phi[i, 1] + plan.first[2, neuron] * ws.phi[i, 2]
            low, high = min(low, z), max(high, z)
        for j in range(t):
            xi = plan.activation[BREAKPOINT, 0, j]
            band = plan.relative * (plan.first[SIZE, neuron] + abs(xi)) + slack
            if low - xi < -band and high - xi > band:
                if chosen[neuron * t + j]:
                    pending[crossing] = neuron * t + j
                    crossing += 1
            elif high - xi > band:
                switch = np.uint64(plan.shape[FIRST_SWITCH, 0] + neuron * t + j)
                base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
    # Few lines at a time while faces are large: a face cut by m chords costs about m cubed.
    done = 0
    while done < crossing:
        size = min(crossing - done, LINES_AT_ONCE // 2 if done < LINES_AT_ONCE else LINES_AT_ONCE)
        for k in range(size):
            columns[done + k] = 3 + k
        describe_batch(
            ws.column,
            ws.level,
            plan.activation,
            np.int64(0),
            t,
            plan.shape[FIRST_SWITCH, 0],
            plan.relative,
            pending[done : done + size],
            columns[done : done + size],
            plan.first[SIZE:],
        )
        for k in range(size):
            neuron = pending[done + k] // t
            c0, c1, c2 = plan.first[0, neuron], plan.first[1, neuron], plan.first[2, neuron]
            for v in range(ws.size[0]):
                ws.phi[v, 3 + k] = c0 + c1 * ws.phi[v, 1] + c2 * ws.phi[v, 2]
        sign_words(ws, size)
        status = cut_faces(ws, size, np.int64(3))
        if status != OK:
            return status
        done += size
    return OK


@compiled(allocates=True)
def group_faces(f_word: WordArray, n_switches: int, target: int, faces: IndexArray, offsets: IndexArray) -> int:
    """Split the faces by lines of layer 0 until at most `target` lines cross a group; return the number of groups.

    `faces` is reordered in place; groups are ``faces[offsets[g]:offsets[g + 1]]``.
    """
    n_faces = faces.shape[0]
    n_words = f_word.shape[1]
    stack = np.empty((2 * n_faces + 2, 2), dtype=np.int64)
    other = np.empty(n_faces, dtype=np.int64)
    tally = np.zeros(n_words * 64, dtype=np.int64)
    either = np.empty(n_words, dtype=np.uint64)
    both = np.empty(n_words, dtype=np.uint64)
    stack[0, 0], stack[0, 1] = 0, n_faces
    top = 1
    groups = 0
    offsets[0] = 0
    while top > 0:
        top -= 1
        low, high = stack[top]
        either[:] = ZERO
        both[:] = ~ZERO
        for i in range(low, high):
            for w in range(n_words):
                word = f_word[faces[i], w]
                either[w] |= word
                both[w] &= word
        crossing = 0
        for s in range(n_switches):
            w = s >> 6
            crossing += (either[w] & ~both[w]) >> np.uint64(s & 63) & ONE == ONE
        if crossing <= target or high - low < 2:
            groups += 1
            offsets[groups] = high
            continue
        step = max(1, (high - low) // 64)  # a sample is enough to find a line that halves the group well
        tally[:] = 0
        sampled = 0
        for i in range(low, high, step):
            sampled += 1
            for w in range(n_words):
                word = f_word[faces[i], w] & either[w] & ~both[w]
                for b in range(64):
                    tally[w * 64 + b] += np.int64(word >> np.uint64(b) & ONE)
        best, best_off = -1, 2 * n_faces + 2
        for s in range(n_switches):
            w = s >> 6
            if (either[w] & ~both[w]) >> np.uint64(s & 63) & ONE == ONE:
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
