"""Linear and gradient regions counted batch by batch: activation regions joined in cells, and across them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.planes.boundaries import boundaries_between
from linregions.regions.planes.kernels.records import N_CHAINS, OWN, SHARED
from linregions.regions.planes.kernels.workspace import E
from linregions.regions.planes.sink import IntArray, RegionBatch

WordArray = npt.NDArray[np.uint64]


class JoinedParts(NamedTuple):
    """Linear or gradient regions as far as one batch tells."""

    n_parts: int  # pieces in the batch's cells
    offsets: npt.NDArray[np.int64]  # (C + 1,) where in the following arrays each cell begins
    root_edge: IntArray  # of every edge shared with another cell, the piece of the first layer's lines it is on
    label: IntArray  # the piece of the batch beside it
    words: WordArray  # the pattern there


def joined_parts(batch: RegionBatch, kind: str) -> JoinedParts:
    """Join the activation regions of a batch across edges that are no boundary of a kind."""
    from linregions.regions.planes.kernels.boundaries import components, faces_beside

    beside = faces_beside(batch.face_offsets, batch.side[E], batch.edge.shape[1])
    inner = beside[beside[:, 1] >= 0]
    patterns = unpack_patterns(batch.network, batch.pattern_words)
    joined = inner[~boundaries_between(batch.network, kind, patterns, *np.ascontiguousarray(inner.T))]
    labels = components(batch.n_regions, joined)
    faces = beside[batch.chain[OWN], 0]
    offsets = np.concatenate([[0], np.cumsum(batch.cell_sizes[:, N_CHAINS])])
    return JoinedParts(
        int(labels.max()) + 1, offsets, batch.chain[SHARED].copy(), labels[faces], batch.pattern_words[faces]
    )


class JoinedCount:
    """The number of linear or gradient regions, from the parts of all batches in order."""

    def __init__(self, network: Network, kind: str) -> None:
        self.network, self.kind = network, kind
        self.count = 0
        self._labels = 0
        self._parent: dict[int, int] = {}
        self._waiting: dict[int, tuple[npt.NDArray[np.int64], WordArray]] = {}

    def add(self, parts: JoinedParts) -> None:
        """Take the parts of the next batch."""
        self.count += parts.n_parts
        here, there, here_words, there_words = [], [], [], []
        for begin, end in zip(parts.offsets[:-1], parts.offsets[1:], strict=True):
            edges = parts.root_edge[begin:end]
            cuts = np.flatnonzero(np.diff(edges)) + 1
            for run in np.split(np.arange(begin, end), cuts):
                if not run.size:
                    continue
                labels, words = self._labels + parts.label[run].astype(np.int64), parts.words[run]
                twin = self._waiting.pop(int(parts.root_edge[run[0]]), None)
                if twin is None:
                    self._waiting[int(parts.root_edge[run[0]])] = labels, words
                elif twin[0].size == labels.size:  # else the engine finds out, and all starts anew
                    here.append(labels)
                    here_words.append(words)
                    there.append(twin[0])
                    there_words.append(twin[1])
        self._labels += parts.n_parts
        if here:
            self._join(*(np.concatenate(entries) for entries in (here, there, here_words, there_words)))

    def _join(
        self, here: npt.NDArray[np.int64], there: npt.NDArray[np.int64], here_words: WordArray, there_words: WordArray
    ) -> None:
        n = here.size
        patterns = unpack_patterns(self.network, np.concatenate([here_words, there_words]))
        sides = np.arange(2 * n, dtype=np.int32).reshape(2, n)
        is_boundary = boundaries_between(self.network, self.kind, patterns, sides[0], sides[1])
        for a, b in zip(here[~is_boundary].tolist(), there[~is_boundary].tolist(), strict=True):
            low, high = sorted((self._root(a), self._root(b)))
            if low != high:
                self._parent[high] = low
                self.count -= 1

    def _root(self, label: int) -> int:
        while label in self._parent:
            above = self._parent[label]
            if above in self._parent:
                self._parent[label] = self._parent[above]
            label = above
        return label
