"""Affine steps in integer arithmetic: consecutive ones as one, multiples of neurons, values at given points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.affine import AffineLayer
from linregions.networks.network import Network

# How many products of integers, of a tenth of a microsecond each, uniting two steps may take, and of how many bits.
MOST_PRODUCTS, _MOST_BITS = 1 << 21, 1 << 12


@dataclass(frozen=True, eq=False)
class Step:
    """An affine step, and the activation after it.

    Where it was several, their weights and biases together are those of `exact` times ``2**exponent``, as integers
    (n + 1, n_in + 1) whose last column is the bias and last row stands for 1; `weight` and `bias` are these, rounded.
    """

    weight: FloatArray  # (n, n_in)
    bias: FloatArray  # (n,)
    activation: PiecewiseLinear
    first_neuron: int
    exact: npt.NDArray[Any] | None = None
    exponent: int = 0

    def rational(self, units: Sequence[int]) -> list[tuple[list[Fraction], Fraction]]:
        """Return the weights and bias of some units as they are."""
        if self.exact is None:
            return [([Fraction(w) for w in self.weight[j].tolist()], Fraction(float(self.bias[j]))) for j in units]
        scale = Fraction(2) ** self.exponent
        return [([w * scale for w in self.exact[j, :-1].tolist()], self.exact[j, -1] * scale) for j in units]

    def ratios(self, first: npt.NDArray[np.intp]) -> FloatArray:
        """Return each unit's weights by its weight number `first`, correctly rounded."""
        if self.exact is None:
            with np.errstate(all="ignore"):
                return np.asarray(self.weight / np.take_along_axis(self.weight, first[:, None], axis=1) + 0.0)
        rows = [
            [_quotient(w, row[at]) for w in row[:-1]] for row, at in zip(self.exact[:-1].tolist(), first, strict=True)
        ]
        return np.array(rows)


def _quotient(a: int, b: int) -> float:
    """Return the float nearest to a quotient of integers: infinity where it is too large, and 0 for ``0 / 0``."""
    try:
        return a / b if a else 0.0
    except OverflowError:
        return np.inf if (a > 0) == (b > 0) else -np.inf


def steps_of(network: Network, most_products: int = MOST_PRODUCTS) -> list[Step]:
    """Return the hidden affine steps of a network up to its last neurons, consecutive ones united.

    Rounding of what an affine step returns is of the size of its terms, which the next step does not see. Where their
    sum cancels, as it does in networks given layer by layer, noise would be taken for a value. So steps without a
    breakpoint between them are made one, in integers; where that would take long, they stay apart.
    """
    last = max((k for k, activation in enumerate(network.activations) if activation.n_breakpoints), default=-1)
    steps: list[Step] = []
    for k in range(last + 1):
        layer, activation = network.layers[k], network.activations[k]
        step = Step(layer.weight, layer.bias, activation, network.neuron_offsets[k])
        if steps and not steps[-1].activation.n_breakpoints and _is_little(steps[-1], layer, most_products):
            step = _united(steps.pop(), step)
        steps.append(step)
    return steps


def _is_little(before: Step, layer: AffineLayer, most_products: int) -> bool:
    n, n_inner = layer.weight.shape
    bits = 0 if before.exact is None else int(before.exact[-1, -1]).bit_length()
    return n * n_inner * before.weight.shape[1] <= most_products and bits <= _MOST_BITS


def _integers(values: FloatArray) -> tuple[npt.NDArray[Any], int]:
    """Return integers, as Python has them, that times two to the returned power are `values`."""
    mantissas, exponents = np.frexp(values)
    least = int(exponents[values != 0].min(initial=0)) - 53 if np.any(values) else 0
    whole = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
    shifts = np.where(values != 0, exponents - 53 - least, 0).astype(object)
    return np.asarray(whole * 2**shifts), least


def _augmented(step: Step) -> tuple[npt.NDArray[Any], int]:
    if step.exact is not None:
        return step.exact, step.exponent
    n, n_in = step.weight.shape
    values = np.zeros((n + 1, n_in + 1))
    values[:n, :-1], values[:n, -1], values[-1, -1] = step.weight, step.bias, 1.0
    return _integers(values)


