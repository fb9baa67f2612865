"""Vertices and facets that several cells have, told by their keys and given one number each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import FloatArray, IndexArray, IntArray, WordArray

# Columns of what is known of a facet, from the first and from the second cell that has it.
CELL, LABEL, SIGN, SECOND = range(4)


@compiled()
def refill(keys: WordArray, n: int, table: IntArray) -> None:
    """Put the first `n` keys, all different, in an empty table, whose size is a power of two."""
    mask = np.uint64(table.shape[0] - 1)
    for k in range(n):
        i = np.int64(keys[k, 0] & mask)
        while table[i] >= 0:
            i = np.int64(np.uint64(i + 1) & mask)
        table[i] = k


@compiled()
def number_keys(new: WordArray, keys: WordArray, n: int, table: IntArray, number: IntArray) -> int:
    """Set in `number` the number of each of some keys, new ones in the order they come; return how many there are."""
    mask = np.uint64(table.shape[0] - 1)
    for k in range(new.shape[0]):
        low, high = new[k, 0], new[k, 1]
        i = np.int64(low & mask)
        while table[i] >= 0 and (keys[table[i], 0] != low or keys[table[i], 1] != high):
            i = np.int64(np.uint64(i + 1) & mask)
        if table[i] < 0:
            table[i] = n
            keys[n, 0], keys[n, 1] = low, high
            n += 1
        number[k] = table[i]
    return n


@compiled()
def spread_of(points: FloatArray, known: FloatArray, number: IntArray, n_known: int) -> float:
    """Keep the coordinates of vertices met first, numbered from `n_known` on; return how far any other is from those.

    The distance is the largest of a coordinate.
    """
    spread = 0.0
    for k in range(points.shape[0]):
        v = number[k]
        if v >= n_known:
            for i in range(points.shape[1]):
                known[v, i] = points[k, i]
            n_known = v + 1
        else:
            for i in range(points.shape[1]):
                spread = max(spread, abs(points[k, i] - known[v, i]))
    return spread


@compiled()
def pair_facets(
    number: IntArray, cells: IntArray, labels: IntArray, signs: npt.NDArray[np.int8], sides: IntArray
) -> bool:
    """Note of each facet the one or two cells that have it, the label and the sign there; return False at a third."""
    for k in range(number.shape[0]):
        facet = sides[number[k]]
        at = 0 if facet[CELL] < 0 else SECOND
        if facet[at + CELL] >= 0:
            return False
        facet[at + CELL], facet[at + LABEL], facet[at + SIGN] = cells[k], labels[k], signs[k]
    return True


@compiled()
def gather_lists(
    begin: IndexArray, backwards: npt.NDArray[np.bool_], offsets: IndexArray, entries: IntArray, out: IntArray
) -> None:
    """Copy to `out`, which `offsets` divides, the list that begins at each entry of `begin`, some backwards."""
    for k in range(begin.shape[0]):
        size = offsets[k + 1] - offsets[k]
        for i in range(size):
            out[offsets[k] + i] = entries[begin[k] + (size - 1 - i if backwards[k] else i)]
