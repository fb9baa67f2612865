"""Operators that onnx's reference implementation lacks, has in single precision or gets wrong in some versions.

Written for the check at the door alone, straight from the standard, with slices of padded arrays: none of the index
arithmetic that the importer rests on is used here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.networks.importers.onnx.records import Node

_Array = npt.NDArray[Any]


def _batch_norm(node: Node, x: _Array, scale: _Array, bias: _Array, mean: _Array, variance: _Array) -> _Array:
    def along(vector: _Array) -> _Array:
        return vector.reshape([-1 if axis == 1 else 1 for axis in range(x.ndim)])

    epsilon = node.attributes.get("epsilon", float(np.float32(1e-5)))
    return np.asarray(along(scale) * ((x - along(mean)) / np.sqrt(along(variance) + epsilon)) + along(bias))


def _pad(node: Node, x: _Array, pads: Any = None, value: Any = None, axes: Any = None) -> _Array:
    if node.opset < 11:
        pads, value = node.attributes["pads"], node.attributes.get("value", 0.0)
    places = range(x.ndim) if axes is None else [int(axis) % x.ndim for axis in np.ravel(axes)]
    pads = [int(width) for width in np.ravel(pads)]
    mode = node.attributes.get("mode", "constant")
    for k, axis in enumerate(places):
        for end, width in ((0, pads[k]), (1, pads[len(pads) // 2 + k])):
            if width < 0:
                part = slice(-width, None) if end == 0 else slice(None, width)
                x = x[(slice(None),) * axis + (part,)]
    widths = [(0, 0)] * x.ndim
    for k, axis in enumerate(places):
        widths[axis] = (max(pads[k], 0), max(pads[len(pads) // 2 + k], 0))
    if mode == "constant":
        filling = 0.0 if value is None else float(np.ravel(value)[0])
        return np.pad(x, widths, constant_values=filling)
    return np.pad(x, widths, mode=mode)


# ---- windows --------------------------------------------------------------------------------------------------------


def _geometry(node: Node, x: _Array) -> tuple[list[int], ...]:
    """Return kernel, stride, dilation, padding before and after, and the number of windows, along each axis."""
    kernel = list(node.attributes["kernel_shape"])
    n = len(kernel)
    stride = node.attributes.get("strides", [1] * n)
    dilation = node.attributes.get("dilations", [1] * n)
    pads = node.attributes.get("pads", [0] * 2 * n)
    before, after, counts = list(pads[:n]), list(pads[n:]), []
    auto = node.attributes.get("auto_pad", "NOTSET")
    for axis, size in enumerate(x.shape[2:]):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        if auto.startswith("SAME"):
            count = math.ceil(size / stride[axis])
            whole = max(0, (count - 1) * stride[axis] + reach - size)
            before[axis] = whole // 2 if auto == "SAME_UPPER" else math.ceil(whole / 2)
            after[axis] = whole - before[axis]
        else:
            if auto == "VALID":
                before[axis] = after[axis] = 0
            steps = (size + before[axis] + after[axis] - reach) / stride[axis]
            count = (math.ceil(steps) if node.attributes.get("ceil_mode", 0) else math.floor(steps)) + 1
            if (count - 1) * stride[axis] >= size + before[axis]:  # one that would start in the padding behind
                count -= 1
        counts.append(count)
    return kernel, list(stride), list(dilation), before, after, counts


def _windows(node: Node, x: _Array, filling: float) -> Iterator[_Array]:
    """Yield, for each place in the window, what all windows see there."""
    kernel, stride, dilation, before, after, counts = _geometry(node, x)
    widths = [(0, 0), (0, 0)]
    for axis in range(len(kernel)):
        last = (counts[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        widths.append((before[axis], max(after[axis], last - x.shape[2 + axis] - before[axis])))
    padded = np.pad(x, widths, constant_values=filling)
    for place in itertools.product(*map(range, kernel)):
        parts = [slice(None), slice(None)]
        for axis, at in enumerate(place):
            first = at * dilation[axis]
            parts.append(slice(first, first + (counts[axis] - 1) * stride[axis] + 1, stride[axis]))
        yield padded[tuple(parts)]


def _max_pool(node: Node, x: _Array) -> _Array:
    return np.asarray(np.max(list(_windows(node, x, -np.inf)), axis=0))


def _average_pool(node: Node, x: _Array) -> _Array:
    if node.attributes.get("count_include_pad", 0):  # of the array with its padding, and nothing behind
        kernel, stride, dilation, before, after, counts = _geometry(node, x)
        counted: Any = np.ones((1, 1))
        for axis, count in enumerate(counts):
            size = before[axis] + x.shape[2 + axis] + after[axis]
            seen = [
                sum(window * stride[axis] + at * dilation[axis] < size for at in range(kernel[axis]))
                for window in range(count)
            ]
            counted = counted[..., None] * np.array(seen, dtype=np.float64)
    else:
        counted = sum(_windows(node, np.ones((1, 1, *x.shape[2:])), 0.0))
    return np.asarray(sum(_windows(node, x, 0.0)) / counted)


def _conv_transpose(node: Node, x: _Array, weight: _Array, bias: Any = None) -> _Array:
    attributes = node.attributes
    n, kernel = x.ndim - 2, weight.shape[2:]
    stride = attributes.get("strides", [1] * n)
    dilation = attributes.get("dilations", [1] * n)
    pads = attributes.get("pads", [0] * 2 * n)
    more = attributes.get("output_padding", [0] * n)
    groups = attributes.get("group", 1)
    auto = attributes.get("auto_pad", "NOTSET")
    before, after = list(pads[:n]), list(pads[n:])
    full = [stride[a] * (x.shape[2 + a] - 1) + more[a] + (kernel[a] - 1) * dilation[a] + 1 for a in range(n)]
    wanted = attributes.get("output_shape")
    if wanted is None and auto.startswith("SAME"):
        wanted = [x.shape[2 + a] * stride[a] for a in range(n)]
    for a in range(n):
        if auto == "VALID":
            before[a] = after[a] = 0
        if wanted is not None:
            whole = full[a] - wanted[a - n]
            before[a] = whole // 2 if auto == "SAME_UPPER" else whole - whole // 2
            after[a] = whole - before[a]
    n_out = weight.shape[1]
    size = [max(full[a], full[a] - after[a]) for a in range(n)]
    made = np.zeros((x.shape[0], groups * n_out, *size))
    for group in range(groups):
        part = x[:, group * weight.shape[0] // groups : (group + 1) * weight.shape[0] // groups]
        own = weight[group * weight.shape[0] // groups : (group + 1) * weight.shape[0] // groups]
        for place in itertools.product(*map(range, kernel)):
            target = tuple(
                slice(at * dilation[a], at * dilation[a] + stride[a] * (x.shape[2 + a] - 1) + 1, stride[a])
                for a, at in enumerate(place)
            )
            spot: Any = (..., *place)
            spread = np.moveaxis(np.tensordot(part, own[spot], (1, 0)), -1, 1)
            made[(slice(None), slice(group * n_out, (group + 1) * n_out), *target)] += spread
    cut = made[(slice(None), slice(None), *(slice(max(before[a], 0), full[a] - after[a]) for a in range(n)))]
    return cut if bias is None else cut + bias.reshape(-1, *(1,) * n)


# ---- resizing -------------------------------------------------------------------------------------------------------


def _resize(node: Node, x: _Array, *inputs: Any) -> _Array:
    attributes, opset = node.attributes, node.opset
    scales: Any
    sizes: Any = None
    coordinates, rounding = "asymmetric", "floor"
    if node.op == "Upsample":
        scales = attributes["scales"] if opset < 9 else inputs[0]
    elif opset < 11:
        scales = inputs[0]
    else:
        scales = inputs[1] if len(inputs) > 1 else None
        sizes = inputs[2] if len(inputs) > 2 else None
        coordinates = attributes.get("coordinate_transformation_mode", "half_pixel")
        rounding = attributes.get("nearest_mode", "round_prefer_floor")
    axes = attributes.get("axes", range(x.ndim))
    given = scales if sizes is None or not np.size(sizes) else sizes
    for axis, number in zip(axes, np.ravel(given).tolist(), strict=True):
        axis = axis % x.ndim
        length = x.shape[axis]
        scale = float(number) if given is scales else number / length
        count = math.floor(length * scale) if given is scales else int(number)
        if scale == 1.0:
            continue
        rows = [
            _row(length, _old_place(new, length, count, scale, coordinates), rounding, attributes)
            for new in range(count)
        ]
        x = np.moveaxis(np.tensordot(np.array(rows), x, (1, axis)), 0, axis)
    return x


def _old_place(new: int, length: int, count: int, scale: float, coordinates: str) -> float:
    if coordinates == "half_pixel":
        return (new + 0.5) / scale - 0.5
    if coordinates == "pytorch_half_pixel":
        return (new + 0.5) / scale - 0.5 if length * scale > 1 else 0.0
    if coordinates == "align_corners":
        return new * (length - 1) / (length * scale - 1) if length * scale != 1 else 0.0
    if coordinates == "asymmetric":
        return new / scale
    if coordinates == "tf_half_pixel_for_nn":
        return (new + 0.5) / scale
    adjustment = count / (scale * length)  # half_pixel_symmetric
    return length / 2 * (1 - adjustment) + (new + 0.5) / scale - 0.5


def _row(length: int, place: float, rounding: str, attributes: dict[str, Any]) -> list[float]:
    """Return by what each old entry is multiplied for a new one."""
    row = [0.0] * length
    mode = attributes.get("mode", "nearest")
    if mode == "nearest":
        whole = {
            "round_prefer_floor": math.ceil(place - 0.5),
            "round_prefer_ceil": math.floor(place + 0.5),
            "floor": math.floor(place),
            "ceil": math.ceil(place),
        }[rounding]
        row[min(max(whole, 0), length - 1)] = 1.0
        return row
    if mode in ("linear", "bilinear"):
        weights: Sequence[tuple[int, float]] = [
            (math.floor(place), 1 - (place - math.floor(place))),
            (math.floor(place) + 1, place - math.floor(place)),
        ]
    else:
        a = attributes.get("cubic_coeff_a", -0.75)
        weights = [(at, _keys(abs(place - at), a)) for at in range(math.floor(place) - 1, math.floor(place) + 3)]
        if attributes.get("exclude_outside", 0):
            weights = [(at, weight) for at, weight in weights if 0 <= at < length]
            total = sum(weight for _, weight in weights)
            weights = [(at, weight / total) for at, weight in weights]
    for at, weight in weights:
        row[min(max(at, 0), length - 1)] += weight
    return row


def _keys(distance: float, a: float) -> float:
    """Return the kernel of cubic convolution (Keys 1981)."""
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    return a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a


# ---- smooth activations, for comparison with what stands in for them -----------------------------------------------

_ERF = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(node: Node, x: _Array) -> _Array:
    if node.attributes.get("approximate", "none") == "tanh":
        return np.asarray(0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1.0 + _ERF(x / math.sqrt(2.0))))


#: By operator: (node, inputs) -> its first output.
PLAIN: dict[str, Callable[..., _Array]] = {
    "BatchNormalization": _batch_norm,
    "Pad": _pad,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "ConvTranspose": _conv_transpose,
    "Resize": _resize,
    "Upsample": _resize,
    "Erf": lambda node, x: _ERF(x),
    "Gelu": _gelu,
}
