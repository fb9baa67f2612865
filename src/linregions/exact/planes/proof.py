"""The proof that a window is cut right: incidence, and the signs of all columns at all vertices.

The theorem is in `docs/certified.md`. Every vertex is where two columns are zero as a face about it sees them. Floats
with rigorous bounds tell the signs there; what they leave open, integers decide.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray
from linregions.exact.bounds import U
from linregions.exact.integers import quotient
from linregions.exact.planes.court import Court, path_of
from linregions.exact.planes.cycles import Cycles, cycles_of
from linregions.exact.planes.float_rows import FloatRows
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.places import Places, meetings
from linregions.exact.planes.proposal import Columns, IntArray, Proposal, Refuted, Words, has_bit, packed, unpacked
from linregions.exact.planes.trie import Level, first_changes, in_order, levels
from linregions.exact.signs import coordinates, determinant_3, meeting
from linregions.networks.network import Network

IndexArray = npt.NDArray[np.intp]

#: How many values are computed at a time.
VALUES_AT_ONCE = 1 << 19
_CORNER_WORDS_AT_ONCE = 1 << 20
_SLACK = 1.0 + 2.0**-30
# Bounds of what is there are not below this, so that their products do not vanish.
_FLOOR = 2.0**-400


class Proof(NamedTuple):
    """What it took to prove a partition."""

    n_regions: int
    n_decisions: int  # that floats could make
    n_exact: int  # that took integers


class Asked(NamedTuple):
    """The switches of a step at some vertices: unit j is ``values[cell, :, j] . (1, x, y)``.

    It is off by at most ``error norms[j] + bias[j]``; where that is zero, and the value too, it is zero.
    """

    values: FloatArray  # (cells, 3, units)
    cell: IndexArray  # (N,)
    face: IndexArray  # (N,)
    norms: FloatArray  # (units,)
    bias: FloatArray  # (units,)
    points: FloatArray  # (T,) breakpoints
    x: FloatArray  # (N,)
    y: FloatArray  # (N,)
    error: FloatArray  # (N,)
    bits: npt.NDArray[np.uint8]  # (faces, units T) on which side each switch should be
    first: int  # column of the first switch


#: What notes which switches are certainly where they should be, and returns rows and columns of those that are open.
Judge = Callable[[Asked, npt.NDArray[np.bool_]], tuple[IndexArray, IndexArray]]


def judge_in_numpy(asked: Asked, strict: npt.NDArray[np.bool_]) -> tuple[IndexArray, IndexArray]:
    """Judge without compiled code."""
    values, bound = _values(asked)
    signs = np.where(asked.bits != 0, 1.0, -1.0)[asked.face]
    return _judge(values * signs, bound, asked.first, strict)


def prove(network: Network, frame: Frame, proposal: Proposal, judge: Judge = judge_in_numpy, threads: int = 1) -> Proof:
    """Prove that the faces of a proposal are the closed activation regions of positive area, each once.

    `judge` does much of the work, and may be compiled code. Blocks of vertices are shared between `threads`.

    Raises
    ------
    Refuted
        If that is not so, or cannot be proved; says why.
    """
    columns = Columns(network, len(frame.sides))
    cycles = cycles_of(proposal, columns, len(frame.sides))
    order = in_order(proposal.words)
    if (first_changes(proposal.words[order]) < 0).any():
        raise Refuted("two regions have the same pattern")
    work = _Vertices(network, frame, proposal, columns, _Seen.of(proposal, columns, cycles, order), judge)
    _check_about_vertices(proposal, columns, cycles, work.face)
    strict = np.zeros((cycles.n_vertices, columns.n_words), dtype=np.uint64)
    with one_blas_thread():
        if threads == 1:
            for who in work.blocks():
                strict[who] = work.strict(who)
        else:
            blocks = list(work.blocks())
            with ThreadPoolExecutor(threads) as pool:
                for who, found in zip(blocks, pool.map(work.strict, blocks), strict=True):
                    strict[who] = found
    _check_faces(proposal, columns, cycles, strict)
    _check_orientation(proposal, columns, cycles, work.court)
    return Proof(order.size, cycles.n_vertices * columns.n, work.court.n_decisions)


def prove_vertices(
    network: Network, frame: Frame, proposal: Proposal, columns: Columns, face: IntArray, lines: IntArray,
    who: IndexArray,
) -> int:  # fmt: skip
    """Prove of some vertices that all columns but two are as a face says, and not zero; return how many took integers.

    -1 if some are zero, which is not wrong.

    Raises
    ------
    Refuted
        If one has another sign.
    """
    if not who.size:
        return 0
    faces, number = np.unique(face[who], return_inverse=True)
    order = in_order(proposal.words[faces])
    rank = np.empty(order.size, dtype=np.intp)
    rank[order] = np.arange(order.size)
    who = who[np.argsort(rank[number], kind="stable")]
    zeros = (who[:, None] * columns.n + np.sort(lines[who], axis=1)).astype(np.int64)
    seen = _Seen(face, lines, np.sort(zeros.ravel()), who)
    work = _Vertices(network, frame, proposal, columns, seen, judge_in_numpy)
    with one_blas_thread():
        for some in work.blocks():
            expected = np.ones((some.size, columns.n), dtype=np.bool_)
            np.put_along_axis(expected, lines[some].astype(np.intp), False, axis=1)
            if (work.strict(some) != packed(expected, columns.n_words)).any():
                return -1
    return work.court.n_decisions


def side_forms(frame: Frame) -> FloatArray:
    """Return the forms of a window's sides, each in some unit, rounded, (sides, 3)."""
    return np.array([[quotient(c, max(map(abs, side))) for c in side] for side in frame.sides])


