"""What is known of an ONNX file, as plain records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from linregions._support.files import brief

_Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Node:
    """An operator of the file.

    Parameters
    ----------
    op, name : str
    number : int
        Its position in the file, from 0.
    opset : int
        Version of the operators.
    inputs, outputs : tuple of str
        Empty where an optional one is left out.
    attributes : dict of str to int, float, str, list or ndarray
    proto : onnx.NodeProto
        For the check at the door, which must not go through what we made of it.
    """

    op: str
    name: str
    number: int
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any

    def __str__(self) -> str:
        return f"node {self.number} ({self.op}{f' {brief(self.name)!r}' if self.name else ''})"


@dataclass(frozen=True, eq=False)
class Input:
    """An input: its name and declared sizes, None where the file does not say."""

    name: str
    sizes: tuple[int | None, ...] | None


@dataclass(frozen=True, eq=False)
class Model:
    """The part of a file that its outputs need, nodes in an order in which each comes after what it reads."""

    path: Path
    opset: int
    nodes: tuple[Node, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    constants: dict[str, _Array]
    proto: Any  # what it was made of, to be read anew once a branch is decided

    def shown(self) -> str:
        """Return how messages begin."""
        return f"`path` is {os.fspath(self.path)!r}"


def needed(nodes: Sequence[Node], outputs: Iterable[str]) -> list[Node]:
    """Return the nodes that these outputs need, in their order."""
    names = set(outputs)
    kept = []
    for node in reversed(nodes):
        if names.intersection(node.outputs):
            kept.append(node)
            names.update(node.inputs)
    return kept[::-1]
