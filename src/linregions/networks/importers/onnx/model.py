"""An ONNX file as plain records, its structure checked: each name is made once, and there are no cycles."""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import as_path, brief
from linregions._support.validation import require
from linregions.errors import (
    FileFormatError,
    InvalidValueError,
    LinRegionsError,
    MemoryLimitError,
    UnsupportedModuleError,
)
from linregions.networks.importers.onnx.inlining import reads, with_branch, without_functions
from linregions.networks.importers.onnx.records import Input, Model, Node
from linregions.networks.importers.onnx.rules import RuleError
from linregions.networks.importers.onnx.tensors import FLOATS, Tensors

_WHO = "from_onnx"
#: The oldest version of the standard operators that is read.
OLDEST = 7
#: Numbers in all inputs.
MOST_INPUTS = 1 << 24
_Array = npt.NDArray[Any]


def read_model(path: Any) -> Model:
    """Read an ONNX file without trusting it, or raise.

    Raises
    ------
    InvalidValueError
        If there is no such file.
    FileFormatError
        If it is damaged, or its names do not make a graph without cycles.
    UnsupportedModuleError
        If it needs operators that are not known here at all: other domains or versions, functions, subgraphs.
    """
    onnx = require("onnx", "onnx", _WHO, lambda: importlib.import_module("onnx"))
    source = as_path(path, "path", _WHO)
    shown = f"`path` is {os.fspath(source)!r}"
    if not os.path.isfile(source):
        found = "a folder" if os.path.isdir(source) else "where there is no file"
        raise InvalidValueError(
            f"{shown}, {found}, but {_WHO} needs an ONNX file. Check the spelling and the current folder."
        )
    try:
        return _read(source, onnx.ModelProto.FromString(source.read_bytes()), onnx)
    except (LinRegionsError, MemoryError):
        raise
    except Exception as error:  # of damaged files, protobuf and its strings raise nearly anything
        raise FileFormatError(
            f"{shown}, which is truncated or no ONNX model ({brief(error) or type(error).__name__}), but {_WHO} needs "
            "a whole one. Copy it again, or export the model again."
        ) from None


def decided(model: Model, number: int, holds: bool) -> Model:
    """Return the model with one branch in the place of an If."""
    onnx = require("onnx", "onnx", _WHO, lambda: importlib.import_module("onnx"))
    return _read(model.path, with_branch(model.proto, number, holds), onnx)


def _read(path: Path, proto: Any, onnx: Any) -> Model:
    return _Reader(path, proto, int(onnx.defs.onnx_opset_version())).model()


