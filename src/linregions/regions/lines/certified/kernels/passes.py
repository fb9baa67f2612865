"""Single passes over rows: what numpy would take many for. No bound rests on the order of a sum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]
# Sums in any order; what is no number stays none.
_ANY_ORDER = {"reassoc", "contract"}


@compiled(fastmath=_ANY_ORDER)
def screen(
    z: FloatArray, bias: FloatArray, weight: FloatArray, limit: FloatArray, above: Bits, squares: FloatArray,
    close: IntArray,
) -> int:  # fmt: skip
    """Add biases to sums, tell which are above zero, and list those that are not clearly on a side.

    Sums of squares of rows are left in `squares`. Of the number of those listed, row times units plus unit, which is
    returned, `close` has room for some.
    """
    n_rows, n = z.shape
    found = 0
    for i in range(n_rows):
        w, most, total, vague = weight[i], limit[i], 0.0, 0
        for j in range(n):
            value = z[i, j] + w * bias[j]
            z[i, j] = value
            total += value * value
            above[i, j] = value > 0.0
            vague += not abs(value) > most
        squares[i] = total
        if vague:
            for j in range(n):
                if not abs(z[i, j]) > most:
                    if found < close.size:
                        close[found] = i * n + j
                    found += 1
    return found


@compiled()
def list_changes(start: Bits, end: Bits, is_last: Bits, interval: IntArray, switch: IntArray) -> int:
    """List where two rows of bits differ, as far as there is room; return how many places these are."""
    n_rows, n = start.shape
    found = 0
    for i in range(n_rows):
        if is_last[i]:
            continue
        differ = 0
        for j in range(n):
            differ += start[i, j] != end[i, j]
        if differ:
            for j in range(n):
                if start[i, j] != end[i, j]:
                    if found < interval.size:
                        interval[found], switch[found] = i, j
                    found += 1
    return found


@compiled()
def spread(start: Bits, interval: IntArray, switch: IntArray, tie: Bits, after: IntArray, bits: Bits) -> None:
    """Write the bits of each interval that is left when others are cut, in order.

    Those of old interval p are ``start[p]`` up to its first cut; after each, one bit more is turned. `after` is, for
    each cut, the number of the interval after it, of which those that begin old intervals are none.
    """
    n = start.shape[1]
    row, cut = 0, 0
    for p in range(start.shape[0]):
        for j in range(n):
            bits[row, j] = start[p, j]
        row += 1
        while cut < interval.size and interval[cut] == p:
            if not tie[cut]:
                for j in range(n):
                    bits[row, j] = bits[row - 1, j]
                row += 1
            bits[after[cut], switch[cut]] ^= 1
            cut += 1


@compiled()
def share(
    values: FloatArray, near: IntArray, far: IntArray, unit: IntArray, weight: FloatArray, radius: FloatArray,
    norm: FloatArray, of_bias: FloatArray, slack: float, rounding: float, shares: FloatArray, blurs: FloatArray,
) -> None:  # fmt: skip
    """Write how far from their near ends units are zero, and what that is off by at most; see `decide`.

    A unit is off by its norm times the radius of a point, and by what its bias is off by. A share of an interval that
    has ends is at most 1, and so is its error.
    """
    for i in range(near.size):
        p, q, u = near[i], far[i], unit[i]
        a, b = values[p, u], values[q, u]
        error_a = (radius[p] * norm[u] + of_bias[u]) * slack + 2 * rounding * abs(a)
        error_b = (radius[q] * norm[u] + of_bias[u] * weight[q]) * slack + 2 * rounding * abs(b)
        change = b - weight[q] * a
        part = -a / change
        if weight[q] == 1.0:
            error = error_a if error_a > error_b else error_b
            blur = error / abs(change) * slack + 4 * rounding
            blurs[i] = blur if blur < 1.0 else 1.0
            shares[i] = (part if part < 1.0 else 1.0) if part > 0.0 else 0.0
        else:
            slope = abs(b) - error_b
            blur = (error_a + abs(part) * error_b) / slope * slack + 4 * rounding * abs(part)
            if slope > 0.0 and blur < np.inf:
                blurs[i], shares[i] = blur, part if part > 0.0 else 0.0
            else:
                blurs[i], shares[i] = np.inf, np.nan


@compiled()
def sort_within(interval: IntArray, key: FloatArray, order: IntArray) -> None:
    """Sort numbers by their keys within each interval, these being in order; what is no number comes last."""
    for i in range(interval.size):
        order[i] = i
        k = i
        while (
            k > 0
            and interval[order[k - 1]] == interval[i]
            and (key[order[k - 1]] > key[i] or (np.isnan(key[order[k - 1]]) and not np.isnan(key[i])))
        ):
            order[k] = order[k - 1]
            k -= 1
        order[k] = i


@compiled(fastmath=_ANY_ORDER)
def between(
    values: FloatArray, near: IntArray, far: IntArray, share: FloatArray, weight: FloatArray, rectified: bool,
    out: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """Write rows between others, rectified or not, and the sums of squares of the changes from one end to the other."""
    n = values.shape[1]
    for i in range(near.size):
        a, b, s, w = near[i], far[i], share[i], weight[i]
        total = 0.0
        for j in range(n):
            change = values[b, j] - w * values[a, j]
            total += change * change
            out[i, j] = values[a, j] + s * change
        squares[i] = total
        if rectified:
            for j in range(n):
                out[i, j] = 0.0 if out[i, j] < 0.0 else out[i, j]


@compiled()
def rectify(values: FloatArray, out: FloatArray) -> None:
    """Write what a rectifier makes of rows."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = 0.0 if values[i, j] < 0.0 else values[i, j]
