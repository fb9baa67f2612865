"""Cells of arrangements of planes in the box [-1, 1]^d in exact arithmetic, as the engine of boxes hands them on."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from linregions.regions.boxes.batch import CellBatch

Point = tuple[Fraction, ...]


class Arrangement(NamedTuple):
    """Planes ``normals @ x = offsets``; sides of the box come after them, as ``x >= -1`` and ``x <= 1`` in turn."""

    normals: list[list[Fraction]]
    offsets: list[Fraction]
    n_planes: int  # without the sides

    @classmethod
    def of(cls, normals: npt.ArrayLike, offsets: npt.ArrayLike) -> Arrangement:
        rows = [[Fraction(x) for x in row] for row in np.asarray(normals, dtype=float).tolist()]
        d, right = len(rows[0]), [Fraction(x) for x in np.asarray(offsets, dtype=float).tolist()]
        n = len(rows)
        for i in range(d):
            for sign in (1, -1):
                rows.append([Fraction(sign if k == i else 0) for k in range(d)])
                right.append(Fraction(-1))
        return cls(rows, right, n)

    def signs(self, point: Point) -> tuple[int, ...]:
        values = (
            sum(a * x for a, x in zip(row, point, strict=True)) - b
            for row, b in zip(self.normals, self.offsets, strict=True)
        )
        return tuple((value > 0) - (value < 0) for value in values)

    def zeros(self, point: Point) -> frozenset[int]:
        return frozenset(k for k, sign in enumerate(self.signs(point)) if sign == 0)


def cells_of(arrangement: Arrangement) -> list[list[Point]]:
    """Cut the box by one plane after the other; return the vertices of every cell."""
    d, n = len(arrangement.normals[0]), arrangement.n_planes
    inserted = set(range(n, n + 2 * d))
    cells: list[list[Point]] = [[tuple(map(Fraction, corner)) for corner in product((-1, 1), repeat=d)]]
    known: dict[Point, frozenset[int]] = {}
    for h in range(n):
        row, b, after = arrangement.normals[h], arrangement.offsets[h], []
        for cell in cells:
            values = {p: sum(a * x for a, x in zip(row, p, strict=True)) - b for p in cell}
            above, below = [p for p in cell if values[p] > 0], [p for p in cell if values[p] < 0]
            if not above or not below:
                after.append(cell)
                continue
            for p in cell:
                if p not in known:
                    known[p] = arrangement.zeros(p)
            on = [known[p] & inserted for p in cell]
            new = [p for p in cell if values[p] == 0]
            for p, q in product(above, below):
                common = known[p] & known[q] & inserted
                if sum(common <= zeros for zeros in on) == 2:
                    t = values[p] / (values[p] - values[q])
                    new.append(tuple(x + t * (y - x) for x, y in zip(p, q, strict=True)))
            after += [above + new, below + new]
        cells = after
        inserted.add(h)
    return cells


def dimension(points: list[Point]) -> int:
    """Return the dimension of the affine hull."""
    steps = [[x - y for x, y in zip(p, points[0], strict=True)] for p in points[1:]]
    rank = 0
    for column in range(len(points[0])):
        pivot = next((k for k in range(rank, len(steps)) if steps[k][column] != 0), None)
        if pivot is None:
            continue
        steps[rank], steps[pivot] = steps[pivot], steps[rank]
        for k in range(rank + 1, len(steps)):
            factor = steps[k][column] / steps[rank][column]
            steps[k] = [x - factor * y for x, y in zip(steps[k], steps[rank], strict=True)]
        rank += 1
    return rank


def batch_of(arrangement: Arrangement, cells: list[list[Point]], seed: int) -> CellBatch:
    """Put cells in flat arrays, with their slots in any order and some slots free."""
    rng = np.random.default_rng(seed)
    n, d = arrangement.n_planes, len(arrangement.normals[0])
    positive, zero = rng.integers(0, 2**64, (2, n + 2 * d, 2), dtype=np.uint64)
    offsets, slot_offsets = [0], [0]
    rows: list[tuple[Point, int, npt.NDArray[np.uint64], bool]] = []
    labels: list[int] = []
    slot_signs: list[int] = []
    for cell in cells:
        on = [arrangement.zeros(p) for p in cell]
        mean = tuple(sum(column) / len(cell) for column in zip(*cell, strict=True))
        signs = arrangement.signs(mean)
        facets: dict[frozenset[int], int] = {}
        for h in [*range(n, n + 2 * d), *range(n)]:
            on_h = frozenset(k for k, zeros in enumerate(on) if h in zeros)
            if len(on_h) >= d and dimension([cell[k] for k in sorted(on_h)]) == d - 1:
                # Of planes that are one, the cell on the negative side of the first names the last.
                known = facets.setdefault(on_h, h)
                facets[on_h] = h if known < n and signs[known] < 0 else known
        taken = [(h, on_h) for on_h, h in facets.items()] + [(0, frozenset())] * int(rng.integers(3))
        taken = [taken[k] for k in rng.permutation(len(taken))]
        for h, _ in taken:
            labels.append(h if h < n else n - h - 1)
            slot_signs.append(signs[h])
        for k in rng.permutation(len(cell)):
            word = sum(1 << s for s, (_, on_h) in enumerate(taken) if k in on_h)
            key = np.zeros(2, dtype=np.uint64)
            for h, sign in enumerate(arrangement.signs(cell[k])):
                key ^= zero[h] if sign == 0 else positive[h] if sign > 0 and h < n else np.uint64(0)
            rows.append((cell[k], word, key, len(on[k]) > word.bit_count()))
        offsets.append(len(rows))
        slot_offsets.append(len(labels))
    points, words, keys, tight = zip(*rows, strict=True)
    return CellBatch(
        np.array(offsets),
        np.array(points, dtype=float),
        np.array(words, dtype=np.uint64),
        np.array(keys),
        np.array(tight, dtype=np.uint8),
        np.array(slot_offsets),
        np.array(labels, dtype=np.int32),
        np.array(slot_signs, dtype=np.int8),
        np.zeros((len(cells), 2), dtype=np.uint64),
        np.zeros((len(cells), 1), dtype=np.uint64),
    )


def volume_of(points: list[Point]) -> float:
    """Return the volume of the convex hull in its own dimension."""
    dim = dimension(points)
    if dim == 0:
        return 1.0
    given = np.array(points, dtype=float)
    frame = np.linalg.svd(given - given[0])[2][:dim]
    flat = (given - given[0]) @ frame.T
    return float(np.ptp(flat)) if dim == 1 else float(ConvexHull(flat).volume)


class Face(NamedTuple):
    dim: int
    on_side: bool
    volume: float


def faces_of(arrangement: Arrangement, cells: list[list[Point]]) -> dict[frozenset[Point], Face]:
    """Return all faces of all cells, each once: sets of vertices that common planes of a cell hold."""
    found: dict[frozenset[Point], Face] = {}
    n = arrangement.n_planes
    for cell in cells:
        on = {p: arrangement.zeros(p) for p in cell}
        planes = {frozenset(p for p in cell if h in on[p]) for h in frozenset().union(*on.values())}
        closed, fresh = {frozenset(cell)}, {frozenset(cell)}
        while fresh:
            fresh = {a & b for a, b in product(fresh, planes)} - closed - {frozenset()}
            closed |= fresh
        for face in closed - found.keys():
            points = sorted(face)
            common = frozenset.intersection(*(on[p] for p in points))
            found[face] = Face(dimension(points), any(h >= n for h in common), volume_of(points))
    return found


def strata_of(faces: dict[frozenset[Point], Face], d: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the volumes of faces of each codimension that are in no side, and the number of each dimension."""
    strata, counts = np.zeros(d + 1), np.zeros(d + 1, dtype=np.int64)
    for face in faces.values():
        counts[face.dim] += 1
        strata[d - face.dim] += 0.0 if face.on_side else face.volume
    return strata, counts


