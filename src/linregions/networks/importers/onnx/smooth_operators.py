"""Smooth activations in ONNX files, as one operator or written out, and the model with what stands in for them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from linregions.networks import smooth
from linregions.networks.importers.onnx.constants import FOLDS
from linregions.networks.importers.onnx.records import Model, Node, needed
from linregions.networks.importers.onnx.rules import Array, RuleError, number_of
from linregions.networks.importers.stand_ins import StandIns
from linregions.networks.importers.written import Traces, Written
from linregions.networks.smooth import NAMES, Smooth

#: The operator that takes the place of what is replaced; its attribute is the function.
STAND_IN = "linregions.StandIn"

_OPERATORS: dict[str, tuple[str, Callable[[Node], Smooth | None]]] = {
    "Sigmoid": ("sigmoid", lambda node: smooth.sigmoid()),
    "Tanh": ("tanh", lambda node: smooth.tanh()),
    "Erf": ("erf", lambda node: smooth.erf()),
    "HardSwish": ("hardswish", lambda node: smooth.hardswish()),
    "Mish": ("mish", lambda node: smooth.mish()),
    "Softplus": ("softplus", lambda node: smooth.softplus(1.0, math.inf)),
    "Swish": ("silu", lambda node: smooth.silu(number_of(node, "alpha", 1.0))),
    "Gelu": ("gelu", lambda node: smooth.gelu(str(node.attributes.get("approximate", "none")))),
    "Elu": ("elu", lambda node: smooth.elu(number_of(node, "alpha", 1.0))),
    "Celu": ("celu", lambda node: smooth.celu(number_of(node, "alpha", 1.0))),
    "Selu": ("selu", lambda node: _selu(node)),
}
_ENTRYWISE: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("Identity", "Cast", "Dropout"), lambda x: x),
    "Neg": np.negative,
    "Abs": np.abs,
    "Relu": lambda x: np.maximum(x, 0.0),
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Clip": lambda x, low=-math.inf, high=math.inf: np.clip(x, low, high),
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Pow": np.power,
}
_CURVED = frozenset({"Exp", "Log", "Sqrt", "Reciprocal", "Pow"})
_PRODUCTS = frozenset({"Mul", "Div"})


def direct(node: Node) -> tuple[str, Smooth] | None:
    """Return the name and formula of the activation that an operator is, or None."""
    name, formula = _OPERATORS.get(node.op, ("", None))
    try:
        function = None if formula is None else formula(node)
    except RuleError:  # attributes that make no sense, which its refusal is about
        function = None
    return None if function is None else (name, function)


def written_out(model: Model, wanted: Iterable[str]) -> dict[str, Written]:
    """Return the values that are smooth activations of these names, made by more than one operator."""
    traces = Traces()
    numbers = {name: array for name, array in model.constants.items() if _is_number(array)}
    for node in model.nodes:
        if len(node.outputs) != 1:
            continue
        if all(name in numbers for name in node.inputs):
            _fold(node, numbers)
            continue
        function = _function(node)
        given = [name for name in node.inputs if name]
        if function is None or not given or any(name in model.constants and name not in numbers for name in given):
            continue
        operands = [float(numbers[name].reshape(())[()]) if name in numbers else name for name in given]
        varied = sum(isinstance(each, str) for each in operands)
        product = node.op in _PRODUCTS and (varied > 1 or (node.op == "Div" and isinstance(operands[-1], str)))
        curved = product or node.op in _CURVED or node.op in _OPERATORS
        try:
            traces.enter(node.outputs[0], function, operands, curved)
        except (TypeError, ValueError):  # of inputs that the operator does not take
            continue
    return traces.all_written(wanted)


def suggestion(model: Model, node: Node) -> str:
    """Return the name of the smooth activation that a node is a part of, or nothing."""
    found = written_out(model, set(NAMES.values())).values()
    whole = [written for written in found if written.through.intersection(node.outputs) and len(written.through) > 1]
    if whole:
        return whole[-1].name
    known = direct(node)
    return "" if known is None else known[0]


def with_stand_ins(model: Model, stand_ins: StandIns) -> Model:
    """Return the model with piecewise-linear functions in place of the activations that were named."""
    written = written_out(model, stand_ins.wanted)
    nodes = []
    for node in model.nodes:
        made = node.outputs[0] if len(node.outputs) == 1 else ""
        found, known = written.get(made), direct(node)
        if known is not None and known[0] in stand_ins.wanted and node.inputs:
            root, (name, function) = node.inputs[0], known
        elif found is not None:
            root, name, function = found.root, found.name, found.function
        else:
            nodes.append(node)
            continue
        replaced = (made, root, name, function)
        nodes.append(dataclasses.replace(node, op=STAND_IN, inputs=(root,), attributes={"function": replaced}))
    kept = needed(nodes, model.outputs)
    done = [
        dataclasses.replace(node, attributes={"function": stand_ins.replace(*node.attributes["function"])})
        if node.op == STAND_IN
        else node
        for node in kept
    ]
    return dataclasses.replace(model, nodes=tuple(done))


def _selu(node: Node) -> Smooth | None:
    alpha, gamma = (
        number_of(node, "alpha", 1.67326319217681884765625),
        number_of(node, "gamma", 1.05070102214813232421875),
    )
    return smooth.elu(alpha, gamma, name="selu")


def _function(node: Node) -> Callable[..., Any] | None:
    """Return what an operator makes of its inputs, entry by entry, in numpy, or None."""
    known = direct(node)
    if known is not None:
        return known[1]
    if node.op == "HardSigmoid":
        alpha, beta = number_of(node, "alpha", 0.2), number_of(node, "beta", 0.5)
        return lambda x: np.clip(alpha * x + beta, 0.0, 1.0)
    if node.op == "Clip" and node.opset < 11:
        low, high = node.attributes.get("min", -math.inf), node.attributes.get("max", math.inf)
        return lambda x: np.clip(x, low, high)
    return _ENTRYWISE.get(node.op)


def _is_number(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.size == 1 and array.ndim < 2 and array.dtype.kind in "fiu"


def _fold(node: Node, numbers: dict[str, Array]) -> None:
    fold = FOLDS.get(node.op)
    if fold is None:
        return
    try:
        (made,) = fold(node, [numbers[name] for name in node.inputs])
    except Exception:  # nodes that break the standard make numpy raise nearly anything; the walk refuses them
        return
    if _is_number(made):
        numbers[node.outputs[0]] = made
