"""Faces of the complex that some of the facets make: which of all faces are faces of it, too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import FloatArray, IndexArray, IntArray, WordArray
from linregions.regions.boxes.kernels.records import ONE, ZERO

# Columns of what is known of a face.
CODIMENSION, N_CELLS, IS_ON_SIDE, NEURONS = range(4)


@compiled()
def note_faces(
    number: IntArray,
    codimension: npt.NDArray[np.int8],
    on_side: npt.NDArray[np.bool_],
    volumes: FloatArray,
    words: WordArray,
    cells: IndexArray,
    facets_of: IndexArray,
    facet: IntArray,
    neuron: IntArray,
    chosen: npt.NDArray[np.bool_],
    normals: FloatArray,
    known: IntArray,
    volume: FloatArray,
    products: FloatArray,
) -> None:
    """Note of each face, by its number, how many cells have it, and which chosen facets hold it.

    In `known` the bits of NEURONS tell which of the neurons on the face, in ascending order, have a chosen facet there;
    this is of use where all cells name the same neurons. `products`, shape (faces, d, d), sums the products of the
    normals of chosen facets.
    """
    d = normals.shape[1]
    for k in range(number.shape[0]):
        face = known[number[k]]
        face[CODIMENSION] = codimension[k]
        face[N_CELLS] += 1
        face[IS_ON_SIDE] |= on_side[k]
        volume[number[k]] = volumes[k]
        first = facets_of[cells[k]]
        rest = words[k]
        while rest != ZERO:
            f = facet[first + lowest_bit(rest)]
            rest &= rest - ONE
            if not chosen[f]:
                continue
            place, others = 0, words[k]
            while others != ZERO:
                place += neuron[facet[first + lowest_bit(others)]] < neuron[f]
                others &= others - ONE
            face[NEURONS] |= 1 << min(place, 30)
            for i in range(d):
                for j in range(d):
                    products[number[k], i, j] += normals[f, i] * normals[f, j]


@compiled()
def mark_simple(known: IntArray, is_simple: npt.NDArray[np.bool_], has_all: npt.NDArray[np.bool_]) -> None:
    """Tell of each face whether as few cells as can be have it, and whether all its neurons have a chosen facet."""
    for f in range(known.shape[0]):
        k = known[f, CODIMENSION]
        is_simple[f] = known[f, N_CELLS] == 1 << k
        has_all[f] = count_bits(np.uint64(known[f, NEURONS])) == k
