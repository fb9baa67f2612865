"""Volumes of the faces of cells of three dimensions, from their edges."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import count_bits, lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.boxes.batch import CellBatch, IndexArray
from linregions.regions.boxes.kernels.faces import add_facets, add_tie
from linregions.regions.boxes.kernels.records import (
    DONE,
    INCONSISTENT,
    N_INNER,
    N_TIES,
    OK,
    ONE,
    TIES_FULL,
    ZERO,
    Measured,
)


@compiled()
def measure_solids(batch: CellBatch, corner: IndexArray, out: Measured) -> int:
    """Measure cells of three dimensions from ``out.filled[DONE]`` on; return OK, TIES_FULL or INCONSISTENT.

    An edge and the first corner of each of its two facets make a triangle, that and the cell's first vertex a
    tetrahedron: the areas and volumes are sums of what is not negative. `corner`, shape (64,), is room for these
    corners. Sums hold what cells before the one that did not fit have given.
    """
    slots, points = batch.slots, batch.points
    for cell in range(out.filled[DONE], batch.cell_offsets.shape[0] - 1):
        begin, end = batch.cell_offsets[cell], batch.cell_offsets[cell + 1]
        first_slot = batch.slot_offsets[cell]
        positive, sides = add_facets(batch, cell, out)
        n_ties = out.filled[N_TIES]
        n_vertices, n_corners, n_edges, n_pairs, length = 0, 0, 0, 0, 0.0
        x0, y0, z0 = points[begin, 0], points[begin, 1], points[begin, 2]
        volume, xs, ys, zs = 0.0, 0.0, 0.0, 0.0
        seen = ZERO
        for a in range(begin, end):
            word = slots[a]
            fresh = word & ~seen
            seen |= word
            while fresh != ZERO:
                corner[lowest_bit(fresh)] = a
                fresh &= fresh - ONE
            a_is_tie = batch.tight[a] != 0 or count_bits(word) != 3
            if a_is_tie:
                if not add_tie(batch, cell, word, 3, word & sides != ZERO, 1.0, out):
                    out.filled[N_TIES] = n_ties
                    return TIES_FULL
            elif word & positive == ZERO:
                n_vertices += 1
                n_corners += word & sides == ZERO
            ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
            for b in range(begin, a):
                common = word & slots[b]
                if count_bits(common) < 2:
                    continue
                n_pairs += 1
                bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
                if a_is_tie and (batch.tight[b] != 0 or count_bits(slots[b]) != 3):
                    size = np.sqrt((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2)
                    if not add_tie(batch, cell, common, 2, common & sides != ZERO, size, out):
                        out.filled[N_TIES] = n_ties
                        return TIES_FULL
                elif common & positive == ZERO:
                    n_edges += 1
                    if common & sides == ZERO:
                        length += np.sqrt((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2)
                rest = common
                while rest != ZERO:
                    s = lowest_bit(rest)
                    rest &= rest - ONE
                    c = corner[s]
                    if c in (a, b):
                        continue
                    px, py, pz = points[c, 0], points[c, 1], points[c, 2]
                    ux, uy, uz = ax - px, ay - py, az - pz
                    vx, vy, vz = bx - px, by - py, bz - pz
                    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
                    out.facet_volumes[first_slot + s] += np.sqrt(nx * nx + ny * ny + nz * nz)
                    part = abs(nx * (px - x0) + ny * (py - y0) + nz * (pz - z0))
                    volume += part
                    xs += part * (px + ax + bx)
                    ys += part * (py + ay + by)
                    zs += part * (pz + az + bz)
        if end - begin - n_pairs + count_bits(seen) != 2:
            return INCONSISTENT
        area, n_facets, n_inner = 0.0, 0, 0
        while seen != ZERO:
            bit = seen & (~seen + ONE)
            seen ^= bit
            s = first_slot + lowest_bit(bit)
            out.facet_volumes[s] *= 0.5
            if bit & sides == ZERO:
                area += out.facet_volumes[s]
                n_inner += 1
            else:
                n_facets += 1
        out.volumes[cell] = volume / 6.0
        share = 0.25 / volume if volume > 0.0 else 0.0
        out.centroids[cell, 0] = 0.25 * x0 + share * xs if volume > 0.0 else x0
        out.centroids[cell, 1] = 0.25 * y0 + share * ys if volume > 0.0 else y0
        out.centroids[cell, 2] = 0.25 * z0 + share * zs if volume > 0.0 else z0
        out.strata[0] += out.volumes[cell]
        out.strata[1] += 0.5 * area
        out.strata[2] += length
        out.strata[3] += n_corners
        out.counts[0] += n_vertices
        out.counts[1] += n_edges
        out.counts[2] += n_facets
        out.counts[3] += 1
        out.filled[N_INNER] += n_inner
        out.filled[DONE] = cell + 1
    return OK