def _united(first: Step, second: Step) -> Step:
    """Return two steps as one, `first` having an activation without breakpoints."""
    before, low = _augmented(first)
    after, high = _augmented(second)
    slope, (t, value) = first.activation.slopes[0], first.activation.anchor
    constant = Fraction(value) - Fraction(slope) * Fraction(t)
    if slope != 1.0 or constant:
        n = first.weight.shape[0]
        # Both are dyadic, so this many binary places hold them.
        places = max(Fraction(slope).denominator, constant.denominator).bit_length() - 1
        unit = before[-1, -1] << places
        between = before * int(Fraction(slope) * 2**places)
        between[:n, -1] += int(constant * unit)
        between[-1] = 0
        between[-1, -1] = unit
        before, low = between, low - places
    exact, exponent = after @ before, low + high
    up, down = 1 << max(exponent, 0), 1 << max(-exponent, 0)
    values = np.array([[_quotient(entry * up, down) for entry in row] for row in exact[:-1].tolist()])
    weight, bias = np.ascontiguousarray(values[:, :-1]), np.ascontiguousarray(values[:, -1])
    return Step(weight, bias, second.activation, second.first_neuron, exact, exponent)


def multiples(step: Step) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Find forms ``z_j - xi_b`` of a step that are exact multiples of one another, so that one decides for all.

    Returns for each form, numbered ``b * n + j``, the first that it is a multiple of (itself, at most places), and
    whether it is a negative multiple of that. Both are empty if no form is a multiple of another.
    """
    n = step.weight.shape[0]
    n_breaks = step.activation.n_breakpoints
    is_zero = (step.weight if step.exact is None else step.exact[:-1, :-1]) == 0
    first = np.argmin(is_zero, axis=1)
    ratios = step.ratios(first)
    same: dict[tuple[int, bytes], list[int]] = {}
    for j in np.flatnonzero(~is_zero.all(axis=1)).tolist():
        same.setdefault((int(first[j]), ratios[j].tobytes()), []).append(j)
    leaders = np.arange(n_breaks * n)
    opposite = np.zeros(n_breaks * n, dtype=np.uint8)
    found = False
    for parallel in same.values():
        if len(parallel) < 2:
            continue
        together = np.flatnonzero(_may_coincide(step, parallel, int(first[parallel[0]])))
        units = [parallel[k] for k in together.tolist()]
        # Equal quotients may have been made so by rounding.
        forms: dict[tuple[Fraction, ...], int] = {}
        rational = step.rational(units)
        directions = [tuple(w / weights[first[units[0]]] for w in weights) for weights, _ in rational]
        for b, point in enumerate(step.activation.breakpoints):
            for j, direction, (weights, bias) in zip(units, directions, rational, strict=True):
                lead = weights[first[j]]
                leader = forms.setdefault((*direction, (bias - Fraction(point)) / lead), b * n + j)
                if leader != b * n + j:
                    found = True
                    leaders[b * n + j] = leader
                    opposite[b * n + j] = (lead > 0) != (rational[units.index(leader % n)][0][first[j]] > 0)
    if not found:
        return leaders[:0], opposite[:0]
    return leaders, opposite


def _may_coincide(step: Step, units: list[int], lead: int) -> npt.NDArray[np.bool_]:
    """Tell of each of some parallel units whether it is zero where another form is, up to rounding.

    Rational numbers need time. Most parallel units lie apart, as those of a network with one input do.
    """
    points = np.array(step.activation.breakpoints)[:, None]
    if step.exact is not None:
        return np.ones(len(units), dtype=np.bool_)
    with np.errstate(all="ignore"):
        places = (step.bias[units] - points) / step.weight[units, lead]
        order = np.argsort(places, axis=None)
        below, above = places.ravel()[order[:-1]], places.ravel()[order[1:]]
        # Two roundings of each; what is infinite or none may be anything.
        is_close = ~(above - below > 1e-14 * (np.abs(below) + np.abs(above)) + 1e-300)
    together = np.zeros(places.size, dtype=np.bool_)
    together[order[:-1]] |= is_close
    together[order[1:]] |= is_close
    return np.asarray(together.reshape(places.shape).any(axis=0))


def value_beside(step: Step, unit: int, x: FloatArray, w: float) -> float:
    """Return the value of a unit at a given point (its linear part, where `w` is 0), on the right side of breakpoints.

    It is the nearest float, or, where that would be a breakpoint though the value is not, the float beside.
    """
    ((weights, bias),) = step.rational([unit])
    value = sum((a * Fraction(b) for a, b in zip(weights, x.tolist(), strict=True) if b), bias * Fraction(w))
    nearest = _quotient(value.numerator, value.denominator)
    if any(nearest == point * w for point in step.activation.breakpoints) and np.isfinite(nearest):
        difference = value - Fraction(nearest)
        if difference:
            nearest = float(np.nextafter(nearest, np.inf if difference > 0 else -np.inf))
    return nearest
