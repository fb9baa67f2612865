"""Take a line through a graph, cell by cell, with a basis of few functions in each.

In a cell most units are stable: they stay on one linear piece. So every tensor is there a combination of the weight,
the place, and those units that switch. An affine step acts on the few rows of such a combination, by site, not on the
points.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.sites import (
    GIVEN,
    N_BREAKPOINTS,
    PIECE,
    SIZE,
    STEEPNESS,
    WIDTH,
    give_rows,
    keep_tensor,
    sum_terms,
)
from linregions.regions.lines.kernels.decisions import RESOLUTION
from linregions.regions.lines.kernels.graph_basis import activate, enclose_basis, enclose_units, place_along, screen
from linregions.regions.lines.kernels.graph_cuts import insert_cuts, measure_crowding
from linregions.regions.lines.kernels.graph_events import hand_on
from linregions.regions.lines.kernels.graph_records import (
    BEGUN,
    CENTRE,
    CONSTANT,
    DOUBT,
    FOUND,
    FULL,
    HALVED,
    LARGE,
    MARGIN,
    MERGED,
    MET,
    N_AFFINE,
    N_BASIS,
    N_CHANGES,
    N_EVENTS,
    N_MERGED,
    N_PLACES,
    N_POINTS,
    N_SNAPPED,
    N_UNDECIDED,
    OF_END,
    OF_START,
    OK,
    OUT_OF_RANGE,
    PLACE,
    REACHED,
    ROOM,
    SHARE,
    SLOPE_ALONG,
    SLOPE_TERMS,
    SNAPPED,
    STEEP,
    TERMS,
    UNCERTAINTY,
    UNDECIDED,
    UNIT,
    WEIGHT,
    ByteArray,
    Cell,
    FloatArray,
    GraphPlan,
    Output,
)

# A cell that has no room is halved so often; where that is of no use, many things happen in one place.
_MOST_HALVINGS = 12
# Where a gap is parted: not in its middle, where networks and lines of some symmetry have their breakpoints.
_PART = 0.4854
# Of a cell, a gap that is better not parted.
_NARROW = 1e-9


@compiled(internal=True)
def _typical_length(line: FloatArray, n: int, at: float) -> float:
    """Return how far from a place the affine functions of a step change as much as they are."""
    value, slope = 0.0, 0.0
    for k in range(n):
        value += (line[CONSTANT, k] + at * line[SLOPE_ALONG, k]) ** 2
        slope += line[SLOPE_ALONG, k] ** 2
    if not 0.0 < slope < np.inf or not 0.0 < value < np.inf:
        return 1.0
    return float(np.sqrt(value / slope))


@compiled(internal=True)
def _begin(plan: GraphPlan, cell: Cell, line: FloatArray, start: float, end: float, unit: float) -> None:
    """Set the two points of a cell from `start` to `end`; with an end without bound, places are in `unit`."""
    phi, point, frame = cell.phi, cell.point, cell.frame
    if np.isinf(start):
        frame[CENTRE], frame[UNIT] = end, unit
        phi[WEIGHT, 0], phi[PLACE, 0], phi[WEIGHT, 1], phi[PLACE, 1] = 0.0, -1.0, 1.0, 0.0
    elif np.isinf(end):
        frame[CENTRE], frame[UNIT] = start, unit
        phi[WEIGHT, 0], phi[PLACE, 0], phi[WEIGHT, 1], phi[PLACE, 1] = 1.0, 0.0, 0.0, 1.0
    else:
        frame[CENTRE], frame[UNIT] = 0.5 * (start + end), 0.5 * (end - start)
        phi[WEIGHT, 0], phi[PLACE, 0], phi[WEIGHT, 1], phi[PLACE, 1] = 1.0, -1.0, 1.0, 1.0
    for p in (0, 1):
        point[OF_START, p], point[OF_END, p], cell.order[0, p] = 1.0 - p, float(p), p
        place = 0.0
        if phi[WEIGHT, p] != 0.0:
            place = RESOLUTION * abs(place_along(cell, phi[PLACE, p])) / frame[UNIT]
        point[UNCERTAINTY, p], point[DOUBT, p], point[SHARE, p] = place, place, 1.0
    cell.size[:] = 0
    cell.size[N_POINTS], cell.size[N_BASIS] = 2, N_AFFINE
    measure_crowding(cell)
    for k in range(plan.column[plan.column.shape[0] - 1]):
        cell.given[0, k] = line[CONSTANT, k] + frame[CENTRE] * line[SLOPE_ALONG, k]
        cell.given[1, k] = frame[UNIT] * line[SLOPE_ALONG, k]


@compiled(internal=True)
def _give(plan: GraphPlan, cell: Cell, line: FloatArray, step: int) -> None:
    """Give the rows and sizes of a step before which nothing switches."""
    first, centre, unit = plan.column[step], cell.frame[CENTRE], cell.frame[UNIT]
    give_rows(plan, cell.tensors, cell.given, first, step, np.int64(N_AFFINE))
    bounded = cell.phi[WEIGHT, 0] != 0.0 and cell.phi[WEIGHT, 1] != 0.0
    for k in range(plan.shape[WIDTH, step]):
        along = line[SLOPE_TERMS, first + k]
        near = line[TERMS, first + k] + abs(centre) * along
        cell.scale[SIZE, k] = near + unit * along if bounded else max(near, unit * along)
        cell.scale[STEEPNESS, k] = 0.0


@compiled(internal=True)
def _take(plan: GraphPlan, cell: Cell, line: FloatArray) -> int:
    """Take the cell that is begun through all steps."""
    enclose_basis(cell, 0, N_AFFINE)
    for step in range(plan.shape.shape[1]):
        if step > 0:
            keep_tensor(
                plan, cell.tensors, cell.history[step - 1], cell.scale, cell.fit[LARGE], cell.fit[STEEP], step - 1
            )
        n_basis = cell.size[N_BASIS]
        if plan.shape[GIVEN, step] >= 0:
            _give(plan, cell, line, step)
        elif not sum_terms(plan, cell.tensors, cell.scale, cell.fit[STEEP], step, n_basis):
            return OUT_OF_RANGE
        if plan.shape[N_BREAKPOINTS, step] == 0:
            for k in range(plan.shape[WIDTH, step]):
                cell.history[step, PIECE, k] = 0
            continue
        enclose_units(plan, cell, step)
        unstable = screen(plan, cell, step)
        if unstable < 0 or not insert_cuts(plan, cell, step, n_basis + unstable):
            return ROOM
        activate(plan, cell, step, n_basis, unstable)
        cell.size[N_BASIS] += unstable
        enclose_basis(cell, n_basis, n_basis + unstable)
    return OK


@compiled(internal=True)
def _part(crossing: FloatArray, first: int, n: int) -> float:
    """Return where to end a cell with about n of the crossings from the `first` on: in a wide gap."""
    best, widest = first + n, 0.0
    for k in range(first + n, crossing.shape[0]):
        gap = crossing[k] - crossing[k - 1]
        if gap > widest:
            best, widest = k, gap
        if k >= first + n + n // 4 and widest > _NARROW * (crossing[k] - crossing[first]):
            break
    return float(crossing[best - 1] + _PART * (crossing[best] - crossing[best - 1]))


@compiled()
def run_line(
    plan: GraphPlan,
    cell: Cell,
    line: FloatArray,
    crossing: FloatArray,
    ends: FloatArray,
    progress: FloatArray,
    out: Output,
    tally: FloatArray,
    first_bit: ByteArray,
) -> int:
    """Follow a straight line from where it stands to its end.

    Parameters
    ----------
    plan, cell
    line : (4, units)
        Affine rows of all given steps, and the sizes of their terms.
    crossing : (n,)
        Where units of the first step are on breakpoints, in order and inside the line.
    ends : (2,)
    progress : (5,)
        REACHED, BEGUN, FOUND, MET, HALVED.
    out : Output
    tally : (4,)
        SNAPPED, MERGED, UNDECIDED, MARGIN: are added to.
    first_bit : (switches,)
        Gets the bits of the first interval with the first cell.

    Returns
    -------
    OK, ROOM (in the cell), FULL (the output), OUT_OF_RANGE; after ROOM and FULL it may go on with more room
    """
    n_first, n = plan.shape[WIDTH, 0], crossing.shape[0]
    while progress[REACHED] < ends[1]:
        start = progress[REACHED]
        first = np.int64(np.searchsorted(crossing, start, side="right"))
        ratio = (progress[FOUND] + 4.0) / (progress[MET] + 1.0)
        wanted = max(np.int64(1), np.int64(plan.target / ratio))
        end = ends[1] if first + wanted >= n else _part(crossing, first, wanted)
        if np.isinf(start) and np.isinf(end):
            if n >= 2:
                end = _part(crossing, 0, max(1, n // 2))
            else:
                end = 0.0 if n == 0 else crossing[0] + _typical_length(line, n_first, crossing[0])
        status, halvings = ROOM, 0
        while status == ROOM:
            stop = np.int64(np.searchsorted(crossing, end, side="left"))
            near = end if np.isinf(start) else start
            unit = 0.0
            if stop > first:
                unit = max(abs(crossing[first] - near), abs(crossing[stop - 1] - near))
            if unit == 0.0:
                unit = _typical_length(line, n_first, near)
            _begin(plan, cell, line, start, end, unit)
            cell.margin[0] = tally[MARGIN]
            status = _take(plan, cell, line)
            if status == OUT_OF_RANGE or halvings == _MOST_HALVINGS:
                break
            if status == ROOM:
                halvings += 1
                progress[HALVED] += 1.0
                if stop - first >= 2:
                    end = _part(crossing, first, (stop - first) // 2)
                elif np.isinf(start):
                    end -= unit
                elif np.isinf(end):
                    end = start + unit
                else:
                    end = start + _PART * (end - start)
                if not start < end:
                    break
        if status != OK:
            return status
        places, changes = out.filled[N_PLACES], out.filled[N_CHANGES]
        is_first = progress[BEGUN] == 0.0
        if not hand_on(plan, cell, out, start, is_first):
            out.filled[N_PLACES], out.filled[N_CHANGES] = places, changes
            for k in range(cell.now.shape[0]):
                cell.now[k] = cell.saved[k]
            return FULL
        if is_first:
            for k in range(cell.bit.shape[0]):
                first_bit[k] = cell.bit[k]
        tally[SNAPPED] += cell.size[N_SNAPPED]
        tally[MERGED] += cell.size[N_MERGED]
        tally[UNDECIDED] += cell.size[N_UNDECIDED]
        tally[MARGIN] = cell.margin[0]
        progress[REACHED], progress[BEGUN] = end, progress[BEGUN] + 1.0
        progress[FOUND] += cell.size[N_EVENTS]
        progress[MET] += stop - first
    return OK
