"""Comparisons and signs of activations: they jump, but what is chosen by them may be continuous."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.networks.importers.conditions import choose
from linregions.networks.importers.onnx.arithmetic import Rule
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import Array, RuleError, finite, label, room
from linregions.networks.importers.onnx.tensors import FLOATS
from linregions.networks.importers.values import Builder, Value


@dataclass(frozen=True, eq=False)
class Choice:
    """The number `high` where a value is positive, and `low` elsewhere; of a comparison 1 and 0.

    At zero the value may be either, so nothing is made of a choice that is not the same on both sides.
    """

    sign: Value
    high: float = 1.0
    low: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.sign.shape


def jump(node: Node) -> RuleError:
    """Return the error of a choice that is not continuous."""
    return RuleError(
        "jumps where its condition changes",
        "continuous functions",
        "Give the part of the model before it, or write the function with Relu, Max, Min, Abs or Clip.",
    )


def _comparison(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    first, second = inputs
    if isinstance(first, Choice) or isinstance(second, Choice):
        raise jump(node)
    room(np.broadcast_shapes(first.shape, second.shape))
    first, second = (entry if isinstance(entry, Value) else finite(entry, "bounds") for entry in inputs)
    sign = builder.subtract(first, second, label(node))
    return [Choice(sign if node.op.startswith("Greater") else builder.scale(sign, -1.0))]


def _sign(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    if isinstance(inputs[0], Choice):
        raise jump(node)
    return [Choice(inputs[0], 1.0, -1.0)]


def _not(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    chosen = inputs[0]
    return [Choice(chosen.sign, 1.0 - chosen.high, 1.0 - chosen.low)]


def _cast(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    # To integers too: the numbers are 0 and 1.
    if node.op == "Cast" and node.attributes.get("to") not in FLOATS | {6, 7, 9}:
        raise jump(node)
    return inputs[:1]


def _where(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    condition, *choices = inputs
    if not isinstance(condition, Choice) or any(isinstance(entry, Choice) for entry in choices):
        raise jump(node)
    if {condition.high, condition.low} != {0.0, 1.0}:
        raise jump(node)
    room(np.broadcast_shapes(*(entry.shape for entry in inputs)))
    above, below = (entry if isinstance(entry, Value) else finite(entry, "choices") for entry in choices)
    if condition.low:
        above, below = below, above
    return [_chosen(builder, node, condition.sign, above, below)]


def _product(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return a mask times what it masks, or times a number."""
    first, second = inputs if isinstance(inputs[0], Choice) else inputs[::-1]
    if isinstance(second, Choice):
        raise jump(node)
    if not isinstance(second, Value):
        number = _one_number(node, second)
        return [Choice(first.sign, first.high * number, first.low * number)]
    room(np.broadcast_shapes(first.shape, second.shape))
    above, below = builder.scale(second, first.high), builder.scale(second, first.low)
    return [_chosen(builder, node, first.sign, above, below)]


def _sum(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return a mask plus or minus a number, such as one minus the mask."""
    first, second = inputs
    minus = node.op == "Sub"
    if isinstance(first, Choice) and isinstance(second, np.ndarray):
        number = _one_number(node, second) * (-1.0 if minus else 1.0)
        return [Choice(first.sign, first.high + number, first.low + number)]
    if isinstance(second, Choice) and isinstance(first, np.ndarray):
        number, factor = _one_number(node, first), -1.0 if minus else 1.0
        return [Choice(second.sign, number + factor * second.high, number + factor * second.low)]
    raise jump(node)


def _one_number(node: Node, constant: Array) -> float:
    if constant.size != 1:
        raise jump(node)
    return float(finite(constant, "factor").reshape(())[()])


def _chosen(builder: Builder, node: Node, sign: Value, above: Any, below: Any) -> Value:
    made = choose(builder, sign, above, below, label(node))
    if made is None:
        raise jump(node)
    return made


#: Of activations: what makes a choice.
MAKES: dict[str, Rule] = {
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual"), _comparison),
    "Sign": _sign,
}
#: Where an input is a choice.
TAKES: dict[str, Rule] = {
    "Not": _not,
    "Cast": _cast,
    "Where": _where,
    "Mul": _product,
    "Add": _sum,
    "Sub": _sum,
}
