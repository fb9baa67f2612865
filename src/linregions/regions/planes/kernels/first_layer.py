"""Lines of layer 0 that cut the window, and pieces grouped to cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions._support.kernels.bits import count_bits
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.sites import BREAKPOINT, FIRST_SWITCH, N_BREAKPOINTS, SIZE, STEEPNESS
from linregions.regions.planes.kernels.records import COLUMN, EVERYWHERE, SOMEWHERE, Plan, Scratch
from linregions.regions.planes.kernels.workspace import (
    BAND,
    COLUMN_BIT,
    COLUMN_STEEPNESS,
    COLUMN_SWITCH,
    CONSTANT,
    N_AFFINE,
    N_VERTICES,
    ONE,
    PHI_COLUMN,
    ZERO,
    FloatArray,
    IndexArray,
    WordArray,
    Workspace,
    X,
    Y,
)

LINES_AT_ONCE = 16
BEGIN, END = 0, 1


@compiled(internal=True)
def describe_batch(
    ws: Workspace, plan: Plan, layer: int, switches: IndexArray, columns: IndexArray, scale: FloatArray
) -> None:
    """Describe switches of a layer, whose values stand in `columns` of phi, to the workspace.

    Their units' SIZE and STEEPNESS are rows of `scale`.
    """
    t, column, decision = plan.shape[N_BREAKPOINTS, layer], ws.column, ws.decision
    for k in range(switches.shape[0]):
        switch = switches[k]
        neuron = switch // t
        column[PHI_COLUMN, k] = columns[k]
        column[COLUMN_SWITCH, k] = plan.shape[FIRST_SWITCH, layer] + switch
        decision[BREAKPOINT, k] = plan.activation[BREAKPOINT, layer, switch - neuron * t]
        decision[BAND, k] = plan.relative * (scale[SIZE, neuron] + abs(decision[BREAKPOINT, k]))
        decision[COLUMN_STEEPNESS, k] = scale[STEEPNESS, neuron]


@compiled(internal=True)
def load_lines(ws: Workspace, plan: Plan, sc: Scratch, switches: IndexArray) -> None:
    """Set columns of phi to the values of some switches of layer 0, and describe these."""
    t, columns = plan.shape[N_BREAKPOINTS, 0], sc.pending[COLUMN]
    for k in range(switches.shape[0]):
        columns[k] = N_AFFINE + k
        neuron = switches[k] // t
        c0, c1, c2 = plan.first[CONSTANT, neuron], plan.first[X, neuron], plan.first[Y, neuron]
        for v in range(ws.size[N_VERTICES]):
            ws.phi[v, N_AFFINE + k] = c0 + c1 * ws.phi[v, X] + c2 * ws.phi[v, Y]
    describe_batch(ws, plan, np.int64(0), switches, columns, plan.first)
    for k in range(switches.shape[0]):
        ws.column[COLUMN_BIT, k] = switches[k]


class Grouping(NamedTuple):
    """Room to group F faces."""

    stack: IndexArray  # (2 F + 2, 2): where groups that are still to be split BEGIN and END
    other: IndexArray  # (F,): faces on one side of a line
    tally: IndexArray  # (64 words,): faces above each line
    passed: WordArray  # (2, words): lines that faces of a group are above SOMEWHERE, EVERYWHERE


def make_grouping(n_faces: int, n_words: int) -> Grouping:
    """Return the room."""
    return Grouping(
        stack=np.empty((2 * n_faces + 2, 2), dtype=np.int64),
        other=np.empty(n_faces, dtype=np.int64),
        tally=np.empty(64 * n_words, dtype=np.int64),
        passed=np.empty((2, n_words), dtype=np.uint64),
    )


@compiled()
def group_faces(f_word: WordArray, target: int, faces: IndexArray, offsets: IndexArray, room: Grouping) -> int:
    """Split the faces by lines of layer 0 until at most `target` lines cross a group; return the number of groups.

    `faces` (F,) is reordered in place; groups are ``faces[offsets[g]:offsets[g + 1]]``.
    """
    stack, other, tally = room.stack, room.other, room.tally
    n_faces = faces.shape[0]
    n_words = f_word.shape[1]
    either, both = room.passed[SOMEWHERE], room.passed[EVERYWHERE]
    stack[0, BEGIN], stack[0, END] = 0, n_faces
    top = 1
    groups = 0
    offsets[0] = 0
    while top > 0:
        top -= 1
        low, high = stack[top, BEGIN], stack[top, END]
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
        stack[top, BEGIN], stack[top, END] = at, high
        stack[top + 1, BEGIN], stack[top + 1, END] = low, at
        top += 2
    return groups