def general_planes(d: int, n: int, seed: int) -> Arrangement:
    """Random planes of multiples of 1 / 64: any d of them meet in a point, no more."""
    rng = np.random.default_rng(seed)
    return Arrangement.of(rng.integers(-64, 65, (n, d)) / 64, rng.integers(-40, 41, n) / 64)


def degenerate_planes(d: int, n: int, seed: int) -> Arrangement:
    """Planes of few small integers, so that many meet; some twice, some through corners and along sides."""
    rng = np.random.default_rng(seed)
    normals = rng.integers(-1, 2, (n, d))
    normals[np.all(normals == 0, axis=1), 0] = 1
    offsets = rng.integers(-1, 2, n) * rng.integers(0, 2, n)
    if n > 3:
        normals[1], offsets[1] = -2 * normals[0], -2 * offsets[0]
    return Arrangement.of(normals, offsets)


def reflections(d: int) -> Arrangement:
    """The planes of the reflections B_d: ``x_i = 0`` and ``x_i = +- x_j``."""
    unit = np.eye(d)
    pairs = [unit[i] + sign * unit[j] for i, j in combinations(range(d), 2) for sign in (1, -1)]
    return Arrangement.of([*unit, *pairs], np.zeros(d + len(pairs)))


def part_of(batch: CellBatch, first: int, last: int) -> CellBatch:
    """Return the cells from `first` to `last` of a batch as a batch."""
    a, b = batch.cell_offsets[first], batch.cell_offsets[last]
    s, t = batch.slot_offsets[first], batch.slot_offsets[last]
    return CellBatch(
        batch.cell_offsets[first : last + 1] - a,
        batch.points[a:b],
        batch.slots[a:b],
        batch.vertex_keys[a:b],
        batch.tight[a:b],
        batch.slot_offsets[first : last + 1] - s,
        batch.slot_labels[s:t],
        batch.slot_signs[s:t],
        batch.cell_keys[first:last],
        batch.pattern_words[first:last],
    )