class _Reader:
    def __init__(self, path: Path, proto: Any, newest: int) -> None:
        self.path, self.proto, self.graph = path, proto, proto.graph
        self.shown = f"`path` is {os.fspath(path)!r}"
        self.newest = newest
        self.tensors = Tensors(path)

    def model(self) -> Model:
        graph = self.graph
        if not self.proto.HasField("graph") or not graph.output:
            raise self.damaged("holds no graph with an output")
        opset = self.opset()
        if self.proto.functions:
            try:
                self.proto = without_functions(self.proto)
            except RuleError as error:
                kind = MemoryLimitError if error.too_large else UnsupportedModuleError
                raise kind(
                    f"{self.shown}, which defines {error.seen}, but {_WHO} needs {error.needed}. {error.remedy}"
                ) from None
            graph = self.graph = self.proto.graph
        weights = self.weights()
        inputs = [value for value in graph.input if value.name not in weights]
        maker: dict[str, int] = {}
        taken = {value.name for value in inputs} | set(weights)
        if len(taken) != len(inputs) + len(weights):
            raise self.damaged("has two inputs of one name")
        for number, node in enumerate(graph.node):
            for name in node.output:
                if name and (name in maker or name in taken):
                    raise self.damaged(f"makes {brief(name)!r} twice")
                if name:
                    maker[name] = number
        outputs = tuple(value.name for value in graph.output)
        order = self.order(outputs, maker, taken)
        used = {name for number in order for name in reads(graph.node[number])} | set(outputs)
        return Model(
            path=self.path,
            opset=opset,
            nodes=tuple(self.node(number, opset) for number in order),
            inputs=tuple(self.input(value) for value in inputs),
            outputs=outputs,
            constants={
                name: self.tensors.read_any(tensor, f"the weight {brief(name)!r}")
                for name, tensor in weights.items()
                if name in used
            },
            proto=self.proto,
        )

    def damaged(self, seen: str) -> FileFormatError:
        return FileFormatError(
            f"{self.shown}, which {seen}, but {_WHO} needs a graph whose names are each made once, before they are "
            "used. Export the model again."
        )

    def opset(self) -> int:
        found: dict[str, int] = {}
        for entry in self.proto.opset_import:
            found.setdefault("" if entry.domain == "ai.onnx" else entry.domain, int(entry.version))
        version = found.get("")
        if version is None and self.proto.ir_version < 3:
            version = 1
        if version is None:
            if any(node.domain in ("", "ai.onnx") for node in self.graph.node):
                raise self.damaged("does not say the version of its operators")
            version = self.newest
        if not OLDEST <= version <= self.newest:
            remedy = (
                "Convert it with `onnx.version_converter.convert_version(model, 13)`."
                if version < OLDEST
                else "Upgrade onnx, or export the model with an older one."
            )
            raise UnsupportedModuleError(
                f"{self.shown}, written for opset {version}, but {_WHO} with the installed onnx needs one of {OLDEST} "
                f"to {self.newest}. {remedy}"
            )
        return version

    def weights(self) -> dict[str, Any]:
        weights: dict[str, Any] = {}
        named = [(tensor.name, tensor) for tensor in self.graph.initializer]
        named += [(tensor.values.name, tensor) for tensor in self.graph.sparse_initializer]
        for name, tensor in named:
            if not name or name in weights:
                raise self.damaged(f"has two weights named {brief(name)!r}")
            weights[name] = tensor
        return weights

    def order(self, outputs: tuple[str, ...], maker: dict[str, int], given: set[str]) -> list[int]:
        """Return the nodes that the outputs need, each after those that it reads; files are too deep for recursion."""
        done: dict[int, bool] = {}  # False while what a node reads is being visited
        order: list[int] = []
        missing = next((name for name in outputs if name not in maker and name not in given), None)
        if missing is not None:
            raise self.damaged(f"has the output {brief(missing)!r}, which nothing makes")
        stack = [maker[name] for name in reversed(outputs) if name in maker]
        while stack:
            number = stack[-1]
            if number in done:
                stack.pop()
                if not done[number]:
                    done[number] = True
                    order.append(number)
                continue
            done[number] = False
            for name in reversed(reads(self.graph.node[number])):
                if not name or name in given:
                    continue
                if name not in maker:
                    raise self.damaged(f"has no weight or node that makes {brief(name)!r}, which node {number} reads")
                before = maker[name]
                if done.get(before) is False:
                    raise self.damaged(f"has a cycle through node {before}")
                if before not in done:
                    stack.append(before)
        return order

    def node(self, number: int, opset: int) -> Node:
        proto = self.graph.node[number]
        if proto.domain not in ("", "ai.onnx"):
            raise UnsupportedModuleError(
                f"{self.shown}, where node {number} is {brief(proto.op_type)!r} of the domain {brief(proto.domain)!r}, "
                f"but {_WHO} needs standard operators of ONNX. Export the model without optimisations for one runtime."
            )
        attributes = {}
        for entry in proto.attribute:
            if entry.name in attributes:
                raise self.damaged(f"gives {brief(entry.name)!r} of node {number} twice")
            attributes[entry.name] = self.attribute(entry, number, proto)
        return Node(
            op=proto.op_type,
            name=proto.name,
            number=number,
            opset=opset,
            inputs=tuple(reads(proto)),
            outputs=tuple(proto.output),
            attributes=attributes,
            proto=proto,
        )

    def attribute(self, entry: Any, number: int, proto: Any) -> Any:
        where = f"node {number} ({brief(proto.op_type)}) has the attribute {brief(entry.name)!r}"
        if proto.op_type == "If" and entry.type == 5 and entry.name in ("then_branch", "else_branch"):
            if len(entry.g.output) != len(proto.output) or entry.g.input:
                raise self.damaged(f"has a branch of node {number} with other outputs than the node")
            return entry.g
        if entry.type in (5, 10) or entry.HasField("g") or entry.graphs:
            raise UnsupportedModuleError(
                f"{self.shown}, where {where}, a graph inside the graph, but {_WHO} needs one without branches and "
                "loops. Export the model with fixed shapes, so that they are decided, or unrolled."
            )
        if entry.type == 1:
            return float(entry.f)
        if entry.type == 2:
            return int(entry.i)
        if entry.type == 3:
            return entry.s.decode("utf-8", "replace")
        if entry.type == 4:
            return self.tensors.read(entry.t, f"{where}, which")
        if entry.type == 11:
            return self.tensors.read_any(entry.sparse_tensor, f"{where}, which")
        if entry.type == 6:
            return [float(value) for value in entry.floats]
        if entry.type == 7:
            return [int(value) for value in entry.ints]
        raise UnsupportedModuleError(
            f"{self.shown}, where {where} of the type number {entry.type}, but {_WHO} needs numbers, strings and "
            "tensors. Export the model again without it."
        )

    def input(self, value: Any) -> Input:
        kind = value.type
        where = f"{self.shown}, where the input {brief(value.name)!r}"
        if not kind.HasField("tensor_type"):
            raise UnsupportedModuleError(
                f"{where} is no tensor, but {_WHO} needs tensors. Export the model without sequences and optional ones."
            )
        if kind.tensor_type.elem_type not in FLOATS:
            raise UnsupportedModuleError(
                f"{where} holds no real numbers (type number {kind.tensor_type.elem_type}), but {_WHO} needs "
                "floating-point inputs. Export the model from floating-point examples."
            )
        if not kind.tensor_type.HasField("shape"):
            return Input(value.name, None)
        sizes = [int(axis.dim_value) if axis.HasField("dim_value") else None for axis in kind.tensor_type.shape.dim]
        return Input(value.name, tuple(size if size is not None and size > 0 else None for size in sizes))


