"""Choices between two values by the sign of a third: piecewise linear where both agree at the switch."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.importers.values import Builder, Operand, Value

# Rounding of composed weights, of the size of what is compared.
_ROUNDING = 1e-12
_LAST_DIGITS = 4e-16


def choose(builder: Builder, sign: Value, above: Operand, below: Operand, name: str = "") -> Value | None:
    """Return `above` where ``sign > 0`` and `below` elsewhere, or None if that is not continuous.

    It is, if ``above - below`` is a multiple of `sign`, entry by entry. What happens at zero makes no difference.
    Where both are multiples of `sign` with one slope each, the result is an activation of it; else `below` plus a
    multiple of its ReLU.
    """
    values = [value if isinstance(value, Value) else builder.constant(value) for value in (sign, above, below)]
    shape = np.broadcast_shapes(*(value.shape for value in values))
    sign, above, below = (builder.expand(value, shape, name) for value in values)
    difference = builder.subtract(above, below)
    factors = multiples(builder, difference, sign)
    if factors is None:
        return None
    offset = builder.constant(below.bias.reshape(shape)) if not below.terms else None
    slopes = np.zeros(below.n_units) if offset is not None else multiples(builder, below, sign)
    if slopes is not None and factors.size and np.all(factors == factors[0]) and np.all(slopes == slopes[0]):
        activation = _two_slopes(float(slopes[0]), float(slopes[0] + factors[0]))
        switched = builder.activation(sign, activation, name) if activation is not None else None
        if switched is None:
            switched = builder.scale(sign, float(slopes[0]))
        return builder.add(switched, offset) if offset is not None else switched
    switched = builder.activation(sign, RELU, name)
    return builder.add(below, builder.scale(switched, factors.reshape(shape)))


def multiples(builder: Builder, value: Value, of: Value) -> FloatArray | None:
    """Return by which factors a value is a multiple of another, entry by entry; None if it is none.

    Constant entries, and those that vanish with the other, count as they are.
    """
    numerator, square, size = _inner(builder, value, of), _inner(builder, of, of), _inner(builder, value, value)
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = np.where(square > 0, numerator / square, 0.0)
    rest = builder.subtract(value, builder.scale(of, factors.reshape(value.shape)))
    left = _inner(builder, rest, rest)
    if np.any(left > _ROUNDING**2 * (size + factors**2 * square)):
        return None
    if factors.size and np.all(np.abs(factors - factors[0]) <= _ROUNDING * np.abs(factors[0])):
        nice = float(f"{factors[0]:.12g}")  # 0.1 * weight / weight need not be 0.1
        exact = nice if abs(nice - factors[0]) <= _LAST_DIGITS * abs(nice) else float(factors[0])
        return np.full(factors.size, exact)
    return factors


def _inner(builder: Builder, first: Value, second: Value) -> FloatArray:
    """Return the inner products of the rows of two values, biases included."""
    total = first.bias * second.bias
    for source, term in first.terms.items():
        if source in second.terms:
            total = total + _row_products(builder, term, second.terms[source])
    return np.asarray(total)


def _row_products(builder: Builder, left: Any, right: Any) -> FloatArray:
    if builder.matrices.is_sparse(left):
        return np.asarray(left.multiply(right).sum(axis=1)).ravel()
    if builder.matrices.is_sparse(right):
        return np.asarray(right.multiply(left).sum(axis=1)).ravel()
    return np.asarray(np.einsum("ij,ij->i", left, right))


def _two_slopes(below: float, above: float) -> PiecewiseLinear | None:
    if below == above:
        return None
    if (below, above) == (0.0, 1.0):
        return RELU
    return PiecewiseLinear((0.0,), (below, above), (0.0, 0.0), name=f"slopes({below:g}, {above:g})")
