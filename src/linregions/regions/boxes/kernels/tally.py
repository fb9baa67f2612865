"""Faces of cells in general position, counted without naming them.

There a face on k switches meets 2**k cells, one for each choice of signs. So it is counted in the one where all of them
are negative, and sides of the domain do not matter.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import IntArray, WordArray
from linregions.regions.boxes.kernels.places import ONE, ZERO


@compiled(internal=True)
def own_faces(
    d: int, vertex_slots: WordArray, off: np.uint64, label: IntArray, key: np.uint64,
    on: WordArray, zero: WordArray, beside: WordArray,
) -> tuple[int, np.uint64]:  # fmt: skip
    """Return the faces of a simple cell that are counted in it: those of even dimension less those of odd dimension.

    Also return the sum of the names of its facets that are `off` less that of the others; over all cells it is zero
    when each is met from both sides. `key` is the first word of the cell's, `on` and `zero` are the words of keys.
    """
    met = ZERO
    corners, edge_ends = 0, 0
    for slots in vertex_slots:
        met |= slots
        n = count_bits(slots & off)
        if n >= d - 1:
            corners += n == d
            edge_ends += d if n == d else 1
    facets = count_bits(met & off)
    fit = ZERO
    while met != ZERO:
        s = lowest_bit(met)
        met &= met - ONE
        switch = label[s]
        if switch >= 0:
            name = key ^ zero[switch, 0]
            if off >> np.uint64(s) & ONE:
                fit += name
            else:
                fit -= name ^ on[switch, 0]
    edges = edge_ends >> 1
    if d == 1:
        return corners - 1, fit
    if d == 2:
        return corners - facets + 1, fit
    if d == 3:
        return corners - edges + facets - 1, fit
    ridges, planes = _ridges(d, vertex_slots, off, beside)
    if d == 4:
        return corners - edges + ridges - facets + 1, fit
    return corners - edges + planes - ridges + facets - 1, fit


@compiled(internal=True)
def _ridges(d: int, vertex_slots: WordArray, off: np.uint64, beside: WordArray) -> tuple[int, int]:
    """Count pairs and triples of slots that are off and that some vertex has."""
    met = ZERO
    for word in vertex_slots:
        met |= word & off
    rest = met
    while rest != ZERO:
        s = lowest_bit(rest)
        rest &= rest - ONE
        beside[s, s] = ZERO
        if d > 4:
            above = rest
            while above != ZERO:
                t = lowest_bit(above)
                above &= above - ONE
                beside[s, t] = ZERO
    for word in vertex_slots:
        slots = word & off
        while slots != ZERO:
            s = lowest_bit(slots)
            slots &= slots - ONE
            beside[s, s] |= slots
            if d > 4:
                above = slots
                while above != ZERO:
                    t = lowest_bit(above)
                    above &= above - ONE
                    beside[s, t] |= above
    pairs, triples = 0, 0
    while met != ZERO:
        s = lowest_bit(met)
        met &= met - ONE
        above = beside[s, s]
        pairs += count_bits(above)
        if d > 4:
            while above != ZERO:
                t = lowest_bit(above)
                above &= above - ONE
                triples += count_bits(beside[s, t])
    return pairs, triples
