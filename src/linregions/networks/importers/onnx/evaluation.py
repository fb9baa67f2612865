"""The file evaluated by onnx's own reference implementation, in float64, for the check at the door.

What the importer made of the operators is not used here, only the numbers of the weights.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief
from linregions._support.validation import FloatArray
from linregions.errors import UnsupportedModuleError
from linregions.networks.importers.onnx.plain_operators import PLAIN
from linregions.networks.importers.onnx.records import Model, Node
from linregions.networks.importers.onnx.smooth_operators import STAND_IN
from linregions.networks.importers.onnx.tensors import FLOATS

_DOUBLE = 11
_OWN = "linregions"


class Evaluation:
    """A model as a function of flat points, after ``factors * x + offsets``.

    Parameters
    ----------
    model : Model
    shapes : tuple of tuple of int
        Of its inputs, the batch axis included.
    factors, offsets : ndarray of float64, shape (n_in,)
    """

    def __init__(
        self, model: Model, shapes: tuple[tuple[int, ...], ...], factors: FloatArray, offsets: FloatArray
    ) -> None:
        self.model, self.shapes, self.factors, self.offsets = model, shapes, factors, offsets
        self.helper = importlib.import_module("onnx.helper")
        self.reference = importlib.import_module("onnx.reference")
        run = importlib.import_module("onnx.reference.op_run").OpRun
        self.feeds: dict[str, npt.NDArray[Any]] = dict(model.constants)
        self.plain: list[Any] = []
        nodes = []
        for node in model.nodes:
            if node.op == "Constant":  # fed, so that real ones are in float64
                self.feeds[node.outputs[0]] = _constant(node)
            elif node.op in PLAIN or node.op == STAND_IN:
                nodes.append(self._plain(node, run))
            else:
                nodes.append(_in_double(node.proto, self.helper))
        names = dict.fromkeys([*(entry.name for entry in model.inputs), *self.feeds])
        self.graph = self.helper.make_graph(
            nodes,
            "graph",
            [self.helper.make_tensor_value_info(name, _DOUBLE, None) for name in names],
            [self.helper.make_tensor_value_info(name, _DOUBLE, None) for name in dict.fromkeys(model.outputs)],
        )
        self.evaluator: Any = None

    def _plain(self, node: Node, run: Any) -> Any:
        """Return a node of an operator of our own in place of one that the reference lacks."""
        rule = _stand_in if node.op == STAND_IN else PLAIN[node.op]
        name = f"Plain{node.number}"
        self.plain.append(type(name, (run,), {"op_domain": _OWN, "_run": lambda _, *inputs: (rule(node, *inputs),)}))
        return self.helper.make_node(name, list(node.inputs), list(node.outputs[:1]), domain=_OWN)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return the outputs at each point, flat, or raise where onnx cannot evaluate the file."""
        try:
            if self.evaluator is None:
                versions = {"": self.model.opset, _OWN: 1}
                self.evaluator = self.reference.ReferenceEvaluator(self.graph, opsets=versions, new_ops=self.plain)
            with np.errstate(all="ignore"):
                return np.stack([self._at(self.factors * point + self.offsets) for point in points])
        except Exception as error:  # of files that break the standard it raises nearly anything
            raise UnsupportedModuleError(
                f"{self.model.shown()}, which onnx's reference implementation cannot evaluate "
                f"({brief(error) or type(error).__name__}), but from_onnx needs to compare the network with it. Check "
                "the file with `onnx.checker`, or install a newer onnx."
            ) from None

    def _at(self, point: FloatArray) -> FloatArray:
        feeds = dict(self.feeds)
        first = 0
        for entry, shape in zip(self.model.inputs, self.shapes, strict=True):
            last = first + math.prod(shape)
            feeds[entry.name] = point[first:last].reshape(shape)
            first = last
        outputs = self.evaluator.run(list(dict.fromkeys(self.model.outputs)), feeds)
        found = dict(zip(dict.fromkeys(self.model.outputs), outputs, strict=True))
        return np.concatenate([np.asarray(found[name], dtype=np.float64).ravel() for name in self.model.outputs])


def _stand_in(node: Node, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(node.attributes["function"](x))


def _constant(node: Node) -> npt.NDArray[Any]:
    ((name, value),) = node.attributes.items()
    if isinstance(value, np.ndarray):
        return value
    return np.array(value, dtype=np.int64 if name in ("value_int", "value_ints") else np.float64)


def _in_double(proto: Any, helper: Any) -> Any:
    """Return a node that makes float64 where it made a shorter format."""
    node = type(proto)()
    node.CopyFrom(proto)
    for attribute in node.attribute:
        if (proto.op_type, attribute.name) in (("Cast", "to"), ("EyeLike", "dtype")) and attribute.i in FLOATS:
            attribute.i = _DOUBLE
        if proto.op_type == "ConstantOfShape" and attribute.t.data_type in FLOATS:
            value = importlib.import_module("onnx.numpy_helper").to_array(attribute.t).astype(np.float64)
            attribute.t.CopyFrom(helper.make_tensor("value", _DOUBLE, value.shape, value.ravel()))
    if proto.op_type == "ConstantOfShape" and not node.attribute:
        node.attribute.append(helper.make_attribute("value", helper.make_tensor("value", _DOUBLE, [1], [0.0])))
    return node
