"""Where the largest output changes: the upper envelopes of affine functions on the faces of a partition.

Of functions that tie on a whole face the lowest number wins it. A piece of boundary has different winners on its two
sides; where functions only touch there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.assembly import LEFT, RIGHT
from linregions.regions.planes.kernels.workspace import A, B, FloatArray, IndexArray, IntArray

# Columns of the arrays below.
BY_X, BY_Y, BY_ONE = range(3)
WINNER, BEYOND, FACE, AT_A, AT_B = range(5)


class Cut(NamedTuple):
    """The partition: corners and edges of faces, faces of edges."""

    vertices: FloatArray
    f_off: IndexArray
    f_v: IntArray
    f_e: IntArray
    e_f: IntArray


class Room(NamedTuple):
    """Segments that are found, and what is needed to find them; polygons have M corners at most."""

    face: FloatArray  # (M, 2): corners of a face
    corner: FloatArray  # (2, M, 2): corners of the part that is clipped, and of what becomes of it, in turn
    spread: FloatArray  # (2, M, 2): how far these may be from where they are
    label: IndexArray  # (2, M): what the side from each on lies on: an edge, or ``edges +`` a function that ties there
    origin: IndexArray  # (2, M): which vertex each is, or -1
    value: FloatArray  # (M,)
    who: IndexArray  # (n,): functions that can be largest
    lowest: IndexArray  # (n,): the first that equals each
    places: FloatArray  # (S, 2, 2): ends A and B of each segment
    numbers: IndexArray  # (S, 5): WINNER, and that BEYOND the segment; FACE; what each end lies on, AT_A and AT_B: a
    # vertex v as ``-1 - v``, an edge, or ``edges +`` a third winner


def make_room(corners: int, functions: int, segments: int) -> Room:
    """Return the room, for faces of so many corners at most."""
    most = corners + functions + 4
    return Room(
        face=np.empty((most, 2)),
        corner=np.empty((2, most, 2)),
        spread=np.empty((2, most, 2)),
        label=np.empty((2, most), dtype=np.int64),
        origin=np.empty((2, most), dtype=np.int64),
        value=np.empty(most),
        who=np.empty(functions, dtype=np.int64),
        lowest=np.empty(functions, dtype=np.int64),
        places=np.empty((segments, 2, 2)),
        numbers=np.empty((segments, 5), dtype=np.int64),
    )


@compiled(inlined=True)
def _at(maps: FloatArray, g: int, c: int, x: float, y: float) -> float:
    """Return function c at a point."""
    return maps[g, c, BY_X] * x + maps[g, c, BY_Y] * y + maps[g, c, BY_ONE]


@compiled(inlined=True)
def _value(maps: FloatArray, g: int, c: int, d: int, x: float, y: float) -> float:
    """Return by how much function c is above d at a point."""
    by_x, by_y = maps[g, c, BY_X] - maps[g, d, BY_X], maps[g, c, BY_Y] - maps[g, d, BY_Y]
    return by_x * x + by_y * y + (maps[g, c, BY_ONE] - maps[g, d, BY_ONE])


@compiled(inlined=True)
def _most_change(maps: FloatArray, g: int, c: int, d: int, x: float, y: float) -> float:
    """Return how much a step of up to (x, y) either way can change the difference of functions c and d."""
    return abs(maps[g, c, BY_X] - maps[g, d, BY_X]) * x + abs(maps[g, c, BY_Y] - maps[g, d, BY_Y]) * y


@compiled(inlined=True)
def _same(maps: FloatArray, g: int, c: int, d: int) -> bool:
    """Tell whether two functions are one to the last bit."""
    same_slope = maps[g, c, BY_X] == maps[g, d, BY_X] and maps[g, c, BY_Y] == maps[g, d, BY_Y]
    return same_slope and maps[g, c, BY_ONE] == maps[g, d, BY_ONE]


@compiled()
def _contenders(
    corners: FloatArray, n: int, maps: FloatArray, g: int, band: FloatArray, who: IndexArray, lowest: IndexArray
) -> tuple[int, int]:
    """List the functions that can be largest somewhere on a face, and the lowest that equals each on all of it.

    Returns how many, and how many comparisons fell within their band.
    """
    n_out = maps.shape[1]
    floor = -np.inf
    for c in range(n_out):
        low = np.inf
        for i in range(n):
            low = min(
                low,
                maps[g, c, BY_X] * corners[i, 0] + maps[g, c, BY_Y] * corners[i, 1] + maps[g, c, BY_ONE] - band[g, c],
            )
        floor = max(floor, low)
    count, close = 0, 0
    for c in range(n_out):
        lowest[c] = c
        for i in range(n):
            if _at(maps, g, c, corners[i, 0], corners[i, 1]) + band[g, c] >= floor:
                who[count] = c
                count += 1
                break
    for k in range(count):
        c = who[k]
        for j in range(k):
            d = who[j]
            if lowest[d] != d or lowest[c] != c:
                continue
            if _same(maps, g, c, d):
                lowest[c] = d
                continue
            within = 0
            for i in range(n):
                if abs(_value(maps, g, c, d, corners[i, 0], corners[i, 1])) <= band[g, c] + band[g, d]:
                    within += 1
            close += within
            if within == n:
                lowest[c] = d
    return count, close


@compiled()
def envelope(
    cut: Cut, faces: IndexArray, row: IndexArray, maps: FloatArray, band: FloatArray, room: Room
) -> tuple[int, int]:
    """Clip each of F faces to where function c is the largest, for all c; collect the sides between two winners.

    The `row` of a face is where it stands in `faces`, -1 for those where one function is ahead all over. Functions are
    ``maps @ (u, v, 1)``, (F, n, 3); two tie at a point where they differ by no more than the sum of their bands, (F,
    n). The `places` and `numbers` of the room are filled.

    Returns how many segments there are, be it more than there is room for, and how many comparisons fell within a band.
    """
    vertices, f_off, f_v, f_e, e_f = cut.vertices, cut.f_off, cut.f_v, cut.f_e, cut.e_f
    face, corner, spread, label, origin = room.face, room.corner, room.spread, room.label, room.origin
    value, who, lowest, places, numbers = room.value, room.who, room.lowest, room.places, room.numbers
    n_edges, found, undecided = e_f.shape[0], 0, 0
    for h in range(faces.shape[0]):
        f = faces[h]
        g = row[f]
        size = f_off[f + 1] - f_off[f]
        for i in range(size):
            face[i, 0], face[i, 1] = vertices[f_v[f_off[f] + i], 0], vertices[f_v[f_off[f] + i], 1]
        count, close = _contenders(face, size, maps, g, band, who, lowest)
        undecided += close
        for k_c in range(count):
            c = who[k_c]
            if lowest[c] != c:
                continue
            now = 0
            n = size
            for i in range(n):
                corner[0, i, 0], corner[0, i, 1] = face[i, 0], face[i, 1]
                spread[0, i, 0], spread[0, i, 1] = 0.0, 0.0
                label[0, i] = f_e[f_off[f] + i]  # of the side from corner i to the next
                origin[0, i] = f_v[f_off[f] + i]  # which vertex the corner is
            for k_d in range(count):
                d = who[k_d]
                if d == c or n == 0 or lowest[d] != d:
                    continue
                ahead = False
                for i in range(n):
                    value[i] = _value(maps, g, c, d, corner[now, i, 0], corner[now, i, 1])
                    slack = band[g, c] + band[g, d]
                    # A corner where others tie; those of the face are counted already.
                    if origin[now, i] < 0 and abs(value[i]) <= slack + _most_change(
                        maps, g, c, d, spread[now, i, 0], spread[now, i, 1]
                    ):
                        undecided += 1
                    if abs(value[i]) <= slack:
                        value[i] = 0.0
                    ahead |= value[i] > 0.0
                then = 1 - now
                m = 0
                for i in range(n):
                    k = i + 1 if i + 1 < n else 0
                    if value[i] >= 0.0:
                        corner[then, m, 0], corner[then, m, 1] = corner[now, i, 0], corner[now, i, 1]
                        spread[then, m, 0], spread[then, m, 1] = spread[now, i, 0], spread[now, i, 1]
                        label[then, m], origin[then, m] = label[now, i], origin[now, i]
                        m += 1
                    if (value[i] >= 0.0 and value[k] < 0.0) or (value[i] < 0.0 and value[k] > 0.0):
                        t = value[i] / (value[i] - value[k])
                        # What rounding may do to t, and so to the place.
                        x, y = max(spread[now, i, 0], spread[now, k, 0]), max(spread[now, i, 1], spread[now, k, 1])
                        slack = band[g, c] + band[g, d] + _most_change(maps, g, c, d, x, y)
                        share = min(1.0, slack / abs(value[i] - value[k]))
                        for q in range(2):
                            step = corner[now, k, q] - corner[now, i, q]
                            corner[then, m, q] = corner[now, i, q] + t * step
                            spread[then, m, q] = max(spread[now, i, q], spread[now, k, q]) + share * abs(step)
                        label[then, m] = n_edges + d if value[k] < 0.0 else label[now, i]
                        origin[then, m] = origin[now, i] if value[i] == 0.0 else -1
                        m += 1
                now = then
                n = m if m > 2 and ahead else 0
            for i in range(n):
                k = i + 1 if i + 1 < n else 0
                on = label[now, i]
                x0, y0, x1, y1 = corner[now, i, 0], corner[now, i, 1], corner[now, k, 0], corner[now, k, 1]
                if x0 == x1 and y0 == y1:
                    continue
                # Who wins beyond this side: of those that tie along it, the one that grows fastest across.
                beyond, other = g, f
                if on < n_edges:
                    other = e_f[on, LEFT] if e_f[on, RIGHT] == f else e_f[on, RIGHT]
                    if other < 0 or row[other] < 0:
                        continue
                    beyond = row[other]
                winner = c if on < n_edges else on - n_edges
                for k_d in range(count):
                    d = who[k_d]
                    if d == winner or (on >= n_edges and (d == c or lowest[d] != d)):
                        continue
                    if (
                        abs(_value(maps, g, c, d, x0, y0)) > band[g, c] + band[g, d]
                        or abs(_value(maps, g, c, d, x1, y1)) > band[g, c] + band[g, d]
                        or (d > winner and _same(maps, beyond, d, winner))
                    ):
                        continue
                    # Both tie along the side, so their difference grows in proportion to the distance from it.
                    most = 0.0
                    tied = True
                    for j in range(f_off[other], f_off[other + 1]):
                        x, y = vertices[f_v[j], 0], vertices[f_v[j], 1]
                        gap = _value(maps, beyond, d, winner, x, y)
                        tied &= abs(gap) <= band[beyond, d] + band[beyond, winner]
                        if on >= n_edges and (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0.0:
                            gap = -gap  # on this side of the line
                        if abs(gap) > abs(most):
                            most = gap
                    if (tied and d < winner) or (not tied and most > 0.0):
                        winner = d
                if winner <= c:
                    continue  # no change, or met from the other side
                if found < places.shape[0]:
                    places[found, A, 0], places[found, A, 1] = x0, y0
                    places[found, B, 0], places[found, B, 1] = x1, y1
                    numbers[found, WINNER], numbers[found, BEYOND], numbers[found, FACE] = c, winner, f
                    before = label[now, i - 1 if i > 0 else n - 1]
                    numbers[found, AT_A] = -1 - origin[now, i] if origin[now, i] >= 0 else before
                    numbers[found, AT_B] = -1 - origin[now, k] if origin[now, k] >= 0 else label[now, k]
                found += 1
    return found, undecided
