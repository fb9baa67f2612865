"""Level sets and decision boundaries in boxes of any number of inputs: polytopes of one dimension less."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.compared import Compared
from linregions.regions.boxes.measuring import Measurer
from linregions.regions.outputs import Comparison

IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Partition = Any  # a BoxPartition, which has what is here as methods


@dataclass(frozen=True, eq=False, repr=False)
class BoundaryPieces:
    """Convex polytopes of d - 1 dimensions with one class on one side and another on the other.

    Parameters
    ----------
    points : ndarray of float64, shape (sum of corners, d)
    offsets : ndarray of int64, shape (P + 1,)
        Piece p has the corners ``points[offsets[p]:offsets[p + 1]]``, in no order.
    classes : ndarray of int64, shape (P, 2)
        The two classes, the smaller number first. Of a level set 0, not above the level, and 1.
    regions : ndarray of int64, shape (P, 2)
        The activation regions on the sides of these classes: the same number, unless the piece lies between two.
    volumes : ndarray of float64, shape (P,)
        (d - 1)-dimensional volume of every piece: 1 for d = 1, length for d = 2, ....
    class_volumes : dict of float, by class
        d-dimensional volume of each class in the domain; classes without any are left out.
    """

    points: FloatArray
    offsets: IndexArray
    classes: IndexArray
    regions: IndexArray
    volumes: FloatArray
    class_volumes: dict[int, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of pieces, which may be 0."""
        return int(self.offsets.size - 1)

    def piece(self, number: int) -> FloatArray:
        """Return the corners of one piece, shape (corners, d), in no order."""
        return self.points[self.offsets[number] : self.offsets[number + 1]]

    @property
    def volume(self) -> float:
        """(d - 1)-dimensional volume of all pieces."""
        return float(self.volumes.sum())

    def __repr__(self) -> str:
        return f"BoundaryPieces({len(self)} pieces, volume {self.volume:.6g})"


class _Body(NamedTuple):
    """A polytope: corners, the sides that each lies on as a bit mask, and what is compared there."""

    points: FloatArray
    sides: list[int]
    values: FloatArray


class _Part(NamedTuple):
    """What a class has of a region. Sides are facets of the region, then one for each other class."""

    body: _Body
    region: int
    label: int
    facets: list[int]


def pieces_of(part: Partition, comparison: Comparison) -> BoundaryPieces:
    """Find where the largest of what is compared changes."""
    compared = Compared(part, comparison)
    compared.refine(np.arange(len(part.vertices)))
    winner, contested = contested_regions(part, compared)
    volumes = np.zeros(compared.n)
    np.add.at(volumes, winner[~contested], part.volumes[~contested])
    parts = [each for region in np.flatnonzero(contested).tolist() for each in _classes_in(part, compared, region)]
    found: list[tuple[FloatArray, tuple[int, int], tuple[int, int], float]] = []
    walls: dict[int, list[tuple[_Part, int, float]]] = {}
    for one, (volume, sizes) in zip(parts, _measured(parts, part.n_in), strict=True):
        volumes[one.label] += volume
        n = len(one.facets)
        for side, size in sizes.items():
            if side >= n + one.label + 1:  # where a class of a higher number takes over
                on = [k for k, word in enumerate(one.body.sides) if word >> side & 1]
                found.append((one.body.points[on], (one.label, side - n), (one.region, one.region), size))
            elif side < n and part.facet_side[one.facets[side]] < 0:
                walls.setdefault(one.facets[side], []).append((one, side, size))
    for entries in walls.values():
        found += _between_regions(compared, entries)
    names = compared.names
    return BoundaryPieces(
        np.concatenate([np.zeros((0, part.n_in)), *(points for points, *_ in found)]),
        np.array([0, *accumulate(len(points) for points, *_ in found)], dtype=np.int64),
        names[np.array([classes for _, classes, *_ in found], dtype=np.int64).reshape(-1, 2)],
        np.array([regions for _, _, regions, _ in found], dtype=np.int64).reshape(-1, 2),
        np.array([size for *_, size in found], dtype=np.float64),
        {int(names[k]): float(volume) for k, volume in enumerate(volumes) if volume > 0},
    )


def contested_regions(part: Partition, compared: Compared) -> tuple[IndexArray, BoolArray]:
    """Return the class of each region that has a single one, and which regions may have more."""
    starts = part.cell_offsets[:-1]
    own = np.argmax(compared.values, axis=1)[part.cell_vertices]
    low, high = np.minimum.reduceat(own, starts), np.maximum.reduceat(own, starts)
    return low, (low != high) | np.logical_or.reduceat(compared.is_tie()[part.cell_vertices], starts)


def _classes_in(part: Partition, compared: Compared, region: int) -> list[_Part]:
    """Return what each class has of a region: where it is ahead of all others."""
    offsets, facets = part.cell_facets
    own = facets[offsets[region] : offsets[region + 1]].tolist()
    corners = part.corners_of(region)
    place = {int(v): k for k, v in enumerate(corners)}
    sides = [0] * corners.size
    for s, f in enumerate(own):
        for v in part.facet_vertices[part.facet_offsets[f] : part.facet_offsets[f + 1]].tolist():
            sides[place[v]] |= 1 << s
    whole = _Body(part.vertices[corners], sides, compared.values[corners])
    found = []
    for label in range(compared.n):
        body: _Body | None = whole
        equal = False
        for other in range(compared.n):
            if body is None or other == label:
                continue
            gaps, signs = _signs(compared, body, label, other)
            # Where two are the same throughout, the lower number has all.
            equal |= other < label and not signs.any()
            body = _clipped(body, gaps, signs, 1 << (len(own) + other), (label, other))
        if body is not None and not equal:
            found.append(_Part(body, region, label, own))
    return found


