"""Cells of all batches, put together to one complex: each vertex and each facet once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.errors import NumericalError
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.batch import CellBatch, FloatArray, IndexArray, IntArray, WordArray
from linregions.regions.boxes.growing import Growing, Numbers
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.totals import Totals


class Piece(NamedTuple):
    """What is kept of a batch."""

    measures: BatchMeasures
    points: FloatArray  # (S, d)
    vertex_keys: WordArray  # (S, 2)
    cell_ends: IndexArray  # (C,)
    pattern_words: WordArray  # (C, W)
    facet_names: WordArray  # (N, 2), of each facet of each cell
    facet_cells: IntArray  # (N,)
    facet_labels: IntArray  # (N,)
    facet_signs: npt.NDArray[np.int8]  # (N,)
    facet_volumes: FloatArray  # (N,)
    facet_ends: IndexArray  # (N,)
    corners: IntArray  # rows of points; none of facets that the cell beyond lists


def piece_of(batch: CellBatch, measurer: Measurer) -> Piece:
    """Measure a batch and copy what is kept of it.

    Raises
    ------
    NumericalError
        If a cell is no polytope.
    """
    from linregions.regions.boxes.kernels.facets import N_CORNERS, N_FACETS, Facets, list_facets
    from linregions.regions.boxes.kernels.records import OK

    measures = measurer.measure(batch, names=True)
    n, n_corners = (int(np.bitwise_count(words).sum()) for words in (measures.present, batch.slots))
    facets = Facets(
        np.zeros(2, dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int32),
        np.empty(n, dtype=np.int64),
        np.empty(n_corners, dtype=np.int32),
    )
    if list_facets(batch, measures.present, measures.centroids, facets) != OK:
        raise NumericalError(
            "`network` has a cell with a facet in float64 that is no polygon, but a partition needs polytopes. Give a "
            "smaller box, or count regions only."
        )
    assert facets.filled[N_FACETS] == n
    row = facets.row
    return Piece(
        measures._replace(facet_volumes=np.empty(0), facet_names=np.empty((0, 2), dtype=np.uint64)),
        batch.points.copy(),
        batch.vertex_keys.copy(),
        batch.cell_offsets[1:].copy(),
        batch.pattern_words.copy(),
        measures.facet_names[row],
        facets.cell,
        batch.slot_labels[row],
        batch.slot_signs[row],
        measures.facet_volumes[row],
        facets.end,
        facets.corner[: facets.filled[N_CORNERS]].copy(),
    )


class CellAssembler:
    """What puts pieces together, in the order of the cells."""

    def __init__(self, n_in: int) -> None:
        self._d = n_in
        self._totals = Totals(n_in)
        self._vertices, self._facets = Numbers(), Numbers()
        self._points = Growing(np.float64, n_in)
        self._cell_ends, self._cell_vertices = Growing(np.int64), Growing(np.int32)
        self._words: Growing | None = None
        self._volumes, self._centroids = Growing(np.float64), Growing(np.float64, n_in)
        self._sides = Growing(np.int32, 6)
        self._facet_volumes = Growing(np.float64)
        self._listed, self._list_cells, self._list_ends = Growing(np.int32), Growing(np.int32), Growing(np.int64)
        self._corners = Growing(np.int32)
        self._spread = 0.0

    @property
    def n_cells(self) -> int:
        """How many cells were added."""
        return self._cell_ends.rows

    @property
    def n_bytes(self) -> int:
        """Bytes that what was added takes."""
        parts = (part for part in vars(self).values() if isinstance(part, (Growing, Numbers, Totals)))
        return sum(part.n_bytes for part in parts)

    def add(self, piece: Piece) -> None:
        """Add a piece.

        Raises
        ------
        NumericalError
            If more than two cells have the same facet.
        """
        from linregions.regions.boxes.kernels.joining import pair_facets, spread_of

        self._totals.add(piece.measures)
        first_cell = self.n_cells
        n_known, points = len(self._vertices), self._points.reserve(len(piece.points))
        number = self._vertices.of(piece.vertex_keys)
        self._points.rows = len(self._vertices)
        self._spread = max(self._spread, spread_of(piece.points, points, number, n_known))
        self._cell_ends.append(self._cell_vertices.rows + piece.cell_ends)
        self._cell_vertices.append(number)
        if self._words is None:
            self._words = Growing(np.uint64, piece.pattern_words.shape[1])
        self._words.append(piece.pattern_words)
        self._volumes.append(piece.measures.volumes)
        self._centroids.append(piece.measures.centroids)
        n_known = len(self._facets)
        facet, cells = self._facets.of(piece.facet_names), piece.facet_cells + np.int32(first_cell)
        new = len(self._facets) - n_known
        sides = self._sides.reserve(new)
        sides[n_known : n_known + new] = -1
        self._sides.rows += new
        if not pair_facets(facet, cells, piece.facet_labels, piece.facet_signs, sides):
            raise _no_complex("a facet that three cells have")
        # Numbers are given in order, so the first time each new one is met is where the running maximum rises.
        risen = np.maximum.accumulate(np.append(np.int32(n_known - 1), facet))
        self._facet_volumes.append(piece.facet_volumes[risen[1:] > risen[:-1]])
        has_list = np.diff(piece.facet_ends, prepend=0) > 0
        self._listed.append(facet[has_list])
        self._list_cells.append(cells[has_list])
        self._list_ends.append(self._corners.rows + piece.facet_ends[has_list])
        self._corners.append(number[piece.corners])

    def finish(
        self, center: FloatArray, tables: tuple[IntArray, IntArray], diagnostics: dict[str, Any] | None = None
    ) -> BoxCells:
        """Return all cells.

        Parameters
        ----------
        center : (d,)
            What coordinates are counted from.
        tables : tuple of ndarray
            Neuron and breakpoint of every switch (`linregions.networks.switches.switch_tables`).
        diagnostics : dict, optional

        Raises
        ------
        NumericalError
            If the cells do not fit to one another.
        """
        strata, counts = self._totals.finish()
        n_facets = len(self._facets)
        if counts[0] != len(self._vertices) or counts[self._d - 1] != n_facets:
            raise _no_complex(
                f"{len(self._vertices)} vertices and {n_facets} facets, where {counts[0]} and {counts[self._d - 1]} "
                f"are counted in cells"
            )
        del self._vertices, self._facets
        facet_cells, switch, side = self._facet_table()
        offsets, corners = self._facet_lists(facet_cells)
        points, centroids = self._points.taken(), self._centroids.taken()
        points += center
        centroids += center
        assert self._words is not None  # every box has a cell
        neuron, breakpoint_ = tables
        return BoxCells(
            points,
            np.append(0, self._cell_ends.taken()),
            self._cell_vertices.taken(),
            self._words.taken(),
            self._volumes.taken(),
            centroids,
            facet_cells,
            neuron[switch],
            breakpoint_[switch].astype(np.int16),
            side,
            self._facet_volumes.taken(),
            offsets,
            corners,
            strata,
            counts,
            {**(diagnostics or {}), "vertex_spread": self._spread},
        )

    def _facet_table(self) -> tuple[IndexArray, IntArray, npt.NDArray[np.int16]]:
        """Return the two cells of each facet, its switch and its side of the domain."""
        cell, label, sign, other, other_label, other_sign = self._sides.taken().T
        is_side, is_paired = label < 0, other >= 0
        same = label == other_label
        wrong = (is_side == is_paired) | (is_paired & ((other_label < 0) | (same & (sign != -other_sign))))
        if wrong.any():
            raise _no_complex(
                f"{int(wrong.sum())} facets that are not between two cells, or a cell and a side of the domain"
            )
        # Of several switches that are zero there, the one of the lowest layer.
        takes_other = is_paired & (other_label < label)
        switch = np.where(takes_other, other_label, label)
        on_negative = np.where(takes_other, other_sign > 0, sign < 0)
        pairs = np.stack([cell, other], axis=1).astype(np.int64)
        turned = is_paired & ~on_negative
        pairs[turned] = pairs[turned, ::-1]
        return pairs, np.where(is_side, -1, switch), np.where(is_side, -1 - label, -1).astype(np.int16)

    def _facet_lists(self, facet_cells: IndexArray) -> tuple[IndexArray, IntArray]:
        """Return where each facet's vertices begin, and these."""
        from linregions.regions.boxes.kernels.joining import gather_lists

        listed, cells, ends = self._listed.taken(), self._list_cells.taken(), self._list_ends.taken()
        chosen = np.full(facet_cells.shape[0], -1, dtype=np.int64)
        chosen[listed] = np.arange(listed.size)
        if (chosen < 0).any():
            raise _no_complex("a facet that lies on the positive side of its plane seen from both its cells")
        begins = np.append(0, ends)[:-1]
        sizes = (ends - begins)[chosen]
        offsets = np.append(0, np.cumsum(sizes))
        out = np.empty(int(offsets[-1]), dtype=np.int32)
        # Counter-clockwise seen from the positive side, which is outside for the negative cell and for a domain's side.
        backwards = (facet_cells[:, 1] == cells[chosen]) & (self._d == 3)
        gather_lists(begins[chosen], backwards, offsets, self._corners.taken(), out)
        return offsets, out


def _no_complex(seen: str) -> NumericalError:
    return NumericalError(
        f"`network` has in float64 {seen}, but cells must meet face to face: signs near ties were taken wrongly. Give "
        f"another box, or count regions in sections of it with PlaneWindow and certify=True."
    )
