"""The only place where signs are decided: a switch at a vertex, in a band that both of their errors make.

A vertex knows how far off its place may be. Where this leaves a sign open, the place is found anew from the planes of
its slots, which is right to the rounding of what is near, however long the edges were that it came from.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import PLACED, REFINED, SNAPPED, UNDECIDED, Bench, Plan

ZERO, ONE = np.uint64(0), np.uint64(1)
NO_LABEL = -(1 << 30)
ROUNDING = 2.0**-52
# Errors of places are estimates, so bands take them so many times.
_CAUTION = 16.0
# Roundings of a row of an affine map, in its size: it is a sum of many terms.
_ROW_ROUNDINGS = 8.0
# Bands from which on the place of a vertex is good enough, and the error from which on it is found anew in any case:
# bounds of errors grow from cut to cut, errors do not.
_FAR, _LOOSE = 128.0, 2.0**-24
# A pivot below this leaves a place to where it was.
_LEAST_PIVOT = 2.0**-40


@compiled(internal=True)
def row_of(plan: Plan, bench: Bench, label: int, at: int, v: int) -> float:
    """Write the plane of a label into a row of the system; return the size of its terms at a vertex."""
    d = bench.place.shape[1]
    system = bench.system
    if label < 0:
        side = -1 - label
        for i in range(d + 1):
            system[at, i] = plan.sides[side, i]
        return abs(float(plan.sides[side, 0]))
    layer, unit, b = plan.switch[0, label], plan.switch[1, label], plan.switch[2, label]
    rows = bench.rows[layer]
    far = 0.0
    for i in range(d):
        system[at, i + 1] = rows[i + 1, unit]
        far = max(far, abs(bench.place[v, i]))
    level = plan.breakpoints[layer, b]
    system[at, 0] = rows[0, unit] - level
    return float(plan.constant_size[layer, unit] + abs(level) + plan.slope_size[layer, unit] * far)


@compiled(internal=True)
def _choose(bench: Bench, n: int) -> bool:
    """Choose d planes of n that are as independent as can be; tell whether there are so many."""
    d = bench.place.shape[1]
    system, copy = bench.system, d + 2
    for k in range(n):
        for i in range(d):
            system[k, copy + i] = system[k, i + 1]
    for k in range(d):
        best, row = _LEAST_PIVOT, -1
        for r in range(n):
            square = 0.0
            for i in range(d):
                square += system[r, copy + i] * system[r, copy + i]
            if square > best:
                best, row = square, r
        if row < 0:
            return False
        for i in range(d):
            bench.chosen[k, i] = system[row, i + 1]
            bench.chosen[k, d + i] = 1.0 if i == k else 0.0
        bench.chosen[k, 2 * d] = system[row, 0]
        bench.chosen_size[k] = system[row, d + 1]
        for r in range(n):
            if r != row:
                product = 0.0
                for i in range(d):
                    product += system[r, copy + i] * system[row, copy + i]
                for i in range(d):
                    system[r, copy + i] -= product / best * system[row, copy + i]
        for i in range(d):
            system[row, copy + i] = 0.0
    return True


@compiled(internal=True)
def _invert(bench: Bench) -> bool:
    """Solve for the planes that are chosen by Gauss and Jordan; tell whether there was a pivot in all columns."""
    d = bench.place.shape[1]
    chosen = bench.chosen
    for k in range(d):
        best, row = _LEAST_PIVOT, -1
        for r in range(k, d):
            if abs(chosen[r, k]) > best:
                best, row = abs(chosen[r, k]), r
        if row < 0:
            return False
        if row != k:
            for i in range(2 * d + 1):
                chosen[k, i], chosen[row, i] = chosen[row, i], chosen[k, i]
        pivot = 1.0 / chosen[k, k]
        for i in range(2 * d + 1):
            chosen[k, i] *= pivot
        for r in range(d):
            if r != k:
                factor = chosen[r, k]
                for i in range(2 * d + 1):
                    chosen[r, i] -= factor * chosen[k, i]
    return True


@compiled(internal=True)
def place_anew(plan: Plan, bench: Bench, e: int, slots: np.uint64, extra: int, v: int) -> None:
    """Find the place of a vertex from the planes of slots of a node, and one more, if they fix it better."""
    d = bench.place.shape[1]
    system, place = bench.system, bench.place
    bench.flags[v] |= PLACED
    n = 0
    while slots != ZERO:
        s = lowest_bit(slots)
        slots &= slots - ONE
        system[n, d + 1] = row_of(plan, bench, bench.label[e, s], n, v)
        n += 1
    if extra != NO_LABEL:
        system[n, d + 1] = row_of(plan, bench, extra, n, v)
        n += 1
    for k in range(n):  # residuals, and rows of one length
        length, residual = 0.0, system[k, 0]
        for i in range(d):
            length += abs(system[k, i + 1])
            residual += system[k, i + 1] * place[v, i]
        if length == 0.0:
            return
        for i in range(d):
            system[k, i + 1] /= length
        system[k, 0] = residual / length
        system[k, d + 1] /= length
    if not _choose(bench, n):
        return
    # Sizes of the chosen ones are in the order of the columns of the inverse.
    if not _invert(bench):
        return
    error, step, far = 0.0, 0.0, 0.0
    for i in range(d):
        own = 0.0
        for k in range(d):
            own += abs(bench.chosen[i, d + k]) * bench.chosen_size[k]
        error = max(error, own)
        step = max(step, abs(bench.chosen[i, 2 * d]))
        far = max(far, abs(place[v, i]))
    error = ROUNDING * (_ROW_ROUNDINGS * error + far)
    if error < bench.error[v] and step <= _CAUTION * (bench.error[v] + error):
        for i in range(d):
            place[v, i] -= bench.chosen[i, 2 * d]
        bench.error[v] = error
        bench.counts[REFINED] += 1


@compiled(internal=True)
def _close_sign(plan: Plan, bench: Bench, e: int, slots: np.uint64, extra: int, v: int, layer: int, column: int) -> int:
    """Decide a sign that is close to zero, or whose vertex is not placed well."""
    d = bench.place.shape[1]
    n_breakpoints = plan.n_breakpoints[layer]
    unit = column // n_breakpoints
    level = plan.breakpoints[layer, column - unit * n_breakpoints]
    rows = bench.rows[layer]
    while True:
        value, steep, far = rows[0, unit] - level, 0.0, 0.0
        for i in range(d):
            x, a = bench.place[v, i], rows[i + 1, unit]
            value += a * x
            steep += abs(a)
            far = max(far, abs(x))
        size = plan.constant_size[layer, unit] + abs(level) + plan.slope_size[layer, unit] * far
        band = plan.relative * size + _CAUTION * bench.error[v] * steep
        if abs(value) > _FAR * band:
            return 1 if value > 0.0 else -1
        if bench.flags[v] & PLACED:
            if abs(value) > band:
                bench.margin[0] = min(bench.margin[0], abs(value) / band)
                return 1 if value > 0.0 else -1
            bench.counts[SNAPPED] += 1
            if not band <= 0.0 and (value != 0.0 or steep != 0.0):  # NaN decides nothing either
                bench.counts[UNDECIDED] += 1
            return 0
        place_anew(plan, bench, e, slots, extra, v)


@compiled(inlined=True)
def sign_at(plan: Plan, bench: Bench, e: int, slots: np.uint64, extra: int, v: int, layer: int, column: int) -> int:
    """Decide the sign of a column of a layer at a vertex, which lies on slots of a node and on one more plane.

    Nearly all are far from zero, which costs no call: one that takes the bench costs as much as a hundred flops.
    """
    d = bench.place.shape[1]
    n_breakpoints = plan.n_breakpoints[layer]
    unit = column // n_breakpoints
    level = plan.breakpoints[layer, column - unit * n_breakpoints]
    rows = bench.rows[layer]
    value, steep, far = rows[0, unit] - level, 0.0, 0.0
    for i in range(d):
        x, a = bench.place[v, i], rows[i + 1, unit]
        value += a * x
        steep += abs(a)
        far = max(far, abs(x))
    size = plan.constant_size[layer, unit] + abs(level) + plan.slope_size[layer, unit] * far
    if abs(value) > _FAR * (plan.relative * size + _CAUTION * bench.error[v] * steep):
        return 1 if value > 0.0 else -1
    return _close_sign(plan, bench, e, slots, extra, v, layer, column)


@compiled(inlined=True)
def place_between(
    plan: Plan, bench: Bench, e: int, slots: np.uint64, p: int, q: int, value_p: float, value_q: float,
    layer: int, column: int, v: int,
) -> None:  # fmt: skip
    """Place a vertex where a column is zero between two, which it is positive and negative at, on slots of a node."""
    unit = column // plan.n_breakpoints[layer]
    d = bench.place.shape[1]
    place, rows = bench.place, bench.rows[layer]
    share = value_p / (value_p - value_q)
    long, far, steep, far_p, far_q = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(d):
        a, b = place[p, i], place[q, i]
        step = b - a
        x = a + share * step
        place[v, i] = x
        long = max(long, abs(step))
        far_p, far_q, far = max(far_p, abs(a)), max(far_q, abs(b)), max(far, abs(x))
        steep += abs(rows[i + 1, unit])
    # An end is on the planes of the edge and on another one, so it bounds how far off the edge is, as either does; and
    # the farther from the centre, the larger terms are.
    error_p = bench.error[p] * (far / far_p if far > far_p else 1.0)
    error_q = bench.error[q] * (far / far_q if far > far_q else 1.0)
    if far_p == 0.0:
        error_p = error_q
    error = error_p if far_q == 0.0 else min(error_p, error_q)
    far = max(far_p, far_q)
    size = plan.constant_size[layer, unit] + plan.slope_size[layer, unit] * far
    along = (_ROW_ROUNDINGS * ROUNDING * size + steep * error) / (value_p - value_q)
    bench.error[v] = error + 2.0 * ROUNDING * far + long * min(along, 1.0)
    bench.flags[v] = 0
    if bench.error[v] > _LOOSE:
        place_anew(plan, bench, e, slots, plan.first_switch[layer] + column, v)
