"""What is measured of a batch of cells, and the buffers for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.regions.boxes.batch import FloatArray, IndexArray, WordArray

ONE, ZERO = np.uint64(1), np.uint64(0)
# Columns of `Measured.tie` and entries of `Measured.filled`.
CODIMENSION, ON_SIDE = range(2)
N_TIES, N_INNER, DONE = range(3)
# What a kernel stopped for.
OK, TIES_FULL, FACES_FULL, INCONSISTENT = range(4)


class Measured(NamedTuple):
    """Measures of the cells of a batch, and their sums.

    Sums hold what no other batch adds again: a face of codimension two and more counts in the one of its cells where
    all its neurons are off. Where more planes than that meet, a face is a *tie*: it is listed with its name by every
    cell that has it, for the caller to count once.
    """

    volumes: FloatArray  # (C,)
    centroids: FloatArray  # (C, d)
    present: WordArray  # (C,): bit s where slot s is a facet
    facet_volumes: FloatArray  # (L,): of dimension d - 1; 0 for slots that are no facets
    facet_names: WordArray  # (L, 2); no rows where they are not wanted
    strata: FloatArray  # (d + 1,): volume of faces of codimension k that are in no side of the domain, without ties
    counts: IndexArray  # (d + 1,): faces of each dimension, without ties; of facets those in a side of the domain
    filled: IndexArray  # N_TIES; N_INNER: facets that are in no side, which two cells have each; DONE: cells measured
    tie_name: WordArray  # (ties, 2)
    tie: npt.NDArray[np.int8]  # (ties, 2): CODIMENSION; whether it is ON_SIDE of the domain, as far as this cell tells
    tie_volume: FloatArray  # (ties,)
    tie_word: WordArray  # (ties,): slots of the cell that the face lies on
    tie_cell: IndexArray  # (ties,): of the batch


class Faces(NamedTuple):
    """Buffers for the faces of one cell, by dimension, and a table from words of slots to them."""

    word: WordArray  # (faces,): slots that the face lies on
    apex: IndexArray  # (faces,): one of its vertices, to which it is coned
    child: IndexArray  # (faces,): of its own facets the one farthest from the apex
    is_tie: npt.NDArray[np.uint8]  # (faces,): whether more planes than slots meet in all of it
    volume: FloatArray  # (faces,)
    height: FloatArray  # (faces,): distance of the apex from the child
    center: FloatArray  # (faces, d): centroid, times the volume until all children are known
    basis: FloatArray  # (faces, d, d): an orthonormal one of its directions
    table: IndexArray  # (2, a power of two): stamp of the cell, and face
    parents: WordArray  # (vertices,): words of the faces one dimension up
    step: FloatArray  # (d,): from a child to the apex
    strata: FloatArray  # (d + 1,): of the cell
    counted: IndexArray  # (d + 1,): of the cell
    stamp: IndexArray  # (1,): number of the cell
