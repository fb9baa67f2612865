"""A window cut by all switches of a network, step by step, with every decision right."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import U
from linregions.exact.forms import Cells, ExactNetwork
from linregions.exact.planes.faces import Cuts, Edges, Face, cut_face
from linregions.exact.planes.float_rows import FloatRows, Rows
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.lines import Line, Lines, Points, meeting_of_floats
from linregions.exact.planes.signs_at import switch_rows, values_at
from linregions.exact.signs import Form, Point
from linregions.networks.network import Network

# How many coefficients of forms are held at a time.
_AT_ONCE = 1 << 19

Signs = npt.NDArray[np.int8]


class Complex(NamedTuple):
    """A window cut by all switches of a graph, those of maxima included that decide nothing."""

    vertices: FloatArray  # (V, 2) plane coordinates
    edges: npt.NDArray[np.int32]  # (E, 2)
    switch: npt.NDArray[np.int32]  # (E,) the lowest of those that switch there, -1 on the border
    edge_faces: npt.NDArray[np.int32]  # (E, 2) left and right, -1 outside
    face_offsets: npt.NDArray[np.int64]
    face_vertices: npt.NDArray[np.int32]
    face_edges: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint8]  # (F, switches)
    n_exact: int  # decisions that exact arithmetic was asked for


class _EdgeCuts(NamedTuple):
    """Edges that were cut: the points on each, from its first end, and its pieces."""

    points: dict[int, list[int]]
    pieces: dict[int, list[int]]


class Arrangement:
    """A window while it is cut."""

    def __init__(self, network: Network, frame: Frame, note: Callable[[int], None] | None = None) -> None:
        self.network, self.frame, self._note = network, frame, note
        self.layout = network.numbering.layout
        self.rows = FloatRows(network.graph, self.layout, frame.float_rows())
        self.lines = Lines(frame, Cells(ExactNetwork.of(network), frame.rows), self.layout)
        self.points = Points(self.lines, frame.corners)
        n = len(frame.corners)
        self.edges = Edges()
        for k in range(n):
            self.edges.add(k, (k + 1) % n, k)
        self.faces: list[Face] = [(list(range(n)), list(range(n)))]
        self.bits = np.zeros((1, network.numbering.n_switches), dtype=np.uint8)

    def run(self) -> Complex:
        """Cut the window by all steps."""
        for k, layer in enumerate(self.layout):
            if layer.n_breakpoints:
                self._cut_by(k)
                if self._note is not None:
                    self._note(len(self.faces))
        return self._complex()

    # ---- one step ----------------------------------------------------------------------------------------------------

    def _cut_by(self, k: int) -> None:
        layer = self.layout[k]
        self.lines.begin_step(k, self.bits)
        self._known_lines: dict[tuple[int, int], int] = {}
        signs, values, error = self._signs(k)
        seen_by = self._seen_by()
        cuts, signs = self._cut_edges(k, signs, values, error, seen_by)
        del values, error
        faces = [_with_cuts(face, self.edges, cuts) for face in self.faces] if cuts.points else self.faces
        found: list[Face] = []
        parent: list[int] = []
        own: list[npt.NDArray[np.uint8]] = []
        for first, last in self._blocks(len(faces), layer.n_units * layer.n_breakpoints):
            some = faces[first:last]
            flat = np.fromiter((v for corners, _ in some for v in corners), dtype=np.intp)
            starts = np.cumsum([0] + [len(corners) for corners, _ in some[:-1]])
            around = signs[flat]
            above = np.maximum.reduceat(around, starts, axis=0) > 0
            both = above & (np.minimum.reduceat(around, starts, axis=0) < 0)
            counts = both.sum(axis=1)
            forms = self._forms_of(k, np.flatnonzero(counts > 1) + first, both[counts > 1])
            for f, face in enumerate(some):
                if not counts[f]:
                    found.append(face)
                    parent.append(first + f)
                    own.append(above[f])
                    continue
                (which,) = np.nonzero(both[f])
                for part, mask in self._cut(k, first + f, face, which, signs, forms.get(first + f)):
                    bits = above[f].copy()
                    bits[which] = [mask >> b & 1 for b in range(which.size)]
                    found.append(part)
                    parent.append(first + f)
                    own.append(bits)
        self.faces = found
        self.bits = self.bits[parent]
        self.bits[:, layer.own] = np.array(own, dtype=np.uint8)

    @staticmethod
    def _blocks(n: int, width: int) -> Iterator[tuple[int, int]]:
        size = max(1, _AT_ONCE // (3 * max(1, width)))
        return ((first, min(first + size, n)) for first in range(0, n, size))

    def _forms(self, k: int, which: npt.NDArray[np.intp] | slice) -> Rows:
        return switch_rows(self.rows.at(k, self.bits[which]), self.network.graph.steps[k].activation)

    def _coordinates(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        p = self.points
        return np.array(p.x), np.array(p.y), np.array(p.dx), np.array(p.dy)

    def _signs(self, k: int) -> tuple[Signs, FloatArray, npt.NDArray[np.float32]]:
        """Return the sign of every switch of a step at every point, and its value with the bound on its error."""
        layer, n = self.layout[k], len(self.points)
        width = layer.n_units * layer.n_breakpoints
        owner = np.empty(n, dtype=np.intp)
        for f, (corners, _) in enumerate(self.faces):
            owner[corners] = f
        order = np.argsort(owner, kind="stable")
        ends = np.cumsum(np.bincount(owner, minlength=len(self.faces)))
        coordinates = self._coordinates()
        signs = np.empty((n, width), dtype=np.int8)
        values, error = np.empty((n, width)), np.empty((n, width), dtype=np.float32)
        for first, last in self._blocks(len(self.faces), width):
            who = order[(ends[first - 1] if first else 0) : ends[last - 1]]
            if not who.size:
                continue
            forms = self._forms(k, slice(first, last))
            found = values_at(forms, owner[who] - first, *(c[who] for c in coordinates))
            signs[who], values[who] = found.signs, found.values
            with np.errstate(over="ignore"):
                error[who] = np.nextafter(found.error.astype(np.float32), np.float32(np.inf))
            for row, switch in np.argwhere(found.is_open).tolist():
                point = int(who[row])
                form = self.lines.form_of(k, int(owner[point]), layer.first + switch)
                signs[point, switch] = self.points.side_of(form, point)
        return signs, values, error

    def _seen_by(self) -> npt.NDArray[np.intp]:
        """Return for each edge a face that it bounds."""
        seen = np.empty(len(self.edges), dtype=np.intp)
        for f, (_, sides) in enumerate(self.faces):
            seen[sides] = f
        return seen

    def _line(self, k: int, cell: int, switch: int) -> int:
        """Return the number of the line of a step's switch, as a cell sees it."""
        found = self._known_lines.get((cell, switch))
        if found is None:
            number = self.layout[k].first + switch
            found = self._known_lines[cell, switch] = self.lines.add(Line(k, cell, number))
        return found

    # ---- edges -------------------------------------------------------------------------------------------------------

    def _cut_edges(
        self, k: int, signs: Signs, values: FloatArray, error: npt.NDArray[np.float32], seen_by: npt.NDArray[np.intp]
    ) -> tuple[_EdgeCuts, Signs]:
        """Cut all edges at whose ends a switch has different signs; return what was cut, and signs of new points."""
        edges, points = self.edges, self.points
        alive = np.unique(np.concatenate([sides for _, sides in self.faces]))
        first, second = np.array(edges.first, dtype=np.intp), np.array(edges.second, dtype=np.intp)
        pairs = []
        for low, high in self._blocks(alive.size, signs.shape[1]):
            some = alive[low:high]
            where = np.argwhere(signs[first[some]] * signs[second[some]] < 0)
            pairs.append(np.stack([some[where[:, 0]], where[:, 1]]))
        edge, switch = np.concatenate(pairs, axis=1)
        cuts = _EdgeCuts({}, {})
        if not edge.size:
            return cuts, signs
        a, b = values[first[edge], switch], values[second[edge], switch]
        off = np.maximum(error[first[edge], switch], error[second[edge], switch]).astype(np.float64)
        with np.errstate(all="ignore"):
            place = a / (a - b)
            off = (off / (np.abs(a - b) - 4 * off) + 8 * U) * (1 + 2.0**-20)
        unknown = ~((off >= 0) & (off < 1.0) & (place >= 0) & (place <= 1))
        place[unknown], off[unknown] = 0.5, 1.0
        order = np.lexsort((place, edge))
        edge, switch, place, off = edge[order], switch[order], place[order], off[order]
        begins = np.flatnonzero(np.append(True, edge[1:] != edge[:-1]))
        new_signs = []
        for low, high in zip(begins.tolist(), [*begins[1:].tolist(), edge.size], strict=True):
            e = int(edge[low])
            groups = self._in_order(k, e, int(seen_by[e]), switch[low:high], place[low:high], off[low:high])
            v, w = edges.first[e], edges.second[e]
            row = np.where(signs[v] != 0, signs[v], signs[w])
            met, pieces, line, before = [], [], edges.line[e], v
            x, y, dx, dy = points.x[v], points.y[v], points.dx[v], points.dy[v]
            far_x, far_y = points.x[w] - x, points.y[w] - y
            slack_x, slack_y = max(dx, points.dx[w]), max(dy, points.dy[w])
            for group in groups:
                here = [switch[low + g] for g in group]
                row = row.copy()
                row[here] = 0
                new_signs.append(row)
                row = row.copy()
                row[here] = signs[w, here]
                t, dt = float(place[low + group[0]]), float(off[low + group[0]])
                number = points.add_between(
                    line, self._line(k, int(seen_by[e]), int(here[0])), x + t * far_x, y + t * far_y,
                    dt * (abs(far_x) + 2 * slack_x) + slack_x + 4 * U * (abs(x) + abs(far_x)),
                    dt * (abs(far_y) + 2 * slack_y) + slack_y + 4 * U * (abs(y) + abs(far_y)),
                )  # fmt: skip
                met.append(number)
                pieces.append(edges.add(before, number, line))
                before = number
            pieces.append(edges.add(before, w, line))
            cuts.points[e], cuts.pieces[e] = met, pieces
        return cuts, np.concatenate([signs, np.array(new_signs, dtype=np.int8)])

    def _in_order(
        self, k: int, e: int, cell: int, switch: npt.NDArray[np.intp], place: FloatArray, off: FloatArray
    ) -> list[list[int]]:
        """Return the numbers of cuts of an edge from its first end on, those in one point together."""
        n = place.size
        if n == 1:
            return [[0]]
        high, low = np.maximum.accumulate(place + off), np.minimum.accumulate((place - off)[::-1])[::-1]
        gaps = high[:-1] < low[1:]
        if gaps.all():
            return [[g] for g in range(n)]
        groups: list[list[int]] = []
        starts = [0, *(np.flatnonzero(gaps) + 1).tolist(), n]
        for begin, end in itertools.pairwise(starts):
            if end - begin == 1:
                groups.append([begin])
            else:
                groups += self._in_exact_order(k, e, cell, list(range(begin, end)), switch)
        return groups

    def _in_exact_order(
        self, k: int, e: int, cell: int, some: list[int], switch: npt.NDArray[np.intp]
    ) -> list[list[int]]:
        ends = self.points.exact(self.edges.first[e]), self.points.exact(self.edges.second[e])
        forms = [self.lines.form_of(k, cell, self.layout[k].first + int(switch[g])) for g in some]
        # The form is zero at p / (p + q) of the way, with p, q > 0 in units that all forms share.
        ratios = [(abs(_value(form, ends[0])), abs(_value(form, ends[1]))) for form in forms]
        ordered: list[tuple[list[int], tuple[int, int]]] = []
        self.points.n_exact += len(some) - 1
        for g, ratio in zip(some, ratios, strict=True):
            low, high, same = 0, len(ordered), False
            while low < high:
                middle = (low + high) // 2
                other = ordered[middle][1]
                difference = ratio[0] * other[1] - other[0] * ratio[1]
                if difference == 0:
                    ordered[middle][0].append(g)
                    same = True
                    break
                if difference < 0:
                    high = middle
                else:
                    low = middle + 1
            if not same:
                ordered.insert(low, ([g], ratio))
        return [group for group, _ in ordered]

    # ---- faces -------------------------------------------------------------------------------------------------------

    def _forms_of(
        self, k: int, which: npt.NDArray[np.intp], both: npt.NDArray[np.bool_]
    ) -> dict[int, tuple[list[list[float]], list[list[float]]]]:
        """Return, for some faces, the forms of the switches that cut them, and the bounds on their errors."""
        if not which.size:
            return {}
        forms = self._forms(k, which)
        return {
            int(f): (forms.values[n][both[n]].tolist(), forms.error[n][both[n]].tolist()) for n, f in enumerate(which)
        }

    def _cut(
        self, k: int, number: int, face: Face, which: npt.NDArray[np.intp], signs: Signs,
        forms: tuple[list[list[float]], list[list[float]]] | None,
    ) -> list[tuple[Face, int]]:  # fmt: skip
        edges, points, layer = self.edges, self.points, self.layout[k]
        around = signs[np.array(face[0])[:, None], which]
        weights = [1 << b for b in range(which.size)]
        above = {v: sum(w for w, s in zip(weights, row, strict=True) if s > 0)
                 for v, row in zip(face[0], around.tolist(), strict=True)}  # fmt: skip
        below = {v: sum(w for w, s in zip(weights, row, strict=True) if s < 0)
                 for v, row in zip(face[0], around.tolist(), strict=True)}  # fmt: skip
        chords: dict[int, int] = {}  # which switch each line is, of those made in this face

        def line(b: int) -> int:
            made = self._line(k, number, int(which[b]))
            chords[made] = b
            return made

        def crossing(side: int, b: int) -> int:
            assert forms is not None
            one, other = edges.line[side], line(b)
            first = chords[one]
            values, errors = forms
            p, dp, q, dq = values[first], errors[first], values[b], errors[b]
            where = meeting_of_floats((p[0], p[1], p[2], dp[0], dp[1], dp[2]), (q[0], q[1], q[2], dq[0], dq[1], dq[2]))
            return points.add_between(one, other, *where)

        def sign(point: int, b: int) -> int:
            assert forms is not None
            (c, s, t), (dc, ds, dt) = forms[0][b], forms[1][b]
            x, y, dx, dy = points.x[point], points.y[point], points.dx[point], points.dy[point]
            value = c + s * x + t * y
            off = dc + ds * (abs(x) + dx) + dt * (abs(y) + dy) + abs(s) * dx + abs(t) * dy
            off = (off + 4 * U * (abs(c) + abs(s * x) + abs(t * y))) * 1.000001 + 2.0**-1000
            if abs(value) > off:
                return 1 if value > 0 else -1
            return points.side_of(self.lines.form_of(k, number, layer.first + int(which[b])), point)

        return cut_face(face, which.size, edges, Cuts(above, below, line, crossing, sign))

    # ---- what it comes to --------------------------------------------------------------------------------------------

    def _complex(self) -> Complex:
        sizes = [len(corners) for corners, _ in self.faces]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        corners = np.fromiter((v for c, _ in self.faces for v in c), dtype=np.int32)
        sides = np.fromiter((e for _, s in self.faces for e in s), dtype=np.int32)
        alive, along = np.unique(sides, return_inverse=True)
        ends = np.stack([np.array(self.edges.first, dtype=np.int32), np.array(self.edges.second, dtype=np.int32)])
        edges = ends[:, alive].T
        switch = np.array(self.lines.switches, dtype=np.int32)[np.array(self.edges.line, dtype=np.intp)[alive]]
        faces = np.full((alive.size, 2), -1, dtype=np.int32)
        owner = np.repeat(np.arange(len(self.faces), dtype=np.int32), sizes)
        faces[along, (edges[along, 0] != corners).astype(np.intp)] = owner
        x, y, _, _ = self._coordinates()
        return Complex(
            self.frame.plane_coordinates(np.stack([x, y], axis=1)), np.ascontiguousarray(edges), switch, faces, offsets,
            corners, along.astype(np.int32).ravel(), self.bits, self.points.n_exact,
        )  # fmt: skip


def _value(form: Form, point: Point) -> int:
    return sum(a * b for a, b in zip(form, point, strict=True))


def _with_cuts(face: Face, edges: Edges, cuts: _EdgeCuts) -> Face:
    """Return a face with its edges cut."""
    corners, sides = face
    if not any(side in cuts.points for side in sides):
        return face
    around, along = [], []
    for v, side in zip(corners, sides, strict=True):
        around.append(v)
        met = cuts.points.get(side)
        if met is None:
            along.append(side)
        elif edges.first[side] == v:
            around += met
            along += cuts.pieces[side]
        else:
            around += reversed(met)
            along += reversed(cuts.pieces[side])
    return around, along
