"""Rules of piecewise-linear operators: activations, maxima, choices by a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions.networks.activations import (
    ABS,
    HARD_SIGMOID,
    HARD_TANH,
    RELU,
    RELU6,
    PiecewiseLinear,
    leaky_relu,
)
from linregions.networks.importers import operators, products
from linregions.networks.importers.conditions import choose
from linregions.networks.importers.torch import refusals
from linregions.networks.importers.torch.affine import product, spread
from linregions.networks.importers.torch.registry import At, Mask, Refusal, depends, rule
from linregions.networks.importers.values import Builder, Operand, Value, at_least


def _activation(at: At, argument: Any, activation: PiecewiseLinear) -> Value:
    return at.builder.activation(at.value(argument), activation, at.name)


@rule("aten.relu.default")
def _relu(at: At, a: dict[str, Any]) -> Any:
    return _activation(at, a["self"], RELU)


@rule("aten.relu6.default")
def _relu6(at: At, a: dict[str, Any]) -> Any:
    return _activation(at, a["self"], RELU6)


@rule("aten.hardsigmoid.default")
def _hardsigmoid(at: At, a: dict[str, Any]) -> Any:
    return _activation(at, a["self"], HARD_SIGMOID)


@rule("aten.abs.default")
def _abs(at: At, a: dict[str, Any]) -> Any:
    return _activation(at, a["self"], ABS)


def _leaky(at: At, argument: Any, slope: float) -> Value:
    if slope == 1.0:
        return at.value(argument)
    return _activation(at, argument, RELU if slope == 0.0 else leaky_relu(slope))


@rule("aten.leaky_relu.default")
def _leaky_relu(at: At, a: dict[str, Any]) -> Any:
    return _leaky(at, a["self"], float(a["negative_slope"]))


@rule("aten.rrelu.default")
def _rrelu(at: At, a: dict[str, Any]) -> Any:
    if a["training"]:
        return at.refuse(refusals.RANDOM)
    return _leaky(at, a["self"], (float(a["lower"]) + float(a["upper"])) / 2.0)


@rule("aten.prelu.default", "aten._prelu_kernel.default")
def _prelu(at: At, a: dict[str, Any]) -> Any:
    if depends(a["weight"]):
        return at.refuse(refusals.PRODUCT)
    slopes = at.numbers(a["weight"])
    if np.all(slopes == slopes.flat[0]):
        return _leaky(at, a["self"], float(slopes.flat[0]))
    value = at.builder.tensor(at.value(a["self"]), at.name)
    if slopes.ndim == 1:
        slopes = slopes.reshape(-1, *(1,) * (len(value.shape) - 2))
    above = at.builder.activation(value, RELU, at.name)
    return at.builder.add(at.builder.scale(value, slopes), at.builder.scale(above, 1.0 - slopes))


@rule("aten.hardtanh.default")
def _hardtanh(at: At, a: dict[str, Any]) -> Any:
    return _between(at, at.value(a["self"]), a["min_val"], a["max_val"])


@rule("aten.clamp.default", "aten.clamp.Tensor", "aten.clip.default", "aten.clip.Tensor")
def _clamp(at: At, a: dict[str, Any]) -> Any:
    return _between(at, at.value(a["self"]), a["min"], a["max"])


@rule("aten.clamp_min.default", "aten.clamp_min.Tensor")
def _clamp_min(at: At, a: dict[str, Any]) -> Any:
    return _between(at, at.value(a["self"]), a["min"], None)


@rule("aten.clamp_max.default", "aten.clamp_max.Tensor")
def _clamp_max(at: At, a: dict[str, Any]) -> Any:
    return _between(at, at.value(a["self"]), None, a["max"])


def _between(at: At, value: Value, low: Any, high: Any) -> Value:
    """Return ``min(max(value, low), high)``, an activation where the limits are two numbers."""
    limits = [None if limit is None else at.operand(limit) for limit in (low, high)]
    one = [
        None if isinstance(limit, Value) or limit is None or limit.size != 1 else float(limit.flat[0])
        for limit in limits
    ]
    if all(limit is None or number is not None for limit, number in zip(limits, one, strict=True)):
        return clamped(at.builder, value, one[0], one[1], at.name)
    if limits[0] is not None:
        value = at.builder.maximum(value, limits[0], at.name)
    if limits[1] is not None:
        value = at.builder.minimum(value, limits[1], at.name)
    return value


def clamped(builder: Builder, value: Value, low: float | None, high: float | None, name: str = "") -> Value:
    """Return ``min(max(value, low), high)`` for numbers; None and infinities are no limit."""
    below = None if low is None or low == -np.inf else low
    above = None if high is None or high == np.inf else high
    if below is not None and above is not None and below >= above:
        return builder.constant(np.full(value.shape, above))
    if below is None and above is None:
        return value
    if above is None:
        assert below is not None
        return builder.activation(value, at_least(below), name)
    if below is None:
        shape = PiecewiseLinear((above,), (1.0, 0.0), (above, above), name=f"at_most({above:g})")
        return builder.activation(value, shape, name)
    for known in (HARD_TANH, RELU6):
        if known.breakpoints == (below, above):
            return builder.activation(value, known, name)
    shape = PiecewiseLinear((below, above), (0.0, 1.0, 0.0), (below, below), name=f"clamp({below:g}, {above:g})")
    return builder.activation(value, shape, name)


@rule("aten.threshold.default")
def _threshold(at: At, a: dict[str, Any]) -> Any:
    if float(a["threshold"]) != float(a["value"]):
        return at.refuse(refusals.THRESHOLD)
    return _activation(at, a["self"], at_least(float(a["value"])))


def _soft_shrink(at: At, argument: Any, by: float) -> Value:
    if by == 0.0:
        return at.value(argument)
    shape = PiecewiseLinear((-by, by), (1.0, 0.0, 1.0), (0.0, 0.0), name=f"softshrink({by:g})")
    return _activation(at, argument, shape)


@rule("aten.softshrink.default")
def _softshrink(at: At, a: dict[str, Any]) -> Any:
    return _soft_shrink(at, a["self"], float(a["lambd"]))


# ---------------------------------------------------------------------------------------------- maxima


@rule("aten.maximum.default", "aten.max.other", "aten.fmax.default")
def _maximum(at: At, a: dict[str, Any]) -> Any:
    return at.builder.maximum(at.operand(a["self"]), at.operand(a["other"]), at.name)


@rule("aten.minimum.default", "aten.min.other", "aten.fmin.default")
def _minimum(at: At, a: dict[str, Any]) -> Any:
    return at.builder.minimum(at.operand(a["self"]), at.operand(a["other"]), at.name)


def _over(at: At, a: dict[str, Any], sign: float) -> Value:
    axes = spread(a.get("dim", []), 1)
    value = at.builder.scale(at.value(a["self"]), sign)
    made = operators.reduce_max(at.builder, value, axes, a.get("keepdim", False), at.name)
    return at.builder.scale(made, sign)


@rule("aten.amax.default", "aten.max.default")
def _amax(at: At, a: dict[str, Any]) -> Any:
    return _over(at, a, 1.0)


@rule("aten.amin.default", "aten.min.default")
def _amin(at: At, a: dict[str, Any]) -> Any:
    return _over(at, a, -1.0)


@rule("aten.max.dim")
def _max_dim(at: At, a: dict[str, Any]) -> Any:
    return _over(at, a, 1.0), at.refuse(refusals.INDICES)


@rule("aten.min.dim")
def _min_dim(at: At, a: dict[str, Any]) -> Any:
    return _over(at, a, -1.0), at.refuse(refusals.INDICES)


@rule("aten.aminmax.default")
def _aminmax(at: At, a: dict[str, Any]) -> Any:
    rest = {**a, "dim": [] if a["dim"] is None else a["dim"]}
    return _over(at, rest, -1.0), _over(at, rest, 1.0)


def _pooled(at: At, a: dict[str, Any], n: int) -> Value:
    kernel = spread(a["kernel_size"], n)
    return operators.max_pool(
        at.builder,
        at.value(a["self"]),
        kernel,
        spread(a["stride"], n) if a["stride"] else kernel,
        [(p, p) for p in spread(a["padding"], n)],
        spread(a["dilation"], n),
        a["ceil_mode"],
        name=at.name,
    )


@rule("aten.max_pool1d.default")
def _max_pool1d(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 1)


@rule("aten.max_pool2d.default")
def _max_pool2d(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 2)


@rule("aten.max_pool3d.default")
def _max_pool3d(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 3)


@rule("aten.max_pool1d_with_indices.default")
def _max_pool1d_with_indices(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 1), at.refuse(refusals.INDICES)


@rule("aten.max_pool2d_with_indices.default")
def _max_pool2d_with_indices(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 2), at.refuse(refusals.INDICES)


@rule("aten.max_pool3d_with_indices.default")
def _max_pool3d_with_indices(at: At, a: dict[str, Any]) -> Any:
    return _pooled(at, a, 3), at.refuse(refusals.INDICES)


@rule("aten.adaptive_max_pool1d.default", "aten.adaptive_max_pool2d.default", "aten.adaptive_max_pool3d.default")
def _adaptive_max_pool(at: At, a: dict[str, Any]) -> Any:
    made = operators.adaptive_max_pool(at.builder, at.value(a["self"]), list(a["output_size"]), at.name)
    return made, at.refuse(refusals.INDICES)


# ---------------------------------------------------------------------------------------------- conditions


@rule("aten.gt.Scalar", "aten.gt.Tensor", "aten.ge.Scalar", "aten.ge.Tensor")
def _above(at: At, a: dict[str, Any]) -> Any:
    sign = at.builder.subtract(at.operand(a["self"]), at.operand(a["other"]))
    return Mask(sign, at.refuse(refusals.CONDITION))


@rule("aten.lt.Scalar", "aten.lt.Tensor", "aten.le.Scalar", "aten.le.Tensor")
def _below(at: At, a: dict[str, Any]) -> Any:
    sign = at.builder.subtract(at.operand(a["other"]), at.operand(a["self"]))
    return Mask(sign, at.refuse(refusals.CONDITION))


@rule("aten.logical_not.default", "aten.bitwise_not.default", masks=True)
def _not(at: At, a: dict[str, Any]) -> Any:
    mask = a["self"]
    return Mask(at.builder.scale(mask.sign, -1.0), mask.refusal) if isinstance(mask, Mask) else mask


def chosen(at: At, mask: Mask, above: Any, below: Any) -> Value | Refusal:
    """Return the choice by a condition, or why it is refused."""
    sides = [at.operand(side) for side in (above, below)]
    if any(isinstance(side, Mask) for side in (above, below)):
        return mask.refusal
    made = choose(at.builder, mask.sign, sides[0], sides[1], at.name)
    return mask.refusal if made is None else made


@rule("aten.where.self", "aten.where.ScalarSelf", "aten.where.ScalarOther", "aten.where.Scalar", masks=True)
def _where(at: At, a: dict[str, Any]) -> Any:
    shrunk = written_softshrink(at.node)
    if shrunk is not None and isinstance(found := at.lookup(shrunk[0]), Value):
        return _soft_shrink(at, found, shrunk[1])
    for side in (a["condition"], a["self"], a["other"]):
        if isinstance(side, Refusal):
            return side
    condition = a["condition"]
    if isinstance(condition, Mask):
        return chosen(at, condition, a["self"], a["other"])
    keep = at.numbers(condition)
    above, below = at.value(a["self"]), at.value(a["other"])
    return at.builder.add(at.builder.scale(above, keep), at.builder.scale(below, 1.0 - keep))


@rule("aten.masked_fill.Scalar", "aten.masked_fill.Tensor", masks=True)
def _masked_fill(at: At, a: dict[str, Any]) -> Any:
    if isinstance(a["mask"], Mask):
        return chosen(at, a["mask"], a["value"], a["self"])
    keep = 1.0 - at.numbers(a["mask"])
    filled = at.builder.scale(at.value(a["value"]), 1.0 - keep)
    return at.builder.add(at.builder.scale(at.value(a["self"]), keep), filled)


@rule("aten.mul.Tensor", "aten.mul.Scalar", masks=True)
def _mul(at: At, a: dict[str, Any]) -> Any:
    left, right = a["self"], a["other"]
    for mask, other in ((left, right), (right, left)):
        if isinstance(mask, Mask):
            return mask.refusal if isinstance(other, Mask) else chosen(at, mask, other, np.zeros(()))
    return product(at, left, right)


def written_softshrink(node: Any) -> tuple[Any, float] | None:
    """Recognise ``where(abs(x) > c, x - sign(x) * c, x * 0)``, as PyTorch writes its soft shrinkage: x and c."""
    parts = _arguments(node, "aten.where.self")
    condition = _arguments(parts[0], "aten.gt.Scalar") if parts else []
    outside = _arguments(parts[1], "aten.sub.Tensor") if parts else []
    inside = _arguments(parts[2], "aten.mul.Tensor", "aten.mul.Scalar") if parts else []
    size = _arguments(condition[0], "aten.abs.default") if condition else []
    step = _arguments(outside[1], "aten.mul.Tensor", "aten.mul.Scalar") if len(outside) == 2 else []
    sign = _arguments(step[0], "aten.sign.default") if step else []
    if not (size and sign and len(inside) == 2):
        return None
    source = size[0]
    same = sign[0] is source and outside[0] is source and inside[0] is source
    if not same or inside[1] != 0 or step[1] != condition[1] or not step[1] >= 0:
        return None
    return source, float(step[1])


def _arguments(node: Any, *operators: str) -> Sequence[Any]:
    if str(getattr(node, "target", "")) not in operators or node.kwargs:
        return []
    return list(node.args)


# ---------------------------------------------------------------------------------------------- recurrence


@rule("aten.rnn_relu.input")
def _rnn_relu(at: At, a: dict[str, Any]) -> Any:
    if a["train"] and a["dropout"] > 0:
        return at.refuse(refusals.RANDOM)
    if depends(a["params"]):
        return at.refuse(refusals.PRODUCT)
    b = at.builder
    value, start = at.value(a["input"]), at.value(a["hx"])
    if a["batch_first"]:
        value = b.gather(value, np.swapaxes(b.index(value), 0, 1))
    directions = 2 if a["bidirectional"] else 1
    each = 4 if a["has_biases"] else 2
    params = [at.numbers(param) for param in a["params"]]
    ends = []
    for layer in range(a["num_layers"]):
        rows = []
        for direction in range(directions):
            number = layer * directions + direction
            own = params[number * each : number * each + each]
            first = b.gather(start, b.index(start)[number])
            made = _unrolled(at, value, first, own, reverse=direction == 1)
            rows.append(made)
            ends.append(made[0] if direction == 1 else made[-1])
        steps = [b.concat([row[t] for row in rows], axis=-1) for t in range(value.shape[0])]
        value = b.concat([b.reshape(step, (1, *step.shape)) for step in steps], axis=0)
    last = b.concat([b.reshape(end, (1, *end.shape)) for end in ends], axis=0)
    if a["batch_first"]:
        value = b.gather(value, np.swapaxes(b.index(value), 0, 1))
    return value, last


def _unrolled(at: At, value: Value, state: Value, params: Sequence[Any], reverse: bool) -> list[Value]:
    b = at.builder
    n = value.shape[0]
    bias = params[2] + params[3] if len(params) == 4 else None
    states: list[Value] = []
    index = b.index(value)
    for t in reversed(range(n)) if reverse else range(n):
        drive: Operand = products.linear(b, b.gather(value, index[t]), params[0], bias, at.name)
        state = b.activation(b.add(drive, products.linear(b, state, params[1], None, at.name)), RELU, at.name)
        states.append(state)
    return states[::-1] if reverse else states
