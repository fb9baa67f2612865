"""Sizes of the regions of a batch of cells, and sums over each cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.workspace import (
    N_EDGES,
    N_FACES,
    SWITCH,
    A,
    B,
    E,
    FloatArray,
    IndexArray,
    IntArray,
    V,
)

# Columns of sums over cells, and rows of bins.
AREA, PERIMETER, BOUNDARY = range(3)


@compiled(brief=True)
def measure_regions(
    xy: FloatArray,
    edge: IntArray,
    shared: npt.NDArray[np.bool_],
    f_off: IntArray,
    side: IntArray,
    cell_sizes: IndexArray,
    metric: FloatArray,
    lengths: FloatArray,
    areas: FloatArray,
    perimeters: FloatArray,
    sums: FloatArray,
) -> None:
    """Measure every edge and region; set in `sums`, shape (cells, 3), AREA, PERIMETER and BOUNDARY length of a cell.

    An edge that two cells share counts half in each. `metric` is the upper triangle (r_uu, r_uv, r_vv) that
    turns plane coordinates to orthonormal ones, and the area factor.
    """
    r_uu, r_uv, r_vv, factor = metric
    edge_a, edge_b, switch = edge[A], edge[B], edge[SWITCH]
    side_v, side_e = side[V], side[E]
    e, f = 0, 0
    for cell in range(cell_sizes.shape[0]):
        boundary = 0.0
        stop = e + cell_sizes[cell, N_EDGES]
        while e < stop:
            a, b = edge_a[e], edge_b[e]
            u, v = xy[b, 0] - xy[a, 0], xy[b, 1] - xy[a, 1]
            length = np.hypot(r_uu * u + r_uv * v, r_vv * v)
            lengths[e] = length
            if switch[e] >= 0:
                boundary += 0.5 * length if shared[e] else length
            e += 1
        area, perimeter = 0.0, 0.0
        stop = f + cell_sizes[cell, N_FACES]
        while f < stop:
            begin, end = f_off[f], f_off[f + 1]
            first = side_v[begin]
            u0, v0 = xy[first, 0], xy[first, 1]
            # From the region's own first corner, since a region can be far smaller than its distance to the origin.
            doubled, around = 0.0, lengths[side_e[begin]]
            last_u, last_v = 0.0, 0.0
            for i in range(begin + 1, end):
                v = side_v[i]
                now_u, now_v = xy[v, 0] - u0, xy[v, 1] - v0
                doubled += last_u * now_v - now_u * last_v
                around += lengths[side_e[i]]
                last_u, last_v = now_u, now_v
            areas[f] = 0.5 * factor * doubled
            perimeters[f] = around
            area += areas[f]
            perimeter += around
            f += 1
        sums[cell, AREA] = area
        sums[cell, PERIMETER] = perimeter
        sums[cell, BOUNDARY] = boundary


@compiled(internal=True)
def _put_to_bins(
    values: FloatArray, bits: IndexArray, borders: FloatArray, one: int, doubling: float, bins: IndexArray
) -> int:
    """Find the last border that each value reaches, 0 for what is not positive; return the first of these.

    Set in `bins` is how many further the others are.
    """
    most = borders.shape[0] - 2
    first = most
    for i in range(values.shape[0]):
        x = values[i]
        k = 0
        if x > 0.0:
            # Exponent and mantissa, taken together, are not above the binary logarithm, and hardly below.
            k = one + int(np.floor((np.float64(bits[i]) * 2.0**-52 - 1023.0) * doubling))
            while x < borders[k]:
                k -= 1
            while k < most and x >= borders[k + 1]:
                k += 1
        bins[i] = k
        first = min(first, k)
    for i in range(values.shape[0]):
        bins[i] -= first
    return first


@compiled(brief=True)
def tally_regions(
    areas: FloatArray,
    area_bits: IndexArray,
    perimeters: FloatArray,
    perimeter_bits: IndexArray,
    f_off: IntArray,
    borders: FloatArray,
    one: int,
    doubling: float,
    bins: IndexArray,
    sides: IndexArray,
) -> tuple[int, int]:
    """Put areas and perimeters to bins between `borders`, and count regions by sides, the last entry for all others.

    `area_bits` and `perimeter_bits` are the bits of these numbers; ``borders[one]`` is 1, and twice a number is
    `doubling` bins further. Returned are the first bins, from which those in `bins` are counted.
    """
    most = sides.shape[0] - 1
    for f in range(f_off.shape[0] - 1):
        sides[min(f_off[f + 1] - f_off[f], most)] += 1
    return (
        _put_to_bins(areas, area_bits, borders, one, doubling, bins[AREA]),
        _put_to_bins(perimeters, perimeter_bits, borders, one, doubling, bins[PERIMETER]),
    )


@compiled(inlined=True)
def _before(key: float, other: float) -> bool:
    """Whether a key is smaller than another; NaN is larger than all."""
    return key < other or (other != other and key == key)


@compiled(brief=True)
def find_smallest(values: FloatArray, sign: float, bound: float, found: IndexArray) -> int:
    """Find, in order, the smallest keys ``sign * values``, as many as `found` takes; return how many there are.

    Those that are not smaller than `bound` are passed over, if it is not NaN. Of equal keys, the first is found.
    """
    n = 0
    for i in range(values.shape[0]):
        key = sign * values[i]
        if key >= bound:
            continue
        if n < found.shape[0]:
            k = n
            n += 1
        elif _before(key, sign * values[found[n - 1]]):
            k = n - 1
        else:
            continue
        while k > 0 and _before(key, sign * values[found[k - 1]]):
            found[k] = found[k - 1]
            k -= 1
        found[k] = i
    return n
