"""The entries of windows, slot by slot, while their largest is found: by unit, or by sites where there are many."""

from __future__ import annotations

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.graph import IndexArray
from linregions.networks.importers.matrices import Matrices, Matrix
from linregions.networks.importers.site_matrix import by_windows

#: Matrices of earlier tensors, and a bias: what the slots hold, one after the other.
Parts = tuple[dict[int, Matrix], FloatArray]


class UnitSlots:
    """Windows of any units.

    Parameters
    ----------
    matrices : Matrices
    entries : ndarray of int, shape (windows, entries)
        Flat numbers of units, -1 at the end for none.
    """

    def __init__(self, matrices: Matrices, entries: IndexArray) -> None:
        self._matrices, self._entries = matrices, entries
        self.n = len(entries)
        self.sizes = (entries >= 0).sum(axis=1)

    def first(self, terms: dict[int, Matrix]) -> Parts:
        """Return all entries, slot by slot, of a value without bias."""
        rows = self._entries.T.reshape(-1)
        return {source: self._matrices.rows(term, rows) for source, term in terms.items()}, np.zeros(rows.size)

    def picked(self, parts: Parts, slots: IndexArray) -> Parts:
        """Return some slots."""
        rows = (slots[:, None] * self.n + np.arange(self.n)).ravel()
        return {source: self._matrices.rows(term, rows) for source, term in parts[0].items()}, parts[1][rows]

    def piled(self, parts: Parts, last: Parts) -> Parts:
        """Return slots with one more."""
        heights, terms = [parts[1].size, last[1].size], {}
        for source in sorted({*parts[0], *last[0]}):
            both = [parts[0].get(source), last[0].get(source)]
            width = next(part.shape[1] for part in both if part is not None)
            terms[source] = self._matrices.stacked(both, heights, width)
        return terms, np.concatenate([parts[1], last[1]])


class SiteSlots:
    """Windows of sites, the same for all channels: slots are channels of their own.

    Parameters
    ----------
    matrices : Matrices
    entries : ndarray of int, shape (windows, entries)
        Sites, -1 at the end for none.
    channels : int
    n_sites : int
        Of the tensor.
    """

    def __init__(self, matrices: Matrices, entries: IndexArray, channels: int, n_sites: int) -> None:
        self._matrices, self._entries, self._channels, self._n_sites = matrices, entries, channels, n_sites
        self.n = len(entries) * channels
        self.sizes = np.tile((entries >= 0).sum(axis=1), channels)

    def first(self, terms: dict[int, Matrix]) -> Parts:
        """Return all entries, slot by slot, of a tensor of its own."""
        slots, channels = self._entries.shape[1], self._channels
        self._matrices.must_fit(slots**2 * channels**2)
        blocks = np.zeros((slots, channels, slots, channels))
        blocks[np.arange(slots), :, np.arange(slots)] = np.eye(channels)
        matrix = by_windows(self._entries, blocks.reshape(slots, channels, -1), self._n_sites)
        return dict.fromkeys(terms, matrix), np.zeros(slots * self.n)

    def picked(self, parts: Parts, slots: IndexArray) -> Parts:
        """Return some slots."""
        channels = (slots[:, None] * self._channels + np.arange(self._channels)).ravel()
        terms = {source: term.picked(channels) for source, term in self._by_sites(parts).items()}
        kept = {source: term for source, term in terms.items() if term.block.size}
        return kept, parts[1].reshape(-1, self.n)[slots].ravel()

    def piled(self, parts: Parts, last: Parts) -> Parts:
        """Return slots with one more."""
        before, more = parts[1].size // self.n * self._channels, self._channels
        terms = {source: term.among(0, more) for source, term in self._by_sites(parts).items()}
        for source, term in self._by_sites(last).items():
            part = term.among(before, 0)
            terms[source] = terms[source].total(part) if source in terms else part
        return terms, np.concatenate([parts[1], last[1]])

    def _by_sites(self, parts: Parts) -> dict[int, Matrix]:
        channels = parts[1].size // self.n * self._channels
        found = {source: self._matrices.by_sites(term, channels) for source, term in parts[0].items()}
        assert all(term is not None for term in found.values())
        return found