class _Seen(NamedTuple):
    """From where vertices are looked at, and what is to be zero there."""

    face: IntArray  # (V,)
    lines: IntArray  # (V, 2) the columns that define each
    zeros: npt.NDArray[np.int64]  # vertex times columns plus column, in order
    order: IndexArray  # vertices, those first whose face's pattern is first

    @classmethod
    def of(cls, proposal: Proposal, columns: Columns, cycles: Cycles, order: IndexArray) -> _Seen:
        """Look from the first face about each vertex; `order` is that of faces."""
        rank = np.empty(order.size, dtype=np.intp)
        rank[order] = np.arange(order.size)
        # Of the corners at a vertex the one whose face comes first: the last one that is written.
        backwards = np.argsort(-rank[cycles.owner], kind="stable")
        corner = np.empty(cycles.n_vertices, dtype=np.intp)
        corner[proposal.face_vertices[backwards]] = backwards
        face = cycles.owner[corner]
        lines = np.stack([cycles.column[cycles.before[corner]], cycles.column[corner]], axis=1)
        zeros = cycles.zero_vertex.astype(np.int64) * columns.n + cycles.zero_column
        return cls(face, lines, zeros, np.argsort(rank[face], kind="stable"))


class _Vertices:
    """The vertices of a proposal, each looked at from a face about it."""

    def __init__(
        self, network: Network, frame: Frame, proposal: Proposal, columns: Columns, seen: _Seen, judge: Judge
    ) -> None:
        self.columns, self.proposal, self.judge = columns, proposal, judge
        self.court, self._court_is_held = Court(network, frame, columns), threading.Lock()
        self.rows = FloatRows(network.graph, columns.layout, frame.float_rows())
        self.face, self.lines, self.zeros, self.order = seen
        self.sides = side_forms(frame)

    def blocks(self) -> Iterator[IndexArray]:
        """Yield all vertices, some at a time."""
        widest = max([layer.n_units * layer.n_breakpoints for layer in self.columns.layout] + [1])
        size = max(16, VALUES_AT_ONCE // widest)
        return (self.order[first : first + size] for first in range(0, self.order.size, size))

    def strict(self, who: IndexArray) -> Words:
        """Return of some vertices the columns that are not zero there, on the side that regions about them claim."""
        with np.errstate(all="ignore"):
            return self._strict(who)

    def _strict(self, who: IndexArray) -> Words:
        columns = self.columns
        own = self.face[who]
        begins = np.append(True, own[1:] != own[:-1])  # those of one face follow one another
        faces, face = own[begins], np.cumsum(begins) - 1
        words = self.proposal.words[faces]
        bits = unpacked(words, columns.n_switches)
        found = list(levels(self.rows, words, bits))
        places = self._places(who, face, faces, bits, found)
        strict = np.zeros((who.size, columns.n), dtype=np.bool_)
        open_pairs: list[tuple[IndexArray, IndexArray]] = []
        compared = {}
        for level in found:
            layer = columns.layout[level.step]
            asked = self._asked(level, face, bits, places)
            plain = columns.is_plain[layer.own]
            if plain.all():
                open_pairs.append(self.judge(asked, strict))
                continue
            compared[level.step] = _values(asked)
            row, column = judge_in_numpy(asked, strict)
            strict[:, layer.own] &= plain
            kept = plain[column - layer.first]
            open_pairs.append((row[kept], column[kept]))
        if columns.has_maxima:
            values, bound = self._entries(bits, face, compared)
            open_pairs.append(_judge(-values, bound, columns.first_entry, strict))
        open_pairs.append(_judge(*self._heights(places), columns.first_side, strict))
        with self._court_is_held:
            self._settle(who, face, faces, bits, strict, open_pairs)
            self.court.forget_points()
        return packed(strict, columns.n_words)

    # ---- where the vertices are --------------------------------------------------------------------------------------

    def _places(
        self, who: IndexArray, face: IndexArray, faces: IndexArray, bits: npt.NDArray[np.uint8], found: list[Level]
    ) -> Places:
        forms = np.zeros((2, who.size, 3))
        off = np.zeros((2, who.size, 3))
        columns = self.columns
        for end in (0, 1):
            column = self.lines[who, end]
            side = np.flatnonzero(column >= columns.first_side)
            forms[end, side] = self.sides[column[side] - columns.first_side]
            off[end, side] = 4 * U * np.abs(forms[end, side])
            entry = np.flatnonzero((column >= columns.first_entry) & (column < columns.first_side))
            paths = [
                (row, comparison, weight)
                for row in entry.tolist()
                for comparison, weight in path_of(columns, bits[face[row]], int(column[row]) - columns.first_entry)
            ]
            for level in found:
                layer = columns.layout[level.step]
                own = np.flatnonzero((column >= layer.first) & (column < layer.own.stop))
                unit, breakpoint = np.divmod(column[own] - layer.first, layer.n_breakpoints)
                a, e = _forms(level, face[own], unit)
                levels_ = self.rows.graph.steps[level.step].activation.table.breakpoints[breakpoint]
                e[:, 0] += np.where(levels_ != 0, 4 * U * (np.abs(a[:, 0]) + np.abs(levels_)), 0.0)
                a[:, 0] -= levels_
                forms[end, own], off[end, own] = a, e
                self._add_paths(level, face, paths, forms[end], off[end])
        places = meetings(forms[0], off[0], forms[1], off[1])
        for row in np.flatnonzero(~np.isfinite(places.dx)).tolist():
            x, y = self._exact_place(row, who, face, faces, bits)
            places.x[row], places.y[row] = x, y
            places.dx[row], places.dy[row] = 4 * U * abs(x) + _FLOOR, 4 * U * abs(y) + _FLOOR
        return places

    def _add_paths(
        self, level: Level, face: IndexArray, paths: list[tuple[int, int, int]], forms: FloatArray, off: FloatArray
    ) -> None:
        """Add what comparisons of a step are to forms of entries."""
        maxima = self.rows.graph.maxima
        own = [(row, c, weight) for row, c, weight in paths if maxima.step[c] == level.step]
        if not own:
            return
        row, comparison, weight = np.array(own).T
        a, e = _forms(level, face[row], maxima.unit[comparison])
        np.add.at(forms, row, weight[:, None] * a)
        np.add.at(off, row, e + 1024 * U * np.abs(a))  # fewer than 1024 are summed

    def _exact_place(
        self, row: int, who: IndexArray, face: IndexArray, faces: IndexArray, bits: npt.NDArray[np.uint8]
    ) -> tuple[float, ...]:
        f, vertex = int(face[row]), int(who[row])
        with self._court_is_held:
            self.court.see(int(faces[f]), bits[f])
            point = self.court.vertex(vertex, *self.lines[vertex].tolist())
        if point is None:
            raise Refuted("two edges of a region that meet are parallel")
        return coordinates(point)

    # ---- signs there -------------------------------------------------------------------------------------------------

    def _asked(self, level: Level, face: IndexArray, bits: npt.NDArray[np.uint8], places: Places) -> Asked:
        """Return what is asked of a step's switches at vertices, with bounds on errors."""
        sums, cell, layer = level.sums, _cells(level, face), self.columns.layout[level.step]
        share, norm = sums.share[cell], sums.norm[cell]
        size_x, size_y = np.abs(places.x) + places.dx, np.abs(places.y) + places.dy
        error = share[:, 0] + share[:, 1] * size_x + share[:, 2] * size_y + 8 * U * norm[:, 0]
        error += (norm[:, 1] + share[:, 1]) * (places.dx + 8 * U * size_x)
        error += (norm[:, 2] + share[:, 2]) * (places.dy + 8 * U * size_y)
        error = np.where(error > 0, np.maximum(error * _SLACK, _FLOOR), error)
        bias = 32 * U * sums.bias + np.where(sums.bias > 0, 2.0**-900, 0.0)
        points = self.rows.graph.steps[level.step].activation.table.breakpoints
        return Asked(
            sums.values, cell, face, sums.norms * _SLACK, bias, points, places.x, places.y, error, bits[:, layer.own],
            layer.first,
        )  # fmt: skip

    def _entries(
        self, bits: npt.NDArray[np.uint8], face: IndexArray, compared: dict[int, tuple[FloatArray, FloatArray]]
    ) -> tuple[FloatArray, FloatArray]:
        """Return what each entry of each maximum is above the winner, and bounds on the error; of this itself, zero."""
        tournament, maxima = self.columns.tournament, self.rows.graph.maxima
        switches = self.columns.network.numbering.comparison_switch
        n = tournament.leaf.size
        values, bound = np.zeros((face.size, n)), np.zeros((face.size, n))
        at, side = tournament.leaf.copy(), tournament.leaf_side.astype(np.intp)
        while (at >= 0).any():
            for k, (sums, off) in compared.items():
                own = np.flatnonzero((at >= 0) & (maxima.step[at] == k))
                unit = maxima.unit[at[own]]
                weight = side[own] - bits[:, switches[at[own]]].astype(np.float64)[face]
                values[:, own] += weight * sums[:, unit]
                bound[:, own] += np.abs(weight) * (off[:, unit] + 1024 * U * np.abs(sums[:, unit]))
            on = at >= 0
            at, side = np.where(on, tournament.parent[at], -1), np.where(on, tournament.side[at], 0).astype(np.intp)
        return values, bound * _SLACK

    def _heights(self, places: Places) -> tuple[FloatArray, FloatArray]:
        """Return the distances from the window's sides, in some unit, positive inside, and bounds on their errors."""
        c, s, t = self.sides.T
        x, y = places.x[:, None], places.y[:, None]
        values = c + (s * x + t * y)
        bound = 16 * U * (np.abs(c) + np.abs(s * x) + np.abs(t * y)) + _FLOOR
        bound += 2 * (np.abs(s) * places.dx[:, None] + np.abs(t) * places.dy[:, None])
        return values, bound

    def _settle(
        self, who: IndexArray, face: IndexArray, faces: IndexArray, bits: npt.NDArray[np.uint8],
        strict: npt.NDArray[np.bool_], open_pairs: list[tuple[IndexArray, IndexArray]],
    ) -> None:  # fmt: skip
        """Decide exactly what is open, and that what must be zero is."""
        columns, court = self.columns, self.court
        row = np.concatenate([pair[0] for pair in open_pairs])
        column = np.concatenate([pair[1] for pair in open_pairs])
        low, high = np.searchsorted(self.zeros, who * columns.n), np.searchsorted(self.zeros, (who + 1) * columns.n)
        index = np.repeat(low - np.append(0, np.cumsum(high - low)[:-1]), high - low) + np.arange((high - low).sum())
        zero_row = np.repeat(np.arange(who.size), high - low)
        zero_column = (self.zeros[index] % columns.n).astype(np.intp)
        strict[zero_row, zero_column] = False
        known = (self.lines[who[zero_row]] == zero_column[:, None]).any(axis=1)
        zero_key, key = zero_row * columns.n + zero_column, row * columns.n + column
        is_zero = np.isin(key, zero_key)
        row, column = row[~is_zero], column[~is_zero]
        asked = [(zero_row[~known], zero_column[~known], True), (row, column, False)]
        rows = np.concatenate([a for a, _, _ in asked])
        which = np.concatenate([b for _, b, _ in asked])
        must_vanish = np.concatenate([np.full(a.size, c) for a, _, c in asked])
        for n in np.argsort(rows, kind="stable").tolist():
            r, c = int(rows[n]), int(which[n])
            f, vertex = int(face[r]), int(who[r])
            if columns.first_entry <= c < columns.first_side and not path_of(columns, bits[f], c - columns.first_entry):
                continue  # the winner itself
            court.see(int(faces[f]), bits[f])
            point = court.vertex(vertex, *self.lines[vertex].tolist())
            if point is None:
                raise Refuted("two edges of a region that meet are parallel")
            sign = court.sign(c, point)
            if must_vanish[n]:
                if sign:
                    raise Refuted("regions about a vertex differ in a neuron that does not switch there")
                continue
            if c >= columns.first_side:
                expected = 1
            elif c >= columns.first_entry:
                expected = -1
            else:
                expected = 1 if bits[f, c] else -1
            if sign == -expected:
                raise Refuted("a neuron has a sign at a vertex that the regions there do not have")
            strict[r, c] = sign == expected


def _values(asked: Asked) -> tuple[FloatArray, FloatArray]:
    """Return the values of switches, and bounds on their errors."""
    a = asked.values[asked.cell]
    values = a[:, 0] + (a[:, 1] * asked.x[:, None] + a[:, 2] * asked.y[:, None])
    bound = asked.error[:, None] * asked.norms + asked.bias
    points = asked.points
    if points.size > 1 or points[0] != 0:
        values, bound = np.repeat(values, points.size, axis=1), np.repeat(bound, points.size, axis=1)
        thresholds = np.tile(points, asked.norms.size)
        bound += np.where(thresholds != 0, 4 * U * (np.abs(values) + np.abs(thresholds)), 0.0)
        values -= thresholds
    return values, bound


def _judge(
    values: FloatArray, bound: FloatArray, first: int, strict: npt.NDArray[np.bool_]
) -> tuple[IndexArray, IndexArray]:
    """Note where values are above zero, which they may not be below; elsewhere that is open, unless they vanish."""
    own = values > bound
    strict[:, first : first + own.shape[1]] = own
    row, column = np.nonzero(~own & ((bound != 0) | (values != 0)))
    return row, column + first


def _cells(level: Level, face: IndexArray) -> IndexArray:
    return level.cell[face] if level.sums.values.shape[0] > 1 else np.zeros(face.size, dtype=np.intp)


def _forms(level: Level, face: IndexArray, unit: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Return the form of one unit in each of some faces, (N, 3), and bounds on the errors of its coefficients."""
    sums, cell = level.sums, _cells(level, face)
    off = sums.share[cell] * sums.norms[unit][:, None] * _SLACK
    off[:, 0] += 8 * U * sums.bias[unit]
    return sums.values[cell, :, unit], off + 2.0**-900


def _check_about_vertices(proposal: Proposal, columns: Columns, cycles: Cycles, face: IntArray) -> None:
    """Check that faces differ from the one that looks at a vertex only in columns that are to be zero there."""
    zero = np.zeros((cycles.n_vertices, columns.n_words), dtype=np.uint64)
    bit = np.uint64(1) << (cycles.zero_column % 64).astype(np.uint64)
    np.bitwise_or.at(zero, (cycles.zero_vertex, cycles.zero_column // 64), bit)
    words, corners = proposal.words, proposal.face_vertices
    winners = columns.winners(words) if columns.has_maxima else None
    first_entries = columns.first_entry + columns.tournament.first_leaf
    size = max(1, _CORNER_WORDS_AT_ONCE // columns.n_words)
    for begin in range(0, corners.size, size):
        v, own = corners[begin : begin + size], cycles.owner[begin : begin + size]
        changed = (words[own] ^ words[face[v]]) & columns.plain_words & ~zero[v, : words.shape[1]]
        differ = bool(changed.any())
        if winners is not None:
            row, window = np.nonzero(winners[own] != winners[face[v]])
            differ |= not has_bit(zero, v[row], first_entries[window] + winners[own[row], window]).all()
        if differ:
            raise Refuted("regions about a vertex differ in a neuron that does not switch there")


def _check_faces(proposal: Proposal, columns: Columns, cycles: Cycles, strict: Words) -> None:
    """Check what each face needs of its corners together."""
    corners, offsets = proposal.face_vertices, proposal.face_offsets
    if not has_bit(strict, corners[cycles.before], cycles.column).all():
        raise Refuted("two edges of a region that follow one another are on one line")
    first = cycles.column[offsets[:-1]]
    touching = ~has_bit(strict, corners, first[cycles.owner])
    if (np.add.reduceat(touching, offsets[:-1], dtype=np.int64) != 2).any():
        raise Refuted("a region meets one of its edges' lines elsewhere")
    size = max(1, _CORNER_WORDS_AT_ONCE // (4 * columns.n_words))
    for begin in range(0, offsets.size - 1, size):
        own = offsets[begin : begin + size + 1]
        some = np.bitwise_or.reduceat(strict[corners[own[0] : own[-1]]], own[:-1] - own[0], axis=0)
        if (_needed(proposal, columns, slice(begin, begin + own.size - 1)) & ~some).any():
            raise Refuted("a neuron is above zero in a pattern, and nowhere in the region")


def _check_orientation(proposal: Proposal, columns: Columns, cycles: Cycles, court: Court) -> None:
    """Check that the first face runs counter-clockwise; edges, used once each way, hand that on to all."""
    court.see(0, unpacked(proposal.words[:1], columns.n_switches)[0])
    points = []
    for corner in (0, 1, 2):
        pair = int(cycles.column[cycles.before[corner]]), int(cycles.column[corner])
        point = meeting(*(court.form(column) for column in pair))
        if point is None:
            raise Refuted("two edges of a region that meet are parallel")
        points.append(point)
    if determinant_3(*points) <= 0:
        raise Refuted("the corners of a region are listed clockwise")


def _needed(proposal: Proposal, columns: Columns, some: slice) -> Words:
    """Return which columns must be strict somewhere on some faces."""
    words = proposal.words[some]
    found = np.zeros((words.shape[0], columns.n_words), dtype=np.uint64)
    found[:, : words.shape[1]] = words & columns.plain_words
    if columns.has_maxima:
        first_leaf = columns.tournament.first_leaf
        winner = np.repeat(first_leaf[:-1] + columns.winners(words), np.diff(first_leaf), axis=1)
        bits = np.zeros((words.shape[0], columns.n), dtype=np.bool_)
        bits[:, columns.first_entry : columns.first_side] = np.arange(first_leaf[-1]) < winner
        found |= packed(bits, columns.n_words)
    return found
