"""Products of stacked rows with a matrix: fixed order of summation, zeros left out. Pure array code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, add_tile

FloatArray = npt.NDArray[np.float64]


# Contraction to fused multiply-adds is the only liberty taken, and every entry is summed in the order of the inner
# index. So a row's result depends on that row alone, whichever rows are worked with it: batches, blocks and threads
# change no bit. (BLAS takes another path, and other rounding, for few rows.)
@compiled(fastmath={"contract"}, inlined=True)
def add_four(
    left0: FloatArray,
    left1: FloatArray,
    right: FloatArray,
    active: npt.NDArray[np.int64],
    first: int,
    n: int,
    out0: FloatArray,
    out1: FloatArray,
) -> None:
    """Add up to four terms to two rows: more arrays at once would keep the loop from being vectorised."""
    # A place beyond the last adds zero times some row, which changes no bit.
    c0 = active[first]
    c1 = active[first + 1] if n > 1 else c0
    c2 = active[first + 2] if n > 2 else c0
    c3 = active[first + 3] if n > 3 else c0
    r0, r1, r2, r3 = right[c0], right[c1], right[c2], right[c3]
    a0, b0 = left0[c0], left1[c0]
    a1, b1 = (left0[c1], left1[c1]) if n > 1 else (0.0, 0.0)
    a2, b2 = (left0[c2], left1[c2]) if n > 2 else (0.0, 0.0)
    a3, b3 = (left0[c3], left1[c3]) if n > 3 else (0.0, 0.0)
    for k in range(out0.size):
        out0[k] = (((out0[k] + a0 * r0[k]) + a1 * r1[k]) + a2 * r2[k]) + a3 * r3[k]
        out1[k] = (((out1[k] + b0 * r0[k]) + b1 * r1[k]) + b2 * r2[k]) + b3 * r3[k]


@compiled(fastmath={"contract"}, inlined=True)
def add_four_to_one(
    left: FloatArray, right: FloatArray, active: npt.NDArray[np.int64], first: int, n: int, out: FloatArray
) -> None:
    """Add up to four terms to one row: as `add_four` does to two."""
    c0 = active[first]
    c1 = active[first + 1] if n > 1 else c0
    c2 = active[first + 2] if n > 2 else c0
    c3 = active[first + 3] if n > 3 else c0
    r0, r1, r2, r3 = right[c0], right[c1], right[c2], right[c3]
    a0 = left[c0]
    a1 = left[c1] if n > 1 else 0.0
    a2 = left[c2] if n > 2 else 0.0
    a3 = left[c3] if n > 3 else 0.0
    for k in range(out.size):
        out[k] = (((out[k] + a0 * r0[k]) + a1 * r1[k]) + a2 * r2[k]) + a3 * r3[k]


@compiled(fastmath={"contract"}, inlined=True)
def _add_one(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Add all terms to one row."""
    for c in range(left.size):
        if left[c] != 0.0:
            a, row = left[c], right[c]
            for k in range(row.size):
                out[k] = out[k] + a * row[k]


@compiled()
def multiply_rows(
    left: FloatArray,
    left_first: int,
    start: int,
    stop: int,
    right: FloatArray,
    active: npt.NDArray[np.int64],
    out: FloatArray,
    out_first: int,
) -> None:
    """Set columns of ``out[start:stop]``, from `out_first`, to columns of ``left[start:stop]`` times `right`.

    Rows go by fours, and where all four are zero nothing is added: neighbouring points of a line share nearly all of
    their closed neurons, and so do the blank margins of pictures. `active` is room for the inner index and one more.
    """
    n_inner, n_columns = right.shape
    for i in range(start, stop):
        row = out[i, out_first : out_first + n_columns]
        for k in range(n_columns):
            row[k] = 0.0
    whole, last = start + (stop - start) // 4 * 4, left_first + n_inner
    own, end = out_first, out_first + n_columns
    for i in range(start, whole, 4):
        left0, left1 = left[i, left_first:last], left[i + 1, left_first:last]
        left2, left3 = left[i + 2, left_first:last], left[i + 3, left_first:last]
        count = 0
        for c in range(n_inner):
            active[count] = c
            count += (left0[c] != 0.0) | (left1[c] != 0.0) | (left2[c] != 0.0) | (left3[c] != 0.0)
        out0, out1, out2, out3 = out[i, own:end], out[i + 1, own:end], out[i + 2, own:end], out[i + 3, own:end]
        for first in range(0, count, 4):
            n = min(4, count - first)
            add_four(left0, left1, right, active, first, n, out0, out1)
            add_four(left2, left3, right, active, first, n, out2, out3)
    for i in range(whole, stop):
        _add_one(left[i, left_first:last], right, out[i, own:end])


@compiled(inlined=True)
def _nonzero(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> np.uint64:
    """Return in bits where one of four pieces of rows, of 64 numbers at most, is not zero."""
    bits = np.uint64(0)
    for j in range(a.size):
        bits |= np.uint64((a[j] != 0.0) | (b[j] != 0.0) | (c[j] != 0.0) | (d[j] != 0.0)) << np.uint64(j)
    return bits


@compiled(fastmath={"contract"})
def multiply_listed(
    left: FloatArray,
    listed: npt.NDArray[np.int64],
    right: FloatArray,
    active: npt.NDArray[np.int64],
    packed: FloatArray,
    out: FloatArray,
) -> None:
    """Set the listed rows of `out` to those of `left` times `right`, to the same bits as `multiply_rows`.

    As there, rows go by fours; the terms of four are packed and summed in registers. `packed` is room for eight rows
    as long as those of `left` and `right`. Rows of `out` must lie in one piece.
    """
    n_inner, n_columns = right.shape
    even = n_columns // TILE_COLUMNS * TILE_COLUMNS
    last = listed.size - 1
    for i in range(0, listed.size, 4):
        i0, i1, i2, i3 = listed[i], listed[min(i + 1, last)], listed[min(i + 2, last)], listed[min(i + 3, last)]
        left0, left1, left2, left3 = left[i0], left[i1], left[i2], left[i3]
        count = 0
        for start in range(0, n_inner, 64):
            stop = min(start + 64, n_inner)
            bits = _nonzero(left0[start:stop], left1[start:stop], left2[start:stop], left3[start:stop])
            while bits:
                c = start + lowest_bit(bits)
                bits &= bits - np.uint64(1)
                active[count] = c
                packed[0, count], packed[1, count] = left0[c], left1[c]
                packed[2, count], packed[3, count] = left2[c], left3[c]
                count += 1
        in_place = i1 == i0 + 1 and i2 == i1 + 1 and i3 == i2 + 1
        sums = out[i0 : i0 + 4] if in_place else packed[4:]
        if count > 0:
            for k in range(0, even, TILE_COLUMNS):
                add_tile(packed, np.int64(0), np.int64(count), right, active, np.int64(0), sums, np.int64(k), True)
        for r in range(4):
            row = sums[r]
            for k in range(even if count else 0, n_columns):
                row[k] = 0.0
            if even < n_columns:
                for c in range(count):
                    factor, weights = packed[r, c], right[active[c]]
                    for k in range(even, n_columns):
                        row[k] = row[k] + factor * weights[k]
        if not in_place:
            for r in range(4):
                target, row = out[listed[min(i + r, last)]], sums[r]
                for k in range(n_columns):
                    target[k] = row[k]
