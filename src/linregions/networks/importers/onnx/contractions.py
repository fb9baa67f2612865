"""Products of activations with constants and sums over axes, as ONNX writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.files import brief
from linregions.networks.importers import operators, products
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import (
    Array,
    RuleError,
    axes_of,
    axis_of,
    finite,
    label,
    misfit,
    number_of,
    room,
    whole_numbers,
)
from linregions.networks.importers.values import Builder, Value

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def two_activations(node: Node) -> RuleError:
    """Return the error of a product of activations."""
    return RuleError(
        f"combines two activations by {node.op}, which is not piecewise linear",
        "one factor constant",
        "Give a model without attention and gates, or the part before it.",
    )


def matmul(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return a matrix product with a constant on one side, broadcast along the other axes."""
    first, second = inputs
    if isinstance(first, Value) and isinstance(second, Value):
        raise two_activations(node)
    if not first.shape or not second.shape or first.shape[-1] != second.shape[-2:][0]:
        raise misfit(f"multiplies the shapes {first.shape} and {second.shape}")
    batch = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    room((*batch, *first.shape[-2:-1], *second.shape[-1:] * (len(second.shape) > 1)))
    first, second = (entry if isinstance(entry, Value) else finite(entry, "matrix") for entry in inputs)
    return [products.matmul(builder, first, second, label(node))]


def gemm(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return alpha A B + beta C, each transposed as the attributes say."""
    alpha, beta = number_of(node, "alpha", 1.0), number_of(node, "beta", 1.0)
    if any(len(entry.shape) != 2 for entry in inputs[:2]):
        raise misfit(f"multiplies the shapes {inputs[0].shape} and {inputs[1].shape}")
    factors = []
    for entry, turned in zip(inputs[:2], ("transA", "transB"), strict=True):
        if node.attributes.get(turned, 0):
            entry = builder.gather(entry, builder.index(entry).T) if isinstance(entry, Value) else entry.T
        # The factor goes to the constant, whose numbers stay as they are if it is 1.
        factors.append(entry if isinstance(entry, Value) or alpha == 1.0 else entry * alpha)
    (product,) = matmul(builder, node, factors)
    third = inputs[2] if len(inputs) > 2 else None
    if third is None or beta == 0.0:
        return [product]
    third = builder.scale(third, beta) if isinstance(third, Value) else finite(third, "bias") * beta
    if np.broadcast_shapes(third.shape, product.shape) != product.shape:
        raise misfit(f"adds the shape {third.shape} to {product.shape}")
    return [builder.add(product, third)]


def einsum(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return a sum of products with labels, of which one factor varies."""
    if sum(isinstance(entry, Value) for entry in inputs) > 1:
        raise two_activations(node)
    terms, result = _equation(str(node.attributes.get("equation", "")), [len(entry.shape) for entry in inputs])
    sizes: dict[str, int] = {}
    for entry, letters in zip(inputs, terms, strict=True):
        for letter, size in zip(letters, entry.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise misfit(f"meets axes of {sizes[letter]} and {size}")
    if len(set(result)) != len(result) or not set(result) <= set(sizes):
        raise misfit("makes axes that no input has, or one twice")
    room(sizes[letter] for letter in result)
    constant, others = np.ones(()), ""
    for entry, letters in zip(inputs, terms, strict=True):
        if not isinstance(entry, Value):
            joined = "".join(dict.fromkeys(others + letters))
            room(sizes[letter] for letter in joined)
            constant = np.einsum(f"{others},{letters}->{joined}", constant, finite(entry, "factor"))
            others = joined
    position = next(k for k, entry in enumerate(inputs) if isinstance(entry, Value))
    return [products.einsum(builder, inputs[position], terms[position], constant, others, result, label(node))]


def _equation(equation: str, axes: list[int]) -> tuple[list[str], str]:
    """Return the letters of every factor and of the result; axes of an ellipsis get letters of their own."""
    equation = equation.replace(" ", "")
    wrong = misfit(f"has the equation {brief(equation)!r} for inputs with {axes} axes")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(axes) or len(equation) > 1000:
        raise wrong
    free = [letter for letter in _LETTERS if letter not in equation]
    hidden = [n - len(part.replace("...", "")) if "..." in part else 0 for part, n in zip(parts, axes, strict=True)]
    if min(hidden) < 0 or max(hidden) > len(free):
        raise wrong
    dots = "".join(free[: max(hidden)])
    terms = [part.replace("...", dots[len(dots) - n :], 1) for part, n in zip(parts, hidden, strict=True)]
    if any(len(term) != n for term, n in zip(terms, axes, strict=True)):
        raise wrong
    if arrow:
        result = right.replace("...", dots, 1)
    else:
        every = "".join(terms)
        result = dots + "".join(sorted(letter for letter in set(every) - set(dots) if every.count(letter) == 1))
    if any(letter not in _LETTERS for letter in "".join(terms) + result):
        raise wrong
    return terms, result


def reduced(node: Node, inputs: list[Any], since_input: int = 18) -> list[int] | None:
    """Return the axes that a reduction is over; None where it does nothing."""
    rank = len(inputs[0].shape)
    axes = axes_of(node, inputs[1] if len(inputs) > 1 else None, rank, since_input)
    if axes:
        return axes
    return None if node.attributes.get("noop_with_empty_axes", 0) else list(range(rank))


def reduce_sum(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return ReduceSum or ReduceMean."""
    axes = reduced(node, inputs, 13 if node.op == "ReduceSum" else 18)
    if axes is None:
        return [inputs[0]]
    keep = bool(node.attributes.get("keepdims", 1))
    return [operators.reduce_sum(builder, inputs[0], axes, keep, node.op == "ReduceMean", label(node))]


def global_average_pool(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return the mean over all axes but batch and channels."""
    axes = list(range(2, len(inputs[0].shape)))
    return [operators.reduce_sum(builder, inputs[0], axes, True, True, label(node)) if axes else inputs[0]]


def cumulative_sum(builder: Builder, node: Node, inputs: list[Any]) -> list[Value]:
    """Return CumSum along a constant axis."""
    value = inputs[0]
    axis = axis_of(whole_numbers(inputs[1], "axis")[0], len(value.shape))
    n = value.shape[axis]
    room((n, n))
    before: Array = np.arange(n)[None, :] - np.arange(n)[:, None]  # from row (output) to column (input)
    if node.attributes.get("reverse", 0):
        before = -before
    matrix = (before < 0 if node.attributes.get("exclusive", 0) else before <= 0).astype(np.float64)
    builder.matrices.must_fit(value.n_units * n)
    return [operators.along(builder, value, {axis: matrix}, label(node))]
