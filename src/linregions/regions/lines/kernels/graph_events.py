"""What the switches of a cell of a line are to the user: neurons, and winners of windows, place by place."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.graph_records import (
    CENTRE,
    EVENT_POINT,
    EVENT_RISES,
    EVENT_SWITCH,
    N_CHANGES,
    N_EVENTS,
    N_PLACES,
    N_POINTS,
    OFFSET,
    PLACE,
    UNIT,
    ByteArray,
    Cell,
    GraphPlan,
    IndexArray,
    Output,
)

BEFORE, WHICH = 0, 1


@compiled(internal=True)
def winner(plan: GraphPlan, bit: ByteArray, window: int) -> int:
    """Return the entry that wins a window."""
    c = plan.last[window]
    entry = np.int64(0)
    while c >= 0:
        side = 1 if bit[plan.switch[c]] else 0
        entry, c = plan.entry[side, c], plan.earlier[side, c]
    return int(entry)


@compiled(internal=True)
def _change(out: Output, neuron: int, breakpoint: int, direction: int) -> bool:
    """List a change of the place at hand; False if there is no room."""
    n = out.filled[N_CHANGES]
    if n >= out.neuron.shape[0]:
        return False
    out.neuron[n], out.breakpoint[n], out.direction[n] = neuron, breakpoint, direction
    out.filled[N_CHANGES] += 1
    return True


@compiled(internal=True)
def _happen(plan: GraphPlan, cell: Cell, out: Output, place: float, events: IndexArray) -> bool:
    """List what changes for the user where some switches do, and set where the line stands then."""
    now, mark = cell.now, cell.mark
    n_windows, before = 0, out.filled[N_CHANGES]
    fits = out.filled[N_PLACES] < out.place.shape[0]
    for e in events:
        comparison = plan.comparison[cell.event[EVENT_SWITCH, e]]
        if comparison < 0:
            continue
        window = plan.window[comparison]
        known = False
        for i in range(n_windows):
            known |= mark[WHICH, i] == window
        if not known:
            mark[WHICH, n_windows], mark[BEFORE, n_windows] = window, winner(plan, now, window)
            n_windows += 1
    for e in events:
        switch, rises = cell.event[EVENT_SWITCH, e], cell.event[EVENT_RISES, e]
        now[switch] = rises
        if plan.comparison[switch] < 0 and plan.neuron[switch] >= 0:
            fits &= _change(out, plan.neuron[switch], plan.breakpoint[switch], 1 if rises else -1)
    for i in range(n_windows):
        window = mark[WHICH, i]
        old, new = mark[BEFORE, i], winner(plan, now, window)
        for j in range(min(old, new), max(old, new)):  # one piece after the other, as of any neuron
            fits &= _change(out, plan.neuron[plan.switch[plan.last[window]]], j, 1 if new > old else -1)
    if fits and out.filled[N_CHANGES] > before:
        out.place[out.filled[N_PLACES]], out.end[out.filled[N_PLACES]] = place, out.filled[N_CHANGES]
        out.filled[N_PLACES] += 1
    return fits


@compiled(internal=True)
def _sort_events(cell: Cell) -> None:
    """Sort events by their points' places in order."""
    n, n_points, order, room = cell.size[N_EVENTS], cell.size[N_POINTS], cell.order[0], cell.order[1]
    count, sequence = cell.counted, cell.event_order[0]
    for i in range(n_points):
        room[order[i]] = i
        count[i + 1] = 0
    count[0] = 0
    for e in range(n):
        count[room[cell.event[EVENT_POINT, e]] + 1] += 1
    for i in range(n_points):
        count[i + 1] += count[i]
    for e in range(n):
        i = room[cell.event[EVENT_POINT, e]]
        sequence[count[i]] = e
        count[i] += 1


@compiled(internal=True)
def hand_on(plan: GraphPlan, cell: Cell, out: Output, start: float, is_first: bool) -> bool:
    """List what changes at the start of a finished cell and inside; False if there is no room for it."""
    for k in range(cell.now.shape[0]):
        cell.saved[k] = cell.now[k]
    if is_first:
        for k in range(cell.now.shape[0]):
            cell.now[k] = cell.bit[k]
    _sort_events(cell)
    n, sequence, events = cell.size[N_EVENTS], cell.event_order[0], 0
    if not is_first:
        more = n  # events at the border stand after those of the cell
        for k in range(cell.now.shape[0]):
            if cell.now[k] != cell.bit[k]:
                if more == cell.event.shape[1]:
                    return False
                cell.event[EVENT_SWITCH, more], cell.event[EVENT_RISES, more] = k, cell.bit[k]
                cell.event_order[1, events] = more
                events += 1
                more += 1
        if events > 0 and not _happen(plan, cell, out, cell.frame[OFFSET] + start, cell.event_order[1, :events]):
            return False
    first = 0
    while first < n:
        point = cell.event[EVENT_POINT, sequence[first]]
        last = first
        while last < n and cell.event[EVENT_POINT, sequence[last]] == point:
            last += 1
        place = cell.frame[OFFSET] + (cell.frame[CENTRE] + cell.frame[UNIT] * cell.phi[PLACE, point])
        if not _happen(plan, cell, out, place, sequence[first:last]):
            return False
        first = last
    return True
