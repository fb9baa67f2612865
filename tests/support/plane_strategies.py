"""Random small networks and windows for Hypothesis, most of them degenerate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

import linregions as lr
from linregions import Network, PiecewiseLinear, PlaneWindow
from tests.support import zoo

ONE_BREAK = [
    lr.RELU,
    lr.ABS,
    lr.leaky_relu(0.25),
    lr.leaky_relu(-0.5),
    lr.PiecewiseLinear((1.0,), (2.0, -1.0), (1.0, 0.5)),
]
# The float nearest to 1/6 makes regions of 1e-16 where 1/6 would make ties, which only exact arithmetic can tell.
EIGHTH = lr.PiecewiseLinear((-4.0, 4.0), (0.0, 0.125, 0.0), (0.0, 0.5), name="hard sigmoid of slope 1/8")
MORE_BREAKS_EXACT = [lr.HARD_TANH, lr.RELU6, EIGHTH, zoo.ACTIVATIONS["three_breaks"]]
MORE_BREAKS = [*MORE_BREAKS_EXACT, lr.HARD_SIGMOID]
POLYGONS = [
    [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]],
    [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]],
    [[-2.0, -1.0], [3.0, -2.0], [0.5, 2.5]],
    [[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]],
    [[2.0, 0.0], [1.0, 1.75], [-1.0, 1.75], [-2.0, 0.0], [-1.0, -1.75], [1.0, -1.75]],
    [[-0.25, -3.0], [4.0, -2.5], [4.5, 0.125], [1.0, 3.0], [-2.5, 1.0]],
]


@st.composite
def widths(draw: st.DrawFn, n_in: int, deepest: int = 3, widest: int = 6) -> list[int]:
    """Draw input, hidden and output widths."""
    depth = draw(st.integers(1, deepest))
    narrow = draw(st.sampled_from([1, 2, widest // 2, widest // 2]))
    hidden = [draw(st.integers(narrow, widest)) for _ in range(depth)]
    return [n_in, *hidden, draw(st.integers(1, 3))]


@st.composite
def windows(draw: st.DrawFn, n_in: int) -> PlaneWindow:
    """Draw a window whose corners, origin and basis are whole or half numbers, or one that is turned."""
    polygon = np.array(draw(st.sampled_from(POLYGONS))) * draw(st.sampled_from([1.0, 2.0, 4.0]))
    origin = draw(hnp.arrays(np.int64, n_in, elements=st.integers(-4, 4), fill=st.nothing())) / 2
    if n_in == 2 and draw(st.booleans()):
        angle = draw(st.floats(0.1, 3.0))
        return PlaneWindow(origin, zoo.rotated(angle, shear=draw(st.sampled_from([0.0, 0.5]))).basis, polygon)
    basis = draw(hnp.arrays(np.int64, (2, n_in), elements=st.integers(-2, 2), fill=st.nothing())).astype(float)
    basis[:, :2] = [[1.0, basis[0, 1]], [0.0, 1.0]]  # independent
    return PlaneWindow(origin, basis, polygon)


@st.composite
def activations(draw: st.DrawFn, choices: Sequence[PiecewiseLinear], count: int) -> list[PiecewiseLinear]:
    """Draw one activation for all hidden layers, or one for each."""
    if draw(st.booleans()):
        return [draw(st.sampled_from(choices))] * count
    return [draw(st.sampled_from([*choices, lr.RELU, lr.IDENTITY])) for _ in range(count)]


@st.composite
def integer_problems(
    draw: st.DrawFn, choices: Sequence[PiecewiseLinear], deepest: int = 3, widest: int = 6
) -> tuple[Network, PlaneWindow]:
    """Draw a network with weights and biases in {-2, ..., 2}."""
    n_in = draw(st.integers(2, 4))
    sizes = draw(widths(n_in, deepest, widest))
    small: dict[str, Any] = {"elements": st.integers(-2, 2), "fill": st.nothing()}
    layers = [
        (draw(hnp.arrays(np.int64, (b, a), **small)), draw(hnp.arrays(np.int64, b, **small)))
        for a, b in itertools.pairwise(sizes)
    ]
    return Network.from_layers(layers, draw(activations(choices, len(sizes) - 2))), draw(windows(n_in))


@st.composite
def float_problems(
    draw: st.DrawFn, choices: Sequence[PiecewiseLinear], deepest: int = 3, widest: int = 6
) -> tuple[Network, PlaneWindow]:
    """Draw a network in general position; without biases in some cases."""
    n_in = draw(st.integers(2, 4))
    sizes = draw(widths(n_in, deepest, widest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = draw(st.sampled_from([0.0, 0.1, 1.0]))
    net = zoo.float_network(sizes, rng, draw(activations(choices, len(sizes) - 2)), bias)
    return net, draw(windows(n_in))


def random_problem(seed: int) -> tuple[Network, PlaneWindow, int | None]:
    """Draw a deeper network, a window and a cell size from a seed: fast, and wider than Hypothesis goes."""
    rng = np.random.default_rng(seed)
    n_in, depth, kind = int(rng.integers(2, 5)), int(rng.integers(1, 5)), int(rng.integers(4))
    every = [*ONE_BREAK, *MORE_BREAKS_EXACT]
    relu = bool(rng.integers(2))
    sizes = [n_in, *rng.integers(1, 12 if relu else 5, depth), int(rng.integers(1, 4))]
    chosen = [lr.RELU if relu else every[rng.integers(len(every))] for _ in range(depth)]
    if kind < 2:
        net = zoo.integer_network(sizes, rng, chosen)
    else:
        net = zoo.float_network(sizes, rng, chosen, bias=(0.0, 1e-3, 1.0)[rng.integers(3)])
    if kind == 3:
        net = (zoo.duplicated, zoo.permuted)[rng.integers(2)](net, rng)
    polygon = np.array(POLYGONS[rng.integers(len(POLYGONS))]) * rng.choice([0.25, 1.0, 4.0])
    if n_in == 2 and rng.integers(2):
        basis = zoo.rotated(rng.uniform(0, 3), shear=rng.choice([0, 0.5])).basis
    else:
        basis = rng.integers(-2, 3, (2, n_in)).astype(float)
        basis[:, :2] = [[1.0, 0.0], [basis[1, 0], 1.0]]
    return net, PlaneWindow(rng.integers(-4, 5, n_in) / 4, basis, polygon), (None, 1, 3, 16)[rng.integers(4)]
