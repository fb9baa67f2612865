"""Families of random networks, windows and lines, from ordinary ones to those that float64 can hardly tell.

Every family makes its problems from a generator alone, so a problem can be made again from the seed, the family and
its number. All are small: exact arithmetic takes milliseconds for each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

import linregions as lr
from linregions import Network, PiecewiseLinear, PlaneWindow

Layers = list[tuple[np.ndarray, np.ndarray]]
Rng = np.random.Generator
LineDomain = lr.Line | lr.Ray | lr.Segment | lr.Path

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
FIVE_BREAKPOINTS = PiecewiseLinear(
    (-1.0, -0.5, 0.0, 0.75, 1.5), (0.0, 1.0, -0.5, 2.0, 0.25, -1.0), anchor=(0.0, 0.25), name="five breakpoints"
)


class Problem(NamedTuple):
    """What a family makes: a network, a window in a plane, and lines through the same inputs."""

    network: Network
    window: PlaneWindow
    lines: list[LineDomain]


def _widths(rng: Rng, n_in: int, deepest: int = 3, widest: int = 7) -> list[int]:
    hidden = [int(rng.integers(2, widest + 1)) for _ in range(int(rng.integers(1, deepest + 1)))]
    return [n_in, *hidden, int(rng.integers(1, 4))]


def _layers(rng: Rng, widths: Sequence[int], bias: float = 0.5) -> Layers:
    return [
        (rng.normal(size=(b, a)) * np.sqrt(2.0 / a), rng.normal(size=b) * bias) for a, b in itertools.pairwise(widths)
    ]


def _network(layers: Layers, activation: PiecewiseLinear | Sequence[PiecewiseLinear] = lr.RELU) -> Network:
    return Network.from_layers(layers, activation)


def _window(rng: Rng, n_in: int, half: float = 2.0, offset: float = 0.5) -> PlaneWindow:
    basis = np.linalg.qr(rng.normal(size=(n_in, 2)))[0].T
    return PlaneWindow(rng.normal(size=n_in) * offset, basis, SQUARE * half)


def lines_in(rng: Rng, window: PlaneWindow, n: int = 3) -> list[LineDomain]:
    """Make lines, rays, segments and paths through a window, in its inputs."""
    low, high = window.polygon.min(axis=0), window.polygon.max(axis=0)
    made: list[LineDomain] = []
    for _ in range(n):
        points = window.point(low + rng.uniform(size=(3, 2)) * (high - low))
        kind = rng.integers(4)
        if kind == 0:
            made.append(lr.Line(points[0], points[1] - points[0]))
        elif kind == 1:
            made.append(lr.Ray(points[0], points[1] - points[0]))
        elif kind == 2:
            made.append(lr.Segment(points[0], points[1]))
        else:
            made.append(lr.Path(points))
    return made


def _problem(rng: Rng, network: Network, window: PlaneWindow) -> Problem:
    return Problem(network, window, lines_in(rng, window))


def _ordinary(rng: Rng) -> tuple[Layers, PlaneWindow]:
    n_in = int(rng.integers(2, 5))
    return _layers(rng, _widths(rng, n_in)), _window(rng, n_in)


# ---- separated, or exactly representable -----------------------------------------------------------------------------


def generic(rng: Rng) -> Problem:
    """Draw normal weights and biases."""
    layers, window = _ordinary(rng)
    return _problem(rng, _network(layers), window)


def small_biases(rng: Rng) -> Problem:
    """Draw He's initialisation with biases of standard deviation 1e-3."""
    n_in = int(rng.integers(2, 5))
    return _problem(rng, _network(_layers(rng, _widths(rng, n_in), 1e-3)), _window(rng, n_in, 1.0, 0.01))


def single_precision(rng: Rng) -> Problem:
    """Draw weights, biases and a window that were float32."""
    layers, window = _ordinary(rng)
    rounded = [(w.astype(np.float32).astype(float), b.astype(np.float32).astype(float)) for w, b in layers]
    origin, basis = window.origin.astype(np.float32), window.basis.astype(np.float32)
    return _problem(rng, _network(rounded), PlaneWindow(origin, basis, window.polygon))


