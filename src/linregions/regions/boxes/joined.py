"""Linear and gradient regions counted batch by batch: cells joined in batches, and across them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.batch import CellBatch, IndexArray, WordArray
from linregions.regions.boxes.measuring import BatchMeasures
from linregions.regions.planes.boundaries import boundaries_between

# Facets that wait for another cell are looked through when so many more have come than after the last time.
_MANY = 1 << 14
# Patterns of so many pairs of cells are unpacked at a time.
_PAIRS = 1 << 12


class Open(NamedTuple):
    """Facets of which one cell is known."""

    names: WordArray  # (n, 2)
    labels: IndexArray  # (n,): the piece that the cell is in
    words: WordArray  # (n, W): its pattern


class JoinedCells(NamedTuple):
    """Linear or gradient regions as far as one batch tells."""

    n_pieces: int
    open: Open


def joined_cells(network: Network, batch: CellBatch, measures: BatchMeasures, kind: str) -> JoinedCells:
    """Join the cells of a batch, measured with names, across facets that are no boundary of a kind."""
    from linregions.regions.planes.kernels.boundaries import components

    present, counts = measures.present, np.diff(batch.slot_offsets)
    cell = np.repeat(np.arange(batch.n_cells), counts)
    slot = (np.arange(cell.size) - batch.slot_offsets[:-1][cell]).astype(np.uint64)
    row = np.flatnonzero((present[cell] >> slot & np.uint64(1) != 0) & (batch.slot_labels >= 0))
    first, second, alone = _matched(measures.facet_names[row])
    left, right = (cell[row[rows]].astype(np.int32) for rows in (first, second))
    patterns = unpack_patterns(network, batch.pattern_words)
    is_boundary = boundaries_between(network, kind, patterns, left, right)
    labels = components(batch.n_cells, np.stack([left, right], axis=1)[~is_boundary])
    outer = cell[row[alone]]
    waiting = Open(measures.facet_names[row[alone]], labels[outer].astype(np.int64), batch.pattern_words[outer])
    return JoinedCells(int(labels.max()) + 1, waiting)


class JoinedCount:
    """The number of linear or gradient regions, from the cells of all batches in order.

    Memory grows with the facets of which one cell is found yet.
    """

    def __init__(self, network: Network, kind: str) -> None:
        self.network, self.kind = network, kind
        self._count, self._labels = 0, 0
        self._parts: list[Open] = []
        self._new, self._kept = 0, 0

    def add(self, joined: JoinedCells) -> None:
        """Take the next batch."""
        self._parts.append(joined.open._replace(labels=joined.open.labels + self._labels))
        self._count += joined.n_pieces
        self._labels += joined.n_pieces
        self._new += joined.open.labels.size
        if self._new > max(_MANY, self._kept):
            self._match()

    def finish(self) -> int:
        """Return the count.

        Raises
        ------
        NumericalError
            If a facet in no side of the domain has one cell only.
        """
        self._match()
        if self._kept:
            raise NumericalError(
                f"`network` has in float64 {self._kept} facets beyond which no cell is found, but cells must meet face "
                f"to face: signs near ties were taken wrongly. Give another box, or count activation regions."
            )
        return self._count

    def _match(self) -> None:
        from linregions.regions.planes.kernels.boundaries import components

        if not self._parts:
            return
        names, labels, words = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        first, second, alone = _matched(names)
        is_boundary = np.empty(first.size, dtype=bool)
        for begin in range(0, first.size, _PAIRS):
            block = slice(begin, begin + _PAIRS)
            patterns = unpack_patterns(self.network, np.concatenate([words[first[block]], words[second[block]]]))
            left, right = np.arange(len(patterns), dtype=np.int32).reshape(2, -1)
            is_boundary[block] = boundaries_between(self.network, self.kind, patterns, left, right)
        pairs = np.stack([labels[first], labels[second]], axis=1)[~is_boundary]
        known, numbers = np.unique(pairs, return_inverse=True)
        joined = components(known.size, numbers.reshape(-1, 2).astype(np.int32))
        starts = np.unique(joined, return_index=True)[1]
        self._count -= known.size - starts.size
        # What waits goes on under the first label of what it was joined to.
        labels = labels[alone]
        if known.size:
            place = np.minimum(np.searchsorted(known, labels), known.size - 1)
            labels = np.where(known[place] == labels, known[starts[joined[place]]], labels)
        self._parts = [Open(names[alone], labels, words[alone])]
        self._new, self._kept = 0, labels.size


def _matched(names: WordArray) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return the two places of each name that comes twice, and the places of the others."""
    order = np.lexsort((names[:, 1], names[:, 0]))
    is_first = np.zeros(order.size, dtype=bool)
    is_first[:-1] = np.all(names[order[1:]] == names[order[:-1]], axis=1)
    firsts = np.flatnonzero(is_first)
    rest = ~is_first
    rest[firsts + 1] = False
    return order[firsts], order[firsts + 1], np.sort(order[rest])
