"""Which region has a pattern: packed patterns, sorted by a hash."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.regions.adjacency import IndexArray

WordArray = npt.NDArray[np.uint64]


class PatternTable:
    """The packed patterns of regions, shape (F, words), each the number of its row."""

    def __init__(self, words: WordArray) -> None:
        hashes = _hash(words)
        self._words, self._order = words, np.argsort(hashes, kind="stable").astype(np.int64)
        self._hashes = hashes[self._order]

    def find(self, words: WordArray) -> IndexArray:
        """Return the region of each pattern, -1 where none has it."""
        hashes, order = self._hashes, self._order
        wanted = _hash(words)
        at = np.minimum(np.searchsorted(hashes, wanted), hashes.size - 1)
        result = np.full(words.shape[0], -1, dtype=np.int64)
        open_ = np.flatnonzero(hashes[at] == wanted)
        while open_.size:  # more than once only if two patterns share a hash
            region = order[at[open_]]
            same = np.all(self._words[region] == words[open_], axis=1)
            result[open_[same]] = region[same]
            open_ = open_[~same]
            at[open_] += 1
            open_ = open_[at[open_] < hashes.size]
            open_ = open_[hashes[at[open_]] == wanted[open_]]
        return result


def _hash(words: WordArray) -> WordArray:
    """Mix the words of each pattern into one."""
    result = np.full(words.shape[0], 0x9E3779B97F4A7C15, dtype=np.uint64)
    for k in range(words.shape[1]):
        result ^= words[:, k]
        result *= np.uint64(0xFF51AFD7ED558CCD)
        result ^= result >> np.uint64(32)
    return result
