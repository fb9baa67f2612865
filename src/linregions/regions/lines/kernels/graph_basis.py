"""Which units of a graph switch in a cell of a line: enclosures decide most, values at the cell's points the others."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_ROWS
from linregions.networks.kernels.sites import (
    AT_HAND,
    BASIS,
    BREAKPOINT,
    CHANNELS,
    FIRST_ROW,
    FIRST_SWITCH,
    HEIGHT,
    KNOT,
    N_BREAKPOINTS,
    N_COLUMNS,
    PADDED,
    PIECE,
    SITES,
    SIZE,
    SLOPE,
    WIDTH,
)
from linregions.networks.kernels.zeros import zeros_add_up
from linregions.regions.lines.kernels.decisions import EXACT_MARGIN, RESOLUTION
from linregions.regions.lines.kernels.graph_records import (
    AT_END,
    AT_START,
    CENTRE,
    CUT_BREAKPOINT,
    CUT_COLUMN,
    CUT_DOUBT,
    CUT_INTERVAL,
    CUT_LEFT,
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
    LARGE,
    N_BASIS,
    N_CUTS,
    N_EVENTS,
    N_POINTS,
    N_SNAPPED,
    N_UNDECIDED,
    OF_END,
    OF_START,
    OFFSET,
    PLACE,
    SHARE,
    STEEP,
    STRAY,
    UNCERTAINTY,
    UNIT,
    WEIGHT,
    Cell,
    FloatArray,
    GraphPlan,
    IndexArray,
)

# Of the bounds on a cell, relative to the sizes summed: thousands of terms stay below.
_ROUNDING = 1e-12


@compiled(internal=True)
def place_along(cell: Cell, place: float) -> float:
    """Return where on the line a place of a cell is."""
    return float(cell.frame[OFFSET] + (cell.frame[CENTRE] + cell.frame[UNIT] * place))


@compiled(internal=True)
def enclose_basis(cell: Cell, first: int, n: int) -> None:
    """Enclose basis functions between the chord of their values at the cell's ends and how far they stray from it.

    Functions are linear between the points that are there when they are made.
    """
    phi, point, order, fit, n_points = cell.phi, cell.point, cell.order[0], cell.fit, cell.size[N_POINTS]
    first_point, last_point = order[0], order[n_points - 1]
    of_start, of_end, share = point[OF_START], point[OF_END], point[SHARE]
    for i in range(first, n):
        values = phi[i]
        start, end = values[first_point], values[last_point]
        low, high, large = 0.0, 0.0, 0.0
        for p in range(n_points):
            off = (values[p] - of_start[p] * start - of_end[p] * end) * share[p]
            low, high = min(low, off), max(high, off)
            large = max(large, abs(values[p]) * share[p])
        middle = 0.5 * (low + high)
        fit[AT_START, i], fit[AT_END, i], fit[STRAY, i] = start + middle, end + middle, 0.5 * (high - low)
        fit[LARGE, i], fit[STEEP, i] = large, 0.0


@compiled(internal=True)
def enclose_units(plan: GraphPlan, cell: Cell, step: int) -> None:
    """Enclose every pre-activation on the cell: within STRAY of the chord from AT_START to AT_END."""
    fit, tensors, n_channels = cell.fit, cell.tensors, plan.shape[CHANNELS, step]
    across, columns = plan.shape[PADDED, step], tensors.columns[AT_HAND]
    n_table = tensors.rows.shape[1] // across
    table = tensors.rows[AT_HAND, : n_table * across].reshape(n_table, across)
    for s in range(plan.shape[SITES, step]):
        begin, end = s * n_channels, (s + 1) * n_channels
        at_start, at_end = cell.bound[AT_START, begin:end], cell.bound[AT_END, begin:end]
        reach, size = cell.bound[STRAY, begin:end], cell.bound[LARGE, begin:end]
        for k in range(n_channels):
            at_start[k], at_end[k], reach[k], size[k] = 0.0, 0.0, 0.0, 0.0
        first = tensors.site[AT_HAND, FIRST_ROW, s]
        for at in range(first, first + tensors.site[AT_HAND, N_COLUMNS, s]):
            i, row = columns[at], table[at]
            start_i, end_i, stray, large = fit[AT_START, i], fit[AT_END, i], fit[STRAY, i], fit[LARGE, i]
            for k in range(n_channels):
                at_start[k] += row[k] * start_i
                at_end[k] += row[k] * end_i
            for k in range(n_channels):  # in two loops, since one with so many arrays is not vectorised
                reach[k] += abs(row[k]) * stray
                size[k] += abs(row[k]) * large
        for k in range(n_channels):
            reach[k] += _ROUNDING * size[k]  # far above the rounding of all these sums


@compiled(internal=True)
def _add_four(phi: FloatArray, column: IndexArray, weight: FloatArray, out: FloatArray) -> None:
    """Add four weighted basis functions, which the first of each array name, to values at points."""
    one, two, three, four = phi[column[0]], phi[column[1]], phi[column[2]], phi[column[3]]
    w_1, w_2, w_3, w_4 = weight[0], weight[1], weight[2], weight[3]
    for p in range(out.shape[0]):
        out[p] += (w_1 * one[p] + w_2 * two[p]) + (w_3 * three[p] + w_4 * four[p])


@compiled(internal=True)
def _evaluate(plan: GraphPlan, cell: Cell, step: int, k: int) -> None:
    """Set `value` to those of unit k at the points."""
    tensors, n_channels, across = cell.tensors, plan.shape[CHANNELS, step], plan.shape[PADDED, step]
    n_table = tensors.rows.shape[1] // across
    table = tensors.rows[AT_HAND, : n_table * across].reshape(n_table, across)
    s, c, out = k // n_channels, k % n_channels, cell.value[: cell.size[N_POINTS]]
    for p in range(out.shape[0]):
        out[p] = 0.0
    first, n = tensors.site[AT_HAND, FIRST_ROW, s], 0
    column, weight = cell.listed, cell.weight
    for at in range(first, first + tensors.site[AT_HAND, N_COLUMNS, s]):
        if table[at, c] != 0.0:
            column[n], weight[n] = tensors.columns[AT_HAND, at], table[at, c]
            n += 1
    while n % 4:
        column[n], weight[n] = 0, 0.0
        n += 1
    for i in range(0, n, 4):
        _add_four(cell.phi, column[i : i + 4], weight[i : i + 4], out)


@compiled(internal=True)
def _decide_by_bounds(plan: GraphPlan, cell: Cell, step: int) -> int:
    """Set the pieces of units that enclosures decide, and list the others in `kept`; return how many these are."""
    unit, bound, kept, activation = cell.history[step], cell.bound, cell.kept, plan.activation
    t, first_switch = plan.shape[N_BREAKPOINTS, step], plan.shape[FIRST_SWITCH, step]
    first, last = cell.order[0, 0], cell.order[0, cell.size[N_POINTS] - 1]
    w_start, w_end = cell.phi[WEIGHT, first], cell.phi[WEIGHT, last]
    farthest, n_kept, closest = plan.relative * max(EXACT_MARGIN, 1.0 + plan.depth[step]), 0, cell.margin[0]
    for k in range(plan.shape[WIDTH, step]):
        piece = 0
        known = True
        for j in range(t):
            xi = activation[BREAKPOINT, step, j]
            from_start, from_end = bound[AT_START, k] - xi * w_start, bound[AT_END, k] - xi * w_end
            size = cell.scale[SIZE, k] + abs(xi)
            nearest = min(from_start, from_end)
            if nearest <= 0.0:
                nearest = min(-from_start, -from_end)
            gap = nearest - bound[STRAY, k]
            if bound[LARGE, k] == 0.0:  # zero all over: no decision
                piece += xi < 0.0
                continue
            if not gap > farthest * size:
                known = False
                break
            if gap < closest * plan.relative * size:
                closest = gap / (plan.relative * size)
            piece += from_start > 0.0
        if known:
            unit[PIECE, k] = piece
            for j in range(t):
                cell.bit[first_switch + k * t + j] = j < piece
        else:
            kept[n_kept] = k
            n_kept += 1
    cell.margin[0] = closest
    return n_kept


@compiled(internal=True)
def _decide_at_points(plan: GraphPlan, cell: Cell, step: int, k: int, j: int) -> bool:
    """Set the signs, at the points in order, of unit k less its breakpoint j.

    False if it has the same sign at all points, or is exactly on the breakpoint there.
    """
    phi, point, order, value, sign = cell.phi, cell.point, cell.order[0], cell.value, cell.sign
    xi, n_points, relative = plan.activation[BREAKPOINT, step, j], cell.size[N_POINTS], plan.relative
    size = relative * (cell.scale[SIZE, k] + abs(xi))
    weight, share = phi[WEIGHT], point[SHARE]
    nearest, farthest, n_above = np.inf, 0.0, 0
    for p in range(n_points):
        distance = value[p] - xi * weight[p]
        n_above += distance > 0.0
        distance = abs(distance) * share[p]
        nearest, farthest = min(nearest, distance), max(farthest, distance)
    if farthest == 0.0:
        sign[0] = 0
        return False
    # Where all are far from it, so are they with all that the places of the points may be off.
    far = size * max(EXACT_MARGIN, 1.0 + plan.depth[step]) + 2.0 * cell.crowding[0] * farthest
    if nearest > far:
        if nearest < cell.margin[0] * size:
            cell.margin[0] = nearest / size
        if n_above == 0 or n_above == n_points:
            sign[0] = 1 if n_above else -1
            return False
        for i in range(n_points):
            p = order[i]
            sign[i] = 1 if value[p] > xi * weight[p] else -1
        return True
    for i in range(n_points):
        p = order[i]
        distance = value[p] - xi * weight[p]
        sign[i] = 1 if distance > 0.0 else -1
        distance = abs(distance)
        if distance == 0.0 and xi == 0.0 and zeros_add_up(plan, cell.history, phi.T, p, order, 0, step, k):
            sign[i] = 0
            continue
        band = size / share[p]
        wide = band * (1.0 + plan.depth[step])
        if point[DOUBT, p] > 0.0:
            slope = 0.0
            for q in (order[max(i - 1, 0)], order[min(i + 1, n_points - 1)]):
                if q == p:
                    continue
                if weight[q] == 0.0:
                    slope = max(slope, abs(value[q]))
                else:
                    gap = max(abs(phi[PLACE, q] - phi[PLACE, p]), 5e-324)
                    slope = max(slope, abs(value[q] - value[p]) / gap)
            band += point[UNCERTAINTY, p] * slope
            wide += point[DOUBT, p] * slope
        if not distance > wide:
            cell.size[N_UNDECIDED] += 1
        if distance <= band:
            cell.size[N_SNAPPED] += distance > 0.0
            sign[i] = 0
        elif distance < cell.margin[0] * band:
            cell.margin[0] = distance / band
    for i in range(n_points):
        if sign[i] == 0:
            value[order[i]] = xi * weight[order[i]]
    return True


@compiled(internal=True)
def _add_cut(plan: GraphPlan, cell: Cell, step: int, k: int, j: int, i: int, column: int, rises: bool) -> None:
    """List where unit k crosses its breakpoint j, between points i and i + 1 in order."""
    weight, place, order, value = cell.phi[WEIGHT], cell.phi[PLACE], cell.order[0], cell.value
    cut, number, c = cell.cut, cell.cut_number, cell.size[N_CUTS]
    p, q, xi = order[i], order[i + 1], plan.activation[BREAKPOINT, step, j]
    from_p, from_q = value[p] - xi * weight[p], value[q] - xi * weight[q]
    size = plan.relative * (cell.scale[SIZE, k] + abs(xi))
    if weight[p] == 0.0 or weight[q] == 0.0:
        near = p if weight[q] == 0.0 else q
        from_near, from_far = (from_p, from_q) if near == p else (from_q, from_p)
        far = p + q - near
        cut[CUT_STEP, c] = abs(from_near / from_far)
        cut[CUT_PLACE, c] = place[near] + cut[CUT_STEP, c] * place[far]
        slope = abs(from_far)
        size *= 1.0 / cell.point[SHARE, near] + cut[CUT_STEP, c]
    else:
        length = place[q] - place[p]
        # A step below zero counts back from q, the nearer end.
        if abs(from_p) <= abs(from_q):
            cut[CUT_STEP, c] = from_p / (from_p - from_q)
            cut[CUT_PLACE, c] = place[p] + cut[CUT_STEP, c] * length
        else:
            cut[CUT_STEP, c] = -from_q / (from_q - from_p)
            cut[CUT_PLACE, c] = place[q] + cut[CUT_STEP, c] * length
        slope = abs(from_p - from_q) / max(length, 5e-324)
        size /= min(cell.point[SHARE, p], cell.point[SHARE, q])
    resolution = RESOLUTION * abs(place_along(cell, cut[CUT_PLACE, c])) / cell.frame[UNIT]
    cut[CUT_UNCERTAINTY, c] = max(size / slope, resolution)
    cut[CUT_DOUBT, c] = max(size * (1.0 + plan.depth[step]) / slope, resolution)
    cut[CUT_LEFT, c], cut[CUT_RIGHT, c] = from_p, from_q
    number[CUT_INTERVAL, c], number[CUT_COLUMN, c], number[CUT_BREAKPOINT, c] = i, column, j
    number[CUT_SWITCH, c] = plan.shape[FIRST_SWITCH, step] + k * plan.shape[N_BREAKPOINTS, step] + j
    number[CUT_RISES, c] = rises
    cell.size[N_CUTS] += 1


@compiled(internal=True)
def _follow(plan: GraphPlan, cell: Cell, step: int, k: int, column: int) -> bool:
    """Follow unit k along the cell; list its cuts and events, and tell whether it switches at all."""
    order, sign, n_points, t = cell.order[0], cell.sign, cell.size[N_POINTS], plan.shape[N_BREAKPOINTS, step]
    first_switch = plan.shape[FIRST_SWITCH, step] + k * t
    switches = False
    for j in range(t):
        if not _decide_at_points(plan, cell, step, k, j):
            cell.bit[first_switch + j] = sign[0] > 0
            continue
        state = False
        for i in range(n_points - 1):
            left, right = sign[i], sign[i + 1]
            above = left > 0 or (left == 0 and right > 0)
            if i == 0:
                cell.bit[first_switch + j] = above
            elif above != state:
                e = cell.size[N_EVENTS]
                cell.event[EVENT_POINT, e], cell.event[EVENT_SWITCH, e] = order[i], first_switch + j
                cell.event[EVENT_RISES, e] = above
                cell.size[N_EVENTS] += 1
                switches = True
            state = above
            if left * right < 0:
                _add_cut(plan, cell, step, k, j, i, column, right > 0)
                state = right > 0
                switches = True
    return switches


@compiled(internal=True)
def _same_column(cell: Cell, first: int, new: int) -> int:
    """Return the column, among those from the `first` on, that holds the values at hand already, or the new one.

    Weights that are shared make equal units where inputs are equal, as in blank margins.
    """
    phi, value, n_points = cell.phi, cell.value, cell.size[N_POINTS]
    for column in range(first, new):
        values = phi[column]
        p = 0
        while p < n_points and values[p] == value[p]:
            p += 1
        if p == n_points:
            return column
    return new


@compiled(internal=True)
def screen(plan: GraphPlan, cell: Cell, step: int) -> int:
    """Find the units of a step that switch in the cell, and their cuts; return how many, or -1 if there is no room.

    Their pre-activations follow the basis functions in `phi`. (Equal ones share a column.)
    """
    phi, kept, unit, size = cell.phi, cell.kept, cell.history[step], cell.size
    n_basis, n_points, t = size[N_BASIS], size[N_POINTS], plan.shape[N_BREAKPOINTS, step]
    size[N_CUTS] = 0
    n_kept = _decide_by_bounds(plan, cell, step)
    unstable = 0
    for i in range(n_kept):
        k = kept[i]
        # A unit may switch at every point, and between any two.
        if size[N_CUTS] + t * n_points > cell.cut.shape[1] or size[N_EVENTS] + t * n_points > cell.event.shape[1]:
            return -1
        _evaluate(plan, cell, step, k)
        new = n_basis + unstable
        n_cuts = size[N_CUTS]
        if not _follow(plan, cell, step, k, new):
            piece = 0
            for j in range(t):
                piece += cell.bit[plan.shape[FIRST_SWITCH, step] + k * t + j]
            unit[PIECE, k] = piece
            continue
        column = _same_column(cell, n_basis, new)
        unit[PIECE, k], unit[BASIS, k] = -1, column
        for c in range(n_cuts, size[N_CUTS]):
            cell.cut_number[CUT_COLUMN, c] = column
        if column == new:
            if new + TILE_ROWS >= phi.shape[0]:
                return -1
            for p in range(n_points):
                phi[new, p] = cell.value[p]
            unstable += 1
    return unstable


@compiled(internal=True)
def activate(plan: GraphPlan, cell: Cell, step: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    activation, t, weight = plan.activation, plan.shape[N_BREAKPOINTS, step], cell.phi[WEIGHT]
    for column in range(first, first + n):
        values = cell.phi[column]
        for p in range(cell.size[N_POINTS]):
            piece, w = 0, weight[p]
            for j in range(t):
                piece += values[p] > w * activation[BREAKPOINT, step, j]
            knot, height = activation[KNOT, step, piece], activation[HEIGHT, step, piece]
            values[p] = activation[SLOPE, step, piece] * (values[p] - w * knot) + w * height
