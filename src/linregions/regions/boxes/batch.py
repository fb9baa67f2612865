"""Cells as the engine hands them to a sink: vertices, slots and keys of some of them, in flat arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


class CellBatch(NamedTuple):
    """Some cells: views of the engine's buffers, which hold until the sink returns.

    A *slot* of a cell is one of its facets, with a bit in the words of vertices. Keys are hashes of ternary sign
    vectors: a face has the same one in whatever cell it is met.
    """

    cell_offsets: IndexArray  # (C + 1,): rows of cell c are cell_offsets[c]:cell_offsets[c + 1]
    points: FloatArray  # (S, d): vertices, from the centre of the box
    slots: WordArray  # (S,): bit s where the vertex lies on facet s of its cell
    vertex_keys: WordArray  # (S, 2)
    tight: npt.NDArray[np.uint8]  # (S,): whether more switches are zero at the vertex than its slots say
    slot_offsets: IndexArray  # (C + 1,): labels of cell c are slot_offsets[c]:slot_offsets[c + 1]
    slot_labels: IntArray  # (L,): switch, or -1 - side for a side of the domain
    slot_signs: npt.NDArray[np.int8]  # (L,): on which side of it the cell lies
    cell_keys: WordArray  # (C, 2)
    pattern_words: WordArray  # (C, W): a bit for each switch

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.cell_offsets.shape[0] - 1)