def deep_and_narrow(rng: Rng) -> Problem:
    """Draw up to nine layers of two to four units."""
    widths = [2, *[int(rng.integers(2, 5)) for _ in range(int(rng.integers(4, 10)))], 1]
    return _problem(rng, _network(_layers(rng, widths)), _window(rng, 2))


def many_breakpoints(rng: Rng) -> Problem:
    """Draw an activation of five breakpoints."""
    n_in = int(rng.integers(2, 4))
    return _problem(rng, _network(_layers(rng, _widths(rng, n_in, 2, 4)), FIVE_BREAKPOINTS), _window(rng, n_in))


def other_activations(rng: Rng) -> Problem:
    """Draw activations whose slopes and breakpoints are floats of few bits."""
    layers, window = _ordinary(rng)
    choices = [lr.RELU, lr.ABS, lr.leaky_relu(0.25), lr.HARD_TANH, lr.RELU6]
    activations = [choices[int(rng.integers(len(choices)))] for _ in layers[:-1]]
    return _problem(rng, _network(layers, activations), window)


def affine_layers(rng: Rng) -> Problem:
    """Put layers that cannot switch between others."""
    n_in = int(rng.integers(2, 4))
    layers = _layers(rng, [n_in, *[int(rng.integers(2, 6)) for _ in range(4)], 2])
    activations = [lr.IDENTITY if rng.uniform() < 0.5 else lr.RELU for _ in layers[:-1]]
    return _problem(rng, _network(layers, activations), _window(rng, n_in))


def integers(rng: Rng) -> Problem:
    """Draw weights and biases from -2 to 2, and a window of whole numbers."""
    n_in = int(rng.integers(2, 4))
    widths = _widths(rng, n_in, 3, 5)
    layers = [
        (rng.integers(-2, 3, size=(b, a)).astype(float), rng.integers(-2, 3, size=b).astype(float))
        for a, b in itertools.pairwise(widths)
    ]
    basis = np.eye(2, n_in)
    return _problem(rng, _network(layers), PlaneWindow(rng.integers(-2, 3, size=n_in), basis, SQUARE * 3.0))


def integers_without_bias(rng: Rng) -> Problem:
    """Draw whole weights and no biases."""
    problem = integers(rng)
    layers = [(layer.weight, np.zeros_like(layer.bias)) for layer in problem.network.layers]
    return problem._replace(network=_network(layers))


def lattice(rng: Rng) -> Problem:
    """Draw first layers of lines along the axes and diagonals at half numbers."""
    n = int(rng.integers(3, 8))
    directions = np.array([[1, 0], [0, 1], [1, 1], [1, -1]], float)
    first = directions[rng.integers(4, size=n)], rng.integers(-3, 4, size=n) / 2
    second = rng.integers(-1, 2, size=(3, n)).astype(float), rng.integers(-1, 2, size=3) / 2
    layers = [first, second, (np.ones((1, 3)), np.zeros(1))]
    return _problem(rng, _network(layers), PlaneWindow.of_inputs([-2.0, -2.0], [2.0, 2.0]))


