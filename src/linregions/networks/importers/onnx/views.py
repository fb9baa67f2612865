"""Operators that only move numbers: one rule on arrays serves constants and, on numbers of units, activations.

Where a rule makes room that nothing fills, it puts `fill` there: zero in a constant, -1 among numbers of units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from linregions._support.files import brief
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import (
    Array,
    RuleError,
    axes_of,
    axis_of,
    integer_of,
    misfit,
    room,
    variable,
    whole_numbers,
)

#: (node, data, other inputs, fill) -> outputs
View = Callable[[Node, Array, list[Array | None], Any], list[Array]]


def _identity(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    return [data]


def _reshape(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    sizes = whole_numbers(others[0] if others else None, "shape")
    if not node.attributes.get("allowzero", 0):
        sizes = [data.shape[k] if size == 0 and k < data.ndim else size for k, size in enumerate(sizes)]
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes):
        raise misfit(f"has the shape {brief(sizes)}")
    known = math.prod(size for size in sizes if size != -1)
    fits = known == data.size if -1 not in sizes else known > 0 and data.size % known == 0
    if not fits:
        raise RuleError(
            f"makes the shape {brief(sizes)} of {data.shape}",
            "as many numbers in both",
            "Export the model for a batch of one, or say the shapes in `input_shapes`.",
        )
    return [data.reshape(sizes)]


def _flatten(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    axis = integer_of(node, "axis", 1)
    if not -data.ndim <= axis <= data.ndim:
        raise misfit(f"has axis = {axis} for {data.ndim} axes")
    axis += data.ndim if axis < 0 else 0
    return [data.reshape(math.prod(data.shape[:axis]), math.prod(data.shape[axis:]))]


def _squeeze(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    axes = axes_of(node, others[0] if others else None, data.ndim, 13)
    if axes is None:
        axes = [k for k, size in enumerate(data.shape) if size == 1]
    if any(data.shape[axis] != 1 for axis in axes):
        raise misfit(f"drops the axes {axes} of the shape {data.shape}")
    return [data.reshape([size for k, size in enumerate(data.shape) if k not in axes])]


def _unsqueeze(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    given = node.attributes.get("axes") if node.opset < 13 else whole_numbers(others[0] if others else None, "axes")
    if not isinstance(given, list) or data.ndim + len(given) > 32:
        raise misfit(f"has the axes {brief(given)}")
    axes = sorted(axis_of(axis, data.ndim + len(given)) for axis in given)
    if len(set(axes)) != len(axes):
        raise misfit(f"has the axes {brief(given)}")
    sizes = list(data.shape)
    for axis in axes:
        sizes.insert(axis, 1)
    return [data.reshape(sizes)]


def _transpose(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    order = node.attributes.get("perm", list(range(data.ndim))[::-1])
    if not isinstance(order, list) or sorted(order) != list(range(data.ndim)):
        raise misfit(f"has perm = {brief(order)} for {data.ndim} axes")
    return [data.transpose(order)]


def _slice(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    if node.opset < 10:
        starts, ends = node.attributes.get("starts"), node.attributes.get("ends")
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, ends = (whole_numbers(others[k] if k < len(others) else None, "starts and ends") for k in (0, 1))
        axes, steps = (
            whole_numbers(others[k], "axes and steps") if k < len(others) and others[k] is not None else None
            for k in (2, 3)
        )
    if not isinstance(starts, list) or not isinstance(ends, list) or len(starts) != len(ends):
        raise misfit("has starts and ends that do not belong together")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(axes) == len(steps) == len(starts) or 0 in steps:
        raise misfit("has starts, ends, axes and steps that do not belong together")
    parts = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        parts[axis_of(axis, data.ndim)] = slice(start, end, step)
    return [data[tuple(parts)]]


def _gather(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    index = _index(others)
    axis = axis_of(node.attributes.get("axis", 0), data.ndim)
    room((*data.shape[:axis], *index.shape, *data.shape[axis + 1 :]), data)
    return [np.take(data, index, axis=axis)]


def _gather_elements(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    index = _index(others)
    axis = axis_of(node.attributes.get("axis", 0), data.ndim)
    room(index.shape, data, index)
    return [np.take_along_axis(data[tuple(map(slice, _upto(index.shape, data.shape, axis)))], index, axis=axis)]


def _upto(wanted: tuple[int, ...], shape: tuple[int, ...], axis: int) -> list[int]:
    return [size if k == axis else min(size, wanted[k]) for k, size in enumerate(shape)]


def _gather_nd(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    index = _index(others)
    n_batch = integer_of(node, "batch_dims", 0)
    if not 0 <= n_batch < min(data.ndim, index.ndim) or data.shape[:n_batch] != index.shape[:n_batch]:
        raise misfit(f"has batch_dims = {n_batch}")
    room((*index.shape[:-1], *data.shape[n_batch + index.shape[-1] :]))
    places = tuple(
        np.arange(size).reshape([-1 if j == k else 1 for j in range(index.ndim - 1)])
        for k, size in enumerate(index.shape[:n_batch])
    )
    return [data[(*places, *np.moveaxis(index, -1, 0))]]


def _index(others: list[Array | None]) -> Array:
    index = others[0] if others else None
    if index is None:
        raise misfit("has no indices")
    if not isinstance(index, np.ndarray):
        raise variable("its indices")
    if index.dtype.kind not in "iu":
        raise misfit(f"has indices of {index.dtype}")
    return index


def _split(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    axis = axis_of(node.attributes.get("axis", 0), data.ndim)
    size, n_parts = data.shape[axis], len(node.outputs)
    sizes: Any = node.attributes.get("split")
    if node.opset >= 13:
        sizes = whole_numbers(others[0], "sizes of parts") if others and others[0] is not None else None
    if sizes is None:
        part = -(-size // n_parts)
        sizes = [part] * (n_parts - 1) + [size - part * (n_parts - 1)]
        if sizes[-1] != part and (node.opset < 18 or sizes[-1] < 0):
            raise misfit(f"makes {n_parts} equal parts of {size}")
    if len(sizes) != n_parts or sum(sizes) != size or min(sizes) < 0:
        raise misfit(f"makes parts of the sizes {brief(sizes)} of {size}")
    return np.split(data, np.cumsum(sizes)[:-1], axis=axis)


def _expand(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    sizes = whole_numbers(others[0] if others else None, "shape")
    return [np.broadcast_to(data, room(np.broadcast_shapes(data.shape, room(sizes))))]


def _tile(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    times = whole_numbers(others[0] if others else None, "repeats")
    if len(times) != data.ndim:
        raise misfit(f"repeats {brief(times)} times a tensor with {data.ndim} axes")
    room(size * count for size, count in zip(data.shape, times, strict=True))
    return [np.tile(data, times)]


def _compress(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    kept = others[0] if others else None
    if not isinstance(kept, np.ndarray):
        raise variable("its condition")
    axis = node.attributes.get("axis")
    return [np.compress(kept.reshape(-1).astype(bool), data, None if axis is None else axis_of(axis, data.ndim))]


def _depth_to_space(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    block = _block(node, data)
    n, depth, height, width = data.shape
    if node.attributes.get("mode", "DCR") == "DCR":
        parts = data.reshape(n, block, block, depth // block**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = data.reshape(n, depth // block**2, block, block, height, width).transpose(0, 1, 4, 2, 5, 3)
    return [parts.reshape(n, depth // block**2, height * block, width * block)]


def _space_to_depth(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    block = _block(node, data)
    n, depth, height, width = data.shape
    parts = data.reshape(n, depth, height // block, block, width // block, block).transpose(0, 3, 5, 1, 2, 4)
    return [parts.reshape(n, depth * block**2, height // block, width // block)]


def _block(node: Node, data: Array) -> int:
    block = integer_of(node, "blocksize", 0)
    if block < 1 or data.ndim != 4:
        raise misfit(f"has blocksize = {block} for the shape {data.shape}")
    return block


def _trilu(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    shift = whole_numbers(others[0], "diagonal")[0] if others and others[0] is not None else 0
    rows, columns = data.shape[-2:]
    above = np.arange(columns)[None, :] - np.arange(rows)[:, None] - max(min(shift, columns), -rows)
    kept = above >= 0 if node.attributes.get("upper", 1) else above <= 0
    return [np.where(kept, data, np.asarray(fill, dtype=data.dtype))]


def _pad(node: Node, data: Array, others: list[Array | None], fill: Any) -> list[Array]:
    """Pad; the caller sees to a value other than zero."""
    mode = node.attributes.get("mode", "constant")
    if node.opset < 11:
        pads = node.attributes.get("pads")
    else:
        pads = whole_numbers(others[0] if others else None, "pads")
    axes = list(range(data.ndim))
    if node.opset >= 18 and len(others) > 2 and others[2] is not None:
        axes = [axis_of(axis, data.ndim) for axis in whole_numbers(others[2], "axes")]
    if not isinstance(pads, list) or len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise misfit(f"has the pads {brief(pads)} for {data.ndim} axes")
    widths = [(0, 0)] * data.ndim
    for k, axis in enumerate(axes):
        widths[axis] = (pads[k], pads[len(axes) + k])
    room(size + before + after for size, (before, after) in zip(data.shape, widths, strict=True))
    cut = tuple(
        slice(max(-before, 0), size - max(-after, 0)) for size, (before, after) in zip(data.shape, widths, strict=True)
    )
    data = data[cut]
    more = [(max(before, 0), max(after, 0)) for before, after in widths]
    if mode == "constant":
        return [np.pad(data, more, constant_values=fill)]
    if mode not in ("reflect", "edge", "wrap"):
        raise misfit(f"has the mode {brief(mode)}")
    return [np.pad(data, more, mode=mode)]


VIEWS: dict[str, View] = {
    "Identity": _identity,
    "Dropout": _identity,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "Compress": _compress,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Trilu": _trilu,
    "Pad": _pad,
}
