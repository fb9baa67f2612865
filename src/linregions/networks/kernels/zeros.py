"""Sums that are zero at a point since each of their terms is: no decision of rounding. Of rows by site."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.sites import (
    BASIS,
    BLOCK,
    BREAKPOINT,
    CHANNELS,
    END_TERM,
    FIRST_OFFSET,
    FIRST_SWITCH,
    FIRST_TERM,
    FIRST_WEIGHT,
    GIVEN,
    HEIGHT,
    IN_SITE,
    KNOT,
    N_BREAKPOINTS,
    PADDED,
    PIECE,
    PLACE,
    ROW,
    SLOPE,
    SOURCE,
    FloatArray,
    IndexArray,
)

# How many terms are looked at to tell that each of them is zero.
_TERMS = 4096


@compiled(internal=True)
def list_terms(plan: Any, history: IndexArray, where: IndexArray, step: int, unit: int) -> int:
    """List the basis functions that a pre-activation is a sum of multiples of, to the ROW of `where`.

    Return how many they are, or -1 if there are other terms.
    """
    if plan.biases[step, unit] != 0.0 or plan.shape[GIVEN, step] >= 0:
        return -1
    place, columns = where[PLACE], where[ROW]
    n, others = 0, False
    n_channels, padded = plan.shape[CHANNELS, step], plan.shape[PADDED, step]
    s, c = unit // n_channels, unit % n_channels
    for term in range(plan.shape[FIRST_TERM, step], plan.shape[END_TERM, step]):
        source, offset = plan.term[SOURCE, term], plan.term[FIRST_OFFSET, term] + s
        n_before = plan.shape[CHANNELS, source]
        for tap in range(plan.offset[offset], plan.offset[offset + 1]):
            first = plan.term[FIRST_WEIGHT, term] + plan.tap[BLOCK, tap] * n_before * padded + c
            for j in range(n_before):
                if plan.weights[first + j * padded] == 0.0:
                    continue
                k = plan.tap[IN_SITE, tap] * n_before + j
                piece = history[source, PIECE, k]
                if piece < 0:
                    column = history[source, BASIS, k]
                    if place[column] < 0:
                        place[column], columns[n] = n, column
                        n += 1
                else:
                    others |= plan.activation[SLOPE, source, piece] != 0.0
                    others |= plan.activation[HEIGHT, source, piece] != 0.0
    for i in range(n):
        place[columns[i]] = -1
    return -1 if others else n


@compiled(internal=True)
def vanishes(phi: FloatArray, where: IndexArray, n_terms: int, at: int) -> bool:
    """Whether a pre-activation is zero at a point since each of its terms is, as `list_terms` has them.

    `phi` has a row for each point.
    """
    for i in range(n_terms):
        if phi[at, where[ROW, i]] != 0.0:
            return False
    return n_terms >= 0


@compiled(internal=True)
def zeros_add_up(
    plan: Any, history: IndexArray, phi: FloatArray, at: int, lines: IndexArray, n_lines: int, step: int, unit: int
) -> bool:
    """Whether a pre-activation of a graph is zero at a point since each of its terms is, looking through units.

    Those that hand on a multiple of such a sum, as maxima do, are zero there as well, and so are those that switch, by
    going through zero, on one of the `n_lines` lines, named by switches, that the point is known to lie on.
    """
    lists = plan, history, phi, np.int64(at), lines, np.int64(n_lines)
    return bool(_look_through(*lists, np.int64(step), np.int64(unit), np.int64(_TERMS)) >= 0)


@compiled(internal=True)
def _look_through(
    plan: Any,
    history: IndexArray,
    phi: FloatArray,
    at: int,
    lines: IndexArray,
    n_lines: int,
    step: int,
    unit: int,
    left: int,
) -> int:
    """Return how many terms are still to be looked at, of `left`; -1 if one of these is not zero or too many are."""
    if plan.biases[step, unit] != 0.0 or plan.shape[GIVEN, step] >= 0:
        return -1
    n_channels, padded = plan.shape[CHANNELS, step], plan.shape[PADDED, step]
    s, c = unit // n_channels, unit % n_channels
    for term in range(plan.shape[FIRST_TERM, step], plan.shape[END_TERM, step]):
        source, offset = plan.term[SOURCE, term], plan.term[FIRST_OFFSET, term] + s
        n_before, t = plan.shape[CHANNELS, source], plan.shape[N_BREAKPOINTS, source]
        for tap in range(plan.offset[offset], plan.offset[offset + 1]):
            first = plan.term[FIRST_WEIGHT, term] + plan.tap[BLOCK, tap] * n_before * padded + c
            for j in range(n_before):
                if plan.weights[first + j * padded] == 0.0:
                    continue
                k = plan.tap[IN_SITE, tap] * n_before + j
                piece = history[source, PIECE, k]
                left -= 1
                if piece < 0:
                    if phi[at, history[source, BASIS, k]] != 0.0:
                        return -1
                    continue
                slope, height = plan.activation[SLOPE, source, piece], plan.activation[HEIGHT, source, piece]
                if slope == 0.0 and height == 0.0:
                    continue
                knot, zero = plan.activation[KNOT, source, piece], False
                for b in range(max(piece - 1, 0), min(piece + 1, t)):
                    if slope * (plan.activation[BREAKPOINT, source, b] - knot) + height == 0.0:
                        switch = plan.shape[FIRST_SWITCH, source] + k * t + b
                        for i in range(n_lines):
                            zero |= lines[i] == switch
                if zero:
                    continue
                if left <= 0 or height != slope * knot:
                    return -1
                left = _look_through(plan, history, phi, at, lines, n_lines, source, np.int64(k), left)
                if left < 0:
                    return -1
    return max(0, int(left))
