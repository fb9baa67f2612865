"""Sums over all cells: strata and numbers of faces, each face once."""

from __future__ import annotations

import numpy as np

from linregions.errors import NumericalError
from linregions.regions.boxes.batch import FloatArray, IndexArray
from linregions.regions.boxes.measuring import BatchMeasures, Ties

# Ties are united when so many more are there than after the last time.
_MANY = 1 << 16


class Totals:
    """Strata and numbers of faces, from the measures of one batch after the other.

    Memory grows with the number of different ties alone: faces where more planes meet than their codimension.
    """

    def __init__(self, n_in: int) -> None:
        self._strata, self._counts = np.zeros(n_in + 1), np.zeros(n_in + 1, dtype=np.int64)
        self._n_inner = 0
        self._ties: list[Ties] = []
        self._waiting, self._kept = 0, 0

    def add(self, measures: BatchMeasures) -> None:
        """Add a batch."""
        self._strata += measures.strata
        self._counts += measures.counts
        self._n_inner += measures.n_inner
        if measures.ties.volumes.size:
            self._ties.append(measures.ties)
            self._waiting += measures.ties.volumes.size
        if self._waiting > max(_MANY, self._kept):
            self._unite()

    @property
    def n_bytes(self) -> int:
        """Bytes that ties take."""
        return sum(array.nbytes for ties in self._ties for array in ties)

    def finish(self) -> tuple[FloatArray, IndexArray]:
        """Return the volume of each codimension that is in no side of the domain, and the faces of each dimension.

        Raises
        ------
        NumericalError
            If the numbers contradict one another.
        """
        strata, counts = self._strata.copy(), self._counts.copy()
        d = strata.size - 1
        counts[d - 1] += self._n_inner // 2
        if self._ties:
            self._unite()
            (ties,) = self._ties
            inside = ~ties.on_side
            strata += np.bincount(ties.codimension[inside], ties.volumes[inside], minlength=d + 1)
            counts += np.bincount(d - ties.codimension.astype(np.int64), minlength=d + 1)
        euler = int(np.sum(counts * (-1) ** np.arange(d + 1)))
        if self._n_inner % 2 or euler != 1:
            raise NumericalError(
                f"`network` has faces in float64 whose numbers, {counts.tolist()} by dimension, make an Euler "
                f"characteristic of {euler}, but a box has 1: signs near ties were taken wrongly. Give another box, or "
                f"count in sections of it with PlaneWindow and certify=True."
            )
        return strata, counts

    def _unite(self) -> None:
        names, codimension, on_side, volumes = (np.concatenate(parts) for parts in zip(*self._ties, strict=True))
        order = np.lexsort((names[:, 1], names[:, 0]))  # stable: of the same, the first stays the first
        names, on_side = names[order], on_side[order]
        is_new = np.ones(order.size, dtype=bool)
        is_new[1:] = np.any(names[1:] != names[:-1], axis=1)
        starts = np.flatnonzero(is_new)
        first = order[starts]
        united = Ties(names[starts], codimension[first], np.logical_or.reduceat(on_side, starts), volumes[first])
        self._ties, self._waiting, self._kept = [united], 0, starts.size
