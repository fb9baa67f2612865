"""Sums, multiples and piecewise-linear functions of activations, entry by entry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from linregions.errors import InvalidValueError
from linregions.networks.activations import ABS, HARD_TANH, IDENTITY, RELU, RELU6, PiecewiseLinear
from linregions.networks.importers import operators
from linregions.networks.importers.onnx.contractions import reduced, two_activations
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import RuleError, finite, label, misfit, number_of, room, variable
from linregions.networks.importers.onnx.tensors import FLOATS
from linregions.networks.importers.values import Builder, Value

Rule = Callable[[Builder, Node, list[Any]], list[Any]]


def _fits(inputs: list[Any]) -> None:
    room(np.broadcast_shapes(*(entry.shape for entry in inputs)), *inputs)


def _plain(entry: Any, what: str = "constant") -> Any:
    return entry if isinstance(entry, Value) else finite(entry, what)


def _sum(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    _fits(inputs)
    result: Any = _plain(inputs[0])
    for entry in inputs[1:]:
        both = isinstance(result, Value) or isinstance(entry, Value)
        result = builder.add(result, _plain(entry), label(node)) if both else result + _plain(entry)
    return [result]


def _mean(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    (result,) = _sum(builder, node, inputs)
    return [builder.scale(result, 1.0 / len(inputs))]


def _difference(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    _fits(inputs)
    return [builder.subtract(_plain(inputs[0]), _plain(inputs[1]), label(node))]


def _negative(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    return [builder.scale(inputs[0], -1.0)]


def _product(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    first, second = inputs
    _fits(inputs)
    if isinstance(first, Value) and isinstance(second, Value):
        raise two_activations(node)
    if isinstance(second, Value):
        first, second = second, first
    return [builder.scale(first, finite(second, "factor"), label(node))]


def _quotient(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    first, second = inputs
    _fits(inputs)
    if isinstance(second, Value):
        raise two_activations(node)
    divisor = finite(second, "divisor")
    if not divisor.all():
        raise misfit("divides by zero")
    return [builder.scale(first, finite(1.0 / divisor, "divisor"), label(node))]


def _power(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    exponent = inputs[1]
    if isinstance(exponent, Value) or not np.all(exponent == 1):
        raise RuleError(
            "raises activations to a power, which is not piecewise linear",
            "the exponent 1",
            "Give a model without it, or the part before it.",
        )
    _fits(inputs)
    return [builder.expand(inputs[0], np.broadcast_shapes(inputs[0].shape, exponent.shape))]


def _where(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    condition, first, second = inputs
    if isinstance(condition, Value):
        raise variable("its condition")
    _fits(inputs)
    shape = np.broadcast_shapes(*(entry.shape for entry in inputs))
    kept = np.broadcast_to(condition.astype(bool), shape)
    parts: list[Any] = []
    for entry, mask in ((first, kept), (second, ~kept)):
        if isinstance(entry, Value):
            index = np.broadcast_to(builder.index(entry), shape)
            parts.append(builder.gather(entry, np.where(mask, index, -1), label(node)))
        else:
            parts.append(finite(np.where(mask, entry, 0.0), "choices"))
    return [builder.add(parts[0], parts[1], label(node))]


def _cast(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    if node.op == "Cast" and node.attributes.get("to") not in FLOATS:
        raise RuleError(
            "rounds activations to integers, which is not continuous",
            "real numbers",
            "Export the model without quantisation and without comparisons of activations.",
        )
    return inputs[:1]


# ---- activations ----------------------------------------------------------------------------------------------------


def clamp(low: float, high: float) -> PiecewiseLinear:
    """Return the activation that keeps values between two bounds, either of which may be infinite."""
    known = {(-1.0, 1.0): HARD_TANH, (0.0, 6.0): RELU6, (0.0, math.inf): RELU}.get((low, high))
    if known is not None:
        return known
    if math.isinf(low) and math.isinf(high):
        return IDENTITY
    points = [bound for bound in (low, high) if math.isfinite(bound)]
    slopes = (*((0.0,) if math.isfinite(low) else ()), 1.0, *((0.0,) if math.isfinite(high) else ()))
    return PiecewiseLinear(tuple(points), slopes, (points[0], points[0]), name=f"clamp({low:g}, {high:g})")


def leaky(slope: float) -> PiecewiseLinear:
    """Return the activation with a slope left of zero and 1 right of it."""
    if slope == 1.0:
        return IDENTITY
    if slope == 0.0:
        return RELU
    if slope == -1.0:
        return ABS
    return PiecewiseLinear((0.0,), (slope, 1.0), (0.0, 0.0), name=f"leaky_relu({slope:g})")


def _activation(of: Callable[[Node], PiecewiseLinear]) -> Rule:
    def rule(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
        try:
            function = of(node)
        except InvalidValueError as error:
            raise misfit(f"has attributes that make no activation ({error})") from None
        return [builder.activation(inputs[0], function, label(node))]

    return rule


def _hard_sigmoid(node: Node) -> PiecewiseLinear:
    alpha, beta = number_of(node, "alpha", 0.2), number_of(node, "beta", 0.5)
    if alpha == 0.0:
        raise misfit("has alpha = 0")
    low, high = sorted((-beta / alpha, (1.0 - beta) / alpha))
    anchor = (-beta / alpha, 0.0)
    return PiecewiseLinear((low, high), (0.0, alpha, 0.0), anchor, name=f"hard_sigmoid({alpha:g}, {beta:g})")


def _shrink(node: Node) -> PiecewiseLinear:
    level, bias = number_of(node, "lambd", 0.5), number_of(node, "bias", 0.0)
    if level == bias == 0.0:
        return IDENTITY
    if level != bias or level < 0:
        raise RuleError(
            f"is Shrink with lambd {level:g} and bias {bias:g}, which jumps",
            "a continuous function, lambd = bias",
            "Use soft shrinkage instead.",
        )
    return PiecewiseLinear((-level, level), (1.0, 0.0, 1.0), (0.0, 0.0), name=f"soft_shrink({level:g})")


def _thresholded(node: Node) -> PiecewiseLinear:
    level = number_of(node, "alpha", 1.0)
    if level != 0.0:
        raise RuleError(
            f"is ThresholdedRelu with alpha {level:g}, which jumps there",
            "a continuous function, alpha = 0",
            "Use ReLU, or `max(x - alpha, 0)`, instead.",
        )
    return RELU


def _clip(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    bounds = []
    for name, place, default in (("min", 1, -math.inf), ("max", 2, math.inf)):
        given = inputs[place] if node.opset >= 11 and len(inputs) > place else None
        if isinstance(given, Value) or (given is not None and given.size != 1):
            raise variable(f"its {name}")
        bound = node.attributes.get(name, default) if given is None else float(given.reshape(())[()])
        if not isinstance(bound, int | float) or math.isnan(bound):
            raise misfit(f"has {name} = {bound}")
        bounds.append(float(bound) if abs(bound) < 3.4e38 else math.copysign(math.inf, bound))
    low, high = bounds
    if low == math.inf or high == -math.inf:
        raise misfit(f"has min = {low} and max = {high}")
    if low >= high:  # the upper bound is applied last
        return [np.full(inputs[0].shape, high)]
    return [builder.activation(inputs[0], clamp(low, high), label(node))]


def _prelu(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    value, slopes = inputs
    if not isinstance(value, Value) or isinstance(slopes, Value):
        raise variable("its slopes")
    slopes = finite(slopes, "slopes")
    if np.broadcast_shapes(value.shape, slopes.shape) != value.shape:
        raise misfit(f"has slopes of the shape {slopes.shape} for {value.shape}")
    if slopes.size and np.all(slopes == slopes.flat[0]):
        return [builder.activation(value, leaky(float(slopes.flat[0])), label(node))]
    name = label(node)
    value = builder.tensor(value, name)
    right = builder.activation(value, RELU, name)
    return [builder.add(builder.scale(value, slopes), builder.scale(right, 1.0 - slopes))]


# ---- maxima ---------------------------------------------------------------------------------------------------------


def _largest(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    sign = 1.0 if node.op == "Max" else -1.0
    _fits(inputs)
    shape = np.broadcast_shapes(*(entry.shape for entry in inputs))
    bounds = [sign * np.broadcast_to(entry, shape) for entry in inputs if not isinstance(entry, Value)]
    values = [builder.scale(builder.expand(entry, shape), sign) for entry in inputs if isinstance(entry, Value)]
    name = label(node)
    if len(values) == 1:
        result = values[0]
    elif len(values) == 2:
        result = builder.maximum(values[0], values[1], name)
    else:
        flat = [builder.reshape(value, (1, value.n_units)) for value in values]
        joined = builder.concat(flat, 0)
        windows = np.arange(joined.n_units).reshape(len(values), -1).T
        result = builder.max_over(joined, np.ascontiguousarray(windows), shape, name)
    if bounds:
        level = np.max(bounds, axis=0)
        if np.isnan(level).any() or np.any(level == math.inf):
            raise misfit("has NaN or infinity among its bounds")
        if np.all(np.isfinite(level)):
            result = builder.maximum(result, level, name)
        elif np.any(np.isfinite(level)):
            raise misfit("bounds some entries by infinity")
    return [builder.scale(result, sign)]


def _reduce_largest(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    value, axes = inputs[0], reduced(node, inputs)
    if axes is None:
        return [value]
    sign = 1.0 if node.op == "ReduceMax" else -1.0
    keep = bool(node.attributes.get("keepdims", 1))
    largest = operators.reduce_max(builder, builder.scale(value, sign), axes, keep, label(node))
    return [builder.scale(largest, sign)]


def _global_max_pool(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    axes = list(range(2, len(inputs[0].shape)))
    return [operators.reduce_max(builder, inputs[0], axes, True, label(node)) if axes else inputs[0]]


def _reduce_absolute(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    sizes, axes = builder.activation(inputs[0], ABS, label(node)), reduced(node, inputs)
    if axes is None:
        return [sizes]
    keep = bool(node.attributes.get("keepdims", 1))
    return [operators.reduce_sum(builder, sizes, axes, keep, name=label(node))]


ARITHMETIC: dict[str, Rule] = {
    "Add": _sum,
    "Sum": _sum,
    "Mean": _mean,
    "Sub": _difference,
    "Neg": _negative,
    "Mul": _product,
    "Div": _quotient,
    "Pow": _power,
    "Where": _where,
    "Cast": _cast,
    "CastLike": _cast,
    "Relu": _activation(lambda node: RELU),
    "LeakyRelu": _activation(lambda node: leaky(number_of(node, "alpha", 0.01))),
    "Abs": _activation(lambda node: ABS),
    "HardSigmoid": _activation(_hard_sigmoid),
    "Shrink": _activation(_shrink),
    "ThresholdedRelu": _activation(_thresholded),
    "Clip": _clip,
    "PRelu": _prelu,
    "Max": _largest,
    "Min": _largest,
    "ReduceMax": _reduce_largest,
    "ReduceMin": _reduce_largest,
    "ReduceL1": _reduce_absolute,
    "GlobalMaxPool": _global_max_pool,
}
