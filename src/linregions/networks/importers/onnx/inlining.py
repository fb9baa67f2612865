"""Graphs inside a file's graph put in their places: branches that are decided, and functions of the file's own."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from linregions._support.files import brief
from linregions.networks.importers.onnx.rules import RuleError

#: Nodes that a file may have once its functions are put in the places of their calls.
MOST_NODES = 1 << 17
_MOST_NESTED = 64


class BranchDecided(Exception):
    """An If whose condition turned out to be constant: the graph has to be read anew with that branch in its place.

    Parameters
    ----------
    number : int
        Of the node.
    holds : bool
        Which branch it is.
    """

    def __init__(self, number: int, holds: bool) -> None:
        super().__init__(number, holds)
        self.number, self.holds = number, holds


def captured(graph: Any) -> list[str]:
    """Return the names of the graph around it that an inner graph reads."""
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    own.update(tensor.values.name for tensor in graph.sparse_initializer)
    own.update(name for node in graph.node for name in node.output)
    read = [name for node in graph.node for name in reads(node)] + [value.name for value in graph.output]
    return list(dict.fromkeys(name for name in read if name and name not in own))


def reads(node: Any) -> list[str]:
    """Return the names that a node reads, those that graphs inside of it read included."""
    names = list(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            names.extend(captured(attribute.g))
    return names


def with_branch(model: Any, number: int, holds: bool) -> Any:
    """Return the model with a branch of an If in its place, its own names made different from all others."""
    result = type(model)()
    result.CopyFrom(model)
    node = result.graph.node[number]
    wanted = "then_branch" if holds else "else_branch"
    branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
    taken = {value.name for value in result.graph.input} | {tensor.name for tensor in result.graph.initializer}
    taken.update(name for each in result.graph.node for name in each.output)
    own = [tensor.name for tensor in branch.initializer] + [tensor.values.name for tensor in branch.sparse_initializer]
    own += [name for each in branch.node for name in each.output]
    names = {name: _free(f"{name} in the branch of {node.output[0]}", taken) for name in own if name}
    _rename(branch, names)
    for value, to in zip(branch.output, node.output, strict=True):
        branch.node.add(op_type="Identity", input=[value.name], output=[to])
    result.graph.initializer.extend(branch.initializer)
    result.graph.sparse_initializer.extend(branch.sparse_initializer)
    nodes = [*result.graph.node[:number], *branch.node, *result.graph.node[number + 1 :]]
    copies = [type(node).FromString(each.SerializeToString()) for each in nodes]
    del result.graph.node[:]
    result.graph.node.extend(copies)
    return result


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Rename what a graph makes and reads, in the graphs inside of it, too, unless they make it anew."""
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for sparse in graph.sparse_initializer:
        sparse.values.name = names.get(sparse.values.name, sparse.values.name)
    for value in graph.output:
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for entries in (node.input, node.output):
            for k, name in enumerate(entries):
                entries[k] = names.get(name, name)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                inner = attribute.g
                made = {value.name for value in inner.input} | {tensor.name for tensor in inner.initializer}
                made.update(name for each in inner.node for name in each.output)
                _rename(inner, {old: new for old, new in names.items() if old not in made})


def without_functions(model: Any) -> Any:
    """Return the model with the bodies of its own functions in the places of their calls, or raise.

    Raises
    ------
    RuleError
        If functions call each other in a circle, or there would be too many nodes.
    """
    functions = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Iterable[Any], depth: int) -> int:
        if depth > _MOST_NESTED:
            raise RuleError("functions of its own that call each other, perhaps in a circle", "no circles", _REMEDY)
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            total += 1 + sum(
                size(inner.node, depth + 1)
                for attribute in node.attribute
                for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
            )
            if key in functions:
                if key not in sizes:
                    sizes[key] = size(functions[key].node, depth + 1)
                total += sizes[key]
            if total > MOST_NODES:
                raise RuleError(
                    f"functions of its own that stand for more than {MOST_NODES:,} nodes",
                    f"at most {MOST_NODES:,}",
                    "Export a smaller model.",
                    too_large=True,
                )
        return total

    size(model.graph.node, 0)
    try:
        inlined = importlib.import_module("onnx.inliner").inline_local_functions(model)
    except Exception as error:  # what onnx says of functions that break the standard
        raise RuleError(
            f"functions of its own that onnx cannot put in their places ({brief(error) or type(error).__name__})",
            "operators only",
            _REMEDY,
        ) from None
    if inlined.functions:
        raise RuleError(f"{len(inlined.functions)} functions of its own that stay", "operators only", _REMEDY)
    return inlined


_REMEDY = "Export the model again without functions, of torch e.g. with `export_modules_as_functions=False`."
