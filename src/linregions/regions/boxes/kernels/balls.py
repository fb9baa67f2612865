"""The largest balls inside cells: linear programs in at most six variables, by active sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import FloatArray, IndexArray, IntArray

# A direction in which the radius grows by less than this is none: rounding of an orthonormal basis.
_STILL = 1e-14
# Most cells take a tenth as many changes of the active set. After these, the first constraint goes, not the worst.
_PATIENCE = 100
_MOST = 1000


@compiled(internal=True)
def _orthonormal(rows: FloatArray, active: IntArray, n: int, basis: FloatArray, triangle: FloatArray) -> None:
    """Set an orthonormal basis of the active rows, and these in it: ``rows[active] = triangle.T @ basis``."""
    m = rows.shape[1]
    for k in range(n):
        for i in range(m):
            basis[k, i] = rows[active[k], i]
        for j in range(k):
            triangle[j, k] = 0.0
        for _ in range(2):
            for j in range(k):
                along = 0.0
                for i in range(m):
                    along += basis[j, i] * basis[k, i]
                triangle[j, k] += along
                for i in range(m):
                    basis[k, i] -= along * basis[j, i]
        square = 0.0
        for i in range(m):
            square += basis[k, i] * basis[k, i]
        triangle[k, k] = np.sqrt(square)
        for i in range(m):
            basis[k, i] /= triangle[k, k]


@compiled(internal=True)
def _largest_ball(
    rows: FloatArray, bounds: FloatArray, n: int, place: FloatArray, active: IntArray, room: FloatArray
) -> bool:
    """Move `place`, a point inside and a radius, to where ``rows @ place <= bounds`` lets the radius be largest.

    From face to face of these constraints, always along what a unit of radius has in the present one. Where it has
    nothing, the constraint that holds it back the least is let go, or, should that go on and on, the first that does.
    Returns False if it never ends.
    """
    m = rows.shape[1]
    basis, triangle, step, weight = room[:m], room[m : 2 * m], room[2 * m], room[2 * m + 1]
    n_active = 0
    for round_ in range(_MOST):
        _orthonormal(rows, active, n_active, basis, triangle)
        for i in range(m):
            step[i] = 1.0 if i == m - 1 else 0.0
        for k in range(n_active):
            weight[k] = basis[k, m - 1]
        for _ in range(2):
            for k in range(n_active):
                along = 0.0
                for i in range(m):
                    along += basis[k, i] * step[i]
                for i in range(m):
                    step[i] -= along * basis[k, i]
        square = 0.0
        for i in range(m):
            square += step[i] * step[i]
        size = np.sqrt(square)
        if n_active < m and size > _STILL:
            nearest, far = -1, np.inf
            for j in range(n):
                is_active = False
                for k in range(n_active):
                    is_active |= active[k] == j
                if is_active:
                    continue
                rate, slack = 0.0, bounds[j]
                for i in range(m):
                    rate += rows[j, i] * step[i] / size
                    slack -= rows[j, i] * place[i]
                if rate > _STILL and max(slack, 0.0) < far * rate:
                    nearest, far = j, max(slack, 0.0) / rate
            if nearest < 0:
                return False
            for i in range(m):
                place[i] += far * step[i] / size
            active[n_active] = nearest
            n_active += 1
            continue
        # How much each active constraint holds the radius back: its weight in the unit of radius.
        for k in range(n_active - 1, -1, -1):
            for j in range(k + 1, n_active):
                weight[k] -= triangle[k, j] * weight[j]
            weight[k] /= triangle[k, k]
        worst = -1
        for k in range(n_active):
            if weight[k] < -_STILL and (
                worst < 0 or (weight[k] < weight[worst] if round_ < _PATIENCE else active[k] < active[worst])
            ):
                worst = k
        if worst < 0:
            return True
        n_active -= 1
        for k in range(worst, n_active):
            active[k] = active[k + 1]
    return False


@compiled()
def inscribe(
    facets_of: IndexArray,
    facet: IntArray,
    facet_cells: IndexArray,
    normals: FloatArray,
    offsets: FloatArray,
    inside: FloatArray,
    room: FloatArray,
    rows: FloatArray,
    bounds: FloatArray,
    active: IntArray,
    centers: FloatArray,
    radii: FloatArray,
    failed: npt.NDArray[np.bool_],
) -> None:
    """Set centre and radius of a largest ball in each cell, from a point `inside` each.

    Normals point from the first cell of a facet to the second. `room` has 2 d + 4 rows of d + 1, `rows` and `bounds`
    are as many as the facets of a cell.
    """
    d = normals.shape[1]
    place = room[2 * d + 4]
    for c in range(facets_of.shape[0] - 1):
        first, n = facets_of[c], facets_of[c + 1] - facets_of[c]
        # From the point inside, so that nothing is lost where the cell is far smaller than its distance to the origin.
        place[d] = np.inf
        for j in range(n):
            f = facet[first + j]
            sign = 1.0 if facet_cells[f, 0] == c else -1.0
            bounds[j] = offsets[f]
            for i in range(d):
                bounds[j] -= normals[f, i] * inside[c, i]
                rows[j, i] = sign * normals[f, i]
            bounds[j] *= sign
            rows[j, d] = 1.0
            place[d] = min(place[d], bounds[j])
        for i in range(d):
            place[i] = 0.0
        failed[c] = not _largest_ball(rows, bounds, n, place, active, room)
        radius = np.inf
        for j in range(n):
            slack = bounds[j]
            for i in range(d):
                slack -= rows[j, i] * place[i]
            radius = min(radius, slack)
        radii[c] = radius
        for i in range(d):
            centers[c, i] = inside[c, i] + place[i]
