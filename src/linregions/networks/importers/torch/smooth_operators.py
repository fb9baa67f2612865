"""Which operator of PyTorch is which smooth activation, and what those that are written out are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from linregions.networks import smooth
from linregions.networks.importers.written import Traces
from linregions.networks.smooth import Smooth

#: The activation's name, and its formula from the operator's arguments by name (None: it has no asymptotes).
_OPERATORS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Smooth | None]]] = {
    "aten.gelu.default": ("gelu", lambda a: smooth.gelu(a["approximate"])),
    "aten.silu.default": ("silu", lambda a: smooth.silu()),
    "aten.mish.default": ("mish", lambda a: smooth.mish()),
    "aten.sigmoid.default": ("sigmoid", lambda a: smooth.sigmoid()),
    "aten.log_sigmoid.default": ("log_sigmoid", lambda a: smooth.log_sigmoid()),
    "aten.tanh.default": ("tanh", lambda a: smooth.tanh()),
    "aten.erf.default": ("erf", lambda a: smooth.erf()),
    "aten.hardswish.default": ("hardswish", lambda a: smooth.hardswish()),
    "aten.selu.default": ("selu", lambda a: smooth.selu()),
    "aten.celu.default": ("celu", lambda a: smooth.celu(float(a["alpha"]))),
    "aten.elu.default": ("elu", lambda a: smooth.elu(float(a["alpha"]), float(a["scale"]), float(a["input_scale"]))),
    "aten.softplus.default": ("softplus", lambda a: smooth.softplus(float(a["beta"]), float(a["threshold"]))),
}


def direct(operator: str, arguments: Mapping[str, Any]) -> tuple[str, Smooth] | None:
    """Return the name and formula of the activation that an operator is, or None; arguments are by name."""
    name, formula = _OPERATORS.get(operator, ("", None))
    if formula is None:
        return None
    constants = {key: given for key, given in arguments.items() if isinstance(given, float | int | str)}
    function = formula(constants)
    return None if function is None else (name, function)


#: Operators that are not piecewise linear, entry by entry: of numpy arrays and the operator's arguments by name.
_CURVED: dict[str, Callable[..., Any]] = {
    "aten.exp.default": lambda x, a: np.exp(x),
    "aten.expm1.default": lambda x, a: np.expm1(x),
    "aten.log.default": lambda x, a: np.log(x),
    "aten.log1p.default": lambda x, a: np.log1p(x),
    "aten.sqrt.default": lambda x, a: np.sqrt(x),
    "aten.square.default": lambda x, a: np.square(x),
    "aten.reciprocal.default": lambda x, a: 1.0 / x,
    "aten.pow.Tensor_Scalar": lambda x, a: np.power(x, a["exponent"]),
}
_STRAIGHT: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(
        [f"aten.{name}.default" for name in ("clone", "alias", "detach", "_to_copy", "lift_fresh_copy")], lambda x, a: x
    ),
    "aten.neg.default": lambda x, a: -x,
    "aten.abs.default": lambda x, a: np.abs(x),
    "aten.relu.default": lambda x, a: np.maximum(x, 0.0),
    "aten.relu6.default": lambda x, a: np.clip(x, 0.0, 6.0),
    "aten.hardtanh.default": lambda x, a: np.clip(x, a["min_val"], a["max_val"]),
    "aten.hardsigmoid.default": lambda x, a: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "aten.clamp.default": lambda x, a: np.clip(x, a["min"], a["max"]),
    "aten.clamp_min.default": lambda x, a: np.maximum(x, a["min"]),
    "aten.clamp_max.default": lambda x, a: np.minimum(x, a["max"]),
}
_OF_TWO: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("aten.add.Tensor", "aten.add.Scalar"), lambda x, y, a: x + a.get("alpha", 1) * y),
    **dict.fromkeys(("aten.sub.Tensor", "aten.sub.Scalar"), lambda x, y, a: x - a.get("alpha", 1) * y),
    "aten.rsub.Scalar": lambda x, y, a: y - a.get("alpha", 1) * x,
    **dict.fromkeys(("aten.mul.Tensor", "aten.mul.Scalar"), lambda x, y, a: x * y),
    **dict.fromkeys(("aten.div.Tensor", "aten.div.Scalar"), lambda x, y, a: x / y),
}
_PRODUCTS = ("aten.mul.Tensor", "aten.div.Tensor")


def traces(torch: Any, program: Any, numbers: Mapping[str, float]) -> Traces:
    """Return each node of an exported program as a function, entry by entry, of those before it.

    `numbers` are constants of one number, by their nodes.
    """
    found = Traces()
    constants = dict(numbers)
    for node in program.graph.nodes:
        if node.op != "call_function" or not hasattr(node.target, "_schema"):
            continue
        target, own = str(node.target), _shape(node)
        if own is None or any(_shape(each) not in (own, (), (1,)) for each in node.all_input_nodes):
            continue
        arguments = {entry.name: entry.default_value for entry in node.target._schema.arguments}
        arguments |= dict(zip((entry.name for entry in node.target._schema.arguments), node.args, strict=False))
        arguments |= node.kwargs
        count = 2 if target in _OF_TWO else 1
        operands = [_operand(torch, each, constants) for each in list(arguments.values())[:count]]
        if any(each is None for each in operands):
            continue
        given = {key: each for key, each in arguments.items() if isinstance(each, float | int | str) or each is None}
        function, curved = _function(target, given)
        if function is None:
            continue
        if not any(isinstance(each, str) for each in operands):
            with np.errstate(all="ignore"):
                constants[node.name] = float(function(*operands))
            continue
        if any(isinstance(each, str) and _shape_of(node, each) != own for each in operands):
            continue  # broadcast
        product = target in _PRODUCTS and isinstance(operands[1], str) and isinstance(operands[0], str | float)
        found.enter(node.name, function, [each for each in operands if each is not None], curved or product)
    return found


def _function(target: str, arguments: Mapping[str, Any]) -> tuple[Callable[..., Any] | None, bool]:
    """Return what an operator computes of its operands, in numpy, and whether it is curved."""
    for table, curved in ((_CURVED, True), (_STRAIGHT, False), (_OF_TWO, False)):
        if target in table:
            return functools.partial(_with, table[target], arguments), curved
    known = direct(target, arguments)
    return (None, False) if known is None else (known[1], True)


def _with(function: Callable[..., Any], arguments: Mapping[str, Any], *operands: Any) -> Any:
    return function(*operands, arguments)


def _operand(torch: Any, argument: Any, constants: Mapping[str, float]) -> str | float | None:
    if isinstance(argument, torch.fx.Node):
        return constants[argument.name] if argument.name in constants else str(argument.name)
    return float(argument) if isinstance(argument, float | int) else None


def _shape(node: Any) -> tuple[int, ...] | None:
    value = node.meta.get("val")
    return tuple(value.shape) if hasattr(value, "shape") else None


def _shape_of(node: Any, name: str) -> tuple[int, ...] | None:
    return next(_shape(each) for each in node.all_input_nodes if each.name == name)
