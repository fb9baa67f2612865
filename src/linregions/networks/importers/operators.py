"""Operators of neural networks as index arithmetic, shared by the importers: each a function of a builder and a value.

Values of convolutions and pools have the shape (..., channels, *space), with one, two or three axes of space; what is
at each place of the axes before them, as of a batch of one, is treated alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.importers.matrices import MOST_PRODUCTS, IndexArray, Matrix
from linregions.networks.importers.site_matrix import by_windows, from_sites
from linregions.networks.importers.values import Builder, Value
from linregions.networks.importers.windows import (
    Pairs,
    adaptive_ranges,
    divisors,
    flat_places,
    n_windows,
    places,
)

Shape = tuple[int, ...]


def conv(
    builder: Builder,
    value: Value,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    groups: int = 1,
    transposed: bool = False,
    output_padding: Sequence[int] = (),
    name: str = "",
) -> Value:
    """Return a convolution (a cross-correlation, as all frameworks have it), padded with zeros.

    The weight has shape (out, in / groups, *kernel), or (in, out / groups, *kernel) if `transposed`.
    """
    kernel = weight.shape[2:]
    before, _, space = _split(value, len(kernel))
    axes = range(len(kernel))
    if transposed:
        more = tuple(output_padding) or (0,) * len(kernel)
        # Of the convolution whose transpose it is, these are the inputs and `space` are the outputs.
        size = [
            (space[a] - 1) * stride[a] - sum(padding[a]) + dilation[a] * (kernel[a] - 1) + more[a] + 1 for a in axes
        ]
        n_out = weight.shape[1] * groups
        windows = places(size, kernel, stride, padding, dilation, space)
        matrix = _conv_matrix(builder, weight, windows, _size(size), groups, _size(before) == 1)
        matrix = builder.matrices.transposed(matrix)
    else:
        size = [n_windows(space[a], kernel[a], stride[a], padding[a], dilation[a], False) for a in axes]
        n_out = weight.shape[0]
        windows = places(space, kernel, stride, padding, dilation, size)
        matrix = _conv_matrix(builder, weight, windows, _size(space), groups, _size(before) == 1)
    offset = None if bias is None else np.tile(np.repeat(bias, _size(size)), _size(before))
    return builder.linear(value, _each(builder, matrix, _size(before)), (*before, n_out, *size), offset, name)


def batch_norm(
    builder: Builder,
    value: Value,
    mean: FloatArray,
    variance: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    epsilon: float,
    axis: int = 1,
    name: str = "",
) -> Value:
    """Return ``(value - mean) / sqrt(variance + epsilon) * weight + bias``, each constant along `axis`."""
    factors = 1.0 / np.sqrt(variance + epsilon)
    if weight is not None:
        factors = factors * weight
    offsets = -mean * factors
    if bias is not None:
        offsets = offsets + bias
    shape = [1] * len(value.shape)
    shape[axis] = -1
    return builder.add(builder.scale(value, factors.reshape(shape), name), offsets.reshape(shape))


def average_pool(
    builder: Builder,
    value: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int] | None = None,
    ceil_mode: bool = False,
    include_padding: bool = True,
    divisor: float | None = None,
    counts: Sequence[int] | None = None,
    name: str = "",
) -> Value:
    """Return the means of windows; `divisor` replaces the number of entries, `counts` PyTorch's count of windows."""
    before, channels, space = _split(value, len(kernel))
    steps = dilation or (1,) * len(kernel)
    if counts is None:
        counts = _counts(space, kernel, stride, padding, steps, ceil_mode)
    windows = places(space, kernel, stride, padding, steps, counts)
    by = divisors(space, kernel, stride, padding, steps, counts, include_padding)
    factors = np.full(by.size, 1.0 / divisor) if divisor is not None else 1.0 / by
    kept = windows >= 0
    data = np.broadcast_to(factors[:, None], windows.shape)[kept]
    rows = np.broadcast_to(np.arange(len(windows))[:, None], windows.shape)[kept]
    one = builder.matrices.from_entries(data, rows, windows[kept], (len(windows), _size(space)))
    if _size(before) == 1 and channels * one.nnz >= BY_SITES:
        builder.matrices.must_fit(channels**2 * by.size)
        return builder.linear(value, from_sites(one, channels), (*before, channels, *counts), name=name)
    each = _each(builder, one, _size(before) * channels)
    return builder.linear(value, each, (*before, channels, *counts), name=name)


