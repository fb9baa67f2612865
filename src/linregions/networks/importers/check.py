"""The check at the door: an imported graph against its model, at random points and on both sides of breakpoints."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError
from linregions.networks.graph import Graph

# Of a graph with more units fewer points are tried, since each is a pass of the model itself.
_MANY_UNITS = 200_000
_BISECTIONS = 14
# Numbers in the largest tensor of the points that are tried together.
_MOST_NUMBERS = 1 << 22
# What rounding may do, of the numbers that the output adds up and of the largest ones on the way.
_OF_OUTPUT = 1e-9
_OF_ANY = 1e-12


def check_against(
    graph: Graph,
    original: Callable[[FloatArray], FloatArray],
    name: str,
    who: str,
    remedy: str,
    examples: FloatArray | None = None,
    tolerance: float = _OF_OUTPUT,
) -> None:
    """Raise unless a graph gives what the model gives.

    Parameters
    ----------
    graph : Graph
    original : callable
        The model in float64: points of shape (N, n_in) -> outputs of shape (N, n_out), both flat.
    name, who, remedy : str
        The argument that the model is, whose it is, and what to do where the two differ, for the message.
    examples : ndarray of float64, shape (N, n_in), optional
        Points of the caller's, tried as well.
    tolerance : float
        Relative to the numbers that the output adds up.

    Raises
    ------
    InvalidValueError
        If they differ anywhere by more than rounding explains.
    """
    points = trial_points(graph, examples)
    parts = [_measured(graph, part) for part in _in_parts(graph, points)]
    ours, largest, near = (np.concatenate([part[k] for part in parts]) for k in range(3))
    theirs = np.asarray(original(points), dtype=np.float64)
    if theirs.shape != ours.shape:
        raise InvalidValueError(
            f"`{name}` gives outputs of shape {theirs.shape[1:]}, but {who} made a network with {ours.shape[1:]}. "
            f"{remedy}"
        )
    allowed = tolerance * (1.0 + near) + _OF_ANY * largest
    difference = np.abs(theirs - ours).max(axis=1, initial=0.0)
    wrong = ~(difference <= allowed)
    if wrong.any():
        worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference / allowed)))
        raise InvalidValueError(
            f"`{name}` gives other outputs than the network made of it at {int(wrong.sum())} of {wrong.size} points, "
            f"by {difference[worst]:.3g} where outputs are about {float(np.abs(ours[worst]).max()):.3g}, but {who} "
            f"needs them equal. {remedy}"
        )


def trial_points(graph: Graph, examples: FloatArray | None = None) -> FloatArray:
    """Return the points that are tried: of several sizes, as images are, and on both sides of breakpoints."""
    rng = np.random.default_rng(0)
    n_units = sum(step.layout.n_units for step in graph.steps)
    n = 1 if n_units > 8 * _MANY_UNITS else 2 if n_units > _MANY_UNITS else 4
    points = np.concatenate(
        [
            rng.normal(size=(n, graph.n_in)),
            rng.uniform(size=(n, graph.n_in)),
            10.0 * rng.normal(size=(n, graph.n_in)),
            255.0 * rng.uniform(size=(n // 2, graph.n_in)),
        ]
    )
    parts = [points, _near_breakpoints(graph, points[:n], points[n : 2 * n], rng)]
    if examples is not None:
        parts.append(examples)
    return np.concatenate(parts)


def _near_breakpoints(graph: Graph, first: FloatArray, last: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return points on both sides of a breakpoint of some neuron, one on each segment, found by bisection."""
    rank = [rng.permutation(len(graph.steps)) for _ in range(len(first))]
    found: dict[int, tuple[int, int, int]] = {}  # by segment: step, unit, and its piece at the start
    for k, (low, high) in enumerate(zip(graph.run(first), graph.run(last), strict=True)):
        if not graph.steps[k].activation.n_breakpoints:
            continue
        pieces = graph.steps[k].activation.pieces
        before = pieces(low)
        differ = before != pieces(high)
        for row in np.flatnonzero(differ.any(axis=1)).tolist():
            if row not in found or rank[row][k] < rank[row][found[row][0]]:
                unit = int(rng.choice(np.flatnonzero(differ[row])))
                found[row] = k, unit, int(before[row, unit])
    if not found:
        return first[:0]
    rows = sorted(found)
    a, b = first[rows], last[rows]
    left, right = np.zeros(len(rows)), np.ones(len(rows))
    deepest = max(k for k, _, _ in found.values())
    for _ in range(_BISECTIONS if len(first) > 1 else _BISECTIONS // 2):
        middle = (left + right) / 2
        points = a + middle[:, None] * (b - a)
        for k, sums in enumerate(itertools.islice(graph.run(points), deepest + 1)):
            for i, row in enumerate(rows):
                step, unit, piece = found[row]
                if step != k:
                    continue
                if graph.steps[k].activation.pieces(sums[i, unit]) == piece:
                    left[i] = middle[i]
                else:
                    right[i] = middle[i]
    return np.concatenate([a + t[:, None] * (b - a) for t in (left, right)])


def _in_parts(graph: Graph, points: FloatArray) -> list[FloatArray]:
    """Return points in parts whose tensors are not too large."""
    widest = max(step.layout.n_units for step in graph.steps)
    size = max(1, _MOST_NUMBERS // max(widest, 1))
    return [points[k : k + size] for k in range(0, len(points), size)]


def _measured(graph: Graph, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return outputs, and the largest numbers on the way and among those that the output adds up, at each point."""
    last = len(graph.steps) - 1
    read = {last, *(term.source for term in graph.steps[last].terms)}
    largest, near, sums = np.zeros(len(points)), np.zeros(len(points)), np.zeros((len(points), 0))
    for k, sums in enumerate(graph.run(points)):
        size = np.maximum(sums.max(axis=1, initial=0.0), -sums.min(axis=1, initial=0.0))
        largest = np.fmax(largest, size)
        near = np.fmax(near, size) if k in read else near
    outputs = np.empty((len(points), graph.n_out))
    outputs[:, graph.steps[last].layout.order] = graph.steps[last].activation(sums)
    return outputs, largest, near
