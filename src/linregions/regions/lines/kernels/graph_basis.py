"""Which units of a graph switch in a cell of a line: enclosures decide most, values at the cell's points the others."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product
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
    vanishes,
)
from linregions.regions.lines.kernels.decisions import EXACT_MARGIN, RESOLUTION
from linregions.regions.lines.kernels.graph_records import (
    AT_END,
    AT_ONCE,
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
    STEEP,
    STRAY,
    UNCERTAINTY,
    UNIT,
    WEIGHT,
    Cell,
    GraphPlan,
)

# Of the bounds on a cell, relative to the sizes summed: thousands of terms stay below.
_ROUNDING = 1e-12


@compiled(internal=True)
def measure(cell: Cell, p: int) -> float:
    """Return how large terms at a point may be, those at the ends being 1."""
    return max(1.0, cell.point[OF_START, p] + cell.point[OF_END, p])


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
    start, end = phi[order[0]], phi[order[n_points - 1]]
    low, high, large = fit[AT_START], fit[AT_END], fit[LARGE]
    for i in range(first, n):
        low[i], high[i], large[i] = 0.0, 0.0, 0.0
    for p in range(n_points):
        of_start, of_end, row = point[OF_START, p], point[OF_END, p], phi[p]
        share = 1.0 / measure(cell, p)
        for i in range(first, n):
            off = (row[i] - of_start * start[i] - of_end * end[i]) * share
            low[i] = min(low[i], off)
            high[i] = max(high[i], off)
            large[i] = max(large[i], abs(row[i]) * share)
    for i in range(first, n):
        middle, stray = 0.5 * (low[i] + high[i]), 0.5 * (high[i] - low[i])
        fit[AT_START, i], fit[AT_END, i], fit[STRAY, i], fit[STEEP, i] = start[i] + middle, end[i] + middle, stray, 0.0


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
def _pack(plan: GraphPlan, cell: Cell, step: int, n_basis: int, first: int, width: int) -> int:
    """Gather the rows of some kept units, from the `first` on; return their number rounded up to whole tiles."""
    packed, kept, tensors, n_channels = cell.packed, cell.kept, cell.tensors, plan.shape[CHANNELS, step]
    across, columns = plan.shape[PADDED, step], tensors.columns[AT_HAND]
    n_table = tensors.rows.shape[1] // across
    table = tensors.rows[AT_HAND, : n_table * across].reshape(n_table, across)
    padded = (width + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
    for i in range(n_basis):
        for k in range(padded):
            packed[i, k] = 0.0
    for k in range(width):
        s, c = kept[first + k] // n_channels, kept[first + k] % n_channels
        start = tensors.site[AT_HAND, FIRST_ROW, s]
        for at in range(start, start + tensors.site[AT_HAND, N_COLUMNS, s]):
            packed[columns[at], k] = table[at, c]
    return padded


@compiled(internal=True)
def _decide_by_bounds(plan: GraphPlan, cell: Cell, step: int) -> int:
    """Set the pieces of units that enclosures decide, and list the others in `kept`; return how many these are."""
    unit, bound, kept, activation = cell.history[step], cell.bound, cell.kept, plan.activation
    t, first_switch = plan.shape[N_BREAKPOINTS, step], plan.shape[FIRST_SWITCH, step]
    first, last = cell.order[0, 0], cell.order[0, cell.size[N_POINTS] - 1]
    w_start, w_end = cell.phi[first, WEIGHT], cell.phi[last, WEIGHT]
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
def _decide_at_points(plan: GraphPlan, cell: Cell, step: int, k: int, at: int, j: int) -> bool:
    """Set the signs, at the points in order, of unit k less its breakpoint j; its values are in column `at` of block.

    False if it is exactly on the breakpoint all along.
    """
    phi, point, order, block, sign = cell.phi, cell.point, cell.order[0], cell.block, cell.sign
    xi, n_points, relative = plan.activation[BREAKPOINT, step, j], cell.size[N_POINTS], plan.relative
    size = relative * (cell.scale[SIZE, k] + abs(xi))
    somewhere = False
    for i in range(n_points):
        somewhere |= block[order[i], at] != xi * phi[order[i], WEIGHT]
    if not somewhere:
        for i in range(n_points):
            sign[i] = 0
        return False
    for i in range(n_points):
        p = order[i]
        value, w = block[p, at], phi[p, WEIGHT]
        distance = value - xi * w
        sign[i] = 1 if distance > 0.0 else -1
        distance = abs(distance)
        if distance == 0.0 and xi == 0.0 and vanishes(plan, cell.history, phi, step, k, p):
            sign[i] = 0
            continue
        band = size * measure(cell, p)
        wide = band * (1.0 + plan.depth[step])
        if point[DOUBT, p] > 0.0:
            slope = 0.0
            for q in (order[max(i - 1, 0)], order[min(i + 1, n_points - 1)]):
                if q == p:
                    continue
                if phi[q, WEIGHT] == 0.0:
                    slope = max(slope, abs(block[q, at]))
                else:
                    gap = max(abs(phi[q, PLACE] - phi[p, PLACE]), 5e-324)
                    slope = max(slope, abs(block[q, at] - value) / gap)
            band += point[UNCERTAINTY, p] * slope
            wide += point[DOUBT, p] * slope
        if not distance > wide:
            cell.size[N_UNDECIDED] += 1
        if distance <= band:
            cell.size[N_SNAPPED] += distance > 0.0
            sign[i] = 0
        elif distance < cell.margin[0] * band:
            cell.margin[0] = distance / band
    return True


@compiled(internal=True)
def _add_cut(plan: GraphPlan, cell: Cell, step: int, k: int, at: int, j: int, i: int, column: int, rises: bool) -> None:
    """List where unit k crosses its breakpoint j, between points i and i + 1 in order."""
    phi, order, block = cell.phi, cell.order[0], cell.block
    cut, number, c = cell.cut, cell.cut_number, cell.size[N_CUTS]
    p, q, xi = order[i], order[i + 1], plan.activation[BREAKPOINT, step, j]
    from_p, from_q = block[p, at] - xi * phi[p, WEIGHT], block[q, at] - xi * phi[q, WEIGHT]
    size = plan.relative * (cell.scale[SIZE, k] + abs(xi))
    if phi[p, WEIGHT] == 0.0 or phi[q, WEIGHT] == 0.0:
        near = p if phi[q, WEIGHT] == 0.0 else q
        from_near, from_far = (from_p, from_q) if near == p else (from_q, from_p)
        far = p + q - near
        cut[CUT_STEP, c] = abs(from_near / from_far)
        cut[CUT_PLACE, c] = phi[near, PLACE] + cut[CUT_STEP, c] * phi[far, PLACE]
        slope = abs(from_far)
        size *= measure(cell, near) + cut[CUT_STEP, c]
    else:
        length = phi[q, PLACE] - phi[p, PLACE]
        # A step below zero counts back from q, the nearer end.
        if abs(from_p) <= abs(from_q):
            cut[CUT_STEP, c] = from_p / (from_p - from_q)
            cut[CUT_PLACE, c] = phi[p, PLACE] + cut[CUT_STEP, c] * length
        else:
            cut[CUT_STEP, c] = -from_q / (from_q - from_p)
            cut[CUT_PLACE, c] = phi[q, PLACE] + cut[CUT_STEP, c] * length
        slope = abs(from_p - from_q) / max(length, 5e-324)
        size *= max(measure(cell, p), measure(cell, q))
    resolution = RESOLUTION * abs(place_along(cell, cut[CUT_PLACE, c])) / cell.frame[UNIT]
    cut[CUT_UNCERTAINTY, c] = max(size / slope, resolution)
    cut[CUT_DOUBT, c] = max(size * (1.0 + plan.depth[step]) / slope, resolution)
    cut[CUT_LEFT, c], cut[CUT_RIGHT, c] = from_p, from_q
    number[CUT_INTERVAL, c], number[CUT_COLUMN, c], number[CUT_BREAKPOINT, c] = i, column, j
    number[CUT_SWITCH, c] = plan.shape[FIRST_SWITCH, step] + k * plan.shape[N_BREAKPOINTS, step] + j
    number[CUT_RISES, c] = rises
    cell.size[N_CUTS] += 1


@compiled(internal=True)
def _follow(plan: GraphPlan, cell: Cell, step: int, k: int, at: int, column: int) -> bool:
    """Follow unit k along the cell; list its cuts and events, and tell whether it switches at all."""
    order, sign, n_points, t = cell.order[0], cell.sign, cell.size[N_POINTS], plan.shape[N_BREAKPOINTS, step]
    first_switch = plan.shape[FIRST_SWITCH, step] + k * t
    switches = False
    for j in range(t):
        if not _decide_at_points(plan, cell, step, k, at, j):
            cell.bit[first_switch + j] = 0
            continue
        xi, state = plan.activation[BREAKPOINT, step, j], False
        for i in range(n_points):
            if sign[i] == 0:
                cell.block[order[i], at] = xi * cell.phi[order[i], WEIGHT]
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
                _add_cut(plan, cell, step, k, at, j, i, column, right > 0)
                state = right > 0
                switches = True
    return switches


@compiled(internal=True)
def screen(plan: GraphPlan, cell: Cell, step: int) -> int:
    """Find the units of a step that switch in the cell, and their cuts; return how many, or -1 if there is no room.

    Their pre-activations follow the basis functions in `phi`.
    """
    phi, block, kept, unit, size = cell.phi, cell.block, cell.kept, cell.history[step], cell.size
    n_basis, n_points, t = size[N_BASIS], size[N_POINTS], plan.shape[N_BREAKPOINTS, step]
    size[N_CUTS] = 0
    n_kept = _decide_by_bounds(plan, cell, step)
    n_rows = (n_points + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for p in range(n_points, n_rows):
        for i in range(n_basis):
            phi[p, i] = 0.0
    unstable = 0
    for first in range(0, n_kept, AT_ONCE):
        width = min(AT_ONCE, n_kept - first)
        padded = _pack(plan, cell, step, n_basis, first, width)
        add_product(phi, n_rows, n_basis, cell.packed, cell.counting, 0, padded, block, np.bool_(True))
        for at in range(width):
            k = kept[first + at]
            # A unit may switch at every point, and between any two.
            if size[N_CUTS] + t * n_points > cell.cut.shape[1] or size[N_EVENTS] + t * n_points > cell.event.shape[1]:
                return -1
            column = n_basis + unstable
            if _follow(plan, cell, step, k, at, column):
                if column + TILE_ROWS >= phi.shape[1]:
                    return -1
                unit[PIECE, k], unit[BASIS, k] = -1, column
                for p in range(n_points):
                    phi[p, column] = block[p, at]
                unstable += 1
            else:
                piece = 0
                for j in range(t):
                    piece += cell.bit[plan.shape[FIRST_SWITCH, step] + k * t + j]
                unit[PIECE, k] = piece
    return unstable


@compiled(internal=True)
def activate(plan: GraphPlan, cell: Cell, step: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    activation, t = plan.activation, plan.shape[N_BREAKPOINTS, step]
    for p in range(cell.size[N_POINTS]):
        row, w = cell.phi[p, first : first + n], cell.phi[p, WEIGHT]
        for c in range(n):
            piece = 0
            for j in range(t):
                piece += row[c] > w * activation[BREAKPOINT, step, j]
            knot, height = activation[KNOT, step, piece], activation[HEIGHT, step, piece]
            row[c] = activation[SLOPE, step, piece] * (row[c] - w * knot) + w * height
