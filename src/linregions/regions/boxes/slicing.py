"""Polyhedra that share their polygons, cut where a function that is affine on each changes sign: whole arrays at once.

All that is decided is the sign at a vertex, once for all polyhedra that have it. So what is cut fits together again,
corner by corner, however the numbers were rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.errors import NumericalError
from linregions.regions.boxes.compared import GROWTH, Compared, SignArray

IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
# Bands that have grown beyond this show that something else is wrong.
_WIDEST = 2.0**24


@dataclass
class Polygons:
    """Polygons between two cells, and what is known of the cells."""

    offsets: IndexArray  # (P + 1,)
    corners: IndexArray  # numbers of vertices, counter-clockwise seen from the second cell
    beside: IndexArray  # (P, 2): cells; the second is -1 outside the domain
    parent: IndexArray  # (C,): region of the partition that a cell lies in
    label: IndexArray  # (C,): class
    is_cut: BoolArray  # (C,): whether all polygons of the cell are here, so that it can be cut

    @property
    def of_corner(self) -> IndexArray:
        """The polygon of each corner."""
        return np.repeat(np.arange(len(self.beside)), np.diff(self.offsets))

    @property
    def after(self) -> IndexArray:
        """The place of the corner that follows each."""
        after = np.arange(1, self.corners.size + 1)
        after[self.offsets[1:] - 1] = self.offsets[:-1]
        return after


def cut_by(polygons: Polygons, compared: Compared, k: int) -> int:
    """Cut where output k takes the lead from all before it; cells where it has it get the label k.

    Returns how many signs are within rounding of zero. Where zeros contradict one another, as they may in regions that
    are smaller than rounding, all count as negative, and if signs still do, more of them count as zero.
    """
    widened, used = np.ones(len(compared.values)), np.unique(polygons.corners)
    lowered = False
    while True:
        gaps, signs = compared.signs(k, widened)
        undecided = int(np.count_nonzero((signs[used] == 0) & (gaps[used] != 0)))
        if lowered:  # as if the other outputs were higher by less than any number
            signs[signs == 0] = -1
        doubtful = _doubtful(polygons, signs)
        if not doubtful.any() and _is_cut(polygons, compared, k, gaps, signs):
            return undecided
        if not lowered:
            lowered = True
            continue
        grow = np.unique(polygons.corners[doubtful[polygons.of_corner]]) if doubtful.any() else used
        widened[grow] *= GROWTH
        if widened[grow].max() > _WIDEST:
            raise NumericalError(
                "`network` has an output whose signs at the corners of a region contradict one another in float64, but "
                "a surface needs an affine function there. Give a smaller box or another level."
            )


def _is_cut(polygons: Polygons, compared: Compared, k: int, gaps: FloatArray, signs: SignArray) -> bool:
    """Cut and return True; leave all as it is and return False if a cell's cut is no polygon."""
    before = compared.points, compared.values
    try:
        _cut(polygons, compared, k, gaps, signs)
    except NumericalError:
        compared.points, compared.values = before
        return False
    return True


def _doubtful(polygons: Polygons, signs: SignArray) -> BoolArray:
    """Tell which polygons have signs that no affine function has.

    There may be two corners at zero at most, or all. Around the polygon the sign changes twice or never; if it does,
    each zero lies between the two signs, and if not, two zeros are neighbours. No cell with both signs has a polygon
    all at zero.
    """
    starts, sides = polygons.offsets[:-1], np.diff(polygons.offsets)
    own = signs[polygons.corners]
    zeros = np.add.reduceat((own == 0).astype(np.int64), starts)
    has_plus, has_minus = np.maximum.reduceat(own, starts) > 0, np.minimum.reduceat(own, starts) < 0
    follows = own[polygons.after]
    leaves = np.add.reduceat(((own > 0) & (follows <= 0)).astype(np.int64), starts)
    enters = np.add.reduceat(((own < 0) & (follows >= 0)).astype(np.int64), starts)
    adjacent = np.add.reduceat(((own == 0) & (follows == 0)).astype(np.int64), starts)
    wrong = (zeros > 2) & (zeros < sides)
    wrong |= (leaves > 1) | (enters > 1)
    mixed = has_plus & has_minus
    wrong |= mixed & (adjacent > 0)
    wrong |= ~mixed & (zeros == 2) & (zeros < sides) & (adjacent != 1)
    # A zero with the same sign on both sides of it, in a polygon that has both.
    before = np.empty_like(own)
    before[polygons.after] = own
    wrong |= mixed & (np.add.reduceat(((own == 0) & (before * follows > 0)).astype(np.int64), starts) > 0)
    cell_mixed = _mixed_cells(polygons, has_plus, has_minus)
    flat = zeros == sides
    for side in polygons.beside.T:
        wrong |= flat & (side >= 0) & cell_mixed[side]
    return np.asarray(wrong)


