"""The part of a proof that is combinatorics: what lies beside what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.exact.planes.proposal import Columns, Proposal, Refuted, Words, unpacked

IndexArray = npt.NDArray[np.intp]

_EDGES_AT_ONCE = 1 << 14
_FACES_AT_ONCE = 1 << 13


class Cycles(NamedTuple):
    """Corners of all faces, one after the other, and what each edge is zero of, seen from each side."""

    owner: IndexArray  # (C,) face of each corner
    before: IndexArray  # (C,) the corner before, in its face
    after: IndexArray  # (C,)
    column: IndexArray  # (C,) of the edge from each corner to the next, as its face sees it
    n_vertices: int
    # What must be zero at a vertex because faces about it differ there, as any face about it sees it.
    zero_vertex: IndexArray
    zero_column: IndexArray


def cycles_of(proposal: Proposal, columns: Columns, n_sides: int) -> Cycles:
    """Check all that is about incidence, and return what the rest of a proof needs.

    Raises
    ------
    Refuted
        If something does not fit.
    """
    _check_ranges(proposal, columns, n_sides)
    edges, faces, _, offsets, corners, along, _ = proposal
    n_corners, n_faces = corners.size, offsets.size - 1
    owner = np.repeat(np.arange(n_faces), np.diff(offsets))
    after = np.arange(1, n_corners + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    before = np.empty_like(after)
    before[after] = np.arange(n_corners)
    forward = edges[along, 0] == corners
    ends = np.where(forward, edges[along, 1], edges[along, 0])
    if not (np.where(forward, edges[along, 0], edges[along, 1]) == corners).all() or (ends != corners[after]).any():
        raise Refuted("an edge of a region does not lead from one of its corners to the next")
    if (edges[:, 0] == edges[:, 1]).any():
        raise Refuted("an edge leads from a vertex to itself")
    if (faces[along, np.where(forward, 0, 1)] != owner).any():
        raise Refuted("an edge does not have the region on the side on which the region has it")
    if _count_different(2 * along.astype(np.intp) + ~forward, 2 * len(edges)) != n_corners:
        raise Refuted("an edge bounds two regions on one side")
    if n_corners != np.count_nonzero(faces >= 0):
        raise Refuted("an edge names a region that does not have it")
    column, zero_vertex, zero_column = _columns_of(proposal, columns, owner, forward)
    n_vertices = int(edges.max()) + 1
    if _count_different(corners, n_vertices) != n_vertices:
        raise Refuted("a vertex is the corner of no region")
    return Cycles(owner, before, after, column, n_vertices, zero_vertex, zero_column)


def _count_different(numbers: npt.NDArray[np.integer], stop: int) -> int:
    """Return how many different numbers there are, which are from 0 to `stop` - 1."""
    there = np.zeros(stop, dtype=np.bool_)
    there[numbers] = True
    return int(np.count_nonzero(there))


def _check_ranges(proposal: Proposal, columns: Columns, n_sides: int) -> None:
    edges, faces, side, offsets, corners, along, words = proposal
    n_edges, n_faces = edges.shape[0], offsets.size - 1
    if n_faces < 1 or offsets[0] != 0 or offsets[-1] != corners.size or (np.diff(offsets) < 3).any():
        raise Refuted("a region has fewer than three corners")
    if corners.size != along.size or edges.shape != (n_edges, 2) or faces.shape != (n_edges, 2):
        raise Refuted("its arrays do not have the sizes of one partition")
    if words.shape != (n_faces, -(-columns.n_switches // 64)) or side.shape != (n_edges,):
        raise Refuted("its arrays do not have the sizes of one partition")
    if along.min() < 0 or along.max() >= n_edges or edges.min() < 0 or corners.min() < 0:
        raise Refuted("an edge or a vertex is named that is not there")
    if faces.min() < -1 or faces.max() >= n_faces or (faces < 0).all(axis=1).any():
        raise Refuted("an edge names a region that is not there")
    outside = (faces < 0).any(axis=1)
    if ((side >= 0) != outside).any() or side.max(initial=-1) >= n_sides or side.min(initial=-1) < -1:
        raise Refuted("an edge is on a side of the window and between two regions, or on no side and at the border")
    check_patterns(words, columns)


def check_patterns(words: Words, columns: Columns) -> None:
    """Check that bits are those of patterns, in their one form."""
    spare = words.shape[1] * 64 - columns.n_switches
    if spare and words.shape[1] and (words[:, -1] >> np.uint64(64 - spare)).any():
        raise Refuted("a pattern has bits of switches that are not there")
    numbering = columns.network.numbering
    if all(layer.n_breakpoints <= 1 for layer in columns.layout) and columns.is_plain.all():
        return
    for first in range(0, words.shape[0], _FACES_AT_ONCE):
        bits = unpacked(words[first : first + _FACES_AT_ONCE], columns.n_switches)
        if (numbering.packed(numbering.unpacked(bits))[:, : columns.n_switches] != bits).any():
            raise Refuted("a pattern has bits that no pattern has")


def _columns_of(
    proposal: Proposal, columns: Columns, owner: IndexArray, forward: npt.NDArray[np.bool_]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    edges, faces, side, _, _, along, words = proposal
    seen = np.full((edges.shape[0], 2), -1, dtype=np.intp)  # column of each edge, from its left and right
    border = np.flatnonzero(side >= 0)
    seen[border] = (columns.first_side + side[border])[:, None]
    vertices, zeros = [edges[border].ravel()], [np.repeat(seen[border, 0], 2)]
    inner = np.flatnonzero(side < 0)
    winners = columns.winners(words) if columns.has_maxima else None
    for first in range(0, inner.size, _EDGES_AT_ONCE):
        some = inner[first : first + _EDGES_AT_ONCE]
        left, right = faces[some].T
        changed = (words[left] ^ words[right]) & columns.plain_words
        lowest, several = _lowest(changed, columns.n_switches)
        if winners is None:
            if (lowest < 0).any():
                raise Refuted("two regions beside each other have the same pattern")
            seen[some] = lowest[:, None]
        else:
            seen[some], more = _with_maxima(columns, lowest, winners[left], winners[right])
            vertices += [edges[some[more[0]], end] for end in (0, 1) for _ in (0, 1)]
            zeros += [more[1], more[2]] * 2
        who = np.flatnonzero(several if winners is None else lowest >= 0)
        row, which = np.nonzero(unpacked(changed[who], columns.n_switches))
        vertices += [edges[some[who[row]], 0], edges[some[who[row]], 1]]
        zeros += [which, which]
        if winners is None:
            single = some[~several]
            vertices.append(edges[single].ravel())
            zeros.append(np.repeat(seen[single, 0], 2))
    key = np.sort(np.concatenate(vertices).astype(np.int64) * columns.n + np.concatenate(zeros))
    key = key[np.append(True, key[1:] != key[:-1])]
    column = seen[along, np.where(forward, 0, 1)]
    return column, *np.divmod(key, columns.n)


def _lowest(changed: Words, count: int) -> tuple[IndexArray, npt.NDArray[np.bool_]]:
    """Return the lowest bit of each row, -1 where none is set, and whether there are more."""
    lowest = np.full(changed.shape[0], -1, dtype=np.intp)
    several = np.zeros(changed.shape[0], dtype=np.bool_)
    for k in range(changed.shape[1]):
        word = changed[:, k]
        some = word != 0
        several |= some & ((lowest >= 0) | ((word & (word - np.uint64(1))) != 0))
        new = np.flatnonzero(some & (lowest < 0))
        low = word[new] & (~word[new] + np.uint64(1))
        lowest[new] = 64 * k + np.log2(low.astype(np.float64)).astype(np.intp)  # powers of two, exactly
    return lowest, several


def _with_maxima(
    columns: Columns, lowest: IndexArray, left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]
) -> tuple[IndexArray, tuple[IndexArray, IndexArray, IndexArray]]:
    """Return what each edge is zero of, from both sides, and where winners differ, the entries of both."""
    first_leaf = columns.tournament.first_leaf
    last = np.iinfo(np.intp).max
    own = (
        np.where(lowest >= 0, columns.step_of_switch[lowest], last) if columns.n_switches else np.full(len(left), last)
    )
    differ = left != right
    steps = np.where(differ, columns.step_of_window, last)
    window = steps.argmin(axis=1)
    step = steps[np.arange(window.size), window]
    if (np.minimum(step, own) == last).any():
        raise Refuted("two regions beside each other have the same pattern")
    rows = np.arange(window.size)
    first = columns.first_entry + first_leaf[window]
    entries = np.stack([first + right[rows, window], first + left[rows, window]], axis=1)  # of the other side's winner
    found = np.where((step <= own)[:, None], entries, lowest[:, None])
    row, which = np.nonzero(differ)
    base = columns.first_entry + first_leaf[which]
    return found, (row, base + left[row, which], base + right[row, which])
