"""Random small networks and windows for Hypothesis, most of them degenerate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

import linregions as lr
import zoo
from linregions import Network, PiecewiseLinear, PlaneWindow

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
