"""From the records of a file to a graph of steps: each node once, by the rule of its operator."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from linregions._support.files import brief
from linregions._support.validation import FloatArray
from linregions.errors import (
    FileFormatError,
    InvalidValueError,
    MemoryLimitError,
    NumericalError,
    UnsupportedModuleError,
)
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import Graph
from linregions.networks.importers.onnx.arithmetic import ARITHMETIC, Rule
from linregions.networks.importers.onnx.choices import MAKES, TAKES, Choice, jump
from linregions.networks.importers.onnx.constants import FOLDS
from linregions.networks.importers.onnx.contractions import (
    cumulative_sum,
    einsum,
    gemm,
    global_average_pool,
    matmul,
    reduce_sum,
)
from linregions.networks.importers.onnx.inlining import BranchDecided
from linregions.networks.importers.onnx.layers import LAYERS
from linregions.networks.importers.onnx.records import Model, Node, needed
from linregions.networks.importers.onnx.refusals import LAST, refusal
from linregions.networks.importers.onnx.rules import Array, RuleError, axis_of, finite, label, misfit, room
from linregions.networks.importers.onnx.smooth_operators import STAND_IN, suggestion
from linregions.networks.importers.onnx.views import VIEWS
from linregions.networks.importers.values import Builder, Value

_WHO = "from_onnx"
#: Numbers in the tensors of all nodes together.
MOST_UNITS_IN_ALL = 1 << 28


def _concat(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    axis = axis_of(node.attributes.get("axis"), len(inputs[0].shape))
    room((sum(math.prod(entry.shape) for entry in inputs),))
    parts = [entry if isinstance(entry, Value) else finite(entry, "parts") for entry in inputs]
    return [builder.concat(parts, axis)]


def _scatter(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return data in which constant places hold updates instead: code that assigns to slices."""
    data, index, updates = inputs[:3]
    if isinstance(index, Value):
        raise RuleError("takes its indices from activations", "them constant", "Export the model with fixed shapes.")
    if node.attributes.get("reduction", "none") != "none":
        raise misfit(f"has the reduction {brief(node.attributes['reduction'])}")
    data, updates = (entry if isinstance(entry, Value) else builder.constant(finite(entry, "data")) for entry in
                     (data, updates))  # fmt: skip
    source = builder.index(updates) + data.n_units
    places = builder.index(data)
    if node.op == "ScatterND":
        places[tuple(np.moveaxis(index, -1, 0))] = source
    else:
        np.put_along_axis(
            places[tuple(slice(None) if k == axis_of(node.attributes.get("axis", 0), places.ndim) else slice(size)
                         for k, size in enumerate(index.shape))],
            index, source, axis_of(node.attributes.get("axis", 0), places.ndim),
        )  # fmt: skip
    flat = [builder.reshape(value, (value.n_units,)) for value in (data, updates)]
    return [builder.gather(builder.concat(flat, 0), places, label(node))]