def _mixed_cells(polygons: Polygons, has_plus: BoolArray, has_minus: BoolArray) -> BoolArray:
    plus, minus = _cells_with(polygons, has_plus), _cells_with(polygons, has_minus)
    return plus & minus & polygons.is_cut


def _cells_with(polygons: Polygons, chosen: BoolArray) -> BoolArray:
    found = np.zeros(polygons.parent.size, dtype=bool)
    cells = polygons.beside[chosen].ravel()
    found[cells[cells >= 0]] = True
    return found


def _cut(polygons: Polygons, compared: Compared, k: int, gaps: FloatArray, signs: SignArray) -> None:
    starts, corners, after, owner = polygons.offsets[:-1], polygons.corners, polygons.after, polygons.of_corner
    own, follows = signs[corners], signs[corners[after]]
    has_plus, has_minus = np.maximum.reduceat(own, starts) > 0, np.minimum.reduceat(own, starts) < 0
    crossing = own * follows < 0
    crossings = np.full(corners.size, -1, dtype=np.int64)
    crossings[crossing] = _new_vertices(compared, k, gaps, corners[crossing], corners[after[crossing]])

    # The cells in two: the part below keeps the number.
    mixed = _mixed_cells(polygons, has_plus, has_minus)
    above = np.arange(polygons.parent.size)
    above[mixed] = polygons.parent.size + np.arange(np.count_nonzero(mixed))
    segments = _segments(polygons, own, follows, crossings, after)
    new_offsets, new_corners, cut_cells = _cut_polygons(polygons, segments, mixed)

    # Polygons in two.
    halved = has_plus & has_minus
    inside = halved[owner]
    both = np.stack([corners[inside], crossings[inside]], axis=1)
    parts = []
    for sign in (1, -1):
        keep = np.stack([own[inside] * sign >= 0, crossing[inside]], axis=1)
        counts = np.bincount(owner[inside], keep.sum(axis=1), minlength=halved.size)[halved]
        parts.append((both[keep], counts.astype(np.int64)))
    whole = ~halved
    beside = polygons.beside
    lifted = np.where(beside >= 0, above[beside], -1)
    below = np.where((has_plus & whole)[:, None], lifted, beside)
    parent, label = polygons.parent, polygons.label
    label = np.where(_cells_with(polygons, has_plus) & ~_cells_with(polygons, has_minus) & polygons.is_cut, k, label)
    polygons.parent = np.concatenate([parent, parent[mixed]])
    polygons.label = np.concatenate([label, np.full(np.count_nonzero(mixed), k)])
    polygons.is_cut = np.ones(polygons.parent.size, dtype=bool) & np.append(polygons.is_cut, polygons.is_cut[mixed])
    polygons.offsets = np.append(
        0,
        np.cumsum(
            np.concatenate([np.diff(np.append(starts, corners.size))[whole], parts[0][1], parts[1][1],
                            np.diff(new_offsets)])
        ),
    )  # fmt: skip
    polygons.corners = np.concatenate([corners[whole[owner]], parts[0][0], parts[1][0], new_corners])
    new_beside = np.stack([cut_cells, above[cut_cells]], axis=1)
    polygons.beside = np.concatenate([below[whole], lifted[halved], beside[halved], new_beside])


