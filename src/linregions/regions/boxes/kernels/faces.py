"""Volumes of all faces of cells of any dimension: each coned to one of its vertices, from the vertices up."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import CellBatch, FloatArray, IndexArray, WordArray
from linregions.regions.boxes.kernels.keys import name_of
from linregions.regions.boxes.kernels.records import (
    CODIMENSION,
    DONE,
    FACES_FULL,
    INCONSISTENT,
    N_INNER,
    N_TIES,
    OK,
    ON_SIDE,
    ONE,
    TIES_FULL,
    ZERO,
    Faces,
    Measured,
)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@compiled(internal=True)
def minimal_parents(slots: WordArray, word: np.uint64, codimension: int, parents: WordArray) -> int:
    """List the words of the faces of one dimension more that hold a face, given its word; return how many.

    A face on as many slots as its codimension has neighbours as in a simplex, so each slot is left once. Else the
    smallest faces that hold it and another vertex are those with the largest common words.
    """
    n = 0
    if count_bits(word) == codimension:
        rest = word
        while rest != ZERO:
            bit = rest & (~rest + ONE)
            parents[n] = word ^ bit
            rest ^= bit
            n += 1
        return n
    for v in range(slots.shape[0]):
        common = slots[v] & word
        if common == word:
            continue
        i, is_new = 0, True
        while i < n:
            if parents[i] & common == common:
                is_new = False
                break
            if parents[i] & common == parents[i]:
                n -= 1
                parents[i] = parents[n]
            else:
                i += 1
        if is_new:
            parents[n] = common
            n += 1
    return n


@compiled(inlined=True)
def _place(table: IndexArray, words: WordArray, stamp: int, word: np.uint64) -> int:
    """Return where in the table a word is, or belongs."""
    mask = table.shape[1] - 1
    i = np.int64((word * _STEP) >> _HALF) & mask
    while table[0, i] == stamp and words[table[1, i]] != word:
        i = (i + 1) & mask
    return i


@compiled(internal=True)
def add_tie(
    batch: CellBatch,
    cell: int,
    word: np.uint64,
    codimension: int,
    on_side: bool,
    volume: float,
    out: Measured,
) -> bool:
    """List a face that counts once among all cells; return False if there is no room."""
    n = out.filled[N_TIES]
    if n == out.tie_volume.shape[0]:
        return False
    low, high = ZERO, ZERO
    for v in range(batch.cell_offsets[cell], batch.cell_offsets[cell + 1]):
        if batch.slots[v] & word == word:
            first, second = name_of(batch.vertex_keys[v, 0], batch.vertex_keys[v, 1])
            low += first
            high += second
    out.tie_name[n, 0], out.tie_name[n, 1] = low, high
    out.tie[n, CODIMENSION], out.tie[n, ON_SIDE] = codimension, on_side
    out.tie_volume[n] = volume
    out.tie_word[n], out.tie_cell[n] = word, cell
    out.filled[N_TIES] = n + 1
    return True


@compiled(internal=True)
def add_facets(batch: CellBatch, cell: int, out: Measured) -> tuple[np.uint64, np.uint64]:
    """Find which slots of a cell are facets, and their names; return those on the positive side, those in sides."""
    begin, end = batch.cell_offsets[cell], batch.cell_offsets[cell + 1]
    first, last = batch.slot_offsets[cell], batch.slot_offsets[cell + 1]
    positive, sides, present = ZERO, ZERO, ZERO
    for s in range(last - first):
        out.facet_volumes[first + s] = 0.0
        if batch.slot_labels[first + s] < 0:
            sides |= ONE << np.uint64(s)
        elif batch.slot_signs[first + s] > 0:
            positive |= ONE << np.uint64(s)
    for v in range(begin, end):
        present |= batch.slots[v]
    out.present[cell] = present
    if out.facet_names.shape[0] > 0:
        out.facet_names[first:last] = ZERO
        for v in range(begin, end):
            low, high = name_of(batch.vertex_keys[v, 0], batch.vertex_keys[v, 1])
            rest = batch.slots[v]
            while rest != ZERO:
                s = first + lowest_bit(rest)
                rest &= rest - ONE
                out.facet_names[s, 0] += low
                out.facet_names[s, 1] += high
    return positive, sides


@compiled(inlined=True)
def _cone(
    d: int, points: FloatArray, faces: Faces, child: int, face: int, dim: int, share: float, weight: float
) -> None:
    """Add the cone over a child, of one dimension less than the face's `dim`, to the volume of a face.

    `share`, 1 / `dim`, is the part that such a cone has of a prism, `weight`, dim / (dim + 1), that of its base in the
    centroid. Divisions would take half of the time.
    """
    apex, foot = faces.apex[face], faces.apex[child]
    step = faces.step
    for i in range(d):
        step[i] = points[apex, i] - points[foot, i]
    for row in range(dim - 1):
        along = 0.0
        for i in range(d):
            along += step[i] * faces.basis[child, row, i]
        for i in range(d):
            step[i] -= along * faces.basis[child, row, i]
    square = 0.0
    for i in range(d):
        square += step[i] * step[i]
    height = np.sqrt(square)
    part = height * faces.volume[child] * share
    faces.volume[face] += part
    base = part * weight
    part -= base
    for i in range(d):
        faces.center[face, i] += part * points[apex, i] + base * faces.center[child, i]
    if height > faces.height[face]:
        faces.height[face] = height
        faces.child[face] = child
        inverse = 1.0 / height
        for i in range(d):
            faces.basis[face, dim - 1, i] = step[i] * inverse


@compiled(inlined=True)
def _finish(d: int, points: FloatArray, faces: Faces, face: int, dim: int) -> None:
    """Give a face whose children are all known its centroid, and the directions that it has from the farthest."""
    volume = faces.volume[face]
    inverse = 1.0 / volume
    for i in range(d):
        faces.center[face, i] = faces.center[face, i] * inverse if inverse < np.inf else points[faces.apex[face], i]
    child = faces.child[face]
    for row in range(dim - 1):
        for i in range(d):
            faces.basis[face, row, i] = faces.basis[child, row, i] if child >= 0 else 0.0
    if child < 0:
        for i in range(d):
            faces.basis[face, dim - 1, i] = 0.0


@compiled(inlined=True)
def _new_face(d: int, faces: Faces, face: int, word: np.uint64, apex: int) -> None:
    faces.word[face] = word
    faces.apex[face] = apex
    faces.child[face] = -1
    faces.is_tie[face] = 1
    faces.volume[face] = 0.0
    faces.height[face] = 0.0
    for i in range(d):
        faces.center[face, i] = 0.0


@compiled()
def measure_cells(batch: CellBatch, faces: Faces, out: Measured) -> int:
    """Measure cells from ``out.filled[DONE]`` on; return OK, or what a larger buffer is needed for, or INCONSISTENT.

    Sums hold what cells before the one that did not fit have given.
    """
    d = batch.points.shape[1]
    capacity = faces.word.shape[0]
    slots, points = batch.slots, batch.points
    for cell in range(out.filled[DONE], batch.cell_offsets.shape[0] - 1):
        begin, end = batch.cell_offsets[cell], batch.cell_offsets[cell + 1]
        first_slot = batch.slot_offsets[cell]
        positive, sides = add_facets(batch, cell, out)
        n_ties = out.filled[N_TIES]
        if end - begin >= capacity or end - begin > faces.parents.shape[0]:
            return FACES_FULL
        faces.stamp[0] += 1
        stamp = faces.stamp[0]
        n = end - begin
        for v in range(n):
            _new_face(d, faces, v, slots[begin + v], begin + v)
            faces.volume[v] = 1.0
            faces.is_tie[v] = batch.tight[begin + v] != 0 or count_bits(slots[begin + v]) != d
            for i in range(d):
                faces.center[v, i] = points[begin + v, i]
        counted = faces.counted
        strata = faces.strata
        for k in range(d + 1):
            counted[k] = 0
            strata[k] = 0.0
        first, last = 0, n
        n_inner = 0
        # A dimension after the other: what is found to hold faces of this one is what the next will go through.
        for dim in range(d + 1):
            codimension = d - dim
            share, weight = 1.0 / (dim + 1), (dim + 1.0) / (dim + 2.0)
            for face in range(first, last):
                word = faces.word[face]
                if dim > 0:
                    _finish(d, points, faces, face, dim)
                on_side = word & sides != ZERO
                if codimension == 1:
                    if count_bits(word) != 1:
                        return INCONSISTENT
                    out.facet_volumes[first_slot + lowest_bit(word)] = faces.volume[face]
                    if on_side:
                        counted[dim] += 1
                    else:
                        n_inner += 1
                        strata[1] += 0.5 * faces.volume[face]
                elif codimension == 0:
                    counted[dim] += 1
                elif faces.is_tie[face]:
                    if not add_tie(batch, cell, word, codimension, on_side, faces.volume[face], out):
                        out.filled[N_TIES] = n_ties
                        return TIES_FULL
                elif word & positive == ZERO:
                    counted[dim] += 1
                    if not on_side:
                        strata[codimension] += faces.volume[face]
                if codimension == 0:
                    continue
                apex = faces.apex[face]
                n_parents = minimal_parents(slots[begin:end], word, codimension, faces.parents)
                for p in range(n_parents):
                    above = faces.parents[p]
                    place = _place(faces.table, faces.word, stamp, above)
                    if faces.table[0, place] == stamp:
                        parent = faces.table[1, place]
                    else:
                        if n == capacity:
                            out.filled[N_TIES] = n_ties
                            return FACES_FULL
                        parent = n
                        n += 1
                        _new_face(d, faces, parent, above, apex)
                        faces.table[0, place] = stamp
                        faces.table[1, place] = parent
                    faces.is_tie[parent] &= faces.is_tie[face]
                    if slots[faces.apex[parent]] & word != word:
                        _cone(d, points, faces, face, parent, dim + 1, share, weight)
            first, last = last, n
        if n - first != 0 or faces.word[n - 1] != ZERO:
            return INCONSISTENT
        volume = faces.volume[n - 1]
        out.volumes[cell] = volume
        for i in range(d):
            out.centroids[cell, i] = faces.center[n - 1, i]
        strata[0] = volume
        for k in range(d + 1):
            out.counts[k] += counted[k]
            out.strata[k] += strata[k]
        out.filled[N_INNER] += n_inner
        out.filled[DONE] = cell + 1
    return OK
