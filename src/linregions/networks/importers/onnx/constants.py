"""Operators on constants: what exporters write for shapes, sizes and weights, folded in float64 and integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from linregions._support.files import brief
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import (
    Array,
    axes_of,
    axis_of,
    integer_of,
    misfit,
    room,
    whole_numbers,
)
from linregions.networks.importers.onnx.tensors import numpy_type

Fold = Callable[[Node, list[Any]], list[Array]]


def _constant(node: Node, inputs: list[Any]) -> list[Array]:
    if len(node.attributes) != 1:
        raise misfit(f"has {len(node.attributes)} values")
    ((name, value),) = node.attributes.items()
    if name in ("value", "sparse_value") and isinstance(value, np.ndarray):
        return [value]
    if name in ("value_float", "value_floats"):
        return [np.array(value, dtype=np.float64)]
    if name in ("value_int", "value_ints"):
        return [np.array(value, dtype=np.int64)]
    raise misfit(f"has the value {brief(name)!r}")


def _constant_of_shape(node: Node, inputs: list[Any]) -> list[Array]:
    value = node.attributes.get("value", np.zeros(1))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise misfit("has more than one value")
    return [np.full(room(whole_numbers(inputs[0], "shape")), value.reshape(())[()])]


def _range(node: Node, inputs: list[Any]) -> list[Array]:
    start, limit, step = (entry.reshape(())[()] for entry in inputs)
    if step == 0 or not np.isfinite([start, limit, step]).all():
        raise misfit(f"counts from {start} to {limit} in steps of {step}")
    count = max(math.ceil((float(limit) - float(start)) / float(step)), 0)
    room((count,))
    return [start + step * np.arange(count, dtype=inputs[0].dtype)]


def _cast(node: Node, inputs: list[Any]) -> list[Array]:
    wanted = numpy_type(integer_of(node, "to", 0))
    if wanted is None:
        raise misfit(f"makes numbers of the type number {node.attributes.get('to')}")
    return [inputs[0].astype(wanted)]


def _quotient(first: Array, second: Array) -> Array:
    if first.dtype.kind not in "iu":
        return np.asarray(first / second)
    if not np.all(second):
        raise misfit("divides an integer by zero")
    whole = first // second  # rounded down, where the standard rounds towards zero
    return np.asarray(whole + ((whole < 0) & (whole * second != first)))


def _power(first: Array, second: Array) -> Array:
    if first.dtype.kind in "iu" and second.dtype.kind in "iu" and np.any(second < 0):
        raise misfit("raises an integer to a negative power")
    return np.asarray(np.power(first, second.astype(first.dtype) if first.dtype.kind == "f" else second)).astype(
        first.dtype
    )


def _modulo(node: Node, inputs: list[Any]) -> list[Array]:
    first, second = inputs
    if not np.all(second):
        raise misfit("divides by zero")
    _broadcast(inputs)
    return [np.fmod(first, second) if node.attributes.get("fmod", 0) else np.mod(first, second)]


def _broadcast(inputs: list[Any]) -> None:
    room(np.broadcast_shapes(*(entry.shape for entry in inputs)), *inputs)


def _elementwise(function: Callable[..., Any]) -> Fold:
    def fold(node: Node, inputs: list[Any]) -> list[Array]:
        _broadcast(inputs)
        return [np.asarray(function(*inputs))]

    return fold


def _several(function: Callable[[Array, Array], Any]) -> Fold:
    def fold(node: Node, inputs: list[Any]) -> list[Array]:
        _broadcast(inputs)
        total = inputs[0]
        for entry in inputs[1:]:
            total = function(total, entry)
        return [np.asarray(total)]

    return fold


def _mean(node: Node, inputs: list[Any]) -> list[Array]:
    _broadcast(inputs)
    return [np.asarray(sum(inputs[1:], inputs[0]) / len(inputs))]


def _concat(node: Node, inputs: list[Any]) -> list[Array]:
    room((sum(entry.size for entry in inputs),), *inputs)
    return [np.concatenate(inputs, axis=axis_of(node.attributes.get("axis"), inputs[0].ndim))]


def _matmul(node: Node, inputs: list[Any]) -> list[Array]:
    first, second = inputs
    room(
        (
            *np.broadcast_shapes(first.shape[:-2], second.shape[:-2]),
            *first.shape[-2:-1],
            *(second.shape[-1:] if second.ndim > 1 else ()),
        )
    )
    return [np.asarray(first @ second)]


def _reduction(function: Callable[..., Any], since_input: int = 18) -> Fold:
    def fold(node: Node, inputs: list[Any]) -> list[Array]:
        data = inputs[0]
        axes = axes_of(node, inputs[1] if len(inputs) > 1 else None, data.ndim, since_input)
        if not axes and node.attributes.get("noop_with_empty_axes", 0):
            return [data]
        keep = bool(node.attributes.get("keepdims", 1))
        return [np.asarray(function(data, axis=tuple(axes) if axes else None, keepdims=keep)).astype(data.dtype)]

    return fold


def _nonzero(node: Node, inputs: list[Any]) -> list[Array]:
    return [np.array(np.nonzero(inputs[0]), dtype=np.int64)]


def _eye_like(node: Node, inputs: list[Any]) -> list[Array]:
    wanted = numpy_type(integer_of(node, "dtype", 1)) if "dtype" in node.attributes else inputs[0].dtype
    if wanted is None:
        raise misfit("has an unknown type")
    rows, columns = room(inputs[0].shape)
    return [np.eye(rows, columns, integer_of(node, "k", 0), dtype=wanted)]


def _one_hot(node: Node, inputs: list[Any]) -> list[Array]:
    index, depth, values = inputs
    n = int(depth.reshape(())[()])
    axis = axis_of(node.attributes.get("axis", -1), index.ndim + 1)
    room((*index.shape, n))
    whole = index.astype(np.int64)
    whole = np.where(whole < 0, whole + n, whole)
    hot = whole[..., None] == np.arange(n)
    return [np.moveaxis(np.where(hot, values[1], values[0]), -1, axis)]


def _dequantize(node: Node, inputs: list[Any]) -> list[Array]:
    data, scale = inputs[:2]
    zero = inputs[2] if len(inputs) > 2 and inputs[2] is not None else np.zeros_like(scale)
    if integer_of(node, "block_size", 0):
        raise misfit("dequantises in blocks")
    if scale.ndim == 1 and scale.size > 1:
        axis = axis_of(node.attributes.get("axis", 1), data.ndim)
        scale, zero = (
            entry.reshape([-1 if k == axis else 1 for k in range(data.ndim)]) for entry in (scale, np.asarray(zero))
        )
    room(np.broadcast_shapes(data.shape, scale.shape), data)
    return [(data.astype(np.float64) - zero.astype(np.float64)) * scale]


def _floor_or_same(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    return lambda data: function(data) if data.dtype.kind == "f" else data


FOLDS: dict[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Cast": _cast,
    "CastLike": lambda node, inputs: [inputs[0].astype(inputs[1].dtype)],
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_quotient),
    "Pow": _elementwise(_power),
    "Mod": _modulo,
    "Neg": _elementwise(np.negative),
    "Abs": _elementwise(np.abs),
    "Sign": _elementwise(np.sign),
    "Sqrt": _elementwise(np.sqrt),
    "Exp": _elementwise(np.exp),
    "Log": _elementwise(np.log),
    "Reciprocal": _elementwise(np.reciprocal),
    "Floor": _elementwise(_floor_or_same(np.floor)),
    "Ceil": _elementwise(_floor_or_same(np.ceil)),
    "Round": _elementwise(_floor_or_same(np.rint)),
    "Relu": _elementwise(lambda data: np.maximum(data, 0)),
    "Sum": _several(np.add),
    "Max": _several(np.maximum),
    "Min": _several(np.minimum),
    "Mean": _mean,
    "Equal": _elementwise(np.equal),
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Not": _elementwise(np.logical_not),
    "And": _elementwise(np.logical_and),
    "Or": _elementwise(np.logical_or),
    "Xor": _elementwise(np.logical_xor),
    "Where": _elementwise(np.where),
    "Concat": _concat,
    "MatMul": _matmul,
    "ReduceSum": _reduction(np.sum, 13),
    "ReduceMean": _reduction(np.mean),
    "ReduceProd": _reduction(np.prod),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "NonZero": _nonzero,
    "EyeLike": _eye_like,
    "OneHot": _one_hot,
    "DequantizeLinear": _dequantize,
}