def _new_vertices(compared: Compared, k: int, gaps: FloatArray, a: IndexArray, b: IndexArray) -> IndexArray:
    """Add the points where edges (a, b) cross zero, each once, and return the number of each."""
    ends = np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)
    keys = ends[:, 0] * np.int64(len(gaps)) + ends[:, 1]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    low, high = ends[first].T
    step = gaps[low] - gaps[high]
    share = np.divide(gaps[low], step, out=np.full(low.size, 0.5), where=step != 0)  # 0 where both are rounding
    share = np.clip(share, 0.0, 1.0)[:, None]
    # From the nearer end, so that it is met exactly.
    far = share > 0.5
    points, values = (
        np.where(far, rows[high] + (1 - share) * (rows[low] - rows[high]), rows[low] + share * (rows[high] - rows[low]))
        for rows in (compared.points, compared.values)
    )
    values[:, k] = values[:, :k].max(axis=1)
    number = len(compared.values) + which
    compared.add(points, values)
    return np.asarray(number)


def _segments(
    polygons: Polygons, own: SignArray, follows: SignArray, crossings: IndexArray, after: IndexArray
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return where the cut meets polygons: their numbers, and where going round leaves and enters what is above."""
    corners, owner = polygons.corners, polygons.of_corner
    out, into = (own > 0) & (follows <= 0), (own <= 0) & (follows > 0)
    leave, enter = np.full((2, len(polygons.beside)), -1, dtype=np.int64)
    leave[owner[out]] = np.where(follows[out] < 0, crossings[out], corners[after[out]])
    enter[owner[into]] = np.where(own[into] < 0, crossings[into], corners[into])
    met = np.flatnonzero(leave != enter)
    return met, leave[met], enter[met]


def _cut_polygons(
    polygons: Polygons, segments: tuple[IndexArray, IndexArray, IndexArray], mixed: BoolArray
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return where mixed cells are cut, counter-clockwise seen from above: offsets of polygons, corners, cells."""
    polygon, leave, enter = segments
    cells, first, second = [], [], []
    for side, (start, end) in enumerate(((leave, enter), (enter, leave))):
        cell = polygons.beside[polygon, side]
        keep = (cell >= 0) & mixed[cell]
        cells.append(cell[keep])
        first.append(start[keep])
        second.append(end[keep])
    return chained(np.concatenate(cells), np.concatenate(first), np.concatenate(second))


def chained(group: IndexArray, start: IndexArray, end: IndexArray) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return the cycle that the directed edges of each group make: offsets, corners, groups in order.

    Raises
    ------
    NumericalError
        If they do not make one.
    """
    order = np.lexsort((start, group))
    group, start, end = group[order], start[order], end[order]
    groups, first, counts = np.unique(group, return_index=True, return_counts=True)
    if not groups.size:
        return np.zeros(1, dtype=np.int64), start, groups
    # Where each edge goes on: the edge of the same group that starts at its end.
    number = np.empty((2, start.size), dtype=np.int64)
    _, shared = np.unique(np.concatenate([start, end]), return_inverse=True)
    number[0], number[1] = shared[: start.size], shared[start.size :]
    width = int(number.max()) + 1
    rank = np.repeat(np.arange(groups.size), counts)
    keys = rank * width + number[0]
    wanted = rank * width + number[1]
    onward = np.searchsorted(keys, wanted)
    onward = np.minimum(onward, keys.size - 1)
    closed = bool((keys[1:] > keys[:-1]).all() and (keys[onward] == wanted).all())
    corners = np.empty(start.size, dtype=np.int64)
    seen = np.zeros(start.size, dtype=bool)
    at = first.copy()
    for step in range(int(counts.max())):
        going = counts > step
        corners[first[going] + step] = start[at[going]]
        seen[at[going]] = True
        at[going] = onward[at[going]]
    if not closed or not seen.all() or (counts < 3).any():
        raise NumericalError(
            "`network` has a region in which the surface is no polygon in float64, but a surface needs one. Give a "
            "smaller box or another level."
        )
    return np.append(first, start.size), corners, groups


def polygons_of(part: Any, contested: BoolArray, label: IndexArray) -> Polygons:
    """Return the facets of contested regions of a partition of three inputs, and all on the domain's sides.

    Other regions have their label, and are not cut. The sides are there since their edges may be.
    """
    touched = (part.facet_side >= 0) | contested[part.facet_cells].any(axis=1)
    sides = np.diff(part.facet_offsets)
    return Polygons(
        np.append(0, np.cumsum(sides[touched])),
        part.facet_vertices[np.repeat(touched, sides)].astype(np.int64),
        part.facet_cells[touched].astype(np.int64),
        np.arange(part.n_regions),
        np.where(contested, 0, label),
        contested.copy(),
    )
