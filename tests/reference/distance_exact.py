"""Slow twins of the distance to the nearest switch: all Jacobians in float64, and one point in fractions.

Both follow section 2.2 of Hanin & Rolnick (2019) to the letter: ``min |z(x) - xi| / ||grad z(x)||`` over every
neuron and every breakpoint, nothing pruned and nothing factored. The twin of distances to linear boundaries takes all
edges of an exact partition.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from linregions import Network, PiecewiseLinear, PlaneWindow
from tests.reference.planes_exact import partition_exactly, rational


def plain_distances(net: Network, points: np.ndarray) -> np.ndarray:
    """Return the distance of each point to each neuron's switch, shape (N, n_neurons); inf without a gradient."""
    values = np.asarray(points, dtype=np.float64)
    jacobian: np.ndarray | None = None
    columns = []
    for layer, activation in zip(net.layers[:-1], net.activations, strict=True):
        z = values @ layer.weight.T + layer.bias
        if jacobian is None:
            jacobian = np.broadcast_to(layer.weight, (len(values), *layer.weight.shape))
        else:
            jacobian = layer.weight @ jacobian
        if activation.breakpoints:
            gaps = np.min([np.abs(z - point) for point in activation.breakpoints], axis=0)
            norms = np.linalg.norm(jacobian, axis=2)
            columns.append(np.divide(gaps, norms, out=np.full_like(gaps, np.inf), where=norms > 0))
        values = activation(z)
        jacobian = np.asarray(activation.slopes)[activation.pieces(z)][:, :, None] * jacobian
    return np.concatenate(columns, axis=1) if columns else np.empty((len(values), 0))


@dataclass(frozen=True)
class ExactDistance:
    """The squared distance (None when infinite), and all neurons that attain it."""

    squared: Fraction | None
    neurons: tuple[int, ...]


def _apply(activation: PiecewiseLinear, z: Fraction) -> tuple[Fraction, Fraction]:
    """Return value and slope; the piece left of a breakpoint counts at the breakpoint."""
    t, value = map(Fraction, activation.anchor)
    slopes = [Fraction(slope) for slope in activation.slopes]
    points = [Fraction(point) for point in activation.breakpoints]
    cuts = [point for point in points if min(t, z) < point < max(t, z)]
    stops = [t, *(cuts if z > t else reversed(cuts)), z]
    for a, b in itertools.pairwise(stops):
        middle = (a + b) / 2
        value += slopes[sum(middle > point for point in points)] * (b - a)
    return value, slopes[sum(z > point for point in points)]


def exact_distance(net: Network, point: Sequence[float]) -> ExactDistance:
    """Return the exact squared distance of one point."""
    values = [Fraction(x) for x in point]
    rows = [[Fraction(int(i == j)) for j in range(len(values))] for i in range(len(values))]
    best: Fraction | None = None
    neurons: list[int] = []
    number = 0
    for layer, activation in zip(net.layers[:-1], net.activations, strict=True):
        new_values, new_rows = [], []
        for weights, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True):
            w = [Fraction(weight) for weight in weights]
            z = sum((a * b for a, b in zip(w, values, strict=True)), Fraction(bias))
            gradient = [sum((a * row[j] for a, row in zip(w, rows, strict=True)), Fraction(0)) for j in range(net.n_in)]
            squared_norm = sum((g * g for g in gradient), Fraction(0))
            if activation.breakpoints:
                if squared_norm:
                    squared = min((z - Fraction(xi)) ** 2 for xi in activation.breakpoints) / squared_norm
                    if best is None or squared < best:
                        best, neurons = squared, []
                    if squared == best:
                        neurons.append(number)
                number += 1
            value, slope = _apply(activation, z)
            new_values.append(value)
            new_rows.append([slope * g for g in gradient])
        values, rows = new_values, new_rows
    return ExactDistance(best, tuple(neurons))


class ExactLinearDistances:
    """Distances to B_N of a network of two inputs, from all its edges in the square with corners at +-half."""

    def __init__(self, net: Network, half: int) -> None:
        found = partition_exactly(net, PlaneWindow.of_inputs([-half] * 2, [half] * 2))
        origin, basis = found.window.origin, found.window.basis
        at = [[Fraction(float(x)) for x in row] for row in (origin, *basis)]
        places = [rational(vertex) for vertex in found.vertices]
        corners = [[at[0][c] + u * at[1][c] + v * at[2][c] for c in (0, 1)] for u, v in places]
        chosen = [edge for edge in found.edges if edge.is_linear_boundary]
        self.edges = [(corners[edge.ends[0]], corners[edge.ends[1]], edge.neurons) for edge in chosen]

    def squared(self, point: Sequence[float]) -> ExactDistance:
        """Return the exact squared distance within the square, and all neurons that switch on the nearest edges."""
        x = [Fraction(float(value)) for value in point]
        best: Fraction | None = None
        neurons: set[int] = set()
        for a, b, switching in self.edges:
            step = [b[c] - a[c] for c in (0, 1)]
            t = sum(((x[c] - a[c]) * step[c] for c in (0, 1)), Fraction(0)) / sum(value * value for value in step)
            t = min(max(t, Fraction(0)), Fraction(1))
            squared = sum(((a[c] + t * step[c] - x[c]) ** 2 for c in (0, 1)), Fraction(0))
            if best is None or squared < best:
                best, neurons = squared, set()
            if squared == best:
                neurons.update(switching)
        return ExactDistance(best, tuple(sorted(neurons)))
