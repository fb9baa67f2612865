"""Where the largest output changes: the upper envelopes of affine functions on the faces of a partition.

Of functions that tie on a whole face the lowest number wins it. A piece of boundary has different winners on its two
sides; where functions only touch there is none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]


@compiled(inlined=True)
def _value(maps: FloatArray, g: int, c: int, d: int, x: float, y: float) -> float:
    """Return by how much function c is above d at a point."""
    return (maps[g, c, 0] - maps[g, d, 0]) * x + (maps[g, c, 1] - maps[g, d, 1]) * y + (maps[g, c, 2] - maps[g, d, 2])


@compiled(inlined=True)
def _blur(maps: FloatArray, g: int, c: int, d: int, x: float, y: float) -> float:
    """Return how much a step of up to (x, y) either way can change the difference of functions c and d."""
    return abs(maps[g, c, 0] - maps[g, d, 0]) * x + abs(maps[g, c, 1] - maps[g, d, 1]) * y


@compiled(inlined=True)
def _same(maps: FloatArray, g: int, c: int, d: int) -> bool:
    """Tell whether two functions are one to the last bit."""
    return maps[g, c, 0] == maps[g, d, 0] and maps[g, c, 1] == maps[g, d, 1] and maps[g, c, 2] == maps[g, d, 2]


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
            low = min(low, maps[g, c, 0] * corners[i, 0] + maps[g, c, 1] * corners[i, 1] + maps[g, c, 2] - band[g, c])
        floor = max(floor, low)
    count, close = 0, 0
    for c in range(n_out):
        lowest[c] = c
        for i in range(n):
            if maps[g, c, 0] * corners[i, 0] + maps[g, c, 1] * corners[i, 1] + maps[g, c, 2] + band[g, c] >= floor:
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
    vertices: FloatArray,
    f_off: IndexArray,
    f_v: npt.NDArray[np.int32],
    f_e: npt.NDArray[np.int32],
    e_f: npt.NDArray[np.int32],
    faces: IndexArray,
    row: IndexArray,
    maps: FloatArray,
    band: FloatArray,
    xy: FloatArray,
    label: IndexArray,
    value: FloatArray,
    who: IndexArray,
    lowest: IndexArray,
    places: FloatArray,
    numbers: IndexArray,
) -> tuple[int, int]:
    """Clip each face to where function c is the largest, for all c; collect the sides between two winners.

    Parameters
    ----------
    vertices, f_off, f_v, f_e, e_f
        The partition: corners and edges of faces, faces of edges.
    faces : (F,)
        Those to look at.
    row : (all faces,)
        Where each face stands in `faces`; -1 for those where one function is ahead all over.
    maps : (F, n, 3)
        Functions ``maps @ (u, v, 1)``.
    band : (F, n)
        Two functions tie at a point where they differ by no more than the sum of their bands.
    xy, label, value : (5, M, 2), (4, M), (M,)
        Room for polygons of as many corners as a face has and n + 4 more: two to clip from one to the other, a face,
        and how far the corners of the two may be from where they are.
    who, lowest : (2, n)
        Room.
    places : (S, 4)
        Filled: both ends of each segment.
    numbers : (S, 5)
        Filled: the two winners, the face, and what each end lies on: a vertex v as ``-1 - v``, an edge, or
        ``edges +`` a third winner.

    Returns
    -------
    How many segments there are, be it more than there is room for, and how many comparisons fell within a band
    """
    n_edges, room, found, undecided = e_f.shape[0], places.shape[0], 0, 0
    for h in range(faces.shape[0]):
        f = faces[h]
        g = row[f]
        size = f_off[f + 1] - f_off[f]
        for i in range(size):
            xy[2, i, 0], xy[2, i, 1] = vertices[f_v[f_off[f] + i], 0], vertices[f_v[f_off[f] + i], 1]
        count, close = _contenders(xy[2], size, maps, g, band, who[0], lowest[0])
        undecided += close
        for k_c in range(count):
            c = who[0, k_c]
            if lowest[0, c] != c:
                continue
            now = 0
            n = size
            for i in range(n):
                xy[0, i, 0], xy[0, i, 1] = xy[2, i, 0], xy[2, i, 1]
                xy[3, i, 0], xy[3, i, 1] = 0.0, 0.0
                label[0, i] = f_e[f_off[f] + i]  # of the side from corner i to the next
                label[2, i] = f_v[f_off[f] + i]  # which vertex the corner is
            for k_d in range(count):
                d = who[0, k_d]
                if d == c or n == 0 or lowest[0, d] != d:
                    continue
                ahead = False
                for i in range(n):
                    value[i] = _value(maps, g, c, d, xy[now, i, 0], xy[now, i, 1])
                    slack = band[g, c] + band[g, d]
                    # A corner where others tie; those of the face are counted already.
                    if label[2 + now, i] < 0 and abs(value[i]) <= slack + _blur(
                        maps, g, c, d, xy[3 + now, i, 0], xy[3 + now, i, 1]
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
                        xy[then, m, 0], xy[then, m, 1] = xy[now, i, 0], xy[now, i, 1]
                        xy[3 + then, m, 0], xy[3 + then, m, 1] = xy[3 + now, i, 0], xy[3 + now, i, 1]
                        label[then, m], label[2 + then, m] = label[now, i], label[2 + now, i]
                        m += 1
                    if (value[i] >= 0.0 and value[k] < 0.0) or (value[i] < 0.0 and value[k] > 0.0):
                        t = value[i] / (value[i] - value[k])
                        # What rounding may do to t, and so to the place.
                        x, y = max(xy[3 + now, i, 0], xy[3 + now, k, 0]), max(xy[3 + now, i, 1], xy[3 + now, k, 1])
                        slack = band[g, c] + band[g, d] + _blur(maps, g, c, d, x, y)
                        spread = min(1.0, slack / abs(value[i] - value[k]))
                        for q in range(2):
                            step = xy[now, k, q] - xy[now, i, q]
                            xy[then, m, q] = xy[now, i, q] + t * step
                            xy[3 + then, m, q] = max(xy[3 + now, i, q], xy[3 + now, k, q]) + spread * abs(step)
                        label[then, m] = n_edges + d if value[k] < 0.0 else label[now, i]
                        label[2 + then, m] = label[2 + now, i] if value[i] == 0.0 else -1
                        m += 1
                now = then
                n = m if m > 2 and ahead else 0
            for i in range(n):
                k = i + 1 if i + 1 < n else 0
                on = label[now, i]
                x0, y0, x1, y1 = xy[now, i, 0], xy[now, i, 1], xy[now, k, 0], xy[now, k, 1]
                if x0 == x1 and y0 == y1:
                    continue
                # Who wins beyond this side: of those that tie along it, the one that grows fastest across.
                beyond, other = g, f
                if on < n_edges:
                    other = e_f[on, 0] if e_f[on, 1] == f else e_f[on, 1]
                    if other < 0 or row[other] < 0:
                        continue
                    beyond = row[other]
                winner = c if on < n_edges else on - n_edges
                for k_d in range(count):
                    d = who[0, k_d]
                    if d == winner or (on >= n_edges and (d == c or lowest[0, d] != d)):
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
                if found < room:
                    places[found, 0], places[found, 1], places[found, 2], places[found, 3] = x0, y0, x1, y1
                    numbers[found, 0], numbers[found, 1], numbers[found, 2] = c, winner, f
                    before = label[now, i - 1 if i > 0 else n - 1]
                    numbers[found, 3] = -1 - label[2 + now, i] if label[2 + now, i] >= 0 else before
                    numbers[found, 4] = -1 - label[2 + now, k] if label[2 + now, k] >= 0 else label[now, k]
                found += 1
    return found, undecided
