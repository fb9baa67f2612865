"""The hyperplanes of facets, from the pre-activations whose switches they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.adjacency import IndexArray
from linregions.regions.outputs import WordArray, piece_slopes

Partition = Any  # a BoxPartition, which has what is here as an attribute
# How many numbers a temporary array may hold.
_BLOCK_NUMBERS = 1 << 20


def side_planes(domain: Box | Polytope) -> FloatArray:
    """Return the sides of a domain, (sides, d + 1): rows of ``row[:d] @ x = row[d]``, pointing outwards."""
    box = domain if isinstance(domain, Box) else domain.box
    d = box.n_in
    rows = np.zeros((2 * d, d + 1))
    for i in range(d):
        rows[2 * i, [i, d]], rows[2 * i + 1, [i, d]] = (-1.0, -box.low[i]), (1.0, box.high[i])
    if isinstance(domain, Polytope):
        rows = np.concatenate([rows, np.column_stack([domain.normals, domain.offsets])])
    return rows


def facet_planes(part: Partition) -> FloatArray:
    """Return the hyperplane of every facet, shape (F, d + 1): ``row[:d] @ x = row[d]`` with normals of length 1.

    They point to where the neuron is higher, or out of the domain.
    """
    d, inner = part.n_in, np.flatnonzero(part.facet_side < 0)
    rows = np.empty((part.facet_side.size, d + 1))
    sides = np.flatnonzero(part.facet_side >= 0)
    rows[sides] = side_planes(part.domain)[part.facet_side[sides]]
    # A polytope's own cells meet a facet alike on both sides; the neuron's map is that of either.
    if part.network.is_chain:
        rows[inner] = _switches(
            part.network, part.pattern_words[part.facet_cells[inner, 0]], part.facet_neuron[inner],
            part.facet_breakpoint[inner].astype(np.int64),
        )  # fmt: skip
    else:
        rows[inner] = _through_vertices(part, inner)
    return np.asarray(rows / np.linalg.norm(rows[:, :d], axis=1, keepdims=True))


def _switches(network: Network, words: WordArray, neurons: IndexArray, breakpoints: IndexArray) -> FloatArray:
    """Return where neurons of a chain switch, each in its own region, as rows that point to where they are higher."""
    d = network.n_in
    rows = np.empty((neurons.size, d + 1))
    start = np.vstack([np.eye(d), np.zeros(d)])
    size = max(1, _BLOCK_NUMBERS // ((d + 1) * max(network.widths[1:])))
    for begin in range(0, neurons.size, size):
        block = slice(begin, begin + size)
        patterns = unpack_patterns(network, words[block])
        stack = np.broadcast_to(network.layers[0].linear(start), (patterns.shape[0], d + 1, network.widths[1])).copy()
        stack[:, -1] += network.layers[0].bias
        for k, activation in enumerate(network.activations):
            low, high = network.neuron_offsets[k : k + 2]
            own = np.flatnonzero((neurons[block] >= low) & (neurons[block] < high))
            found = stack[own, :, neurons[block][own] - low]
            if own.size:
                found[:, d] = np.array(activation.breakpoints)[breakpoints[block][own]] - found[:, d]
            rows[begin + own] = found
            slopes = piece_slopes(network, k, patterns)
            pieces = patterns[:, low:high] if high > low else np.zeros_like(slopes, dtype=np.uint8)
            stack *= slopes[:, None, :]
            stack[:, -1] += activation.intercepts[pieces]
            stack = network.layers[k + 1].linear(stack)
            stack[:, -1] += network.layers[k + 1].bias
    return rows


def _through_vertices(part: Partition, facets: IndexArray) -> FloatArray:
    """Return planes through the vertices of facets, which point from their first cell to their second."""
    d = part.n_in
    rows = np.empty((facets.size, d + 1))
    for row, f in zip(rows, facets.tolist(), strict=True):
        points = part.vertices[part.facet_vertices[part.facet_offsets[f] : part.facet_offsets[f + 1]]]
        middle = points.mean(axis=0)
        row[:d] = np.linalg.svd(np.vstack([points - middle, np.zeros((d, d))]))[2][-1]
        first, second = part.facet_cells[f]
        if row[:d] @ (part.centroids[second] - part.centroids[first]) < 0:
            row[:d] *= -1
        row[d] = row[:d] @ middle
    return rows
