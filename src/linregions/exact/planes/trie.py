"""Forms of all steps on many cells at once: cells that agree up to a step share what is computed there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.exact.planes.float_rows import FloatRows, Sums, Tensor
from linregions.exact.planes.proposal import Words
from linregions.networks.graph import INPUT

IndexArray = npt.NDArray[np.intp]


class Level(NamedTuple):
    """The forms of a step on the cells that earlier steps tell apart."""

    step: int
    sums: Sums  # one cell may stand for all
    cell: IndexArray  # (F,) which cell each face lies in


def in_order(words: Words) -> IndexArray:
    """Return an order of patterns in which those that agree up to some switch follow one another."""
    table = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], dtype=np.uint8)
    as_bytes = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8).reshape(*words.shape, 8)
    keys = np.ascontiguousarray(table[as_bytes]).view(">u8")[:, :, 0]
    return np.lexsort(keys.T[::-1]) if words.shape[1] else np.arange(words.shape[0])


def first_changes(words: Words) -> IndexArray:
    """Return the lowest bit in which each row differs from the one before, after the first row; -1 for none."""
    found = np.full(max(words.shape[0] - 1, 0), -1, dtype=np.intp)
    for k in range(words.shape[1]):
        changed = words[1:, k] ^ words[:-1, k]
        new = np.flatnonzero((changed != 0) & (found < 0))
        low = changed[new] & (~changed[new] + np.uint64(1))
        found[new] = 64 * k + np.log2(low.astype(np.float64)).astype(np.intp)
    return found


def levels(rows: FloatRows, words: Words, bits: npt.NDArray[np.uint8]) -> Iterator[Level]:
    """Yield the forms of each step that has switches, on cells with these patterns, in order (`in_order`)."""
    graph, layout = rows.graph, rows.layout
    changes = first_changes(words)
    tensors: dict[int, Tensor] = {INPUT: rows.input}
    cell, representative = np.zeros(words.shape[0], dtype=np.intp), np.zeros(1, dtype=np.intp)
    last = max((k for k, layer in enumerate(layout) if layer.n_breakpoints), default=-1)
    for k in range(last + 1):
        found = rows.sums(k, tensors)
        if layout[k].n_breakpoints:
            yield Level(k, found, cell)
        if k == last:
            break
        if layout[k].n_breakpoints:
            begins = np.append(True, (changes >= 0) & (changes < layout[k].own.stop))
            new_representative = np.flatnonzero(begins)
            parent = cell[new_representative]
            cell = np.cumsum(begins) - 1
            representative = new_representative
        else:
            parent = np.arange(representative.size)
        for source, tensor in tensors.items():
            if source != INPUT and graph.last_use[source] > k and tensor.error.shape[0] > 1:
                tensors[source] = tensor.of(parent)
        if graph.last_use[k] > k:
            if found.values.shape[0] > 1:
                found = found._replace(values=found.values[parent], share=found.share[parent], norm=found.norm[parent])
            tensors[k] = rows.activated(k, found, bits[representative])
        for term in graph.steps[k].terms:
            if term.source != INPUT and graph.last_use[term.source] == k:
                tensors.pop(term.source, None)
