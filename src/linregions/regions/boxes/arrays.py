"""All cells of a box as flat arrays: vertices and facets once each, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
ShortArray = npt.NDArray[np.int16]
IndexArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class BoxCells:
    """The cells that a network makes of a box, or of a polytope in it, of d inputs.

    Cells come depth first: in the order of the tree that cuts them, whatever the number of threads.
    """

    vertices: FloatArray  # (V, d): each once, in coordinates of the input space
    cell_offsets: IndexArray  # (C + 1,)
    cell_vertices: IntArray  # (S,): vertices of cell c at cell_offsets[c]:cell_offsets[c + 1]
    pattern_words: WordArray  # (C, W): a bit for each switch
    volumes: FloatArray  # (C,)
    centroids: FloatArray  # (C, d)
    facet_cells: IndexArray  # (F, 2): on the negative side, on the positive side; sides of the domain: cell, -1
    facet_neuron: IntArray  # (F,): -1 on the domain's sides; of the lowest layer where several are zero
    facet_breakpoint: ShortArray  # (F,): -1 on the domain's sides
    facet_side: ShortArray  # (F,): side of the domain (2 i low, 2 i + 1 high in coordinate i, half-spaces), or -1
    facet_volumes: FloatArray  # (F,): of dimension d - 1, 1 for d = 1
    facet_offsets: IndexArray  # (F + 1,)
    facet_vertices: IntArray  # vertices of facet f; for d = 3 in cyclic order, counter-clockwise seen from the
    # positive side, or from outside
    strata_activation: FloatArray  # (d + 1,): volume of faces of codimension k that are not on sides of the domain
    face_counts: IndexArray  # (d + 1,): vertices, edges, ..., cells, those on sides of the domain included
    diagnostics: dict[str, Any] = field(default_factory=dict)
