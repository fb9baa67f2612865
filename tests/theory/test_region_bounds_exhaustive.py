"""No network has more regions than an upper bound says, and some have as many: brute force over small ones."""

import itertools
import math

import numpy as np
import pytest

import linregions as lr
from linregions import theory
from tests.reference.lines_exact import exact_line
from tests.reference.planes_exact import partition_exactly

BUMPY = lr.PiecewiseLinear([-1.0, 0.0, 1.0], [0.0, 1.0, 0.0, -2.0], name="bumpy")
ACTIVATIONS = [lr.RELU, lr.RELU, lr.RELU, lr.ABS, lr.leaky_relu(0.1), lr.HARD_TANH, lr.RELU6, BUMPY]
LAWS = ["normal", "large biases", "zero biases", "integer", "signs", "duplicates"]


def draw(rng, widths, law, activation):
    """A network of generic or degenerate weights."""
    if law in {"normal", "large biases", "zero biases"}:
        variance = {"normal": 1.0, "large biases": 25.0, "zero biases": 0.0}[law]
        return lr.random_network(widths, rng, activation=activation, weight_gain=4.0, bias_variance=variance)
    layers = []
    for fan_in, width in itertools.pairwise(widths):
        span = 3 if law == "integer" else 1
        weight, bias = rng.integers(-span, span + 1, (width, fan_in)), rng.integers(-span, span + 1, width)
        if law == "duplicates":
            chosen = rng.integers(0, width, width)
            weight, bias = rng.normal(size=(width, fan_in))[chosen], rng.normal(size=width)[chosen]
        layers.append((weight.astype(float), bias.astype(float)))
    return lr.Network.from_layers(layers, activation)


