"""Where the largest output changes, inside each face: the upper envelope of affine functions on a polygon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]


@compiled(allocates=True)
def mixed_faces(winner: IndexArray, f_off: IndexArray, f_v: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Tell which faces have vertices with different winners; in the others that winner wins everywhere."""
    mixed = np.zeros(f_off.shape[0] - 1, dtype=np.bool_)
    for f in range(mixed.shape[0]):
        first = winner[f_v[f_off[f]]]
        for i in range(f_off[f], f_off[f + 1]):
            if winner[f_v[i]] != first:
                mixed[f] = True
                break
    return mixed


@compiled(inlined=True)
def _copy_corner(xy: FloatArray, label: IndexArray, now: int, i: int, then: int, m: int) -> None:
    """Take over corner i."""
    xy[then, m, 0], xy[then, m, 1], label[then, m] = xy[now, i, 0], xy[now, i, 1], label[now, i]


@compiled(inlined=True)
def _cut_side(xy: FloatArray, label: IndexArray, now: int, i: int, k: int, t: float, then: int, m: int, n: int) -> None:
    """Make a corner on the way from corner i to k; the side that begins there lies on `n`."""
    for q in range(2):
        xy[then, m, q] = xy[now, i, q] + t * (xy[now, k, q] - xy[now, i, q])
    label[then, m] = n


@compiled()
def envelope(
    vertices: FloatArray,
    f_off: IndexArray,
    f_v: npt.NDArray[np.int32],
    f_e: npt.NDArray[np.int32],
    faces: IndexArray,
    maps: FloatArray,
    n_edges: int,
    xy: FloatArray,
    label: IndexArray,
    value: FloatArray,
    places: FloatArray,
    numbers: IndexArray,
) -> int:
    """Clip each face to where output c beats all others, for all c; collect the sides between two winners.

    Parameters
    ----------
    vertices, f_off, f_v, f_e
        The partition.
    faces : (F,)
        Those to look at.
    maps : (F, n_out, 3)
        Their outputs: ``maps @ (u, v, 1)``.
    n_edges : int
    xy, label, value : (2, M, 2), (2, M), (M,)
        Room for polygons of as many corners as a face has and `n_out` more.
    places : (S, 4)
        Filled: both ends of each segment.
    numbers : (S, 5)
        Filled: the two classes, the face, and what each end lies on: an edge, or ``n_edges +`` a third class.

    Returns
    -------
    How many segments there are, be it more than there is room for
    """
    n_out, room, found = maps.shape[1], places.shape[0], 0
    for g in range(faces.shape[0]):
        f = faces[g]
        for c in range(n_out):
            now = 0
            n = f_off[f + 1] - f_off[f]
            for i in range(n):
                j = f_off[f] + i
                xy[0, i, 0], xy[0, i, 1] = vertices[f_v[j], 0], vertices[f_v[j], 1]
                label[0, i] = f_e[j]  # of the side from corner i to the next
            for d in range(n_out):
                if d == c or n == 0:
                    continue
                a0 = maps[g, c, 0] - maps[g, d, 0]
                a1 = maps[g, c, 1] - maps[g, d, 1]
                a2 = maps[g, c, 2] - maps[g, d, 2]
                for i in range(n):
                    value[i] = a0 * xy[now, i, 0] + a1 * xy[now, i, 1] + a2
                then = 1 - now
                m = 0
                for i in range(n):
                    k = i + 1 if i + 1 < n else 0
                    if value[i] >= 0.0:
                        _copy_corner(xy, label, now, i, then, m)
                        m += 1
                    if (value[i] >= 0.0 and value[k] < 0.0) or (value[i] < 0.0 and value[k] > 0.0):
                        t = value[i] / (value[i] - value[k])
                        _cut_side(xy, label, now, i, k, t, then, m, n_edges + d if value[k] < 0.0 else label[now, i])
                        m += 1
                now = then
                n = m if m > 2 else 0
            for i in range(n):
                d = label[now, i] - n_edges
                if d <= c:  # a side of the face itself, or met from the other class
                    continue
                k = i + 1 if i + 1 < n else 0
                if xy[now, i, 0] == xy[now, k, 0] and xy[now, i, 1] == xy[now, k, 1]:
                    continue
                if found < room:
                    places[found, 0], places[found, 1] = xy[now, i, 0], xy[now, i, 1]
                    places[found, 2], places[found, 3] = xy[now, k, 0], xy[now, k, 1]
                    numbers[found, 0], numbers[found, 1], numbers[found, 2] = c, d, f
                    numbers[found, 3], numbers[found, 4] = label[now, i - 1 if i > 0 else n - 1], label[now, k]
                found += 1
    return found