def _signs(compared: Compared, body: _Body, label: int, other: int) -> tuple[FloatArray, FloatArray]:
    """Return how far a class is ahead of another at the corners, and the signs of that, 0 within rounding."""
    gaps = body.values[:, label] - body.values[:, other]
    signs = np.sign(gaps)
    near = np.flatnonzero(np.abs(gaps) <= 2 * compared.coarse)
    if near.size:
        bands = compared.bands(body.points[near])
        signs[near[np.abs(gaps[near]) <= bands[:, label] + bands[:, other]]] = 0
    return gaps, signs


def _clipped(body: _Body, gaps: FloatArray, signs: FloatArray, new: int, pair: tuple[int, int]) -> _Body | None:
    """Return the part of a body where gaps are positive, None where they are nowhere; the cut is a side `new`."""
    if not (signs > 0).any():
        return None if (signs < 0).any() or not signs.size else body
    if not (signs < 0).any():
        return body
    d = body.points.shape[1]
    kept = np.flatnonzero(signs >= 0).tolist()
    points, values = [body.points[kept]], [body.values[kept]]
    sides = [body.sides[k] | (new if signs[k] == 0 else 0) for k in kept]
    for i in np.flatnonzero(signs > 0).tolist():
        for j in np.flatnonzero(signs < 0).tolist():
            common = body.sides[i] & body.sides[j]
            if common.bit_count() < d - 1 or any(
                each & common == common for m, each in enumerate(body.sides) if m not in (i, j)
            ):
                continue
            share = gaps[i] / (gaps[i] - gaps[j])
            points.append((body.points[i] + share * (body.points[j] - body.points[i]))[None])
            value = body.values[i] + share * (body.values[j] - body.values[i])
            value[pair[0]] = value[pair[1]] = value[list(pair)].mean()
            values.append(value[None])
            sides.append(common | new)
    return _Body(np.concatenate(points), _true_sides(sides, d), np.concatenate(values))


def _true_sides(sides: list[int], d: int) -> list[int]:
    """Return the sides of corners without those that are no facets: whose corners another side has, too."""
    on: dict[int, set[int]] = {}
    for k, word in enumerate(sides):
        while word:
            bit = word & -word
            on.setdefault(bit, set()).add(k)
            word ^= bit
    lost = 0
    for bit, corners in on.items():
        # Of two with the same corners the later one, which is the cut, goes.
        if len(corners) < d or any(
            corners < others or (corners == others and bit > other) for other, others in on.items() if other != bit
        ):
            lost |= bit
    return [word & ~lost for word in sides]


def _measured(parts: list[_Part], d: int) -> list[tuple[float, dict[int, float]]]:
    """Return the volume of each part, and that of each of its sides."""
    if not parts:
        return []
    corners = [len(each.body.sides) for each in parts]
    words, labels = [], []
    for each in parts:
        used = 0
        for word in each.body.sides:
            used |= word
        own = [bit for bit in range(used.bit_length()) if used >> bit & 1]
        labels.append(own)
        words += [sum(1 << s for s, bit in enumerate(own) if word >> bit & 1) for word in each.body.sides]
    keys = np.arange(len(words), dtype=np.uint64)
    n_labels = [len(own) for own in labels]
    batch = CellBatch(
        np.array([0, *accumulate(corners)], dtype=np.int64),
        np.ascontiguousarray(np.concatenate([each.body.points for each in parts])),
        np.array(words, dtype=np.uint64),
        np.stack([keys, keys], axis=1),
        np.zeros(len(words), dtype=np.uint8),
        np.array([0, *accumulate(n_labels)], dtype=np.int64),
        np.concatenate([np.arange(n) for n in n_labels]).astype(np.int32),
        np.ones(sum(n_labels), dtype=np.int8),
        np.zeros((len(parts), 2), dtype=np.uint64),
        np.zeros((len(parts), 1), dtype=np.uint64),
    )
    measures = Measurer(d).measure(batch)
    result = []
    for k, own in enumerate(labels):
        start = int(batch.slot_offsets[k])
        present = int(measures.present[k])
        sizes = {bit: float(measures.facet_volumes[start + s]) for s, bit in enumerate(own) if present >> s & 1}
        result.append((float(measures.volumes[k]), sizes))
    return result


def _between_regions(
    compared: Compared, entries: list[tuple[_Part, int, float]]
) -> list[tuple[FloatArray, tuple[int, int], tuple[int, int], float]]:
    """Return the pieces on a facet between two regions: where different classes that tie there meet in it."""
    regions = sorted({one.region for one, *_ in entries})
    if len(regions) != 2:
        return []
    own, beyond = ({one.label: (one, side, size) for one, side, size in entries if one.region == r} for r in regions)
    found = []
    for label, (one, side, size) in own.items():
        if label in beyond:
            continue
        on = [k for k, word in enumerate(one.body.sides) if word >> side & 1]
        wall = _Body(one.body.points[on], [0] * len(on), one.body.values[on])
        for other in sorted(set(beyond) - set(own)):
            if not _signs(compared, wall, label, other)[1].any():
                pair, both = (label, other), (regions[0], regions[1])
                if label > other:
                    pair, both = pair[::-1], both[::-1]
                found.append((wall.points, pair, both, size))
                break
    return found
