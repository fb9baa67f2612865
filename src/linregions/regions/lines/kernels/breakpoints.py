"""The breakpoints of lines, from the points and events that all layers have left: pure array code (see `lines`)."""

from __future__ import annotations

from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.decisions import Events, FloatArray, IntArray


@compiled()
def gather_breakpoints(
    t: FloatArray,
    names: IntArray,
    line: IntArray,
    count: IntArray,
    found: Events,
    offsets: IntArray,
    places: FloatArray,
    event_offsets: IntArray,
    own_offsets: IntArray,
    events: Events,
) -> None:
    """Drop points where nothing switches and list what switches at the others, by neuron and breakpoint.

    Parameters
    ----------
    t, names, line : (R,)
        All points in order.
    count : (n_names,)
        How many events each point has; is overwritten.
    found : Events
        In any order.
    offsets, places, event_offsets, own_offsets, events
        Filled: the first breakpoint of each line (L + 1,), their places (K,), the first event of each (K + 1,), the
        same for each line from its own first event to its own last (K + L,), and the events without names.
    """
    n_places, filled = 0, 0
    offsets[0] = 0
    reached = 0
    for row in range(names.size):
        while reached < line[row]:
            reached += 1
            offsets[reached] = n_places
        name = names[row]
        n = count[name]
        if n:
            places[n_places], event_offsets[n_places], count[name] = t[row], filled, filled
            filled += n
            n_places += 1
    for k in range(reached + 1, offsets.size):
        offsets[k] = n_places
    event_offsets[n_places] = filled
    for k in range(offsets.size - 1):
        first = event_offsets[offsets[k]]
        for i in range(offsets[k], offsets[k + 1] + 1):
            own_offsets[i + k] = event_offsets[i] - first
    neuron, level, direction = events.neuron, events.level, events.direction
    for e in range(found.name.size):
        at = count[found.name[e]]
        neuron[at], level[at], direction[at] = found.neuron[e], found.level[e], found.direction[e]
        count[found.name[e]] += 1
    for k in range(n_places):
        for i in range(event_offsets[k] + 1, event_offsets[k + 1]):
            moving = (neuron[i], level[i], direction[i])
            at = i
            while at > event_offsets[k] and (
                neuron[at - 1] > moving[0] or (neuron[at - 1] == moving[0] and level[at - 1] > moving[1])
            ):
                neuron[at], level[at], direction[at] = neuron[at - 1], level[at - 1], direction[at - 1]
                at -= 1
            neuron[at], level[at], direction[at] = moving
