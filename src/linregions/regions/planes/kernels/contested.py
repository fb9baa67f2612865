"""Regions of a plane in which no output is ahead all over, and the affine maps of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_ROWS
from linregions.regions.planes.kernels.envelope import BY_ONE, BY_X, BY_Y
from linregions.regions.planes.kernels.records import EVERYWHERE, SOMEWHERE
from linregions.regions.planes.kernels.reduction import (
    BREAKPOINT,
    FIRST,
    FIRST_SWITCH,
    INTERCEPT,
    LOWEST,
    N_BREAKPOINTS,
    SIZE,
    SLOPE,
    STEEPNESS,
    SWITCHES,
    UNIT,
    Layers,
    Reduced,
    Step,
    combine,
    piece_of,
    place_of,
    plan_step,
    take_step,
)
from linregions.regions.planes.kernels.workspace import FloatArray, IndexArray, IntArray, WordArray

# Vertices that are evaluated at once, and regions whose maps are found at once.
COLUMNS_AT_ONCE = 128
REGIONS_AT_ONCE = COLUMNS_AT_ONCE // 3
# By how many times what rounding does an output must be ahead, and the least that it does: a few units.
_AHEAD, _ROUNDING = 8.0, 2.0**-48
# Rows of the arrays below.
WINNER, STAMP = 0, 1
NOBODY = -1
BEST, SECOND, AHEAD = 0, 1, 2
AT_X, AT_Y = 0, 1
BAND = 3


class Plane(NamedTuple):
    """The partition."""

    points: FloatArray  # (vertices, 2)
    f_off: IndexArray
    f_v: IntArray
    words: WordArray  # (regions, words)


class Contest(NamedTuple):
    """What is found, and room for it."""

    sizes: IndexArray  # (levels,): of how many regions in a row each level is made; each divides the one before
    vertex: IntArray  # (2, vertices): which output is the WINNER, or NOBODY; STAMP of the regions it was found with
    span: WordArray  # (2, words): switches passed SOMEWHERE in some regions, EVERYWHERE
    values: FloatArray  # (functions + TILE_ROWS, COLUMNS_AT_ONCE): the first two functions are coordinates, AT_X, AT_Y
    lead: FloatArray  # (3, COLUMNS_AT_ONCE): BEST and SECOND output, which one is AHEAD
    at: IndexArray  # (COLUMNS_AT_ONCE,): vertices that are evaluated
    faces: IndexArray  # (F,): contested regions
    maps: FloatArray  # (F, n_out, 4): their affine maps, BY_X, BY_Y, BY_ONE; BAND of each output by rounding


def make_contest(sizes: Sequence[int], plane: Plane, functions: int, n_out: int) -> Contest:
    """Return the room, for as many regions as the last size and some more."""
    room = sizes[-1] + 64
    return Contest(
        sizes=np.array(sizes),
        vertex=np.full((2, plane.points.shape[0]), -1, dtype=np.int32),
        span=np.empty((2, plane.words.shape[1]), dtype=np.uint64),
        values=np.empty((functions + TILE_ROWS, COLUMNS_AT_ONCE)),
        lead=np.empty((3, COLUMNS_AT_ONCE)),
        at=np.empty(COLUMNS_AT_ONCE, dtype=np.int64),
        faces=np.empty(room, dtype=np.int64),
        maps=np.empty((room, n_out, 4)),
    )


@compiled(internal=True, fastmath={"nnan", "nsz"})
def _activate(layers: Layers, k: int, row: FloatArray) -> float:
    """Turn pre-activations of a hidden layer into values; return the largest of their sizes."""
    t = layers.shape[N_BREAKPOINTS, k]
    largest = 0.0
    if t == 1:  # no look-up of pieces, so that the loop is vectorised
        xi = layers.piece[BREAKPOINT, k, 0]
        slope_0, slope_1 = layers.piece[SLOPE, k, 0], layers.piece[SLOPE, k, 1]
        shift_0, shift_1 = layers.piece[INTERCEPT, k, 0], layers.piece[INTERCEPT, k, 1]
        for i in range(row.shape[0]):
            below, above = slope_0 * row[i] + shift_0, slope_1 * row[i] + shift_1
            row[i] = above if row[i] > xi else below
            largest = max(largest, abs(row[i]))
        return largest
    for i in range(row.shape[0]):
        piece = 0
        for j in range(t):
            piece += row[i] > layers.piece[BREAKPOINT, k, j]
        row[i] = layers.piece[SLOPE, k, piece] * row[i] + layers.piece[INTERCEPT, k, piece]
        largest = max(largest, abs(row[i]))
    return largest


@compiled(internal=True)
def _evaluate(
    layers: Layers, reduced: Reduced, step: Step, numbers: FloatArray, level: int, values: FloatArray, n: int
) -> None:
    """Find all functions at n points, whose coordinates are in the first two rows of `values`.

    Set are, squared, their SIZE, which is that of the terms whose sums they are, and how steep they may be. Terms of
    random signs add up like squares, and rounding with them.
    """
    layout, size, steep = reduced.layout[level], step.factor[SIZE], step.factor[STEEPNESS]
    last = layout.shape[1] - 2
    for q in (AT_X, AT_Y):
        size[q], steep[q] = 0.0, 1.0
        for i in range(n):
            size[q] = max(size[q], values[q, i] ** 2)
    for k in range(1, last + 1):
        first, low = layout[FIRST, k], layout[FIRST, layout[LOWEST, k]]
        place, n_rows, width = place_of(reduced, level, k)
        rows = numbers[place : place + n_rows * width].reshape(n_rows, width)
        for q in range(first, layout[FIRST, k + 1]):
            constant, row = reduced.constant[level, q], values[q, :n]
            for i in range(n):
                row[i] = constant
        combine(reduced, step, numbers, level, k, values, n)
        steepest = 0.0
        if k < last:
            for j in range(layers.shape[N_BREAKPOINTS, k - 1] + 1):
                steepest = max(steepest, layers.piece[SLOPE, k - 1, j] ** 2)
        for q in range(first, layout[FIRST, k + 1]):
            row = rows[q - first]
            total, rise = reduced.constant[level, q] ** 2, 0.0
            for p in range(first - low):
                total += row[p] ** 2 * size[low + p]
                rise += row[p] ** 2 * steep[low + p]
            if k < last and reduced.unit[level, SWITCHES, q]:
                total = total * steepest + _activate(layers, k - 1, values[q, :n]) ** 2
                rise *= steepest
            size[q], steep[q] = total, rise


@compiled(internal=True)
def _take_leads(outputs: FloatArray, n: int, slack: float, lead: FloatArray, winner: IntArray, at: IndexArray) -> None:
    """Write which output is ahead in each column by more than `slack`, or nobody, to ``winner[at[column]]``."""
    best, second, ahead = lead[BEST, :n], lead[SECOND, :n], lead[AHEAD, :n]
    for i in range(n):
        best[i], second[i], ahead[i] = -np.inf, -np.inf, 0.0
    for c in range(outputs.shape[0]):
        row = outputs[c, :n]
        for i in range(n):
            value = row[i]
            second[i] = max(second[i], min(best[i], value))
            ahead[i] = c if value > best[i] else ahead[i]
            best[i] = max(best[i], value)
    for i in range(n):
        winner[at[i]] = np.int32(ahead[i]) if best[i] - second[i] > slack else NOBODY


@compiled(internal=True)
def _find_maps(
    layers: Layers,
    reduced: Reduced,
    step: Step,
    numbers: FloatArray,
    level: int,
    words: WordArray,
    values: FloatArray,
    faces: IndexArray,
    maps: FloatArray,
) -> None:
    """Find the outputs as affine functions: column ``3 i + j`` of `values` has coefficient j in the i-th region.

    A function that is zero on a region changes no bit, so outputs that are the same there have the same map.
    """
    layout, unit = reduced.layout[level], reduced.unit[level]
    last, n = layout.shape[1] - 2, faces.shape[0]
    for q in (AT_X, AT_Y):
        for i in range(n):
            for j in range(3):
                values[q, 3 * i + j] = 1.0 if j == q else 0.0
    for k in range(1, last + 1):
        for q in range(layout[FIRST, k], layout[FIRST, k + 1]):
            for i in range(n):
                values[q, 3 * i + BY_X], values[q, 3 * i + BY_Y] = 0.0, 0.0
                values[q, 3 * i + BY_ONE] = reduced.constant[level, q]
        combine(reduced, step, numbers, level, k, values, 3 * n)
        if k == last:
            break
        t, base = layers.shape[N_BREAKPOINTS, k - 1], layers.shape[FIRST_SWITCH, k - 1]
        for q in range(layout[FIRST, k], layout[FIRST, k + 1]):
            if unit[SWITCHES, q]:
                for i in range(n):
                    piece = piece_of(words[faces[i]], base + t * unit[UNIT, q], t)
                    for j in range(3):
                        values[q, 3 * i + j] *= layers.piece[SLOPE, k - 1, piece]
                    values[q, 3 * i + BY_ONE] += layers.piece[INTERCEPT, k - 1, piece]
    for i in range(n):
        for c in range(layout[FIRST, last + 1] - layout[FIRST, last]):
            for j in range(3):
                maps[i, c, j] = values[layout[FIRST, last] + c, 3 * i + j]


@compiled(internal=True)
def _reduce(
    layers: Layers,
    reduced: Reduced,
    step: Step,
    numbers: FloatArray,
    plane: Plane,
    contest: Contest,
    level: int,
    f: int,
) -> int:
    """Reduce the network to as many regions, from region f on, as the next level has; return how much room it takes.

    Without so much room it is not done.
    """
    words = plane.words[f : min(f + contest.sizes[level], plane.words.shape[0])]
    for w in range(words.shape[1]):
        passed, somewhere = words[0, w], words[0, w]
        for g in range(words.shape[0]):
            passed &= words[g, w]
            somewhere |= words[g, w]
        contest.span[SOMEWHERE, w], contest.span[EVERYWHERE, w] = somewhere, passed
    need = plan_step(layers, reduced, step, level, contest.span[EVERYWHERE], contest.span[SOMEWHERE])
    if need <= numbers.shape[0]:
        take_step(reduced, step, level, numbers)
    return need


@compiled()
def contested_regions(
    layers: Layers,
    reduced: Reduced,
    step: Step,
    numbers: FloatArray,
    plane: Plane,
    contest: Contest,
    relative: float,
    grain: float,
    start: int,
) -> tuple[int, int, int]:
    """Find regions in which no output is ahead all over, from region `start` on, until the room is full.

    Outputs may be `relative`, in units of their terms, from what they are by rounding, and points `grain`. Returns how
    many regions were found, the one to go on with, and how much room the rows need there.
    """
    sizes, f_off, f_v = contest.sizes, plane.f_off, plane.f_v
    winner, stamp, values = contest.vertex[WINNER], contest.vertex[STAMP], contest.values
    leaf = sizes.shape[0]
    n_faces, size = plane.words.shape[0], sizes[leaf - 1]
    last = reduced.layout.shape[2] - 2
    found, need = np.int64(0), np.int64(0)
    while start < n_faces and found + size <= contest.faces.shape[0]:
        for level in range(leaf):
            if start % sizes[level] == 0:
                need = _reduce(layers, reduced, step, numbers, plane, contest, level, start)
                if need > numbers.shape[0]:
                    return int(found), start, int(need)
        stop, group = min(start + size, n_faces), np.int32(start // size)
        first, end = reduced.layout[leaf, FIRST, last], reduced.layout[leaf, FIRST, last + 1]
        terms = 1 + first - reduced.layout[leaf, FIRST, reduced.layout[leaf, LOWEST, last]]
        # All corners where most have been found before, since sizes are to be those of all.
        fresh = 0
        for i in range(f_off[start], f_off[stop]):
            fresh += stamp[f_v[i]] < 0
        anew = 2 * fresh < stop - start
        band = contest.maps[found, :, BAND]
        for c in range(end - first):
            band[c] = 0.0
        n = 0
        for i in range(f_off[start], f_off[stop]):
            v = f_v[i]
            if stamp[v] < 0 or (anew and stamp[v] != group):
                stamp[v] = group
                values[AT_X, n], values[AT_Y, n], contest.at[n] = plane.points[v, 0], plane.points[v, 1], v
                n += 1
            if n == COLUMNS_AT_ONCE or (n > 0 and i == f_off[stop] - 1):
                _evaluate(layers, reduced, step, numbers, leaf, values, n)
                size_most, steepest = 0.0, 0.0
                for c in range(end - first):
                    # By Cauchy and Schwarz at least the sum of absolute values, if the terms were exact.
                    total = np.sqrt(terms * step.factor[SIZE, first + c])
                    size_most, band[c] = max(size_most, total), max(band[c], relative * total)
                    steepest = max(steepest, np.sqrt(terms * step.factor[STEEPNESS, first + c]))
                slack = _AHEAD * (max(relative, _ROUNDING) * size_most + grain * steepest)
                _take_leads(values[first:end], n, slack, contest.lead, winner, contest.at)
                n = 0
        begin = found
        for f in range(start, stop):
            who = winner[f_v[f_off[f]]]
            mixed = who == NOBODY
            for i in range(f_off[f] + 1, f_off[f + 1]):
                mixed |= winner[f_v[i]] != who
            if not mixed:
                continue
            contest.faces[found] = f
            for c in range(end - first):
                contest.maps[found, c, BAND] = contest.maps[begin, c, BAND]
            found += 1
        for i in range(begin, found, REGIONS_AT_ONCE):
            faces, maps = contest.faces[i : min(i + REGIONS_AT_ONCE, found)], contest.maps[i:]
            _find_maps(layers, reduced, step, numbers, leaf, plane.words, values, faces, maps)
        start = stop
    return int(found), start, int(need)
