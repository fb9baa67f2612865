"""Measures of a batch of cells: kernels called with buffers that grow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.errors import NumericalError
from linregions.regions.boxes.batch import CellBatch, FloatArray, IndexArray, WordArray
from linregions.regions.boxes.kernels.records import (
    FACES_FULL,
    INCONSISTENT,
    N_INNER,
    N_TIES,
    TIES_FULL,
    Faces,
    Measured,
)

_N_FACES, _N_TIES = 1 << 10, 1 << 8
# Arrays of `Measured` from here on have a row for each tie.
_FIRST_TIES = Measured._fields.index("tie_name")


class Ties(NamedTuple):
    """Faces where more planes meet than their codimension, which several cells list."""

    names: WordArray  # (n, 2)
    codimension: npt.NDArray[np.int8]  # (n,)
    on_side: npt.NDArray[np.bool_]  # (n,)
    volumes: FloatArray  # (n,)


class Listed(NamedTuple):
    """Faces of codimension two and more of the cells of a batch, each as often as a cell has it."""

    ties: Ties
    words: WordArray  # (n,): slots of the cell that the face lies on
    cells: IndexArray  # (n,)


class BatchMeasures(NamedTuple):
    """Measures of the cells of a batch, each an own array, and sums over them.

    A slot that is no facet of its cell has no bit in `present` and no volume.
    """

    volumes: FloatArray  # (C,)
    centroids: FloatArray  # (C, d), from the centre of the box
    present: WordArray  # (C,): bit s where slot s is a facet
    facet_volumes: FloatArray  # (L,)
    facet_names: WordArray  # (L, 2), or (0, 2)
    strata: FloatArray  # (d + 1,): volume of codimension k, without ties
    counts: IndexArray  # (d + 1,): faces of each dimension, without ties and without facets that two cells have
    n_inner: int  # facets that are in no side of the domain, each counted by both cells
    ties: Ties

    def sums(self) -> BatchMeasures:
        """Return the sums alone, without what is of each cell or facet."""
        return self._replace(
            volumes=self.volumes[:0].copy(),
            centroids=self.centroids[:0].copy(),
            present=self.present[:0].copy(),
            facet_volumes=self.facet_volumes[:0].copy(),
            facet_names=self.facet_names[:0].copy(),
        )


class Measurer:
    """What measures batches in one thread, with its buffers."""

    def __init__(self, n_in: int) -> None:
        self._d = n_in
        self._corner = np.zeros(64, dtype=np.int64)
        self._n_ties = _N_TIES
        if n_in != 3:
            self._faces = _faces(n_in, _N_FACES)

    def measure(self, batch: CellBatch, names: bool = False) -> BatchMeasures:
        """Measure all cells of a batch, and name their facets if `names` is true.

        Raises
        ------
        NumericalError
            If a cell is no polytope.
        """
        out = self._run(batch, names)
        return BatchMeasures(*out[:7], int(out.filled[N_INNER]), _copied(out))

    def list_faces(self, batch: CellBatch) -> Listed:
        """List the faces of codimension two and more of every cell, whether other cells have them or not.

        Raises
        ------
        NumericalError
            If a cell is no polytope.
        """
        out = self._run(batch._replace(tight=np.ones_like(batch.tight)), False)
        n = out.filled[N_TIES]
        return Listed(_copied(out), out.tie_word[:n].copy(), out.tie_cell[:n].copy())

    def _run(self, batch: CellBatch, names: bool) -> Measured:
        from linregions.regions.boxes.kernels.faces import measure_cells
        from linregions.regions.boxes.kernels.solids import measure_solids

        d, n_slots = self._d, batch.slot_labels.shape[0]
        out = Measured(
            np.empty(batch.n_cells),
            np.empty((batch.n_cells, d)),
            np.empty(batch.n_cells, dtype=np.uint64),
            np.empty(n_slots),
            np.empty((n_slots if names else 0, 2), dtype=np.uint64),
            np.zeros(d + 1),
            np.zeros(d + 1, dtype=np.int64),
            np.zeros(3, dtype=np.int64),
            *_room_for_ties(self._n_ties),
        )
        while True:
            status = measure_solids(batch, self._corner, out) if d == 3 else measure_cells(batch, self._faces, out)
            if status == TIES_FULL:
                self._n_ties *= 2
                n, wider = out.filled[N_TIES], _room_for_ties(self._n_ties)
                for old, new in zip(out[_FIRST_TIES:], wider, strict=True):
                    new[:n] = old[:n]
                out = out._replace(**dict(zip(Measured._fields[_FIRST_TIES:], wider, strict=True)))
            elif status == FACES_FULL:
                self._faces = _faces(d, 2 * self._faces.word.size)
            elif status == INCONSISTENT:
                raise NumericalError(
                    "`network` has a cell whose vertices make no polytope in float64, but measures need one. Give a "
                    "smaller box, or count regions only."
                )
            else:
                return out


def _copied(out: Measured) -> Ties:
    n = out.filled[N_TIES]
    return Ties(out.tie_name[:n].copy(), out.tie[:n, 0].copy(), out.tie[:n, 1] != 0, out.tie_volume[:n].copy())


def _room_for_ties(n: int) -> tuple[npt.NDArray[Any], ...]:
    return (
        np.empty((n, 2), dtype=np.uint64),
        np.empty((n, 2), dtype=np.int8),
        np.empty(n),
        np.empty(n, dtype=np.uint64),
        np.empty(n, dtype=np.int64),
    )


def _faces(d: int, n: int) -> Faces:
    table = np.zeros((2, 2 * n), dtype=np.int64)
    return Faces(
        np.empty(n, dtype=np.uint64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.uint8),
        np.empty(n),
        np.empty(n),
        np.empty((n, d)),
        np.empty((n, d, d)),
        table,
        np.empty(n, dtype=np.uint64),
        np.empty(d),
        np.empty(d + 1),
        np.empty(d + 1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )
