"""What a rule for an operator says when it cannot be followed; the walk adds the file and the node."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief
from linregions.networks.importers.onnx.records import Node

Array = npt.NDArray[Any]
#: Numbers in one tensor that is made; weights of the file, and what is as large as they, may have more.
MOST_UNITS = 1 << 23


class RuleError(Exception):
    """A node that is not read.

    Parameters
    ----------
    seen, needed, remedy : str
        As in every message: "which `seen`, but from_onnx needs `needed`. `remedy`".
    too_large : bool
        Whether it is only a matter of size.
    """

    def __init__(self, seen: str, needed: str, remedy: str, too_large: bool = False) -> None:
        super().__init__(seen)
        self.seen, self.needed, self.remedy, self.too_large = seen, needed, remedy, too_large


def room(shape: Iterable[int], *like: Any) -> tuple[int, ...]:
    """Return a shape of a tensor to be made, or raise before memory is taken; it may be as large as one of `like`."""
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes) or len(sizes) > 32:
        raise misfit(f"makes a tensor of the shape {brief(sizes)}")
    if math.prod(sizes) > max(MOST_UNITS, *(math.prod(entry.shape) for entry in like), 0):
        raise RuleError(
            f"makes a tensor of the shape {brief(sizes)}",
            f"at most {MOST_UNITS:,} numbers in each",
            "Export the model for smaller inputs.",
            too_large=True,
        )
    return sizes


def misfit(seen: str) -> RuleError:
    """Return the error of a node whose inputs or attributes do not belong together."""
    return RuleError(seen, "what the standard says of this operator", "Check the file with `onnx.checker`.")


def variable(what: str) -> RuleError:
    """Return the error of a node that takes from an activation what has to be constant."""
    return RuleError(
        f"takes {what} from activations",
        "it constant",
        "Export the model with fixed shapes and its weights inside (of torch: in evaluation mode), and simplify it.",
    )


def label(node: Node) -> str:
    """Return what a step is called: the node's name, or its operator and position."""
    return node.name or f"{node.op}_{node.number}"


def finite(constant: Array, what: str) -> npt.NDArray[np.float64]:
    """Return a constant in float64, or raise where it holds NaN or infinity."""
    numbers = np.asarray(constant, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise RuleError(f"has NaN or infinity in its {what}", "finite numbers", "Repair the weights, or train again.")
    return numbers


def whole_numbers(value: Array | None, what: str) -> list[int]:
    """Return a small constant of integers as a list, or raise."""
    if value is None:
        raise misfit(f"has no {what}")
    if not isinstance(value, np.ndarray):
        raise variable(f"its {what}")
    if value.dtype.kind not in "iu" or value.size > 64:
        raise misfit(f"has {value.size} numbers of {value.dtype} as its {what}")
    return [int(number) for number in value.reshape(-1)]


def axes_of(node: Node, given: Array | None, n_axes: int, since_input: int) -> list[int] | None:
    """Return the axes of a node, an attribute in old versions and an input later; None where it names none."""
    if node.opset >= since_input:
        axes = None if given is None else whole_numbers(given, "axes")
    else:
        axes = node.attributes.get("axes")
    return None if axes is None else [axis_of(axis, n_axes) for axis in axes]


def axis_of(axis: Any, n_axes: int) -> int:
    """Return an axis counted from the front, or raise."""
    if not isinstance(axis, int) or not -n_axes <= axis < n_axes:
        raise misfit(f"names the axis {brief(axis)} of a tensor with {n_axes}")
    return axis % n_axes


def number_of(node: Node, name: str, default: float) -> float:
    """Return a number among the attributes, or raise where it is something else or not finite.

    The default is in single precision, as attributes are.
    """
    value = node.attributes.get(name, float(np.float32(default)))
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise misfit(f"has {name} = {brief(value)}")
    return float(value)


def integer_of(node: Node, name: str, default: int) -> int:
    """Return an integer among the attributes, or raise."""
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise misfit(f"has {name} = {brief(value)}")
    return value


def integers_of(node: Node, name: str, default: list[int], count: int) -> list[int]:
    """Return a list of `count` integers among the attributes, or raise."""
    value = node.attributes.get(name, default)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(number, int) for number in value):
        raise misfit(f"has {name} = {brief(value)}")
    return value
