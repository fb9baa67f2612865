"""Small networks described twice: as plain nested loops over numbers, and as graphs written down by hand.

All weights are whole numbers over a small power of two, so both are exactly the same function. Programs are what
`tests.reference.exact_traces` runs; they number their neurons in the order in which they ask.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from linregions import ABS, HARD_TANH, RELU, PiecewiseLinear, PlaneWindow, leaky_relu
from linregions.networks.graph import Graph
from tests.reference.exact_traces import Asked, Program
from tests.support import plain_operators as plain
from tests.support.hand_graphs import Hand, one_site, pixels, shuffled, stack
from tests.support.operator_matrices import average_matrix, conv_matrix, pool_windows

SOFT_SHRINK = PiecewiseLinear((-0.5, 0.5), (1.0, 0.0, 1.0), (0.0, 0.0), name="soft_shrink")
RAMP = PiecewiseLinear((-0.75, 0.25), (0.0, 0.5, 0.0), (-0.75, 0.0), name="ramp")


@dataclass(frozen=True)
class Tiny:
    """A network in two descriptions, and windows to look at it."""

    name: str
    input_shape: tuple[int, ...]
    program: Program
    graph: Graph
    windows: tuple[PlaneWindow, ...]


class Draw:
    """Random weights: coarse ones, among which many are 0 or equal, or fine ones, that hardly ever cancel."""

    def __init__(self, seed: Sequence[int], *, fine: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.most = 1 << 12 if fine else 4

    def __call__(self, *shape: int, size: float = 1.0) -> Any:
        """Return whole numbers over a power of two, up to a size."""
        return self.rng.integers(-self.most, self.most + 1, shape) * (size / self.most)


def image_windows(n: int, draw: Draw, half: float = 0.5) -> tuple[PlaneWindow, ...]:
    """Return a plane in general position, and one on which a third of the inputs stay 0, as blank margins do."""
    found = []
    for blank in (0, n // 3):
        shown = np.ones(n)
        shown[:blank] = 0
        origin, basis = draw(n) * shown, draw.rng.integers(-8, 9, (2, n)) / 8 * shown
        found.append(PlaneWindow.square(origin, basis, half))
    return tuple(found)


def plane_of_inputs(draw: Draw) -> tuple[PlaneWindow, ...]:
    """Return a rectangle of two inputs and a triangle."""
    low = draw.rng.integers(-8, -3, 2) / 4
    triangle = PlaneWindow(np.zeros(2), np.eye(2), np.array([[-1.0, -1.25], [1.5, -0.5], [0.25, 1.75]]))
    return PlaneWindow.of_inputs(low, low + 4.0), triangle


def max_pooled(draw: Draw) -> Tiny:
    """A convolution, ReLU, overlapping max pooling and a dense layer."""
    k, b, w, c = draw(2, 1, 3, 3), draw(2), draw(2, 18), draw(2)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        z = plain.conv(plain.image(x, 1, 4, 4), k, b, 1, 1)
        h = plain.max_pool(plain.activated(z, RELU, ask), 2, 1, 0, ask)
        return plain.dense(w, c, plain.flat(h))

    hand = Hand(pixels(1, 16))
    h = hand.step(hand.input.map(*conv_matrix(k, b, (1, 4, 4), 1, 1)), RELU, pixels(2, 16))
    p = hand.largest(h, pool_windows((2, 4, 4), 2, 1, 0), draw.rng)
    return Tiny("max_pooled", (1, 4, 4), program, hand.finish(p.map(w, c), (1, 4, 4)), image_windows(16, draw))


def average_pooled(draw: Draw) -> Tiny:
    """A strided convolution, leaky ReLU, average pooling and a dense layer."""
    k, b, w, c = draw(3, 1, 2, 2), draw(3), draw(3, 12), draw(3)
    k2, b2, leaky = draw(3, 3, 3, 3), draw(3), leaky_relu(-0.25)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        h = plain.activated(plain.conv(plain.image(x, 1, 6, 6), k, b, 2, 1), leaky, ask)
        h = plain.activated(plain.conv(plain.average_pool(h, 2, 1), k2, b2, 2, 1), RELU, ask)
        return plain.dense(w, c, plain.flat(h))

    hand = Hand(pixels(1, 36))
    h = hand.step(hand.input.map(*conv_matrix(k, b, (1, 6, 6), 2, 1)), leaky, pixels(3, 16))
    a = hand.step(h.map(average_matrix((3, 4, 4), 2, 1)), layout=pixels(3, 9))
    h = hand.step(a.map(*conv_matrix(k2, b2, (3, 3, 3), 2, 1)), RELU, pixels(3, 4))
    graph = hand.finish(h.map(w, c), (1, 6, 6))
    return Tiny("average_pooled", (1, 6, 6), program, graph, image_windows(36, draw))


def residual(draw: Draw) -> Tiny:
    """Two blocks with sums, the second strided with a projection, in layouts that nobody would choose."""
    k = [draw(2, n, 3, 3) for n in (1, 2, 2, 2)]
    b = [draw(2) for _ in k]
    side, w, c = draw(2, 2, 1, 1), draw(2, 8), draw(2)
    none = np.zeros(2)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        h = plain.activated(plain.conv(plain.image(x, 1, 4, 4), k[0], b[0], 1, 1), RELU, ask)
        z = plain.conv(h, k[1], b[1], 1, 1)
        h = plain.activated(plain.summed(z, h), RELU, ask)
        z = plain.activated(plain.conv(h, k[2], b[2], 2, 1), RELU, ask)
        h = plain.summed(plain.conv(z, k[3], b[3], 1, 1), plain.conv(h, side, none, 2, 0))
        return plain.dense(w, c, plain.flat(plain.activated(h, RELU, ask)))

    hand = Hand(shuffled(16, draw.rng))
    h = hand.step(hand.input.map(*conv_matrix(k[0], b[0], (1, 4, 4), 1, 1)), RELU, shuffled(32, draw.rng))
    h = hand.step(h.map(*conv_matrix(k[1], b[1], (2, 4, 4), 1, 1)) + h, RELU, pixels(2, 16))
    z = hand.step(h.map(*conv_matrix(k[2], b[2], (2, 4, 4), 2, 1)), RELU, shuffled(8, draw.rng))
    s = z.map(*conv_matrix(k[3], b[3], (2, 2, 2), 1, 1)) + h.map(*conv_matrix(side, none, (2, 4, 4), 2, 0))
    graph = hand.finish(hand.step(s, RELU, pixels(2, 4)).map(w, c), (1, 4, 4), shuffled(2, draw.rng))
    return Tiny("residual", (1, 4, 4), program, graph, image_windows(16, draw, 0.25))


def concatenated(draw: Draw) -> Tiny:
    """Dense connections: each layer reads all before it; PReLU with a slope for each channel."""
    k1, b1, k2, b2 = draw(2, 1, 3, 3), draw(2), draw(2, 3, 2, 2), draw(2)
    w, c, slopes = draw(1, 5 * 16), draw(1), (0.25, -0.5)
    n = 16

    def program(x: list[Any], ask: Asked) -> list[Any]:
        first = plain.image(x, 1, 4, 4)
        h = first + plain.activated(plain.conv(first, k1, b1, 1, 1), RELU, ask)
        z = plain.padded_conv_last(h, k2, b2)
        # The neuron of a PReLU is the ReLU in it.
        bent = plain.activated(z, RELU, ask)
        new = [
            plain.summed([plain.scaled(below, a)], [plain.scaled(above, 1 - a)])[0]
            for below, above, a in zip(z, bent, slopes, strict=True)
        ]
        return plain.dense(w, c, plain.flat(h + new))

    hand = Hand(pixels(1, n))
    h = stack(hand.input, hand.step(hand.input.map(*conv_matrix(k1, b1, (1, 4, 4), 1, 1)), RELU, pixels(2, n)))
    z = hand.step(h.map(*conv_matrix(k2, b2, (3, 4, 4), 1, (0, 1))), layout=pixels(2, n))
    a = np.repeat(slopes, n)
    new = z.map(np.diag(a)) + hand.step(z, RELU, pixels(2, n)).map(np.diag(1 - a))
    graph = hand.finish(stack(h, new).map(w, c), (1, 4, 4))
    return Tiny("concatenated", (1, 4, 4), program, graph, image_windows(16, draw))


def clamped(draw: Draw) -> Tiny:
    """Activations with two breakpoints, abs and a skip, on two inputs."""
    sizes = [2, 5, 4, 4]
    w = [draw(m, n, size=2.0) for n, m in itertools.pairwise(sizes)]
    b = [draw(m) for m in sizes[1:]]
    last, c = draw(2, 6), draw(2)
    phis = (HARD_TANH, SOFT_SHRINK, RAMP)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        h = x
        for weight, bias, phi in zip(w, b, phis, strict=True):
            h = [ask.activate(z, phi) for z in plain.dense(weight, bias, h)]
        return [ask.activate(z, ABS) for z in plain.dense(last, c, h + x)]

    hand = Hand(one_site(2))
    h = hand.input
    for weight, bias, phi in zip(w, b, phis, strict=True):
        h = hand.step(h.map(weight, bias), phi)
    graph = hand.finish(hand.step(stack(h, hand.input).map(last, c), ABS), (2,))
    return Tiny("clamped", (2,), program, graph, plane_of_inputs(draw))


def maxout(draw: Draw) -> Tiny:
    """Maxima of three affine functions, minima of pairs of tensors, and maxima of maxima, on two inputs."""
    w, b, v, c = draw(12, 2), draw(12), draw(6, 4), draw(6)
    last, d = draw(1, 3), draw(1)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        z = plain.dense(w, b, x)
        h = [ask.largest(z[i::4]) for i in range(4)]
        y = plain.dense(v, c, h)
        low = [-1 * ask.largest([-1 * y[i], -1 * y[i + 3]]) for i in range(3)]
        return plain.dense(last, d, [ask.largest([ask.activate(u, RELU) for u in low]), low[0], h[1]])

    hand = Hand(one_site(2))
    h = hand.largest(hand.input.map(w, b), [range(i, 12, 4) for i in range(4)], draw.rng)
    y = h.map(v, c)
    low = hand.largest(y.map(-np.eye(6)), [(i, i + 3) for i in range(3)], draw.rng).map(-np.eye(3))
    top = hand.largest(hand.step(low, RELU), [range(3)], draw.rng)
    graph = hand.finish(stack(top, low.take([0]), h.take([1])).map(last, d), (2,))
    return Tiny("maxout", (2,), program, graph, plane_of_inputs(draw))


def pooled_twice(draw: Draw) -> Tiny:
    """Max pooling of the image itself, of a convolution without activation, and of what was pooled, with padding."""
    k, b, w, c = draw(2, 1, 2, 2), draw(2), draw(2, 18), draw(2)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        h = plain.max_pool(plain.image(x, 1, 4, 4), 3, 1, 1, ask)
        h = plain.max_pool(plain.conv(h, k, b, 1, 0), 2, 2, 1, ask)
        h = plain.max_pool(h, 2, 1, 1, ask)
        return plain.dense(w, c, plain.flat(h)[:18])

    hand = Hand(pixels(1, 16))
    h = hand.largest(hand.input, pool_windows((1, 4, 4), 3, 1, 1), draw.rng)
    h = hand.largest(h.map(*conv_matrix(k, b, (1, 4, 4), 1, 0)), pool_windows((2, 3, 3), 2, 2, 1), draw.rng)
    h = hand.largest(h, pool_windows((2, 2, 2), 2, 1, 1), draw.rng)
    graph = hand.finish(h.map(w, c), (1, 4, 4), shuffled(2, draw.rng))
    return Tiny("pooled_twice", (1, 4, 4), program, graph, image_windows(16, draw))


def recurrent(draw: Draw) -> Tiny:
    """The same layer three times, each time with the input, and the maximum of the last state over its units."""
    u, w, b = draw(4, 2), draw(4, 4), draw(4)

    def program(x: list[Any], ask: Asked) -> list[Any]:
        h = [ask.activate(z, RELU) for z in plain.dense(u, b, x)]
        for _ in range(2):
            z = plain.dense(w, np.zeros(4), h)
            h = [ask.activate(p + q, RELU) for p, q in zip(z, plain.dense(u, b, x), strict=True)]
        return [ask.largest(h), ask.largest([h[0], h[0], h[3]])]

    hand = Hand(one_site(2))
    fed = hand.input.map(u, b)
    h = hand.step(fed, RELU)
    for _ in range(2):
        h = hand.step(h.map(w) + fed, RELU, shuffled(4, draw.rng))
    top = hand.largest(h.take([0, 1, 2, 3, 0, 0, 3]), [range(4), range(4, 7)], draw.rng)
    return Tiny("recurrent", (2,), program, hand.finish(top, (2,)), plane_of_inputs(draw))


MODELS: dict[str, Callable[[Draw], Tiny]] = {
    make.__name__: make
    for make in (max_pooled, average_pooled, residual, concatenated, clamped, maxout, pooled_twice, recurrent)
}


@cache
def tiny(name: str, seed: int = 0, *, fine: bool = False) -> Tiny:
    """Return one of the models with weights from a seed."""
    return MODELS[name](Draw([seed, *map(ord, name)], fine=fine))


def cases(more: int = 0) -> list[Any]:
    """Return names and seeds of all models, for parametrize; more seeds are slow tests."""
    slow = [pytest.param(name, seed, marks=pytest.mark.slow) for name in MODELS for seed in range(1, more + 1)]
    return [pytest.param(name, 0) for name in MODELS] + slow