def _stand_in(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return what was asked to stand in for a smooth activation."""
    function = node.attributes.get("function")
    if not isinstance(function, PiecewiseLinear):
        raise refusal(node, False)
    return [builder.activation(inputs[0], function, label(node))]


RULES: dict[str, Rule] = {
    **ARITHMETIC,
    STAND_IN: _stand_in,
    **LAYERS,
    "Concat": _concat,
    "ScatterND": _scatter,
    "ScatterElements": _scatter,
    "Scatter": _scatter,
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "ReduceSum": reduce_sum,
    "ReduceMean": reduce_sum,
    "CumSum": cumulative_sum,
    "GlobalAveragePool": global_average_pool,
}


def without_last(model: Model, drop: str) -> Model:
    """Return the model without the softmax, say, that makes an output, or raise where there is none."""
    if drop not in LAST:
        raise InvalidValueError(
            f"`drop_last` is {drop!r}, but {_WHO} needs one of {', '.join(map(repr, LAST))}. Choose one of these."
        )
    maker = {name: node for node in model.nodes for name in node.outputs}
    outputs = []
    for name in model.outputs:
        node = maker.get(name)
        while node is not None and node.op == "Identity":
            node = maker.get(node.inputs[0])
        outputs.append(node.inputs[0] if node is not None and node.op in LAST[drop] and node.inputs else name)
    if tuple(outputs) == model.outputs:
        kinds = sorted({maker[name].op if name in maker else "an input or weight" for name in outputs})
        raise InvalidValueError(
            f"`drop_last` is {drop!r}, but the model ends with {brief(', '.join(kinds))}, and {_WHO} needs one of "
            f"{', '.join(sorted(LAST[drop]))} there. Leave `drop_last` out."
        )
    return dataclasses.replace(model, nodes=tuple(needed(model.nodes, outputs)), outputs=tuple(outputs))


def build(model: Model, shapes: tuple[tuple[int, ...], ...], factors: FloatArray, offsets: FloatArray) -> Graph:
    """Return the graph of a model.

    Parameters
    ----------
    model : Model
    shapes : tuple of tuple of int
        Of its inputs, the batch axis included.
    factors, offsets : ndarray of float64, shape (n_in,)
        The model is applied to ``factors * x + offsets``.
    """
    batch = all(len(shape) > 1 and shape[0] == 1 for shape in shapes)
    builder = Builder(shapes, _WHO, extra="onnx", batch=batch)
    with np.errstate(all="ignore"):
        graph = _Walk(model, builder).graph(factors, offsets)
    for step in graph.steps:
        if not np.isfinite(step.bias).all() or not all(np.isfinite(term.blocks).all() for term in step.terms):
            raise NumericalError(
                f"{model.shown()}, whose weights overflow at {brief(step.name)!r}, but {_WHO} needs finite numbers in "
                "float64. Train it again, or repair its weights."
            )
    return graph


class _Walk:
    def __init__(self, model: Model, builder: Builder) -> None:
        self.model, self.builder = model, builder
        self.values: dict[str, Any] = dict(model.constants)
        self.units = 0

    def graph(self, factors: FloatArray, offsets: FloatArray) -> Graph:
        builder, model = self.builder, self.model
        first = 0
        for entry, value in zip(model.inputs, builder.inputs(), strict=True):
            part = slice(first, first + value.n_units)
            first = part.stop
            scaled = builder.scale(value, factors[part].reshape(value.shape))
            if offsets[part].any():
                scaled = builder.add(scaled, offsets[part].reshape(value.shape))
            self.values[entry.name] = scaled
        last_use = {name: node.number for node in model.nodes for name in node.inputs}
        kept = set(model.outputs)
        for node in model.nodes:
            for name, made in zip(node.outputs, self.outputs_of(node), strict=False):
                if name:
                    self.values[name] = made
            for name in node.inputs:
                if last_use[name] == node.number and name not in kept:
                    self.values.pop(name, None)
        outputs = []
        for name in model.outputs:
            made = self.values[name]
            if isinstance(made, Choice):
                raise UnsupportedModuleError(
                    f"{model.shown()}, whose output {brief(name)!r} is a comparison or a sign, which jumps, but {_WHO} "
                    "needs continuous functions. Give the part of the model before it."
                )
            outputs.append(made if isinstance(made, Value) else builder.constant(self.output_of(name, made)))
        try:
            return builder.finish(outputs if len(outputs) > 1 else outputs[0])
        except (MemoryLimitError, MemoryError) as error:
            raise MemoryLimitError(
                f"{model.shown()}, which is too large ({brief(error).split(', but')[0]}), but {_WHO} needs a smaller "
                "model. Export it for smaller inputs, or a batch of one."
            ) from None

    def output_of(self, name: str, made: Any) -> Array:
        if not isinstance(made, np.ndarray) or not np.isfinite(made.astype(np.float64)).all():
            raise FileFormatError(
                f"{self.model.shown()}, whose output {brief(name)!r} is constant with NaN or infinity, but {_WHO} "
                "needs finite numbers. Export the model again."
            )
        return made.astype(np.float64)

    def count(self, made: list[Any]) -> None:
        """Raise where all tensors together are more than any network that can be worked on has, and time with them."""
        self.units += sum(entry.n_units for entry in made if isinstance(entry, Value))
        if self.units > MOST_UNITS_IN_ALL:
            raise RuleError(
                f"is where all tensors together have {self.units:,} numbers",
                f"at most {MOST_UNITS_IN_ALL:,}",
                "Export the model for smaller inputs, or simplify it.",
                too_large=True,
            )

    def outputs_of(self, node: Node) -> list[Any]:
        shown = f"{self.model.shown()}, where {node}"
        try:
            inputs = [self.values[name] if name else None for name in node.inputs]
            made = self.apply(node, inputs)
            self.count(made)
            if any(name for name in node.outputs[len(made) :]):
                raise misfit(f"makes {len(node.outputs)} outputs")
            return made
        except BranchDecided:
            raise
        except RuleError as error:
            kind = MemoryLimitError if error.too_large else UnsupportedModuleError
            remedy = error.remedy
            name = "" if error.too_large or "drop_last" in remedy else suggestion(self.model, node)
            if name:
                remedy = (
                    f'Call `linregions.approximate(path, activation="{name}")`, with a list for several, which puts '
                    "piecewise-linear functions in their places and says how far off these are, or train with ReLU."
                )
            raise kind(f"{shown} {error.seen}, but {_WHO} needs {error.needed}. {remedy}") from None
        except MemoryLimitError as error:
            raise MemoryLimitError(
                f"{shown} is too large ({brief(error).split(', but')[0]}), but {_WHO} needs a smaller operator. "
                "Export the model for smaller inputs."
            ) from None
        except Exception as error:  # nodes that break the standard make numpy raise nearly anything
            raise FileFormatError(
                f"{shown} cannot be read ({brief(error) or type(error).__name__}), but {_WHO} needs what the standard "
                "says of this operator. Check the file with `onnx.checker`."
            ) from None

    def apply(self, node: Node, inputs: list[Any]) -> list[Any]:
        op, builder = node.op, self.builder
        first = inputs[0] if inputs else None
        if op in ("Shape", "Size"):
            return [_shape(node, first)]
        if op == "If":
            raise _branch(node, first)
        if op == "Dropout" and _drops(node, inputs):
            raise RuleError(
                "is in training mode",
                "a function",
                "Export the model in evaluation mode: call `module.eval()` first.",
            )
        varies = any(isinstance(entry, Value | Choice) for entry in inputs)
        if any(isinstance(entry, Choice) for entry in inputs) and op not in VIEWS:
            if op not in TAKES:
                raise jump(node)
            return TAKES[op](builder, node, inputs)
        if varies and op in MAKES:
            return MAKES[op](builder, node, inputs)
        if op in VIEWS:
            made = self.view(node, first, inputs[1:])
        elif not varies and op in FOLDS:
            return FOLDS[op](node, inputs)
        elif op in RULES:
            if not varies and inputs:
                inputs = [builder.constant(finite(inputs[0], "data")), *inputs[1:]]
            made = [_constant_if_so(value) for value in RULES[op](builder, node, inputs)]
        else:
            raise refusal(node, bool(set(node.outputs) & set(self.model.outputs)))
        if op == "Dropout" and len(node.outputs) > 1:
            made.append(np.ones(made[0].shape, dtype=bool))
        return made

    def view(self, node: Node, data: Any, others: list[Any]) -> list[Any]:
        rule, builder = VIEWS[node.op], self.builder
        if isinstance(data, Choice):
            return [dataclasses.replace(data, sign=sign) for sign in self.view(node, data.sign, others)]
        if data is None:
            raise misfit("has no input")
        filling = _filling(node, others)
        if not isinstance(data, Value):
            return rule(node, data, others, filling)
        made = []
        for index in rule(node, builder.index(data), others, -1):
            value = builder.gather(data, np.asarray(index), label(node))
            if filling:
                value = builder.add(value, np.where(index < 0, filling, 0.0))
            made.append(value)
        return made


def _branch(node: Node, condition: Any) -> BranchDecided:
    if not isinstance(condition, np.ndarray):
        raise RuleError(
            "takes its branch by activations",
            "a constant condition",
            "Export the model with fixed shapes, or write it with `torch.where`, Relu, Max or Clip.",
        )
    if condition.size != 1 or condition.dtype.kind not in "biu":
        raise misfit(f"has a condition of the shape {condition.shape}")
    if not {"then_branch", "else_branch"} <= set(node.attributes):
        raise misfit("lacks a branch")
    return BranchDecided(node.number, bool(condition.reshape(())[()]))


def _constant_if_so(made: Any) -> Any:
    return made.bias.reshape(made.shape) if isinstance(made, Value) and not made.terms else made


def _shape(node: Node, value: Any) -> Array:
    if value is None:
        raise misfit("has no input")
    sizes = np.array(value.shape, dtype=np.int64)
    if node.op == "Size":
        return np.array(sizes.prod(), dtype=np.int64)
    return sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))]


def _filling(node: Node, others: list[Any]) -> float:
    """Return what Pad puts into the room it makes, 0 for all else."""
    if node.op != "Pad":
        return 0.0
    given: Any = node.attributes.get("value", 0.0) if node.opset < 11 else (others[1] if len(others) > 1 else None)
    if given is None:
        return 0.0
    if isinstance(given, Value):
        raise RuleError("takes its value from activations", "it constant", "Export the model with fixed padding.")
    number = float(np.asarray(given).reshape(())[()])
    if not np.isfinite(number):
        raise RuleError(f"pads with {number}", "finite numbers", "Use a pool with padding of its own.")
    return number


def _drops(node: Node, inputs: list[Any]) -> bool:
    """Tell whether Dropout is random: in training mode, with a ratio other than zero."""
    if node.opset < 12 or len(inputs) < 3 or inputs[2] is None:
        return False
    mode, ratio = inputs[2], inputs[1]
    if isinstance(mode, Value) or isinstance(ratio, Value):
        return True
    return bool(np.any(mode)) and (ratio is None or bool(np.any(ratio != 0)))
