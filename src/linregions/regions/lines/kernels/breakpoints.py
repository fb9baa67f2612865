"""The breakpoints of lines, from the points and switches that all layers have left: pure array code (see `lines`)."""

from __future__ import annotations

from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.decisions import Breakpoints, IntArray, Points, Switches


@compiled()
def gather_breakpoints(points: Points, count: IntArray, found: Switches, made: Breakpoints) -> None:
    """Drop points where nothing switches and list what switches at the others, by neuron and breakpoint, in `made`.

    All points are in order, what was `found` in any; how many switches each name has, `count`, is overwritten.
    """
    t, names, line = points
    offsets, places, switch_offsets, own_offsets, switches = made
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
            places[n_places], switch_offsets[n_places], count[name] = t[row], filled, filled
            filled += n
            n_places += 1
    for k in range(reached + 1, offsets.size):
        offsets[k] = n_places
    switch_offsets[n_places] = filled
    for k in range(offsets.size - 1):
        first = switch_offsets[offsets[k]]
        for i in range(offsets[k], offsets[k + 1] + 1):
            own_offsets[i + k] = switch_offsets[i] - first
    neuron, which, direction = switches.neuron, switches.breakpoint, switches.direction
    for e in range(found.name.size):
        at = count[found.name[e]]
        neuron[at], which[at], direction[at] = found.neuron[e], found.breakpoint[e], found.direction[e]
        count[found.name[e]] += 1
    for k in range(n_places):
        for i in range(switch_offsets[k] + 1, switch_offsets[k + 1]):
            moving = (neuron[i], which[i], direction[i])
            at = i
            while at > switch_offsets[k] and (
                neuron[at - 1] > moving[0] or (neuron[at - 1] == moving[0] and which[at - 1] > moving[1])
            ):
                neuron[at], which[at], direction[at] = neuron[at - 1], which[at - 1], direction[at - 1]
                at -= 1
            neuron[at], which[at], direction[at] = moving
