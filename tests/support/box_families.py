"""Random small networks in boxes of any number of inputs, most of them degenerate or nearly so, by families.

Numbers of the *exact* families have few bits, and whatever rounding does to them stays far below what parts two
decisions: they must come out right. Those of the *near* ones may also come with a sign of doubt.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import linregions as lr
from linregions import Box, Network, PiecewiseLinear
from tests.support import zoo
from tests.support.box_cases import alcoves, arrangement, cube, reflections

Rng = np.random.Generator
Layers = list[tuple[np.ndarray, np.ndarray]]


class BoxProblem(NamedTuple):
    """A network and what is asked of it."""

    network: Network
    domain: Box


def make(seed: int, family: str, d: int, number: int) -> BoxProblem:
    """Make a problem again."""
    made = FAMILIES[family]
    return made(np.random.default_rng([seed, list(FAMILIES).index(family), d, number]), d)


# ---- parts -----------------------------------------------------------------------------------------------------------


def widths(rng: Rng, d: int) -> list[int]:
    """Draw widths with which the twin takes moments."""
    first, second = {1: (8, 6), 2: (8, 6), 3: (7, 5), 4: (6, 4), 5: (5, 3)}[d]
    hidden = [int(rng.integers(2, first + 1))]
    if rng.uniform() < 0.8:
        hidden.append(int(rng.integers(1, second + 1)))
        if d < 5 and rng.uniform() < 0.3:
            hidden.append(int(rng.integers(1, 3)))
    return [d, *hidden, int(rng.integers(1, 3))]


def _layers(rng: Rng, sizes: list[int], bits: int = 3, bias: float = 0.5) -> Layers:
    """Draw numbers near normal ones that are multiples of a power of two."""
    unit = 2.0**-bits
    return [
        (
            np.round(rng.normal(size=(b, a)) * np.sqrt(2.0 / a) / unit) * unit,
            np.round(rng.normal(size=b) * bias / unit) * unit,
        )
        for a, b in itertools.pairwise(sizes)
    ]


def _integers(rng: Rng, sizes: list[int], largest: int = 2) -> Layers:
    return [
        (rng.integers(-largest, largest + 1, (b, a)) * 1.0, rng.integers(-largest, largest + 1, b) * 1.0)
        for a, b in itertools.pairwise(sizes)
    ]


def _network(layers: Layers, activation: PiecewiseLinear | list[PiecewiseLinear] = lr.RELU) -> Network:
    return Network.from_layers(layers, activation)


def _box(rng: Rng, d: int) -> Box:
    """Draw a box with corners of few bits, the origin inside or not."""
    low = rng.integers(-8, 3, d) / 4
    return Box(low, low + rng.integers(4, 13, d) / 4)


def _one_layer_more(rng: Rng, net: Network, domain: Box, width: int = 2) -> BoxProblem:
    """Put a layer of whole numbers after the only hidden one of a network."""
    (weight, bias), _ = ((layer.weight, layer.bias) for layer in net.layers)
    after = _integers(rng, [bias.size, width, 1], 1)
    return BoxProblem(_network([(weight, bias), *after]), domain)


# ---- exact -----------------------------------------------------------------------------------------------------------


def dyadic(rng: Rng, d: int) -> BoxProblem:
    """Draw multiples of an eighth."""
    return BoxProblem(_network(_layers(rng, widths(rng, d))), _box(rng, d))


def integers(rng: Rng, d: int) -> BoxProblem:
    """Draw weights and biases from -2 to 2."""
    return BoxProblem(_network(_integers(rng, widths(rng, d))), cube(d, float(rng.integers(1, 4))))


def signs(rng: Rng, d: int) -> BoxProblem:
    """Draw weights and biases from -1 to 1, in a box whose sides many planes touch."""
    return BoxProblem(_network(_integers(rng, widths(rng, d), 1)), cube(d))


def integers_without_bias(rng: Rng, d: int) -> BoxProblem:
    """Draw whole weights and no biases."""
    layers = [(weight, 0.0 * bias) for weight, bias in _integers(rng, widths(rng, d))]
    return BoxProblem(_network(layers), cube(d))


def concurrent(rng: Rng, d: int) -> BoxProblem:
    """Have all planes of the first layer meet in a point of few bits."""
    layers = _layers(rng, widths(rng, d))
    weight = layers[0][0]
    layers[0] = weight, -weight @ (rng.integers(-8, 9, d) / 8)
    return BoxProblem(_network(layers), cube(d, 2.0))


def through_a_line(rng: Rng, d: int) -> BoxProblem:
    """Have all planes of the first layer but one contain a line, which is no axis."""
    layers = _integers(rng, widths(rng, d))
    weight, bias = layers[0]
    along = rng.integers(1, 3, d) * 1.0
    weight = weight * along[-1]
    weight[:, -1] = -(weight[:, :-1] @ along[:-1]) / along[-1]  # halves of even numbers
    weight[0] = 1.0
    layers[0] = weight, np.where(np.arange(bias.size), 0.0, bias)
    return BoxProblem(_network(layers), cube(d, 2.0))


def copies(rng: Rng, d: int) -> BoxProblem:
    """Repeat neurons, times powers of two and minus those, in each layer."""
    layers = _layers(rng, widths(rng, d)) if rng.uniform() < 0.5 else _integers(rng, widths(rng, d))
    for k in range(len(layers) - 1):
        weight, bias = layers[k]
        chosen = rng.integers(bias.size, size=2)
        factor = rng.choice([1.0, 2.0, 0.25, -1.0, -2.0], 2)
        layers[k] = (
            np.vstack([weight, factor[:, None] * weight[chosen]]),
            np.concatenate([bias, factor * bias[chosen]]),
        )
        after, more = layers[k + 1]
        layers[k + 1] = np.hstack([after, rng.integers(-2, 3, (more.size, 2)) / 2]), more
    return BoxProblem(_network(layers), _box(rng, d))


def on_sides(rng: Rng, d: int) -> BoxProblem:
    """Put planes on sides, edges and corners of the box."""
    domain = cube(d)
    normals = rng.integers(-1, 2, (int(rng.integers(3, 6)), d)) * 1.0
    reach = np.abs(normals).sum(axis=1)  # what the farthest corner has
    steps = rng.choice([0.0, 1.0, 2.0], len(normals))
    net = arrangement(normals, rng.choice([-1.0, 1.0], len(normals)) * np.maximum(reach - steps, 0.0))
    return _one_layer_more(rng, net, domain)


def reflected(rng: Rng, d: int) -> BoxProblem:
    """Take mirrors of B_d, each scaled and turned round, the box not round their point."""
    normals = reflections(d)
    chosen = rng.permutation(len(normals))[: {5: 7, 4: 9}.get(d, 9)]
    factor = 2.0 ** rng.integers(-3, 4, len(chosen)) * rng.choice([-1.0, 1.0], len(chosen))
    net = arrangement(normals[chosen] * factor[:, None], np.zeros(len(chosen)))
    domain = cube(d) if rng.uniform() < 0.5 else Box(np.full(d, -0.5), 0.5 + rng.integers(0, 3, d) / 4)
    return BoxProblem(net, domain) if d == 5 else _one_layer_more(rng, net, domain, 1)


def lattice(rng: Rng, d: int) -> BoxProblem:
    """Take some walls of alcoves, sides of the box too, and a layer after them."""
    net, domain = alcoves(d, 2)
    weight, bias = net.layers[0].weight, net.layers[0].bias
    chosen = rng.permutation(bias.size)[: {5: 5, 4: 7}.get(d, 10)]
    return _one_layer_more(rng, arrangement(weight[chosen], bias[chosen]), domain, 1 if d > 3 else 2)


def zero_on_cells(rng: Rng, d: int) -> BoxProblem:
    """Let deeper neurons copy, add and subtract earlier ones without bias, so that they are zero on whole cells."""
    layers = _layers(rng, [*widths(rng, d)[:2], 3, 2, 1])
    for k in (1, 2):
        weight, bias = layers[k]
        layers[k] = rng.choice([0.0, 0.0, 1.0, -1.0], weight.shape), 0.0 * bias
    return BoxProblem(_network(layers), cube(d))


def dead(rng: Rng, d: int) -> BoxProblem:
    """Have zero neurons, constant ones, and layers that are off in half of the box."""
    layers = _layers(rng, [*widths(rng, d)[:2], 3, 1])
    weight, bias = layers[0]
    weight[0], bias[0] = 0.0, rng.choice([-1.0, 0.0, 1.0])
    weight, bias = layers[1]
    layers[1] = -np.abs(weight), np.abs(bias)
    return BoxProblem(_network(layers), _box(rng, d))


def narrow(rng: Rng, d: int) -> BoxProblem:
    """Draw up to seven layers of one to three neurons."""
    hidden = [int(rng.integers(1, 4)) for _ in range(int(rng.integers(3, 8)))]
    return BoxProblem(_network(_layers(rng, [d, *hidden, 1], 2)), _box(rng, d))


def several_breakpoints(rng: Rng, d: int) -> BoxProblem:
    """Draw activations with one to three breakpoints, and whole numbers."""
    kinds = ["abs", "leaky_half", "hard_tanh", "three_breaks", "relu6"]
    sizes = [d, *({1: [4, 4], 2: [3, 3], 3: [3, 2], 4: [2, 2], 5: [2, 1]}[d]), 1]
    chosen = [rng.choice(kinds) for _ in sizes[2:]]
    known = {**zoo.ACTIVATIONS, "leaky_half": lr.leaky_relu(0.5)}
    return BoxProblem(_network(_integers(rng, sizes), [known[kind] for kind in chosen]), cube(d, 2.0))


# ---- near ------------------------------------------------------------------------------------------------------------


def ordinary(rng: Rng, d: int) -> BoxProblem:
    """Draw floats of all bits."""
    return BoxProblem(_network(_layers(rng, widths(rng, d), 60)), _box(rng, d))


def homogeneous(rng: Rng, d: int) -> BoxProblem:
    """Draw floats and no biases, deep."""
    layers = [(weight, 0.0 * bias) for weight, bias in _layers(rng, widths(rng, d), 60)]
    return BoxProblem(_network(layers), cube(d))


def concurrent_off_the_centre(rng: Rng, d: int) -> BoxProblem:
    """Have all planes of the first layer pass through one point, rounded."""
    layers = _layers(rng, widths(rng, d), 60)
    weight = layers[0][0]
    layers[0] = weight, -weight @ rng.uniform(-0.9, 0.9, d)
    return BoxProblem(_network(layers), cube(d))


def _tiny_biases(rng: Rng, d: int, size: float) -> BoxProblem:
    layers = [(weight, size * rng.normal(size=bias.size)) for weight, bias in _layers(rng, widths(rng, d), 60)]
    return BoxProblem(_network(layers), cube(d))


def biases_5(rng: Rng, d: int) -> BoxProblem:
    """Draw biases of 1e-5."""
    return _tiny_biases(rng, d, 1e-5)


def biases_9(rng: Rng, d: int) -> BoxProblem:
    """Draw biases of 1e-9."""
    return _tiny_biases(rng, d, 1e-9)


def biases_13(rng: Rng, d: int) -> BoxProblem:
    """Draw biases of 1e-13."""
    return _tiny_biases(rng, d, 1e-13)


def biases_16(rng: Rng, d: int) -> BoxProblem:
    """Draw biases of 1e-16."""
    return _tiny_biases(rng, d, 1e-16)


def tenths(rng: Rng, d: int) -> BoxProblem:
    """Draw weights and biases in tenths, which are no floats."""
    layers = [(weight / 10, bias / 10) for weight, bias in _integers(rng, widths(rng, d), 3)]
    return BoxProblem(_network(layers), Box(np.full(d, -0.7), rng.integers(3, 12, d) / 10))


def turned(rng: Rng, d: int) -> BoxProblem:
    """Turn degenerate planes round the middle, rounded."""
    problem = (integers_without_bias, reflected, concurrent)[int(rng.integers(3))](rng, d)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    layers = [(layer.weight, layer.bias) for layer in problem.network.layers]
    layers[0] = layers[0][0] @ turn, layers[0][1]
    return BoxProblem(_network(layers), cube(d))


def shifted(rng: Rng, d: int) -> BoxProblem:
    """Move network and box away together, by up to 1e6."""
    problem = (integers, ordinary, concurrent)[int(rng.integers(3))](rng, d)
    offset = rng.uniform(-1.0, 1.0, d) * 10.0 ** int(rng.integers(0, 7))
    layers = [(layer.weight, layer.bias) for layer in problem.network.layers]
    layers[0] = layers[0][0], layers[0][1] - layers[0][0] @ offset
    return BoxProblem(_network(layers), Box(problem.domain.low + offset, problem.domain.high + offset))


def _near_parallel(rng: Rng, d: int, turn: float) -> BoxProblem:
    layers = _layers(rng, widths(rng, d), 60)
    weight, bias = layers[0]
    k = int(rng.integers(bias.size))
    near = weight[k] * (1.0 + turn * rng.normal(size=d)), bias[k] * (1.0 + turn * rng.normal())
    layers[0] = np.vstack([weight, near[0]]), np.append(bias, near[1])
    after, more = layers[1]
    layers[1] = np.hstack([after, rng.normal(size=(more.size, 1))]), more
    return BoxProblem(_network(layers), cube(d))


def near_parallel_5(rng: Rng, d: int) -> BoxProblem:
    """Repeat a neuron, turned by 1e-5."""
    return _near_parallel(rng, d, 1e-5)


def near_parallel_9(rng: Rng, d: int) -> BoxProblem:
    """Repeat a neuron, turned by 1e-9."""
    return _near_parallel(rng, d, 1e-9)


def near_parallel_15(rng: Rng, d: int) -> BoxProblem:
    """Repeat a neuron, turned by some last places."""
    return _near_parallel(rng, d, 1e-15)


def thirds(rng: Rng, d: int) -> BoxProblem:
    """Repeat a neuron times 3 or a third, rounded."""
    layers = _layers(rng, widths(rng, d), 60)
    weight, bias = layers[0]
    factor = float(rng.choice([3.0, -3.0, 1.0 / 3.0]))
    k = int(rng.integers(bias.size))
    layers[0] = np.vstack([weight, factor * weight[k]]), np.append(bias, factor * bias[k])
    after, more = layers[1]
    layers[1] = np.hstack([after, rng.normal(size=(more.size, 1))]), more
    return BoxProblem(_network(layers), cube(d))


def scaled(rng: Rng, d: int) -> BoxProblem:
    """Scale neurons by powers of two, undone in the layer after, and inputs."""
    problem = (ordinary, integers, zero_on_cells)[int(rng.integers(3))](rng, d)
    net = zoo.rescaled(problem.network, rng, 40)
    unit = 2.0 ** rng.integers(-10, 11, d)
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[0] = layers[0][0] / unit, layers[0][1]
    return BoxProblem(_network(layers), Box(problem.domain.low * unit, problem.domain.high * unit))


def corner_on_a_vertex(rng: Rng, d: int) -> BoxProblem:
    """Put a corner of the box where planes of the first layer meet, rounded."""
    sizes = widths(rng, d)
    sizes[1] = max(sizes[1], d)
    layers = _layers(rng, sizes, 60)
    weight, bias = layers[0]
    chosen = rng.permutation(bias.size)[:d]
    low = np.clip(np.linalg.lstsq(weight[chosen], -bias[chosen], rcond=None)[0], -1e3, 1e3)
    return BoxProblem(_network(layers), Box(low, low + rng.uniform(0.5, 2.0, d)))


def tiny_box(rng: Rng, d: int) -> BoxProblem:
    """Look at a box of 1e-12 to 1e-3 round where planes of the first layer meet."""
    problem = corner_on_a_vertex(rng, d)
    half = 10.0 ** rng.uniform(-12, -3)
    middle = problem.domain.low
    return BoxProblem(problem.network, Box(middle - half, middle + half * rng.uniform(0.5, 1.0, d)))


EXACT: dict[str, Callable[[Rng, int], BoxProblem]] = {
    family.__name__: family
    for family in (
        dyadic,
        integers,
        signs,
        integers_without_bias,
        concurrent,
        through_a_line,
        copies,
        on_sides,
        reflected,
        lattice,
        zero_on_cells,
        dead,
        narrow,
        several_breakpoints,
    )
}
NEAR: dict[str, Callable[[Rng, int], BoxProblem]] = {
    family.__name__: family
    for family in (
        ordinary,
        homogeneous,
        concurrent_off_the_centre,
        biases_5,
        biases_9,
        biases_13,
        biases_16,
        tenths,
        turned,
        shifted,
        near_parallel_5,
        near_parallel_9,
        near_parallel_15,
        thirds,
        scaled,
        corner_on_a_vertex,
        tiny_box,
    )
}
FAMILIES = {**EXACT, **NEAR}


def turned_round(problem: BoxProblem, rng: Rng) -> BoxProblem:
    """Exchange axes and turn some round, of the network and of the box."""
    order, signs = rng.permutation(problem.domain.n_in), rng.choice([-1.0, 1.0], problem.domain.n_in)
    layers = [(layer.weight, layer.bias) for layer in problem.network.layers]
    layers[0] = layers[0][0][:, order] * signs, layers[0][1]
    ends = np.sort(signs * np.stack([problem.domain.low, problem.domain.high])[:, order], axis=0)
    return BoxProblem(Network.from_layers(layers, problem.network.activations), Box(*ends))