def small_networks(seed, number):
    """Networks with hidden widths 1 to 6 at depths 0 to 4, and with each in turn every law and activation."""
    rng = np.random.default_rng(seed)
    for k in range(number):
        widths = [int(rng.integers(1, 3)), *rng.integers(1, 7, rng.integers(0, 5)).tolist(), int(rng.integers(1, 3))]
        yield rng, draw(rng, widths, LAWS[k % len(LAWS)], ACTIVATIONS[k // len(LAWS) % len(ACTIVATIONS)])


def upper_bounds(net, dimension=None):
    rows = theory.region_bounds(net.widths, dimension=dimension, activation=net.activations)
    found = {row.name: row.value for row in rows if row.kind == "upper"}
    assert {"trivial", "Montúfar 2017"} < set(found)
    assert any(name.startswith("Serra") for name in found)
    assert None not in found.values()
    return found


def check(net, domain, dimension=None):
    """Compare the number of activation regions, which is never below that of linear regions."""
    count, bounds = lr.count_regions(net, domain), upper_bounds(net, dimension)
    for name, bound in bounds.items():
        assert 1 <= count <= bound, (name, net)
    return count, min(bounds.values())


def test_no_count_exceeds_an_upper_bound_on_a_thousand_networks():
    attained = set()
    for rng, net in small_networks(0, 1000):
        if net.n_in == 1:
            count, bound = check(net, lr.Line([0.0], [1.0]))
        else:
            high = 10.0 ** rng.integers(0, 4)
            count, bound = check(net, lr.PlaneWindow.of_inputs([-high, -high], [high, high]))
            check(net, lr.Line(rng.normal(size=2), rng.normal(size=2)), dimension=1)
        if count == bound and bound > 2:
            attained.add((net.n_in, len(net.widths) - 2, net.activations[0].name))
    # The bounds are not far away: with one and two inputs and layers, and every activation, some are attained.
    assert {entry[0] for entry in attained} == {1, 2}
    assert {entry[1] for entry in attained} >= {1, 2}
    assert {entry[2] for entry in attained} == {activation.name for activation in ACTIVATIONS}


@pytest.mark.parametrize("n_in", [3, 7, 784])
def test_planes_and_lines_in_more_inputs(n_in):
    rng = np.random.default_rng(n_in)
    for k in range(40):
        widths = [n_in, *rng.integers(1, 9, rng.integers(1, 4)).tolist(), 2]
        net = draw(rng, widths, LAWS[k % len(LAWS)], ACTIVATIONS[k % len(ACTIVATIONS)])
        origin, basis = rng.normal(size=n_in), rng.normal(size=(2, n_in))
        window = lr.PlaneWindow.square(origin, basis, 10.0)
        count, bound = check(net, window, dimension=2)
        assert lr.count_regions(net, window, "linear") <= count
        lines = [lr.Line(rng.normal(size=n_in), rng.normal(size=n_in)) for _ in range(10)]
        most = lr.count_regions(net, lines).max()
        assert most <= min(upper_bounds(net, 1).values()) <= bound
        assert count <= bound


def test_wide_networks_with_784_inputs_on_lines():
    rng = np.random.default_rng(1)
    for widths in ([784, 64, 64, 64, 10], [784, 16, 16, 10], [784, 128, 2, 10]):
        net = lr.random_network(widths, rng, bias_variance=1e-2)
        lines = [lr.Line(np.zeros(784), rng.normal(size=784)) for _ in range(50)]
        counts = lr.count_regions(net, lines)
        assert counts.max() <= theory.serra_upper_bound(widths, dimension=1)
        assert (
            counts.max()
            <= theory.montufar_upper_bound(widths, dimension=1)
            == math.prod(width + 1 for width in widths[1:-1])
        )


@pytest.mark.parametrize("activation", [lr.RELU, lr.ABS, lr.HARD_TANH, BUMPY], ids=lambda activation: activation.name)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_one_layer_in_general_position_attains_zaslavsky(activation, n):
    rng = np.random.default_rng(n)
    t = activation.n_breakpoints
    slopes = np.tan(np.linspace(-1.2, 1.1, n))  # directions well apart, so that all crossings are in the window
    layers = [(np.stack([slopes, np.ones(n)], axis=1), rng.normal(size=n)), (np.ones((1, n)), [0.0])]
    net = lr.Network.from_layers(layers, activation)
    window = lr.PlaneWindow.of_inputs([-1e3, -1e3], [1e3, 1e3])
    assert lr.count_regions(net, window) == theory.arrangement_regions(n, 2, t)
    assert theory.arrangement_regions(n, 2, t) == 1 + n * t + math.comb(n, 2) * t**2
    line = lr.Line([0.0, 0.0], [1.0, 0.37])
    assert lr.count_regions(net, line) == theory.arrangement_regions(n, 1, t) == 1 + n * t
    assert theory.serra_upper_bound([2, n, 1]) == theory.arrangement_regions(n, 2)


def test_a_leaky_network_can_break_the_bound_for_relu():
    """So the bound of Serra et al. must not be offered for any activation with one breakpoint."""
    widths = (1, 1, 1, 1)
    relu, leaky = theory.serra_upper_bound(widths), theory.serra_upper_bound(widths, n_flat=0)
    assert (relu, leaky) == (3, 4)
    layers = [([[1.0]], [0.0]), ([[1.0]], [1.0]), ([[1.0]], [0.0])]
    # One neuron switches at 0, the next one where leaky(x) = -1; for ReLU that is nowhere.
    counts = [
        lr.count_regions(lr.Network.from_layers(layers, activation), lr.Line([0.0], [1.0]))
        for activation in (lr.leaky_relu(0.5), lr.RELU)
    ]
    assert counts == [3, 2]
    layers[1] = ([[-1.0]], [1.0])
    absolute = lr.Network.from_layers(layers, lr.ABS)
    assert lr.count_regions(absolute, lr.Line([0.0], [1.0])) == 4 == theory.montufar_upper_bound(widths)
    rows = theory.region_bounds(widths, activation=lr.ABS)
    [row] = [row for row in rows if row.name == "Serra et al. 2018, extended"]
    assert row.value == 4


@pytest.mark.slow
def test_no_count_exceeds_an_upper_bound_on_ten_thousand_networks():
    for _, net in small_networks(1, 10_000):
        if net.n_in == 1:
            check(net, lr.Line([0.0], [1.0]))
        else:
            check(net, lr.PlaneWindow.of_inputs([-30.0, -30.0], [30.0, 30.0]))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_serra_is_attained_with_one_input(depth):
    """Their theorem 5: (n + 1)^L regions, here from layers of three units with slopes -1, 2, -1/2, 1/2 in turn."""
    weight, bias = np.array([[1.0]]), np.array([0.0])  # what reads the fold g(x) of the layer before
    layers = []
    for _ in range(depth):
        # relu(7/2 - x), relu(x - 1), relu(x - 3/2) with x = 8 g; every piece of the fold covers [0, 1]
        signs = np.array([[-1.0], [1.0], [1.0]])
        layers.append((8 * signs @ weight, 8 * signs[:, 0] * bias + [3.5, -1.0, -1.5]))
        weight, bias = np.array([[1.0, 3.0, -2.5]]), np.array([-2.5])
    layers.append((weight, bias))
    net = lr.Network.from_layers(layers)
    part = lr.partition(net, lr.Line([0.0], [1.0]))
    assert part.n_regions == part.n_linear_regions == 4**depth == theory.serra_upper_bound(net.widths)


WIDTHS_ON_LINES = [hidden for depth in range(4) for hidden in itertools.product((1, 2, 3, 4, 7), repeat=depth)]


@pytest.mark.parametrize("depth", range(4))
def test_zigzags_attain_the_lower_bound_on_lines(depth):
    """With widths 1 and 2 as well; from 3 units on it is the largest number."""
    for hidden in (hidden for hidden in WIDTHS_ON_LINES if len(hidden) == depth):
        widths = (1, *hidden, 1)
        bound = theory.serra_lower_bound(widths)
        part = lr.partition(lr.zigzag_network(widths), lr.Line([0.0], [1.0]))
        assert part.n_regions == bound <= theory.serra_upper_bound(widths), widths
        if 1 not in hidden:
            assert part.n_linear_regions == part.n_gradient_regions == bound, widths
        if min(hidden[:-1], default=3) >= 3:
            assert bound == math.prod(width + 1 for width in hidden) == theory.serra_upper_bound(widths), widths


@pytest.mark.parametrize("hidden", [(3,), (2, 3), (3, 4), (1, 3, 2), (3, 3, 3), (2, 2, 2)])
def test_zigzags_are_exact(hidden):
    net = lr.zigzag_network((1, *hidden, 1))
    exact = exact_line(net, lr.Line([0.0], [1.0]))
    assert exact.n_regions == theory.serra_lower_bound(net.widths)


@pytest.mark.parametrize(
    "widths", [(2, 6, 1, 1), (2, 7, 3, 1), (2, 6, 6, 3, 1), (2, 9, 8, 5, 1), (2, 5, 1), (2, 13, 4, 2)], ids=str
)
def test_zigzags_attain_the_lower_bound_in_planes(widths):
    net = lr.zigzag_network(widths)
    square = lr.PlaneWindow.of_inputs([0.0, 0.0], [1.0, 1.0])
    part = lr.partition(net, square)
    assert part.n_regions == theory.serra_lower_bound(widths)
    assert theory.serra_lower_bound(widths) <= theory.serra_upper_bound(widths)
    if widths[-2] > 2:
        assert part.n_linear_regions == part.n_gradient_regions == part.n_regions
    if math.prod(widths) < 1000:
        assert partition_exactly(net, square).n_regions == part.n_regions


def test_zigzags_in_three_inputs_are_seen_in_planes():
    """Every unit of a coordinate folds that coordinate alone, so a plane along two of them has the bound of two."""
    net = lr.zigzag_network((3, 9, 9, 4, 1))
    x = np.linspace(0.0, 1.0, 57)
    values = net(np.stack([x, x * 0, x * 0], axis=1)).ravel()
    assert np.isfinite(values).all()
    folds = net.pre_activations(np.stack([x, x * 0, x * 0], axis=1))[1]
    assert all(np.unique(np.round(folds[:, k], 9)).size > 3 for k in range(3))
    assert theory.serra_lower_bound((3, 9, 9, 4, 1)) == 4**3 * 4**3 * (1 + 4 + 6 + 4)


@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (1, 2, 2, 1)], ids=str)
def test_the_largest_number_of_very_narrow_networks(widths):
    """Networks of few weights: none has more than the lower bound, and some have as many."""
    rng = np.random.default_rng(0)
    best = 0
    for _ in range(500):
        layers = [
            (rng.choice([-2.0, -1.0, 1.0, 2.0], (b, a)), rng.integers(-8, 9, b) / 4)
            for a, b in itertools.pairwise(widths)
        ]
        best = max(best, lr.count_regions(lr.Network.from_layers(layers), lr.Line([0.0], [1.0])))
    assert best == theory.serra_lower_bound(widths) <= theory.serra_upper_bound(widths)


def test_lower_bounds_need_a_last_layer_wider_than_the_input_for_linear_regions():
    """1-6-1-1: 12 activation regions, but 11 linear ones at most, since one unit is off on every other piece."""
    rng, best = np.random.default_rng(1), 0
    for _ in range(500):
        net = draw(rng, (1, 6, 1, 1), LAWS[int(rng.integers(0, 4))], lr.RELU)
        best = max(best, lr.count_regions(net, lr.Line([0.0], [1.0]), "linear"))
    best = max(best, lr.count_regions(lr.zigzag_network((1, 6, 1, 1)), lr.Line([0.0], [1.0]), "linear"))
    assert best <= 11 < theory.montufar_lower_bound((1, 6, 1, 1))


def test_lower_bounds_are_below_upper_ones_everywhere():
    for n_in in range(1, 8):
        for hidden in itertools.product((1, 2, 3, 6, 21), repeat=3):
            for depth in range(4):
                rows = theory.region_bounds([n_in, *hidden[:depth], 1])
                lower = [row.value for row in rows if row.kind == "lower" and row.value is not None]
                upper = [row.value for row in rows if row.kind == "upper"]
                assert max(lower) <= min(upper), (n_in, hidden[:depth])
