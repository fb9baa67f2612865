"""Which edges of a plane partition are boundaries of linear regions, and which faces they leave joined."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.open_paths import Paths, mark_good
from linregions.regions.planes.kernels.workspace import IntArray


@compiled(allocates=True)
def linear_boundaries(
    paths: Paths, patterns: npt.NDArray[np.uint8], left: IntArray, right: IntArray
) -> npt.NDArray[np.bool_]:
    """Tell for each pair of neighbouring faces whether a neuron that switches between them is good in one of them."""
    n_words = paths.words[paths.words.shape[0] - 1]
    good = np.zeros((patterns.shape[0], n_words), dtype=np.uint64)
    keepers = np.zeros(n_words, dtype=np.uint64)
    for f in range(patterns.shape[0]):
        mark_good(paths, patterns[f], good[f], keepers)
    result = np.zeros(left.shape[0], dtype=np.bool_)
    for e in range(left.shape[0]):
        f, g = left[e], right[e]
        for layer in range(paths.first_neuron.shape[0]):
            first = paths.first_neuron[layer]
            if first < 0:
                continue
            for k in range(paths.widths[layer]):
                if patterns[f, first + k] != patterns[g, first + k]:
                    word = paths.words[layer] + k // 64
                    if (good[f, word] | good[g, word]) >> np.uint64(k % 64) & np.uint64(1):
                        result[e] = True
                        break
            if result[e]:
                break
    return result


@compiled(allocates=True)
def faces_beside(f_off: IntArray, side_e: IntArray, n_edges: int) -> IntArray:
    """Return the two faces beside each edge, shape (n_edges, 2), in order of their numbers; -1 where there is none."""
    beside = np.full((n_edges, 2), -1, dtype=np.int32)
    for f in range(f_off.shape[0] - 1):
        for i in range(f_off[f], f_off[f + 1]):
            e = side_e[i]
            beside[e, 0 if beside[e, 0] < 0 else 1] = f
    return beside


@compiled(allocates=True)
def components(n: int, pairs: IntArray) -> IntArray:
    """Label the connected components of ``0 .. n - 1`` joined by `pairs` in the order of their first members."""
    parent = np.arange(n)
    for i in range(pairs.shape[0]):
        a, b = np.int64(pairs[i, 0]), np.int64(pairs[i, 1])
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    label = np.empty(n, dtype=np.int32)
    found = 0
    for i in range(n):
        if parent[i] == i:
            label[i] = found
            found += 1
        else:  # parents are smaller, so the root has its label already
            root = parent[i]
            while parent[root] != root:
                root = parent[root]
            label[i] = label[root]
    return label
