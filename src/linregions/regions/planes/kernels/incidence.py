"""What lies beside what in a proposal, checked in one pass for the usual case: two boundaries meet at each vertex."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled

IndexArray = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]


@compiled()
def check_edges(
    edges: IntArray, faces: IntArray, side: IntArray, words: WordArray, n_vertices: int, n_sides: int, first_side: int,
    label: IntArray,
) -> bool:  # fmt: skip
    """Name the column of each edge: that in which its faces differ, which is to be one only, or its side.

    Return False where something is not as it should be, or not usual.
    """
    n_faces, n_words = words.shape
    for e in range(edges.shape[0]):
        a, b, left, right = edges[e, 0], edges[e, 1], faces[e, 0], faces[e, 1]
        if a < 0 or b < 0 or a >= n_vertices or b >= n_vertices or a == b:
            return False
        if left < -1 or right < -1 or left >= n_faces or right >= n_faces:
            return False
        if left < 0 or right < 0:
            if (left < 0 and right < 0) or side[e] < 0 or side[e] >= n_sides:
                return False
            label[e] = first_side + side[e]
            continue
        if side[e] != -1:
            return False
        count = 0
        for k in range(n_words):
            count += count_bits(words[left, k] ^ words[right, k])
        if count != 1:
            return False
        found = 0
        while words[left, found] == words[right, found]:
            found += 1
        found = 64 * found + lowest_bit(words[left, found] ^ words[right, found])
        label[e] = found
    return True


@compiled()
def check_corners(
    edges: IntArray, faces: IntArray, offsets: IndexArray, corners: IntArray, along: IntArray, label: IntArray,
    first_side: int, lines: IntArray, seen_from: IntArray, n_corners: IntArray,
) -> bool:  # fmt: skip
    """Check all cycles, and tell for each vertex which two columns are zero there and a face that looks at it.

    `seen_from` is -1, and `n_corners` zeros. Return False where something is not as it should be, or other columns are
    to be zero at some vertex.

    Edges of a corner have the two columns of its vertex, and faces beside an edge differ in one. So faces about a
    vertex follow one another with columns in turn, on a cycle of four or more, or on a path from side to side of the
    window; where they are as few as one cycle or path has, they are one, and differ in these columns only.
    """
    n_faces, n_edges, n_vertices, count = offsets.shape[0] - 1, edges.shape[0], lines.shape[0], 0
    if offsets[0] != 0 or offsets[n_faces] != corners.shape[0]:
        return False
    for f in range(n_faces):
        begin, end = offsets[f], offsets[f + 1]
        if begin < 0 or end > corners.shape[0] or end - begin < 3:
            return False
        e = along[end - 1]
        if e < 0 or e >= n_edges:
            return False
        before = label[e]
        for c in range(begin, end):
            v, e = corners[c], along[c]
            after = corners[c + 1] if c + 1 < end else corners[begin]
            if v < 0 or v >= n_vertices or e < 0 or e >= n_edges:
                return False
            way = 0 if edges[e, 0] == v else 1
            if edges[e, way] != v or edges[e, 1 - way] != after or faces[e, way] != f:
                return False
            for other in range(begin, c):
                if along[other] == e:
                    return False
            own = label[e]
            low, high = min(before, own), max(before, own)
            before = own
            if low == high:
                return False
            if seen_from[v] < 0:
                seen_from[v], lines[v, 0], lines[v, 1] = f, low, high
            elif lines[v, 0] != low or lines[v, 1] != high:
                return False
            n_corners[v] += 1
    for e in range(n_edges):
        count += (faces[e, 0] >= 0) + (faces[e, 1] >= 0)
    for v in range(n_vertices):
        if seen_from[v] < 0:
            return False
        n = 4 >> ((lines[v, 0] >= first_side) + (lines[v, 1] >= first_side))
        if n_corners[v] != n:
            return False
    return count == corners.shape[0] and _check_angles(offsets, corners, along, label, lines)


@compiled()
def _check_angles(
    offsets: IndexArray, corners: IntArray, along: IntArray, label: IntArray, lines: IntArray
) -> bool:  # fmt: skip
    """Check that edges of a face which follow one another are on two lines, and that no line is met elsewhere."""
    for f in range(offsets.shape[0] - 1):
        begin, end = offsets[f], offsets[f + 1]
        first, touching = label[along[begin]], 0
        previous = corners[end - 1]
        for c in range(begin, end):
            own = label[along[c]]
            if own in (lines[previous, 0], lines[previous, 1]):
                return False
            previous = corners[c]
            touching += first in (lines[previous, 0], lines[previous, 1])
        if touching != 2:
            return False
    return True


@compiled()
def all_differ(words: WordArray, table: IntArray) -> bool:
    """Tell whether all rows differ; `table` is -1, and a power of two long, more than there are rows."""
    n, n_words = words.shape
    last = table.shape[0] - 1
    for f in range(n):
        h = np.uint64(0x9E3779B97F4A7C15)
        for k in range(n_words):
            h = (h ^ words[f, k]) * np.uint64(0xD6E8FEB86659FD93)
            h ^= h >> np.uint64(32)
        at = np.int64(h & np.uint64(last))
        while table[at] >= 0:
            other, same = table[at], True
            for k in range(n_words):
                if words[f, k] != words[other, k]:
                    same = False
                    break
            if same:
                return False
            at = (at + 1) & last
        table[at] = f
    return True
