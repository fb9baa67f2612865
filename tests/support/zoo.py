"""Networks and windows, ordinary and degenerate, with their counts wherever these are known without computing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import linregions as lr
from linregions import Network, PiecewiseLinear, PlaneWindow

GOLDEN = Path(__file__).parents[1] / "golden"
ACTIVATIONS = {
    "relu": lr.RELU,
    "abs": lr.ABS,
    "leaky": lr.leaky_relu(0.1),
    "hard_tanh": lr.HARD_TANH,
    "relu6": lr.RELU6,
    "hard_sigmoid": lr.HARD_SIGMOID,
    "three_breaks": PiecewiseLinear((-1.0, 0.0, 0.5), (0.5, -1.0, 2.0, 0.0), anchor=(0.0, 0.25), name="three breaks"),
    "identity": lr.IDENTITY,
}


@dataclass(frozen=True)
class Case:
    """A network, a window and the counts that are known; None where only the exact twin can tell."""

    name: str
    network: Network
    window: PlaneWindow
    n_regions: int | None = None
    n_vertices: int | None = None
    n_edges: int | None = None
    n_linear_regions: int | None = None
    close: float = 1e-9  # how well float64 can tell positions here, in diameters of the window

    def __repr__(self) -> str:
        return self.name


# ---- changes that leave the counts as they are -----------------------------------------------------------------------


def _layers(net: Network) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(layer.weight.copy(), layer.bias.copy()) for layer in net.layers]


def duplicated(net: Network, rng: np.random.Generator) -> Network:
    """Have every hidden unit twice, shuffled, each with half of the outgoing weights (exact in binary)."""
    layers = _layers(net)
    for k in range(len(layers) - 1):
        order = rng.permutation(np.repeat(np.arange(layers[k][1].size), 2))
        layers[k] = (layers[k][0][order], layers[k][1][order])
        layers[k + 1] = (layers[k + 1][0][:, order] / 2, layers[k + 1][1])
    return Network.from_layers(layers, net.activations)


def permuted(net: Network, rng: np.random.Generator) -> Network:
    """Shuffle the units of every hidden layer."""
    layers = _layers(net)
    for k in range(len(layers) - 1):
        order = rng.permutation(layers[k][1].size)
        layers[k] = (layers[k][0][order], layers[k][1][order])
        layers[k + 1] = (layers[k + 1][0][:, order], layers[k + 1][1])
    return Network.from_layers(layers, net.activations)


def rescaled(net: Network, rng: np.random.Generator, largest: int = 20) -> Network:
    """Scale every hidden unit by a power of two and its outgoing weights back (activations with one break at 0)."""
    layers = _layers(net)
    for k in range(len(layers) - 1):
        factor = 2.0 ** rng.integers(-largest, largest + 1, layers[k][1].size)
        layers[k] = (layers[k][0] * factor[:, None], layers[k][1] * factor)
        layers[k + 1] = (layers[k + 1][0] / factor, layers[k + 1][1])
    return Network.from_layers(layers, net.activations)


def sign_flipped(net: Network, rng: np.random.Generator) -> Network:
    """Negate units at random, which the absolute value does not notice."""
    layers = _layers(net)
    for k in range(len(layers) - 1):
        sign = rng.choice([-1.0, 1.0], layers[k][1].size)
        layers[k] = (layers[k][0] * sign[:, None], layers[k][1] * sign)
    return Network.from_layers(layers, net.activations)


def with_units(net: Network, layer: int, weight: np.ndarray, bias: np.ndarray, outgoing: np.ndarray) -> Network:
    """Add units to one hidden layer, after those that are there."""
    layers = _layers(net)
    layers[layer] = (np.vstack([layers[layer][0], weight]), np.concatenate([layers[layer][1], bias]))
    layers[layer + 1] = (np.hstack([layers[layer + 1][0], outgoing]), layers[layer + 1][1])
    return Network.from_layers(layers, net.activations)


def with_opposites(net: Network, layer: int = 0) -> Network:
    """Add the negative of every unit of a hidden layer, leading nowhere."""
    step = net.layers[layer]
    outgoing = np.zeros((net.layers[layer + 1].bias.size, step.bias.size))
    return with_units(net, layer, -step.weight, -step.bias, outgoing)


def with_idle_units(net: Network, rng: np.random.Generator) -> Network:
    """Add to every hidden layer dead neurons and such that are constant: zero, positive and negative."""
    for k in range(len(net.layers) - 1):
        weight = np.zeros((5, net.layers[k].weight.shape[1]))
        weight[:2] = rng.normal(size=weight[:2].shape)
        bias = np.array([-1e6, -1e9, 0.0, 1.0, -1.0])
        outgoing = rng.normal(size=(net.layers[k + 1].bias.size, 5))
        outgoing[:, 3] = 0.0  # the only one that is on
        net = with_units(net, k, weight, bias, outgoing)
    return net


# ---- networks --------------------------------------------------------------------------------------------------------


def integer_network(
    widths: Sequence[int], rng: np.random.Generator, activation: PiecewiseLinear | Sequence[PiecewiseLinear] = lr.RELU
) -> Network:
    """Draw weights and biases from {-2, ..., 2}: concurrent lines, zero neurons and ties abound."""
    shapes = itertools.pairwise(widths)
    return Network.from_layers([(rng.integers(-2, 3, (b, a)), rng.integers(-2, 3, b)) for a, b in shapes], activation)


def float_network(
    widths: Sequence[int],
    rng: np.random.Generator,
    activation: PiecewiseLinear | Sequence[PiecewiseLinear] = lr.RELU,
    bias: float = 0.5,
) -> Network:
    """Draw a network in general position (unless `bias` is 0)."""
    return lr.random_network(widths, rng, activation=activation, bias_variance=bias**2)


def lines_network(lines: Sequence[tuple[float, float, float]], activation: PiecewiseLinear = lr.RELU) -> Network:
    """One hidden layer whose neurons vanish on ``a x + b y + c = 0``; every output weight is non-zero."""
    coefficients = np.array(lines, dtype=float)
    output = 1.0 + np.arange(len(lines))[None, :]
    return Network.from_layers([(coefficients[:, :2], coefficients[:, 2]), (output, [0.0])], activation)


def zero_bias_one_layer(n: int, rng: np.random.Generator, n_in: int = 2) -> Network:
    """Draw n neurons without bias: their boundaries all pass through the origin."""
    layers = [(rng.normal(size=(n, n_in)), np.zeros(n)), (rng.normal(size=(1, n)), [0.3])]
    return Network.from_layers(layers)


# ---- windows ---------------------------------------------------------------------------------------------------------


def rotated(
    angle: float, origin: Sequence[float] = (0.0, 0.0), stretch: float = 1.0, shear: float = 0.0
) -> PlaneWindow:
    """Return the square of half side 2 in a turned basis of the plane, orthonormal unless stretched or sheared."""
    c, s = np.cos(angle), np.sin(angle)
    first, second = np.array([c, s]), np.array([-s, c])
    return PlaneWindow.square(origin, [first, stretch * second + shear * first], 2.0)


def polygon_window(corners: Sequence[Sequence[float]], origin: Sequence[float] = (0.0, 0.0)) -> PlaneWindow:
    """Return a window of the plane of two inputs with the given corners."""
    return PlaneWindow(np.array(origin, dtype=float), np.eye(2), np.array(corners, dtype=float))


SQUARE = PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
WIDE = PlaneWindow.of_inputs([-3.0, -3.0], [3.0, 3.0])
TRIANGLE = polygon_window([[-2.0, -1.0], [3.0, -2.0], [0.5, 2.5]])
HEXAGON = polygon_window([[2.0, 0.0], [1.0, 1.75], [-1.0, 1.75], [-2.0, 0.0], [-1.0, -1.75], [1.0, -1.75]])


def integer_slice(n_in: int, rng: np.random.Generator, at: tuple[int, int]) -> PlaneWindow:
    """Return a square of half side 8 in a plane through the origin, which has plane coordinates `-at`, exactly."""
    basis = rng.integers(-3, 4, (2, n_in)).astype(float)
    return PlaneWindow.square(at[0] * basis[0] + at[1] * basis[1], basis, 8.0)


# ---- cases -----------------------------------------------------------------------------------------------------------


def golden(name: str) -> Case:
    """Read a standard plane case; its counts were confirmed by several programs and in integer arithmetic."""
    counts = {
        "toy2d_10_5": (98, 116, 213),
        "toy2d_32x3": (4176, 4275, 8450),
        "mnist_64x3_trained": (7939, 8104, 16042),
        "mnist_128x3_trained": (39214, 39559, 78772),
    }
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        window = PlaneWindow.square(arrays["origin"], [arrays["e1"], arrays["e2"]], float(arrays["half"]))
    return Case(name, Network.load(GOLDEN / f"{name}.npz"), window, *counts[name])


def cones(name: str, net: Network, window: PlaneWindow, close: float = 1e-9) -> Case:
    """All lines of one hidden layer meet in one point inside the window, and none of them in its corners."""
    n = net.n_neurons
    return Case(name, net, window, 2 * n, 2 * n + 1 + 4, 4 * n + 4, 2 * n, close)


def _concurrent() -> list[Case]:
    rng = np.random.default_rng(1)
    net = zero_bias_one_layer(64, rng)
    shifted = polygon_window([[-3.5, -5.25], [-1.5, -6.0], [-2.0, -4.0], [-3.75, -4.5]], origin=(3.0, 5.0))
    integers = np.array([[a, b] for a in range(-3, 4) for b in range(1, 5) if np.gcd(a, b) == 1], dtype=float)
    at_57 = lines_network([(a, b, -(5 * a + 7 * b)) for a, b in integers])
    tiny = PlaneWindow.of_inputs([5 - 1.1e-8, 7 - 2.3e-8], [5 + 3.1e-8, 7 + 1.7e-8])
    return [
        cones("64 lines through the centre", net, SQUARE),
        cones("64 lines through a point off-centre", net, PlaneWindow.of_inputs([-1.0, -0.5], [3.0, 2.0])),
        cones("64 lines, the window's origin elsewhere", net, shifted),
        cones("64 lines, rotated", net, rotated(0.7)),
        cones("64 lines, rotated and off-centre", net, rotated(0.3, origin=(0.3, -0.7))),
        cones("64 lines, skew basis off-centre", net, rotated(1.1, origin=(-0.1, 0.9), stretch=3.0, shear=0.6)),
        cones("64 lines, tiny window", net, PlaneWindow.of_inputs([-1e-8, -2e-8], [3e-8, 1e-8])),
        cones("64 lines, huge window", net, PlaneWindow.of_inputs([-1e8, -2e8], [3e8, 1e8])),
        cones("784 inputs, centre", zero_bias_one_layer(64, rng, 784), integer_slice(784, rng, (0, 0))),
        cones("784 inputs, off-centre", zero_bias_one_layer(64, rng, 784), integer_slice(784, rng, (3, -5))),
        cones("integer lines through (5, 7)", at_57, PlaneWindow.of_inputs([4.2, 6.45], [5.45, 7.7])),
        cones("integer lines, rotated about (5, 7)", at_57, rotated(0.2, origin=(5.0, 7.0), stretch=0.75)),
        cones("tiny window at (5, 7)", at_57, PlaneWindow.square([5.0, 7.0], [[0.6, 0.8], [-0.8, 0.6]], 1e-8)),
        cones("tiny window far from its origin", at_57, tiny, 1e-6),
        Case("1 neuron", zero_bias_one_layer(1, rng), SQUARE, 2, 6, 7, 2),
        Case("64 lines that meet outside", net, PlaneWindow.of_inputs([1.0, 2.0], [3.0, 3.0])),
        Case("64 lines that meet in a corner", net, PlaneWindow.of_inputs([0.0, 0.0], [3.0, 3.0])),
        Case("64 lines that meet on a side", net, PlaneWindow.of_inputs([0.0, -1.0], [3.0, 3.0])),
        Case("deep, no biases", float_network([2, 8, 8, 6, 2], rng, bias=0.0), SQUARE),
        Case("deep, no biases, off-centre", float_network([2, 8, 8, 6, 2], rng, bias=0.0), rotated(0.4, (0.3, 0.9))),
        Case(
            "deep, no biases, 784 inputs", float_network([784, 8, 8, 2], rng, bias=0.0), integer_slice(784, rng, (2, 1))
        ),
    ]


def _lines() -> list[Case]:
    n = 4
    inner = [(1, 0, -k) for k in range(1, n)] + [(0, 1, -k) for k in range(1, n)]
    sides = [(1, 0, 0), (-1, 0, n), (0, 1, 0), (0, -1, n)]
    diagonals = [(1, 1, -k) for k in range(1, 2 * n)] + [(1, -1, -k) for k in range(1 - n, n)]
    grid_window = PlaneWindow.of_inputs([0.0, 0.0], [float(n), float(n)])
    counts = (4 * n * n, (n + 1) ** 2 + n * n, (n + 1) ** 2 + 5 * n * n - 1, 4 * n * n)
    borders = [(1, 0, 1), (1, 0, -1), (0, 1, 1), (0, -1, 1), (1, 1, 2), (1, -1, 2), (1, 0, 2), (3, 1, 8)]
    result = [
        Case("grid with diagonals", lines_network(inner + diagonals), grid_window, *counts),
        Case("grid, lines along the sides", lines_network(sides + inner + diagonals), grid_window, *counts),
        Case("grid, every line twice", lines_network([*inner, *diagonals] * 2), grid_window, *counts),
        Case("grid, absolute values", lines_network(inner + diagonals, lr.ABS), grid_window, *counts),
        Case(
            "grid beyond the window", lines_network(inner + diagonals), PlaneWindow.of_inputs([0.25, 1.0], [3.0, 2.5])
        ),
        Case("lines that only touch the window", lines_network(borders), SQUARE, 1, 4, 4, 1),
        Case("diagonals through the corners", lines_network([(1, 1, 0), (1, -1, 0), *borders]), SQUARE, 4, 5, 8, 4),
        Case("one corner cut off", lines_network([(1, 1, 2 - 2.0**-30)]), SQUARE, 2, 6, 7, 2),
        Case("triangle, lines through corners", lines_network([(1, -0.5, 2), (1, 5, 7), (2, 1, 0)]), TRIANGLE),
        Case("hexagon, its diagonals", lines_network([(7, -4, 0), (7, 4, 0), (0, 1, 0)]), HEXAGON, 6, 7, 12, 6),
    ]
    for exponent in (6, 7, 8, 9):
        angle, close = 10.0**-exponent, 10.0 ** (exponent - 14)
        fan = lines_network([(k * angle, -1, 0) for k in range(-4, 5)])
        shifted = lines_network([(k * angle, -1, -0.5 * k * angle) for k in range(-4, 5)])
        strips = lines_network([(0, 1, k * angle) for k in range(-4, 5)])
        result += [
            cones(f"9 lines at angles of 1e-{exponent}", fan, SQUARE, close),
            cones(f"9 lines at angles of 1e-{exponent}, off-centre", shifted, SQUARE, close),
            cones(f"9 lines at angles of 1e-{exponent}, rotated", fan, rotated(0.5, origin=(0.2, 0.1)), close),
            Case(f"9 parallel lines at distances of 1e-{exponent}", strips, SQUARE, 10, 22, 31, 10),
        ]
    return result


def _shapes() -> list[Case]:
    rng = np.random.default_rng(2)
    eye, zero = np.eye(2), np.zeros(2)
    chain = Network.from_layers([([[1.0, 0.0]], [0.0]), ([[-1.0]], [1.0]), ([[1.0]], [-0.5]), ([[2.0]], [0.0])])
    dead = np.full(5, -1e3)
    first, middle, last = rng.normal(size=(5, 2)), rng.normal(size=(5, 5)), (rng.normal(size=(2, 5)), zero)
    deep = float_network([2, 6, 5, 4, 3], rng)
    crossing = np.linalg.solve(deep.layers[0].weight[:2], -deep.layers[0].bias[:2])
    tiny = PlaneWindow.of_inputs(crossing - 1e-8, crossing + 1.1e-8)
    relu, abs_, tanh, three = lr.RELU, lr.ABS, lr.HARD_TANH, ACTIVATIONS["three_breaks"]
    mixed = [relu, tanh, abs_]
    return [
        Case("no hidden layer", Network.from_layers([(eye, zero)]), SQUARE, 1, 4, 4, 1),
        Case("identity layers", float_network([2, 4, 4, 1], rng, lr.IDENTITY), TRIANGLE, 1, 3, 3, 1),
        Case("one-neuron layers", chain, WIDE, 4, 10, 13, 3),
        Case("dead first layer", Network.from_layers([(first, dead), (middle, first[:, 0]), last]), SQUARE, 1, 4, 4, 1),
        Case(
            "dead last layer",
            Network.from_layers([(first, first[:, 0]), (middle, dead), last]),
            SQUARE,
            None,
            None,
            None,
            1,
        ),
        Case(
            "no way out",
            Network.from_layers([(first, first[:, 0]), (np.zeros((1, 5)), [1.0])]),
            SQUARE,
            None,
            None,
            None,
            1,
        ),
        Case("narrow waist", float_network([2, 8, 2, 8, 3], rng), WIDE),
        Case("triangle", deep, TRIANGLE),
        Case("hexagon", deep, HEXAGON),
        Case("skew basis", deep, rotated(0.9, origin=(0.1, 0.2), stretch=0.2, shear=-1.5)),
        Case("tiny window at a crossing in a deep net", deep, tiny, close=1e-6),
        Case("huge window round a deep net", deep, PlaneWindow.of_inputs([-1e6, -1e6], [1e6, 1e6])),
        Case("slice of 784 inputs", float_network([784, 12, 8, 5, 3], rng), integer_slice(784, rng, (1, 2))),
        Case("relu, hard tanh, abs", float_network([2, 6, 5, 4, 2], rng, mixed), WIDE),
        Case("identity between", float_network([2, 6, 5, 4, 2], rng, [relu, lr.IDENTITY, three]), WIDE),
        Case(
            "hard sigmoid, then leaky", float_network([2, 6, 6, 2], rng, [lr.HARD_SIGMOID, lr.leaky_relu(-0.3)]), WIDE
        ),
        Case("relu6", float_network([2, 8, 8, 2], rng, lr.RELU6), PlaneWindow.of_inputs([-9.0, -9.0], [9.0, 9.0])),
        Case("three breaks", float_network([2, 5, 4, 2], rng, three), WIDE),
        Case("whole numbers, three breaks", integer_network([2, 5, 4, 2], rng, three), WIDE),
        Case("hard tanh, whole numbers", integer_network([2, 6, 5, 4, 2], rng, tanh), WIDE),
        Case("abs, whole numbers", integer_network([2, 6, 6, 6, 2], rng, abs_), WIDE),
        Case("relu, whole numbers", integer_network([2, 12, 12, 12, 2], rng), WIDE),
        Case("whole numbers, rotated", integer_network([2, 12, 12, 12, 2], rng), rotated(0.6, origin=(0.25, 0.1))),
        Case("whole numbers in 784 inputs", integer_network([784, 10, 8, 2], rng), integer_slice(784, rng, (0, 1))),
    ]


def variants(case: Case, seed: int) -> list[Case]:
    """Return the case with its network written in other ways; no count may change."""
    rng = np.random.default_rng(seed)
    changes: dict[str, Callable[[Network], Network]] = {
        "every neuron twice": lambda net: duplicated(net, rng),
        "every neuron four times": lambda net: duplicated(duplicated(net, rng), rng),
        "permuted": lambda net: permuted(net, rng),
    }
    single = all(activation.breakpoints == (0.0,) for activation in case.network.activations)
    if single:  # scaling by c > 0 and adding negatives needs a single break at zero
        changes["scaled by powers of two"] = lambda net: rescaled(net, rng)
        changes["negatives added"] = with_opposites
        changes["negatives added in the last layer"] = lambda net: with_opposites(net, len(net.layers) - 2)
        changes["twice, scaled, negatives added"] = lambda net: rescaled(with_opposites(duplicated(net, rng)), rng)
    if all(activation == lr.RELU for activation in case.network.activations):
        changes["idle units added"] = lambda net: with_idle_units(net, rng)
    if single and all(activation.slopes == (-1.0, 1.0) for activation in case.network.activations):
        changes["signs flipped"] = lambda net: sign_flipped(net, rng)
    return [
        replace(case, name=f"{case.name}, {name}", network=change(case.network)) for name, change in changes.items()
    ]


REWRITTEN = (
    "toy2d_10_5",
    "whole numbers in 784 inputs",
    "slice of 784 inputs",
    "three breaks",
    "relu, hard tanh, abs",
    "abs, whole numbers",
    "relu, whole numbers",
)


def small_cases() -> list[Case]:
    """Return every case that the exact twin does in about a second."""
    cases = [golden("toy2d_10_5"), *_concurrent(), *_lines(), *_shapes()]
    return [
        variant
        for seed, case in enumerate(cases)
        for variant in [case, *(variants(case, seed) if case.name in REWRITTEN else [])]
    ]