def input_shapes(model: Model, given: Any) -> tuple[tuple[int, ...], ...]:
    """Return the shape of every input, the batch axis included and 1 where the file leaves it open, or raise.

    Parameters
    ----------
    model : Model
    given : dict of str to sequence of int, optional
        Shapes that the caller chose.
    """
    chosen = dict(given or {})
    names = [entry.name for entry in model.inputs]
    unknown = next((name for name in chosen if name not in names), None)
    if unknown is not None:
        raise InvalidValueError(
            f"`input_shapes` names {unknown!r}, but {_WHO} needs names of inputs: {brief(names)}. Use these."
        )
    shapes = []
    for entry in model.inputs:
        if entry.name in chosen:
            sizes: tuple[int | None, ...] | None = _as_shape(chosen[entry.name], entry)
        else:
            sizes = entry.sizes
        if sizes is not None and len(sizes) > 1 and sizes[0] is None:
            sizes = (1, *sizes[1:])
        if sizes is None or None in sizes:
            seen = "any shape" if sizes is None else f"the shape {tuple('?' if s is None else s for s in sizes)}"
            example = (1, 3, 32, 32) if sizes is None else tuple(s or 32 for s in sizes)
            raise InvalidValueError(
                f"{model.shown()}, where the input {brief(entry.name)!r} has {seen.replace(chr(39), '')}, but {_WHO} "
                f"needs all sizes but the batch's. Give e.g. `input_shapes={{{brief(entry.name)!r}: {example}}}`."
            )
        shapes.append(tuple(int(size) for size in sizes if size is not None))
    if sum(math.prod(shape) for shape in shapes) > MOST_INPUTS:
        raise MemoryLimitError(
            f"{model.shown()}, with inputs of the shapes {brief(shapes)}, but {_WHO} takes at most {MOST_INPUTS:,} "
            "numbers a point. Export the model for smaller inputs."
        )
    return tuple(shapes)


def _as_shape(value: Any, entry: Input) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in np.atleast_1d(np.asarray(value, dtype=np.int64)))
    except (TypeError, ValueError, OverflowError):
        shape = ()
    known = (None, *entry.sizes[1:]) if entry.sizes else entry.sizes  # a batch may be chosen
    fits = known is None or (
        len(shape) == len(known) and all(size in (None, mine) for size, mine in zip(known, shape, strict=True))
    )
    if not shape or min(shape) < 1 or not fits:
        raise InvalidValueError(
            f"`input_shapes` gives {brief(value)} for {entry.name!r}, but {_WHO} needs sizes that fit "
            f"{tuple('?' if s is None else s for s in entry.sizes or ())}. Give one positive integer for each axis, "
            "the batch's included.".replace("'?'", "?")
        )
    return shape
