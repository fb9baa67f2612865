"""A step taken along a stretch: signs of its switches at all points, cuts where they change, the points these add."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, U
from linregions.exact.filter import FloatStep, Rows, Sums, norms_of_squares
from linregions.networks.graph import IndexArray
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.kernels.passes import list_changes, screen, sort_within
from linregions.regions.lines.certified.kernels.passes import share as share_of
from linregions.regions.lines.certified.rows import Bits, Stretch

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
# Things that there is room for at first, beside some for each point.
_ROOM = 1 << 10
# Cuts of an interval that are sorted otherwise than by putting each in its place.
_MANY = 512


class Cuts(NamedTuple):
    """Where switches change their side inside intervals, in order."""

    interval: IndexArray  # (C,)
    switch: IndexArray  # (C,)
    near: IndexArray  # (C,) point at a bounded end of the interval
    far: IndexArray  # (C,) point at the other one
    share: FloatArray  # (C,) how far from the near end: a share of the interval, or a length where it has no end
    blur: FloatArray  # (C,) bound of the error of that
    tie: BoolArray  # (C,) whether it is where the cut before it is


class Signs(NamedTuple):
    """On which side of each switch points are, all of it right."""

    above: Bits  # (R, switches) whether it is above zero
    n_above: IntArray  # (R,) how many are
    number: IndexArray  # points and switches of all zeros
    switch: IndexArray


def signs_of(step: FloatStep, stretch: Stretch, court: Court) -> tuple[Sums, Signs]:
    """Return the sums of a step at all points, and on which side of its switches these are.

    A zero that is computed proves nothing; one where nothing was rounded does.
    """
    weight = stretch.points.weight
    if step.has_levels or step.reads_inputs:
        sums = step.sums(stretch.tensors, weight)
        values = _less_levels(step, sums)
        limit = step.row_bounds(sums.radii, weight, sums.of_bias) + float(step.level_error.max(initial=0.0))
        number, switch = np.nonzero(~(np.abs(values) > limit[:, None]))
        above = (values > 0).view(np.uint8)
    else:
        sums, above, number, switch = _screened(step, stretch)
        values = sums.rows.values
    if not number.size:
        return sums, Signs(above, above.sum(axis=1, dtype=np.int64), number, switch)
    bound = _bounds(step, sums, number, switch)
    found = values[number, switch]
    is_zero = (found == 0) & (bound == 0)
    doubts = np.flatnonzero(~(np.abs(found) > bound) & ~is_zero)
    if doubts.size:
        place = np.empty(stretch.size, dtype=np.int64)
        place[stretch.order] = np.arange(stretch.size)
        doubts = doubts[np.argsort(place[number[doubts]], kind="stable")]
        for doubt, where in zip(doubts.tolist(), place[number[doubts]].tolist(), strict=True):
            sign = court.sign(stretch, where, int(switch[doubt]))
            point = number[doubt]
            above[point, switch[doubt]] = sign > 0
            is_zero[doubt] = sign == 0
            line = stretch.points.line[point]
            court.asked[line] += 1
            court.mended[line] += np.sign(found[doubt]) != sign
    number, switch = number[is_zero], switch[is_zero]
    units, breakpoints = np.divmod(switch, step.n_breakpoints)
    sums.rows.values[number, units] = step.levels[units, breakpoints] * weight[number]
    return sums, Signs(above, above.sum(axis=1, dtype=np.int64), number, switch)


def _screened(step: FloatStep, stretch: Stretch) -> tuple[Sums, Bits, IndexArray, IndexArray]:
    """Return sums, which are above zero, and points and units that are not clearly on a side of it; in one pass."""
    weight = stretch.points.weight
    radii, error = step.radii(stretch.tensors, weight)
    limit = step.row_bounds(radii, weight, step.gamma) + float(step.level_error.max(initial=0.0))
    values = np.ascontiguousarray(step.products(stretch.tensors, weight.size))
    above, squares = np.empty(values.shape, dtype=np.uint8), np.empty(weight.size)
    close = np.empty(_ROOM + weight.size, dtype=np.int64)
    found = screen(values, step.bias, weight, limit, above, squares, close)
    sums = Sums(Rows(values, error, norms_of_squares(squares, values)), radii, weight, step.gamma)
    if found > close.size:
        number, switch = np.nonzero(~(np.abs(values) > limit[:, None]))
    else:
        number, switch = np.divmod(close[:found], step.n_units)
    return sums, above, number, switch


def _less_levels(step: FloatStep, sums: Sums) -> FloatArray:
    """Return all sums less all breakpoints, (R, switches)."""
    values = sums.rows.values
    if not step.has_levels:
        return values
    made = values[:, :, None] - step.levels * sums.weight[:, None, None]
    return made.reshape(len(values), -1)


def _bounds(step: FloatStep, sums: Sums, number: IndexArray, switch: IndexArray) -> FloatArray:
    """Return what some switches are off by at most."""
    units, breakpoints = np.divmod(switch, step.n_breakpoints)
    return step.bounds(sums, number, units) + step.level_error[units, breakpoints]


def sides_of(signs: Signs, stretch: Stretch) -> tuple[Bits, Bits]:
    """Return on which side each switch is just after the start of each interval, and just before its end.

    Units are affine on an interval. So one that is zero at an end is where the other end says, and one that is zero at
    both is zero throughout, which counts as not above.
    """
    above, order = signs.above, stretch.order
    start = above[order]
    if not signs.number.size:
        start[stretch.is_last] = 0
        end = np.empty_like(start)
        end[:-1] = above[order[1:]]
    else:
        end = np.empty_like(start)
        end[:-1] = start[1:]
        place = np.empty(stretch.size, dtype=np.int64)
        place[order] = np.arange(stretch.size)
        where, switch = place[signs.number], signs.switch
        at = where < stretch.size - 1
        start[where[at], switch[at]] = above[order[where[at] + 1], switch[at]]
        at = where > 0
        end[where[at] - 1, switch[at]] = above[order[where[at] - 1], switch[at]]
        start[stretch.is_last] = 0
    return start, end


def changes_between(one: Bits, other: Bits, left_out: Bits) -> tuple[IndexArray, IndexArray]:
    """Return in which rows and columns two arrays of bits differ, but for rows that are left out."""
    room = 2 * len(one) + _ROOM
    while True:
        row, column = np.empty((2, room), dtype=np.int64)
        n = list_changes(one, other, left_out, row, column)
        if n <= room:
            return row[:n], column[:n]
        room = n


def cuts_of(step: FloatStep, sums: Sums, start: Bits, end: Bits, stretch: Stretch, court: Court) -> Cuts:
    """Return where switches change, in the right order."""
    interval, switch = changes_between(start, end, stretch.is_last.view(np.uint8))
    first, second = stretch.order[interval], stretch.order[interval + 1]
    is_backwards = stretch.points.weight[first] == 0
    near, far = np.where(is_backwards, second, first), np.where(is_backwards, first, second)
    share, blur = _shares(step, sums, near, far, switch)
    key = np.where(is_backwards, -share, share)
    if interval.size and np.bincount(interval).max() < _MANY:
        order = np.empty(interval.size, dtype=np.int64)
        sort_within(interval, key, order)
    else:
        order = np.lexsort((key, interval))
    interval, key, wide = interval[order], key[order], blur[order]
    together = interval[1:] == interval[:-1]
    doubts = np.flatnonzero(together & ~(np.diff(key) > (wide[1:] + wide[:-1]) * SLACK))
    tie = np.zeros(order.size, dtype=np.bool_)
    for where, count in zip(*np.unique(interval[doubts], return_counts=True), strict=True) if doubts.size else ():
        low, high = np.searchsorted(interval, [where, where + 1])
        found, ties = court.roots(stretch, int(where), switch[order[low:high]].tolist())
        line = stretch.points.line[stretch.order[where]]
        court.asked[line] += count
        court.mended[line] += sum(ties) + sum(b < a for a, b in itertools.pairwise(found))
        order[low:high] = order[low:high][found]
        tie[low:high] = ties
    return Cuts(interval, switch[order], near[order], far[order], share[order], blur[order], tie)


def _shares(
    step: FloatStep, sums: Sums, near: IndexArray, far: IndexArray, switch: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """Return how far cuts are from the near ends of their intervals, and what that is off by at most."""
    if not step.has_levels and len(sums.radii) == 1:
        shares, blurs = np.empty((2, near.size))
        norms, of_bias = step.operators[0].norms, sums.of_bias * step.bias_sizes + step.lost
        rows = np.ascontiguousarray(sums.rows.values), near, far, switch, sums.weight
        share_of(*rows, sums.radii[0], norms, of_bias, SLACK, U, shares, blurs)
        return shares, blurs
    units, breakpoints = np.divmod(switch, step.n_breakpoints)
    values, weight, level = sums.rows.values, sums.weight, step.levels[units, breakpoints]
    here = values[near, units] - level
    there = values[far, units] - level * weight[far]
    error_here = _bounds(step, sums, near, switch) + 2 * U * np.abs(here)
    error_there = _bounds(step, sums, far, switch) + 2 * U * np.abs(there)
    is_bounded = weight[far] == 1
    change = there - weight[far] * here
    share = -here / change
    # The signs are strictly opposite, whatever floats say, so that |a| + |b| = |a - b|.
    inside = np.maximum(error_here, error_there) / np.abs(change) * SLACK + 4 * U
    inside = np.where(inside < 1.0, inside, 1.0)
    share_inside = np.where(share > 0, np.minimum(share, 1.0), 0.0)
    slope = np.abs(there) - error_there
    beyond = (error_here + np.abs(share) * error_there) / slope * SLACK + 4 * U * np.abs(share)
    beyond = np.where((slope > 0) & (beyond < np.inf), beyond, np.inf)
    share_beyond = np.where(beyond < np.inf, np.maximum(share, 0.0), np.nan)
    return np.where(is_bounded, share_inside, share_beyond), np.where(is_bounded, inside, beyond)
