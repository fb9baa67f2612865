"""The check at the door: an imported graph against its model, at random points and on both sides of breakpoints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError
from linregions.networks.graph import Graph

# Of a graph with more units fewer points are tried, since each is a pass of the model itself.
_MANY_UNITS = 200_000
_BISECTIONS = 14
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
    sums = graph.pre_activations(points)
    ours = graph(points)
    theirs = np.asarray(original(points), dtype=np.float64)
    if theirs.shape != ours.shape:
        raise InvalidValueError(
            f"`{name}` gives outputs of shape {theirs.shape[1:]}, but {who} made a network with {ours.shape[1:]}. "
            f"{remedy}"
        )
    largest = np.max([np.abs(values).max(axis=1, initial=0.0) for values in sums], axis=0)
    last = {len(sums) - 1} | {term.source for term in graph.steps[-1].terms if term.source >= 0}
    near = np.max([np.abs(sums[k]).max(axis=1, initial=0.0) for k in last], axis=0)
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
    n = 2 if n_units > _MANY_UNITS else 4
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
    steps = [k for k, step in enumerate(graph.steps) if step.activation.n_breakpoints]
    if not steps:
        return first[:0]
    chosen = []
    low, high = (graph.pre_activations(ends) for ends in (first, last))
    for row in range(len(first)):
        order = rng.permutation(steps)
        for k in order:
            pieces = graph.steps[k].activation.pieces
            differ = np.flatnonzero(pieces(low[k][row]) != pieces(high[k][row]))
            if differ.size:
                chosen.append((row, int(k), int(rng.choice(differ))))
                break
    if not chosen:
        return first[:0]
    rows = np.array([row for row, _, _ in chosen])
    a, b = first[rows], last[rows]
    left, right = np.zeros(rows.size), np.ones(rows.size)
    before = [graph.steps[k].activation.pieces(low[k][row, unit]) for row, k, unit in chosen]
    for _ in range(_BISECTIONS):
        middle = (left + right) / 2
        sums = graph.pre_activations(a + middle[:, None] * (b - a))
        for i, (_, k, unit) in enumerate(chosen):
            if graph.steps[k].activation.pieces(sums[k][i, unit]) == before[i]:
                left[i] = middle[i]
            else:
                right[i] = middle[i]
    return np.concatenate([a + t[:, None] * (b - a) for t in (left, right)])