def max_pool(
    builder: Builder,
    value: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    ceil_mode: bool = False,
    counts: Sequence[int] | None = None,
    name: str = "",
) -> Value:
    """Return the maxima of windows; the padding is never the largest."""
    before, channels, space = _split(value, len(kernel))
    if counts is None:
        counts = _counts(space, kernel, stride, padding, dilation, ceil_mode)
    windows = places(space, kernel, stride, padding, dilation, counts)
    return _max_of(builder, value, windows, _size(before) * channels, space, (*before, channels, *counts), name)


def adaptive_average_pool(builder: Builder, value: Value, counts: Sequence[int], name: str = "") -> Value:
    """Return the means over so many windows along each of the last axes, as even as they can be."""
    matrices: dict[int, FloatArray] = {}
    for axis, count in zip(range(-len(counts), 0), counts, strict=True):
        at = adaptive_ranges(value.shape[axis], count)
        matrix = np.zeros((count, value.shape[axis]))
        rows = np.nonzero(at >= 0)[0]
        matrix[rows, at[at >= 0]] = 1.0 / (at >= 0).sum(axis=1)[rows]
        matrices[axis] = matrix
    return along(builder, value, matrices, name)


def adaptive_max_pool(builder: Builder, value: Value, counts: Sequence[int], name: str = "") -> Value:
    """Return the maxima over so many windows along each of the last axes."""
    before, channels, space = _split(value, len(counts))
    windows = flat_places(space, [adaptive_ranges(n, count) for n, count in zip(space, counts, strict=True)])
    return _max_of(builder, value, windows, _size(before) * channels, space, (*before, channels, *counts), name)


def along(builder: Builder, value: Value, matrices: Mapping[int, FloatArray], name: str = "") -> Value:
    """Return a value with a matrix (new length, length) applied along each of some axes, as resizing does."""
    rank = len(value.shape)
    by_axis = {axis % rank: matrix for axis, matrix in matrices.items()}
    factors = [by_axis.get(axis, length) for axis, length in enumerate(value.shape)]
    shape = tuple(int(by_axis[axis].shape[0]) if axis in by_axis else n for axis, n in enumerate(value.shape))
    return builder.linear(value, builder.matrices.kronecker(factors), shape, name=name)


def reduce_sum(
    builder: Builder, value: Value, axes: Sequence[int], keep: bool, mean: bool = False, name: str = ""
) -> Value:
    """Return sums or means over axes; over all of them if none is named."""
    rank = len(value.shape)
    over = sorted({axis % rank for axis in axes}) if axes else list(range(rank))
    factors: dict[int, FloatArray] = {}
    for axis in over:
        n = value.shape[axis]
        factors[axis] = np.full((1, n), 1.0 / n if mean and n else 1.0)
    result = along(builder, value, factors, name) if over else value
    return result if keep else builder.reshape(result, _without(value.shape, over))


def reduce_max(builder: Builder, value: Value, axes: Sequence[int], keep: bool, name: str = "") -> Value:
    """Return maxima over axes; over all of them if none is named."""
    rank = len(value.shape)
    over = sorted({axis % rank for axis in axes}) if axes else list(range(rank))
    if not over:
        return value
    rest = [axis for axis in range(rank) if axis not in over]
    kept = tuple(value.shape[axis] for axis in rest)
    windows = builder.index(value).transpose(*rest, *over).reshape(int(np.prod(kept, dtype=np.int64)), -1)
    result = builder.max_over(value, windows, kept, name)
    if not keep:
        return result
    return builder.reshape(result, tuple(1 if axis in over else n for axis, n in enumerate(value.shape)))


def pad(
    builder: Builder, value: Value, pairs: Pairs, mode: str = "constant", fill: float = 0.0, name: str = ""
) -> Value:
    """Return a value padded along each axis, negative pairs cut: mode "constant", "reflect", "edge" or "wrap"."""
    index = builder.index(value)
    cut = tuple(slice(max(0, -low), n - max(0, -high)) for (low, high), n in zip(pairs, value.shape, strict=True))
    index = index[cut]
    width = [(max(0, low), max(0, high)) for low, high in pairs]
    if mode == "constant":
        index = np.pad(index, width, constant_values=-1)
    else:
        index = np.pad(index, width, mode=mode)  # type: ignore[call-overload]
    padded = builder.gather(value, index, name)
    return padded if fill == 0.0 else builder.add(padded, np.where(index < 0, fill, 0.0))


