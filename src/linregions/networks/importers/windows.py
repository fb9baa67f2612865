"""Where the windows of convolutions and pools lie: index arithmetic, shared by all importers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.importers.matrices import IndexArray

Pairs = Sequence[tuple[int, int]]


def n_windows(n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, ceil_mode: bool) -> int:
    """Return how many windows fit along an axis of n places, as PyTorch counts them.

    With `ceil_mode` the last may reach beyond the padding, unless it would start there.
    """
    room = n + padding[0] + padding[1] - dilation * (kernel - 1) - 1
    count = (math.ceil(room / stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + padding[0]:
        count -= 1
    return max(count, 0)


def places(
    space: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    counts: Sequence[int],
) -> IndexArray:
    """Return the flat place of each entry of each window, shape (windows, entries), -1 where it lies outside."""
    axes = [
        np.arange(count)[:, None] * stride[a] - padding[a][0] + np.arange(kernel[a]) * dilation[a]
        for a, count in enumerate(counts)
    ]
    return flat_places(space, [np.where((at >= 0) & (at < n), at, -1) for at, n in zip(axes, space, strict=True)])


def flat_places(space: Sequence[int], axes: Sequence[IndexArray]) -> IndexArray:
    """Return flat places of windows from those along each axis, each of shape (windows, entries), -1 for none."""
    n_axes = len(space)
    total = np.zeros((1,) * (2 * n_axes), dtype=np.int64)
    inside = np.ones((1,) * (2 * n_axes), dtype=bool)
    for a, at in enumerate(axes):
        shape = [1] * (2 * n_axes)
        shape[a], shape[n_axes + a] = at.shape
        total = total * space[a] + at.reshape(shape)
        inside = inside & (at >= 0).reshape(shape)
    result = np.where(inside, total, -1)
    return result.reshape(int(np.prod(result.shape[:n_axes])), -1)


def divisors(
    space: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    counts: Sequence[int],
    include_padding: bool,
) -> FloatArray:
    """Return what the sum of each window is divided by in an average pool: its entries, with the padding's or not."""
    total = np.ones(1)
    for a, count in enumerate(counts):
        at = np.arange(count)[:, None] * stride[a] - padding[a][0] + np.arange(kernel[a]) * dilation[a]
        counted = at < space[a] + padding[a][1] if include_padding else (at >= 0) & (at < space[a])
        total = np.multiply.outer(total, counted.sum(axis=1)).ravel()
    return total


def adaptive_ranges(n: int, count: int) -> IndexArray:
    """Return the places along an axis that each of so many adaptive windows covers, -1 where it has fewer."""
    starts = np.arange(count) * n // count
    ends = -(-(np.arange(1, count + 1) * n) // count)
    at = starts[:, None] + np.arange(int((ends - starts).max(initial=1)))
    return np.where(at < ends[:, None], at, -1)
