"""Faces of cells in general position, counted without naming them.

There a face on k switches meets 2**k cells, one for each choice of signs. So it is counted in the one where all of them
are negative, and sides of the domain do not matter.
"""

from __future__ import annotations

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.kernels.bench import COUNT, OFFSET, Bench, WordArray
from linregions.regions.boxes.kernels.places import ONE, ZERO


@compiled(internal=True)
def own_faces(bench: Bench, on: WordArray, zero: WordArray, e: int) -> int:
    """Return the faces of a simple cell that are counted in it: those of even dimension less those of odd dimension.

    Names of its facets go into the sum that is zero when each is met from both sides, where `on` and `zero` are the
    words of keys.
    """
    d = bench.place.shape[1]
    begin = bench.entry[e, OFFSET]
    end = begin + bench.entry[e, COUNT]
    off, met = bench.off[e], ZERO
    corners, edge_ends = 0, 0
    for i in range(begin, end):
        slots = bench.slots[i]
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
        label = bench.label[e, s]
        if label >= 0:
            name = bench.key[e, 0] ^ zero[label, 0]
            if bench.sign[e, s] < 0:
                fit += name
            else:
                fit -= name ^ on[label, 0]
    bench.fit[0] += fit
    edges = edge_ends >> 1
    if d == 1:
        return corners - 1
    if d == 2:
        return corners - facets + 1
    if d == 3:
        return corners - edges + facets - 1
    ridges, planes = _ridges(bench, begin, end, off)
    if d == 4:
        return corners - edges + ridges - facets + 1
    return corners - edges + planes - ridges + facets - 1


@compiled(internal=True)
def _ridges(bench: Bench, begin: int, end: int, off: int) -> tuple[int, int]:
    """Count pairs and triples of slots that some vertex has."""
    d = bench.place.shape[1]
    beside = bench.beside
    met = ZERO
    for i in range(begin, end):
        slots = bench.slots[i] & off
        met |= slots
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
    for i in range(begin, end):
        slots = bench.slots[i] & off
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
