"""Networks of any connectivity with windows and lines, for engines to be compared with the exact twins."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions import ABS, HARD_TANH, RELU, Line, Network, Path, PlaneWindow, Ray, Segment, leaky_relu
from tests.support.graphs import random_graph
from tests.support.hand_graphs import Hand, Value, shuffled, stack
from tests.support.tiny_models import Tiny


def random_case(seed: int) -> tuple[Network, PlaneWindow]:
    """Return a random graph that is no chain, and a window; every other one has weights that tie and cancel."""
    rng = np.random.default_rng(seed)
    exact = bool(seed % 2)
    network = Network.from_graph(random_graph(rng, exact=exact))
    while network.is_chain:
        network = Network.from_graph(random_graph(rng, exact=exact))
    return network, random_window(rng, network.n_in, exact=exact)


def random_window(rng: np.random.Generator, n_in: int, *, exact: bool) -> PlaneWindow:
    """Return a window near the origin, often a triangle; exact: of small multiples of 1/8."""
    origin, basis = rng.normal(size=n_in), rng.normal(size=(2, n_in))
    if exact:
        origin, basis = np.round(4 * origin) / 8, np.round(4 * basis) / 8
        while np.linalg.matrix_rank(basis) < 2:
            basis = rng.integers(-8, 9, (2, n_in)) / 8
    if rng.integers(2):
        return PlaneWindow.square(origin, basis, 1.5)
    return PlaneWindow(origin, basis, np.array([[-1.0, -1.25], [1.5, -0.5], [0.25, 1.75]]))


def some_lines(window: PlaneWindow, part: float = 1.0) -> list[Any]:
    """Return lines of all kinds in the plane of a window."""
    corners = window.point(part * window.polygon)
    middle = (corners[0] + corners[2]) / 2
    return [
        Segment(corners[0], corners[2]),
        Ray(middle, corners[1] - corners[0]),
        Line(middle, corners[2] - corners[1]),
        Path(np.stack([corners[0], middle, corners[1]])),
    ]


def lines_of(model: Tiny) -> list[Any]:
    """Return lines of all kinds through the windows of a tiny model."""
    return [line for window in model.windows for line in some_lines(window)]


def degenerate_case(seed: int) -> tuple[Network, PlaneWindow]:
    """Return a network in which ties are normal: small whole numbers, no biases, duplicates, closed and equal entries.

    Maxima of the input, of affine functions before anything else, and of units after ReLU, overlapping, with entries
    that are there twice; the window lies about the origin, where all lines meet, or beside it.
    """
    rng = np.random.default_rng(seed)
    n_in, bias = int(rng.integers(2, 6)), int(rng.integers(2))
    hand = Hand(shuffled(n_in, rng))

    def dense(value: Value, n: int) -> Value:
        made = rng.integers(-2, 3, (n, value.bias.size)).astype(float)
        made[rng.integers(n)] = rng.choice([-1.0, 1.0, 2.0]) * made[rng.integers(n)]  # the same line twice
        return value.map(made, bias * rng.integers(-2, 3, n).astype(float))

    def largest(value: Value) -> Value:
        n, size = value.bias.size, int(rng.integers(2, 6))
        return hand.largest(value, [rng.integers(n, size=size).tolist() for _ in range(int(rng.integers(1, 4)))], rng)

    def activated(value: Value) -> Value:
        phi = (RELU, RELU, RELU, ABS, HARD_TANH, leaky_relu(-1.5))[rng.integers(6)]
        return hand.step(value, phi, shuffled(value.bias.size, rng))

    value = hand.input
    for _ in range(int(rng.integers(2, 5))):
        kind = rng.integers(5)
        before = value
        if kind < 3:
            value = dense(value, int(rng.integers(2, 6)))
        if kind in (1, 3):
            value = largest(value)
        if kind != 3:
            value = activated(value)
        if kind == 4 or rng.integers(4) == 0:
            value = stack(value, before, hand.input) if rng.integers(2) else stack(before, value)
    network = Network.from_graph(hand.finish(dense(value, int(rng.integers(1, 4))), (n_in,)))
    basis = rng.integers(-2, 3, (2, n_in)).astype(float)
    while np.linalg.matrix_rank(basis) < 2:
        basis = rng.integers(-2, 3, (2, n_in)).astype(float)
    origin = np.zeros(n_in) if rng.integers(2) else rng.integers(-2, 3, n_in) / 2
    if rng.integers(2):
        return network, PlaneWindow.square(origin, basis, float(rng.integers(1, 4)))
    return network, PlaneWindow(origin, basis, np.array([[-1.0, -1.0], [2.0, -1.0], [0.0, 2.0]]))