def max_lattice(rng: Rng) -> Problem:
    """Build maxima of pairs of affine functions from differences, as two-level lattices are, layer by layer."""
    n = 4
    layers: Layers = [(rng.normal(size=(n, 2)), rng.normal(size=n))]
    activations: list[PiecewiseLinear] = []
    while n > 1:
        differences, sums = np.zeros((3 * n // 2, n)), np.zeros((n // 2, 3 * n // 2))
        for k in range(n // 2):
            differences[3 * k, 2 * k], differences[3 * k, 2 * k + 1] = 1, -1
            differences[3 * k + 1, 2 * k + 1], differences[3 * k + 2, 2 * k + 1] = 1, -1
            sums[k, 3 * k : 3 * k + 3] = 1, 1, -1
        layers += [(differences, np.zeros(3 * n // 2)), (sums, np.zeros(n // 2))]
        activations += [lr.IDENTITY, lr.RELU]
        n //= 2
    layers.append((np.ones((1, 1)), np.zeros(1)))
    activations.append(lr.IDENTITY)
    return _problem(rng, _network(layers, activations), _window(rng, 2))


def without_bias_at_the_centre(rng: Rng) -> Problem:
    """Have all lines of the first layer meet in the middle of the window."""
    layers, window = _ordinary(rng)
    layers = [(w, np.zeros_like(b)) for w, b in layers]
    return _problem(rng, _network(layers), PlaneWindow(np.zeros_like(window.origin), window.basis, window.polygon))


def without_bias_off_the_centre(rng: Rng) -> Problem:
    """Have all lines of the first layer meet in a point of few bits beside the middle."""
    n_in = int(rng.integers(2, 4))
    layers = [(w, np.zeros_like(b)) for w, b in _layers(rng, _widths(rng, n_in))]
    basis = np.eye(2, n_in)
    place = rng.integers(-8, 9, size=2) / 8
    return _problem(rng, _network(layers), PlaneWindow(place @ basis, basis, SQUARE * 2.0))


def without_bias_rounded(rng: Rng) -> Problem:
    """Let a plane pass beside the origin, where all lines meet, by no more than rounding."""
    layers, window = _ordinary(rng)
    layers = [(w, np.zeros_like(b)) for w, b in layers]
    origin = rng.normal(size=2) @ window.basis
    return _problem(rng, _network(layers), PlaneWindow(origin, window.basis, window.polygon))


def _duplicated(rng: Rng, factors: Sequence[float]) -> Problem:
    layers, window = _ordinary(rng)
    for k in range(len(layers) - 1):
        w, b = layers[k]
        chosen = rng.integers(b.size, size=2)
        factor = np.array([factors[int(i)] for i in rng.integers(len(factors), size=2)])
        layers[k] = np.vstack([w, factor[:, None] * w[chosen]]), np.concatenate([b, factor * b[chosen]])
        after, bias = layers[k + 1]
        layers[k + 1] = np.hstack([after, rng.normal(size=(bias.size, 2))]), bias
    return _problem(rng, _network(layers), window)


def duplicates(rng: Rng) -> Problem:
    """Repeat units times powers of two."""
    return _duplicated(rng, [1.0, 2.0, 0.25])


def opposite_copies(rng: Rng) -> Problem:
    """Repeat units with the opposite sign."""
    return _duplicated(rng, [-1.0, -2.0])


def dead_and_sparse(rng: Rng) -> Problem:
    """Set most weights to zero, and whole units."""
    layers, window = _ordinary(rng)
    layers = [(w * (rng.uniform(size=w.shape) < 0.4), b * (rng.uniform(size=b.size) < 0.7)) for w, b in layers]
    return _problem(rng, _network(layers), window)


def scaled_by_powers_of_two(rng: Rng) -> Problem:
    """Scale units by 2**-200 to 2**200, and undo it in the layer after."""
    layers, window = _ordinary(rng)
    for k in range(len(layers) - 1):
        factor = 2.0 ** rng.integers(-200, 201, size=layers[k][1].size)
        layers[k] = layers[k][0] * factor[:, None], layers[k][1] * factor
        layers[k + 1] = layers[k + 1][0] / factor, layers[k + 1][1]
    return _problem(rng, _network(layers), window)


def far_scales(rng: Rng) -> Problem:
    """Scale whole layers by up to 2**+-600, so that squares are out of range."""
    layers, window = _ordinary(rng)
    scale = 1.0
    for k in range(len(layers)):
        factor = 2.0 ** int(rng.integers(-600, 601))
        if not 1e-250 < scale * factor < 1e250:
            factor = 1.0 / scale
        scale *= factor
        layers[k] = layers[k][0] * factor, layers[k][1] * scale
    return _problem(rng, _network(layers), window)


def scaled_by_1e8(rng: Rng) -> Problem:
    """Scale some units by 1e8."""
    layers, window = _ordinary(rng)
    for k in range(len(layers) - 1):
        factor = np.where(rng.uniform(size=layers[k][1].size) < 0.5, 1e8, 1.0)
        layers[k] = layers[k][0] * factor[:, None], layers[k][1] * factor
    return _problem(rng, _network(layers), window)


# ---- decisions that come close ---------------------------------------------------------------------------------------


def mixed_scales(rng: Rng) -> Problem:
    """Scale inputs, units and layers by up to 1e6 either way, unbalanced."""
    layers, window = _ordinary(rng)
    layers = [
        (w * 10.0 ** rng.uniform(-6, 6, size=(w.shape[0], 1)), b * 10.0 ** rng.uniform(-6, 6, size=b.size))
        for w, b in layers
    ]
    return _problem(rng, _network(layers), window)


def triplicates(rng: Rng) -> Problem:
    """Repeat units times 3, rounded."""
    return _duplicated(rng, [3.0, -3.0, 1.0 / 3.0])


def _near_parallel(rng: Rng, turn: float) -> Problem:
    layers, window = _ordinary(rng)
    w, b = layers[0]
    chosen = rng.integers(b.size, size=2)
    steps = rng.normal(size=(2, w.shape[1])) * turn
    layers[0] = np.vstack([w, w[chosen] * (1.0 + steps)]), np.concatenate([b, b[chosen] * (1.0 + steps[:, 0])])
    after, bias = layers[1]
    layers[1] = np.hstack([after, rng.normal(size=(bias.size, 2))]), bias
    return _problem(rng, _network(layers), window)


def near_parallel_3(rng: Rng) -> Problem:
    """Repeat units turned by 1e-3."""
    return _near_parallel(rng, 1e-3)


def near_parallel_6(rng: Rng) -> Problem:
    """Repeat units turned by 1e-6."""
    return _near_parallel(rng, 1e-6)


def near_parallel_last_places(rng: Rng) -> Problem:
    """Repeat units turned by a few last places."""
    return _near_parallel(rng, 1e-15)


def _tiny_biases(rng: Rng, size: float) -> Problem:
    n_in = int(rng.integers(2, 4))
    window = _window(rng, n_in)
    return _problem(
        rng,
        _network(_layers(rng, _widths(rng, n_in), size)),
        PlaneWindow(np.zeros(n_in), window.basis, window.polygon),
    )


def biases_5(rng: Rng) -> Problem:
    """Draw biases of 1e-5."""
    return _tiny_biases(rng, 1e-5)


def biases_8(rng: Rng) -> Problem:
    """Draw biases of 1e-8."""
    return _tiny_biases(rng, 1e-8)


def biases_13(rng: Rng) -> Problem:
    """Draw biases of 1e-13."""
    return _tiny_biases(rng, 1e-13)


def _window_of(rng: Rng, half: float, offset: float) -> Problem:
    n_in = int(rng.integers(2, 4))
    return _problem(rng, _network(_layers(rng, _widths(rng, n_in))), _window(rng, n_in, half, offset))


def tiny_windows(rng: Rng) -> Problem:
    """Look at a window of 1e-9 to 1e-3 round a place where the first layer switches."""
    n_in = int(rng.integers(2, 4))
    layers = _layers(rng, _widths(rng, n_in))
    w, b = layers[0]
    place = -w[0] * b[0] / (w[0] @ w[0])
    half = 10.0 ** rng.uniform(-9, -3)
    window = _window(rng, n_in, half, 0.0)
    return _problem(rng, _network(layers), PlaneWindow(place, window.basis, window.polygon))


def huge_windows(rng: Rng) -> Problem:
    """Look at windows of 1e3 and 1e6."""
    return _window_of(rng, 10.0 ** int(rng.integers(3, 7)), 0.5)


def far_windows(rng: Rng) -> Problem:
    """Look at windows 1e3 and 1e6 away."""
    return _window_of(rng, 2.0, 10.0 ** int(rng.integers(3, 7)))


def far_boxes(rng: Rng) -> Problem:
    """Look at small boxes of inputs far from zero, where switches were placed."""
    layers = _layers(rng, _widths(rng, 2))
    offset = rng.uniform(1.0, 2.0, size=2) * 2.0 ** int(rng.integers(10, 27))
    low = offset - 1.0
    w = layers[0][0]
    layers[0] = w, -(w @ offset) + rng.normal(size=w.shape[0]) * 0.5
    return _problem(rng, _network(layers), PlaneWindow.of_inputs(low, low + 2.0))


def anisotropic(rng: Rng) -> Problem:
    """Describe a window by basis vectors of lengths up to 1e7 apart."""
    layers, window = _ordinary(rng)
    q = 10.0 ** rng.uniform(2, 7)
    turned = PlaneWindow(window.origin, window.basis * [[1.0], [1.0 / q]], window.polygon * [1.0, q])
    return _problem(rng, _network(layers), turned)


def other_units(rng: Rng) -> Problem:
    """Give one input of a box in units up to 1e7 times smaller."""
    layers = _layers(rng, _widths(rng, 2))
    s = 2.0 ** int(rng.integers(3, 24))
    layers[0] = layers[0][0] * [1.0, 1.0 / s], layers[0][1]
    return _problem(rng, _network(layers), PlaneWindow.of_inputs([-1.0, -s], [1.0, s]))


def skew(rng: Rng) -> Problem:
    """Describe a window by basis vectors at angles down to 1e-6."""
    layers, window = _ordinary(rng)
    angle = 10.0 ** rng.uniform(-6, -1)
    shear = np.array([[1.0, 0.0], [1.0, angle]])
    polygon = window.polygon @ np.linalg.inv(shear)
    return _problem(rng, _network(layers), PlaneWindow(window.origin, shear @ window.basis, polygon))


def corner_on_a_vertex(rng: Rng) -> Problem:
    """Put a corner of the window on a vertex of the partition, rounded."""
    layers, window = _ordinary(rng)
    network = _network(layers)
    vertices = lr.partition(network, window).vertices
    corner = vertices[int(rng.integers(len(vertices)))]
    size = rng.uniform(0.3, 2.0)
    return _problem(rng, network, PlaneWindow(window.origin, window.basis, corner + size * (SQUARE + 1.0)))


def hard_sigmoid(rng: Rng) -> Problem:
    """Use an activation whose slope, 1/6, is no float."""
    n_in = int(rng.integers(2, 4))
    window = _window(rng, n_in, 6.0)
    return _problem(rng, _network(_layers(rng, _widths(rng, n_in, 2, 5), 2.0), lr.HARD_SIGMOID), window)


def integers_hard_sigmoid(rng: Rng) -> Problem:
    """Draw whole weights with an activation whose slope is no float, so that ties are missed by rounding."""
    problem = integers(rng)
    layers = [(layer.weight, layer.bias) for layer in problem.network.layers]
    return problem._replace(network=_network(layers, lr.HARD_SIGMOID))


def tenths(rng: Rng) -> Problem:
    """Draw weights and biases in tenths, which are no floats."""
    n_in = int(rng.integers(2, 4))
    layers = [
        (rng.integers(-3, 4, size=(b, a)) / 10, rng.integers(-3, 4, size=b) / 10)
        for a, b in itertools.pairwise(_widths(rng, n_in, 3, 5))
    ]
    basis = np.eye(2, n_in)
    origin = rng.integers(-10, 11, size=n_in) / 10
    return _problem(rng, _network(layers), PlaneWindow(origin, basis, SQUARE * 3.0))


def cancelling_layers(rng: Rng) -> Problem:
    """Let affine layers compute differences that are zero but for rounding."""
    first = rng.normal(size=(3, 2)), rng.normal(size=3)
    layers: Layers = [
        first,
        (np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1.0]]), np.zeros(4)),
        (np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 0.0]]), np.zeros(3)),
        (np.array([[1, -1.0, 0], [0, 0, 1.0]]), np.array([0.0, rng.normal()])),
        (rng.normal(size=(3, 2)), np.zeros(3)),
        (rng.normal(size=(1, 3)), np.zeros(1)),
    ]
    activations = [lr.IDENTITY, lr.IDENTITY, lr.IDENTITY, lr.RELU, lr.RELU]
    return _problem(rng, _network(layers, activations), PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))


FAMILIES: dict[str, Callable[[Rng], Problem]] = {
    family.__name__: family
    for family in (
        generic,
        small_biases,
        single_precision,
        deep_and_narrow,
        many_breakpoints,
        other_activations,
        affine_layers,
        integers,
        integers_without_bias,
        lattice,
        max_lattice,
        without_bias_at_the_centre,
        without_bias_off_the_centre,
        without_bias_rounded,
        duplicates,
        opposite_copies,
        triplicates,
        dead_and_sparse,
        scaled_by_powers_of_two,
        far_scales,
        scaled_by_1e8,
        mixed_scales,
        near_parallel_3,
        near_parallel_6,
        near_parallel_last_places,
        biases_5,
        biases_8,
        biases_13,
        tiny_windows,
        huge_windows,
        far_windows,
        far_boxes,
        anisotropic,
        other_units,
        skew,
        corner_on_a_vertex,
        hard_sigmoid,
        integers_hard_sigmoid,
        tenths,
        cancelling_layers,
    )
}