def nearest(n: int, count: int, scale: float | None = None) -> IndexArray:
    """Return the places that nearest upsampling to `count` reads, as PyTorch's "nearest"; `scale` is out per in."""
    ratio = np.float32(n / count if scale is None else 1.0 / scale)
    at = np.floor(np.arange(count, dtype=np.float32) * ratio).astype(np.int64)
    return np.asarray(np.minimum(at, n - 1))


def interpolation(n: int, count: int, align_corners: bool, scale: float | None = None) -> FloatArray:
    """Return the matrix (count, n) of linear interpolation along an axis, as PyTorch's."""
    if align_corners:
        at = np.arange(count) * ((n - 1) / (count - 1) if count > 1 else 0.0)
    else:
        at = np.maximum((np.arange(count) + 0.5) * (n / count if scale is None else 1.0 / scale) - 0.5, 0.0)
    low = np.minimum(at.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    matrix = np.zeros((count, n))
    rows = np.arange(count)
    np.add.at(matrix, (rows, low), 1.0 - (at - low))
    np.add.at(matrix, (rows, high), at - low)
    return matrix


#: Operators of so many numbers go by sites, where there is no more than one image.
BY_SITES = 1 << 17


def _max_of(
    builder: Builder, value: Value, windows: IndexArray, channels: int, space: Shape, shape: Shape, name: str
) -> Value:
    if channels * windows.size >= BY_SITES and channels == value.shape[-len(space) - 1]:
        return builder.max_over(value, windows, shape, name, channels=channels)
    builder.matrices.must_fit(channels * windows.size)
    size = _size(space)
    shifted = windows[None] + (np.arange(channels) * size)[:, None, None]
    shifted[np.broadcast_to(windows < 0, shifted.shape)] = -1
    return builder.max_over(value, shifted.reshape(-1, windows.shape[1]), shape, name)


def _conv_matrix(
    builder: Builder, weight: FloatArray, windows: IndexArray, n_places: int, groups: int, one_image: bool
) -> Matrix:
    """Return the matrix from (groups * in, places) to (out, windows)."""
    n_out, n_in = weight.shape[:2]
    n, entries = windows.shape
    if one_image and n_out * n_in * n * entries >= BY_SITES:
        builder.matrices.must_fit(n_out * n_in * n * entries, MOST_PRODUCTS)
        builder.matrices.must_fit(entries * n_out * n_in * groups)
        blocks = np.zeros((entries, groups, n_in, groups, n_out // groups))
        kernel = weight.reshape(groups, n_out // groups, n_in, entries).transpose(3, 0, 2, 1)
        blocks[:, np.arange(groups), :, np.arange(groups)] = kernel.transpose(1, 0, 2, 3)
        return by_windows(windows, blocks.reshape(entries, groups * n_in, n_out), n_places)
    builder.matrices.must_fit(n_out * n_in * n * entries)
    first = np.arange(n_out) // (n_out // groups) * n_in
    channel = first[:, None] + np.arange(n_in)
    kind = np.int32 if groups * n_in * n_places < 2**31 else np.int64
    columns = (channel * n_places).astype(kind)[:, None, :, None] + windows.astype(kind)[None, :, None, :]
    data = np.broadcast_to(weight.reshape(n_out, 1, n_in, entries), columns.shape)
    inside = windows >= 0
    per_row = np.tile(inside.sum(axis=1) * n_in, n_out)
    if inside.all():
        flat, numbers = columns.ravel(), data.ravel()
    else:
        mask = np.broadcast_to(inside[None, :, None, :], columns.shape)
        flat, numbers = columns[mask], data[mask]
    starts = np.concatenate([[0], np.cumsum(per_row)])
    return builder.matrices.from_rows(numbers, flat, starts, groups * n_in * n_places)


def _each(builder: Builder, matrix: Matrix, times: int) -> Matrix:
    return matrix if times == 1 else builder.matrices.repeated(matrix, times)


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _split(value: Value, n_space: int) -> tuple[Shape, int, Shape]:
    """Return the axes before the channels, the number of channels, and the space."""
    at = len(value.shape) - n_space
    return value.shape[: at - 1], value.shape[at - 1], value.shape[at:]


def _counts(
    space: Shape, kernel: Sequence[int], stride: Sequence[int], padding: Pairs, dilation: Sequence[int], ceil: bool
) -> list[int]:
    return [n_windows(n, kernel[a], stride[a], padding[a], dilation[a], ceil) for a, n in enumerate(space)]


def _without(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)
