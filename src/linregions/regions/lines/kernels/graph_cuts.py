"""Put points into a cell of a line where units of a graph cross their breakpoints."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_ROWS
from linregions.networks.kernels.sites import BREAKPOINT
from linregions.regions.lines.kernels.graph_records import (
    CUT_BREAKPOINT,
    CUT_COLUMN,
    CUT_DOUBT,
    CUT_INTERVAL,
    CUT_LEFT,
    CUT_ORDER,
    CUT_PLACE,
    CUT_RIGHT,
    CUT_RISES,
    CUT_STEP,
    CUT_SWITCH,
    CUT_UNCERTAINTY,
    DOUBT,
    EVENT_POINT,
    EVENT_RISES,
    EVENT_SWITCH,
    N_CUTS,
    N_EVENTS,
    N_MERGED,
    N_POINTS,
    N_UNDECIDED,
    OF_END,
    OF_START,
    PLACE,
    SHARE,
    UNCERTAINTY,
    WEIGHT,
    Cell,
    GraphPlan,
)


@compiled(internal=True)
def _sort_cuts(cell: Cell, n: int) -> None:
    """Sort cuts by interval, then by place (Shell's method, which needs no room)."""
    place, interval, order = cell.cut[CUT_PLACE], cell.cut_number[CUT_INTERVAL], cell.cut_number[CUT_ORDER]
    for c in range(n):
        order[c] = c
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            moving = order[i]
            k = i
            while k >= gap:
                other = order[k - gap]
                if interval[other] < interval[moving]:
                    break
                if interval[other] == interval[moving] and place[other] <= place[moving]:
                    break
                order[k] = other
                k -= gap
            order[k] = moving
        gap //= 3


@compiled(internal=True)
def _put_point(cell: Cell, i: int, c: int, n_columns: int, new: int) -> None:
    """Make point `new` where cut c is, between points i and i + 1 in order."""
    phi, point, order, step = cell.phi, cell.point, cell.order[0], cell.cut[CUT_STEP, c]
    p, q = order[i], order[i + 1]
    if phi[WEIGHT, p] == 0.0 or phi[WEIGHT, q] == 0.0:
        near, far = (p, q) if phi[WEIGHT, q] == 0.0 else (q, p)
        for k in range(n_columns):
            phi[k, new] = phi[k, near] + step * phi[k, far]
        for k in (OF_START, OF_END):
            point[k, new] = point[k, near] + step * point[k, far]
    else:
        near, far = (p, q) if step >= 0.0 else (q, p)
        share = abs(step)
        for k in range(n_columns):
            phi[k, new] = phi[k, near] + share * (phi[k, far] - phi[k, near])
        for k in (OF_START, OF_END):
            point[k, new] = point[k, near] + share * (point[k, far] - point[k, near])
    point[SHARE, new] = 1.0 / max(1.0, point[OF_START, new] + point[OF_END, new])
    point[UNCERTAINTY, new], point[DOUBT, new] = cell.cut[CUT_UNCERTAINTY, c], cell.cut[CUT_DOUBT, c]


@compiled(internal=True)
def measure_crowding(cell: Cell) -> None:
    """Find how much the values of a unit at a point may change, of the largest, with the uncertainty of its place."""
    phi, point, order = cell.phi, cell.point, cell.order[0]
    most = 0.0
    for i in range(cell.size[N_POINTS] - 1):
        p, q = order[i], order[i + 1]
        doubt = max(point[DOUBT, p], point[DOUBT, q])
        if phi[WEIGHT, p] == 0.0 or phi[WEIGHT, q] == 0.0:
            most = max(most, doubt)
        else:  # values are in units of 1 / SHARE
            gap = max(phi[PLACE, q] - phi[PLACE, p], 5e-324) * min(point[SHARE, p], point[SHARE, q])
            most = max(most, doubt / gap)
    cell.crowding[0] = most


@compiled(internal=True)
def insert_cuts(plan: GraphPlan, cell: Cell, step: int, n_columns: int) -> bool:
    """Put a point at each cut of a step, one where several cannot be told apart; False if there is no room.

    The best determined cut of a group stands for it. Cuts with the same values on both sides are those of one function,
    which is no decision.
    """
    cut, number, order, merged, size = cell.cut, cell.cut_number, cell.order[0], cell.order[1], cell.size
    n, n_points = size[N_CUTS], size[N_POINTS]
    if n_points + n + TILE_ROWS > cell.phi.shape[1] or size[N_EVENTS] + n > cell.event.shape[1]:
        return False
    if n == 0:
        return True
    _sort_cuts(cell, n)
    sequence = number[CUT_ORDER]
    new, filled, at = n_points, 0, 0
    for i in range(n_points):
        merged[filled] = order[i]
        filled += 1
        reached = -np.inf
        last = np.int64(-1)  # best of the group before
        while at < n and number[CUT_INTERVAL, sequence[at]] == i:
            best = sequence[at]
            end = at
            while end < n:
                c = sequence[end]
                if number[CUT_INTERVAL, c] != i:
                    break
                same = False
                if end > at:
                    before = sequence[end - 1]
                    same = cut[CUT_LEFT, c] == cut[CUT_LEFT, before] and cut[CUT_RIGHT, c] == cut[CUT_RIGHT, before]
                    gap, band = cut[CUT_PLACE, c] - cut[CUT_PLACE, best], cut[CUT_UNCERTAINTY, c]
                    band += cut[CUT_UNCERTAINTY, best]
                    if not same and abs(gap) > band:
                        break
                    size[N_MERGED] += not same
                    if cut[CUT_UNCERTAINTY, c] < cut[CUT_UNCERTAINTY, best]:
                        best = c
                if not same:
                    size[N_UNDECIDED] += not cut[CUT_PLACE, c] - cut[CUT_DOUBT, c] > reached
                    reached = max(reached, cut[CUT_PLACE, c] + cut[CUT_DOUBT, c])
                end += 1
            if last >= 0:
                gap = cut[CUT_PLACE, best] - cut[CUT_PLACE, last]
                band = cut[CUT_UNCERTAINTY, best] + cut[CUT_UNCERTAINTY, last]
                if gap < cell.margin[0] * band:
                    cell.margin[0] = gap / band
            last = best
            _put_point(cell, i, best, n_columns, new)
            for k in range(at, end):
                c = sequence[k]
                xi = plan.activation[BREAKPOINT, step, number[CUT_BREAKPOINT, c]]
                cell.phi[number[CUT_COLUMN, c], new] = xi
                e = size[N_EVENTS]
                cell.event[EVENT_POINT, e], cell.event[EVENT_SWITCH, e] = new, number[CUT_SWITCH, c]
                cell.event[EVENT_RISES, e] = number[CUT_RISES, c]
                size[N_EVENTS] += 1
            merged[filled] = new
            filled += 1
            new += 1
            at = end
    for i in range(filled):
        order[i] = merged[i]
    size[N_POINTS] = filled
    measure_crowding(cell)
    return True
