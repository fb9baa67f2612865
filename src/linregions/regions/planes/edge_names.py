"""Names of the edges of graphs, which only the patterns beside them tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns

# Edges whose patterns are looked at together.
_EDGES_AT_ONCE = 1024


def name_edges(
    network: Network, words: npt.NDArray[Any], faces: npt.NDArray[Any], neurons: npt.NDArray[np.int32],
    breakpoints: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """Name edges of a graph by the first neuron that differs beside them, and the lower of its two pieces.

    Switches have the order of layouts, and those of a maximum are its comparisons. Where several coincide, or a maximum
    changes, only the patterns tell.
    """
    is_window = np.zeros(network.n_neurons + 1, dtype=np.bool_)
    is_window[network.numbering.window_neuron] = True
    inner = np.flatnonzero(neurons >= 0)
    for start in range(0, inner.size, _EDGES_AT_ONCE):
        edges = inner[start : start + _EDGES_AT_ONCE]
        changed = words[faces[edges, 0]] ^ words[faces[edges, 1]]
        several = ((changed & (changed - np.uint64(1))) != 0).any(axis=1) | ((changed != 0).sum(axis=1) > 1)
        edges = edges[several | is_window[neurons[edges]]]
        left, right = (unpack_patterns(network, words[faces[edges, side]]) for side in (0, 1))
        first = (left != right).argmax(axis=1)
        rows = np.arange(edges.size)
        neurons[edges] = first
        breakpoints[edges] = np.minimum(left[rows, first], right[rows, first])
