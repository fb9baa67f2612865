"""Distances to B_N and the nearest points are those of exact partitions, and nothing linear is nearer."""

import itertools
import math

import numpy as np
import pytest

import linregions as lr
from linregions import Network, Segment
from linregions.errors import InvalidValueError, NumericalError
from linregions.measures.distances.distance import boundary_distance
from linregions.measures.distances.linear import LinearRegions
from linregions.measures.distances.polytope import nearest_point
from tests.reference.distance_exact import ExactLinearDistances
from tests.support.zoo import duplicated, golden, with_opposites

HALF = 64


def some_network(seed):
    """Narrow networks, in which layers close: in general position, or of small whole numbers."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    widths = [2, *(int(n) for n in rng.integers(1, 5, depth)), int(rng.integers(1, 3))]
    if seed % 3:
        kinds = [lr.RELU, lr.HARD_TANH, lr.RELU6, lr.ABS]
        chosen = [kinds[int(rng.integers(4))] if seed % 2 else lr.RELU for _ in range(depth)]
        net = lr.random_network(widths, rng, bias_variance=0.3, activation=chosen)
        return (duplicated(net, rng) if seed % 7 == 0 else net), rng.uniform(-2, 2, (4, 2))
    layers = [
        (rng.integers(-2, 3, (b, a)).astype(float), rng.integers(-2, 3, b).astype(float))
        for a, b in itertools.pairwise(widths)
    ]
    return Network.from_layers(layers), rng.integers(-8, 9, (4, 2)) / 4


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_like_the_exact_twin(first):
    beyond = 0
    for seed in range(first, first + 20):
        net, points = some_network(seed)
        exact = ExactLinearDistances(net, HALF)
        distances, neurons, nearest = boundary_distance(
            net, points, kind="linear", return_neurons=True, return_points=True
        )
        near = boundary_distance(net, points)
        for x, d, neuron, p, activation in zip(points, distances, neurons, nearest, near, strict=True):
            truth = exact.squared(x)
            expected = math.inf if truth.squared is None else math.sqrt(truth.squared)
            if min(expected, float(d)) > HALF - 3:
                continue  # beyond the square
            assert float(d) == pytest.approx(expected, rel=1e-9, abs=1e-9), seed
            assert np.linalg.norm(p - x) == pytest.approx(d, rel=1e-9, abs=1e-12), seed
            assert math.sqrt(exact.squared(p).squared) <= 1e-9 * HALF, seed
            if seed % 3 and seed % 7:  # otherwise neurons coincide
                assert neuron in truth.neurons, seed
            beyond += expected > activation * (1 + 1e-9)
    assert beyond > 1


@pytest.mark.parametrize("widths", [[3, 4, 3, 2, 1], [6, 3, 3, 3, 1], [9, 5, 2, 4, 1]], ids=str)
def test_no_linear_boundary_is_nearer(widths):
    """In more inputs: nothing linear on segments as long as the distance, and something just behind the point."""
    rng = np.random.default_rng(sum(widths))
    met = 0
    for _ in range(12):
        net = lr.random_network(widths, rng, bias_variance=0.3)
        points = rng.normal(size=(4, widths[0]))
        distances, nearest = boundary_distance(net, points, kind="linear", return_points=True)
        assert np.all(distances >= boundary_distance(net, points) * (1 - 1e-12))
        for x, d, p in zip(points, distances, nearest, strict=True):
            if not np.isfinite(d):
                assert np.all(np.isnan(p))
                continue
            met += 1
            assert np.linalg.norm(p - x) == pytest.approx(d, rel=1e-9)
            directions = rng.normal(size=(20, widths[0]))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            ends = [x + (1 - 1e-9) * d * u for u in directions] + [x + (1 - 1e-9) * (p - x)]
            assert lr.count_regions(net, [Segment(x, end) for end in ends], "linear").tolist() == [1] * 21
            # Through a corner of the region the segment may only touch the boundary: then some way beside it leads on.
            about = [p + 1e-6 * d * u for u in directions] + [p + 1e-6 * (p - x)]
            assert lr.count_regions(net, [Segment(x, end) for end in about], "linear").max() > 1
    assert met > 20


def test_a_neuron_that_leads_nowhere_is_no_linear_boundary():
    net = Network.from_layers([(np.eye(2), [0.0, -1.0]), ([[1.0, 0.0]], [0.0])])
    distances, neurons = boundary_distance(net, [[3.0, 0.5]], kind="linear", return_neurons=True)
    assert distances.tolist() == [3.0]  # x = 0; the line y = 1 is nearer, but its neuron has no weight behind it
    assert neurons.tolist() == [0]
    assert boundary_distance(net, [[3.0, 0.5]]).tolist() == [0.5]


def test_behind_a_layer_that_closes():
    """1 - relu(x) - relu(-x) closes beyond 1, and there the switches of the first layer do not matter."""
    net = Network.from_layers([([[1.0], [1.0]], [0.0, -4.0]), ([[-1.0, 0.0]], [1.0]), ([[1.0]], [0.0])])
    distances, neurons, nearest = boundary_distance(
        net, [[3.5], [0.25], [-1.0]], kind="linear", return_neurons=True, return_points=True
    )
    np.testing.assert_allclose(distances, [2.5, 0.25, 1.0])
    assert neurons.tolist() == [2, 0, 0]
    np.testing.assert_allclose(nearest, [[1.0], [0.0], [0.0]], atol=1e-15)


def test_nothing_is_linear_where_no_path_leads_on():
    net = Network.from_layers([(np.eye(2), [1.0, 1.0]), (np.zeros((1, 2)), [0.0])])
    distances, neurons, nearest = boundary_distance(
        net, np.zeros((2, 2)), kind="linear", return_neurons=True, return_points=True
    )
    assert np.all(np.isinf(distances))
    assert neurons.tolist() == [-1, -1]
    assert np.all(np.isnan(nearest))


@pytest.mark.parametrize("case", ["toy2d_32x3", "mnist_64x3_trained"])
def test_where_all_nearest_neurons_are_good_both_kinds_agree(case):
    net = golden(case).network
    points = np.random.default_rng(1).random((200, net.n_in))
    np.testing.assert_array_equal(boundary_distance(net, points, kind="linear"), boundary_distance(net, points))


def test_threads_limits_and_batches_change_no_bit():
    net = lr.random_network([3, 4, 3, 2, 1], 5, bias_variance=0.3)
    points = np.random.default_rng(2).normal(size=(90, 3))
    options = {"kind": "linear", "return_neurons": True, "return_points": True}
    whole = boundary_distance(net, points, **options)
    for threads, limit in ((2, None), (1, 30_000), (3, 60_000)):
        found = boundary_distance(net, points, threads=threads, memory_limit=limit, **options)
        for one, other in zip(whole, found, strict=True):
            np.testing.assert_array_equal(one, other)
    parts = [boundary_distance(net, part, **options) for part in np.array_split(points, [1, 7, 50])]
    for k in range(3):
        np.testing.assert_array_equal(np.concatenate([part[k] for part in parts]), whole[k])


def test_an_end_to_the_search():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(6, 3))
    net = Network.from_layers([(first, rng.normal(size=6)), (-np.ones((1, 6)), [-1.0]), ([[1.0]], [0.0])])
    x = np.full(3, 0.5)
    with pytest.raises(NumericalError, match=r"`points` 0 has 3 sides of regions within .* needs at most 2 before a"):
        LinearRegions(net, most_sides=2).found(x, boundary_distance(net, x), 0, "boundary_distance")


def test_bad_kind():
    with pytest.raises(InvalidValueError, match="`kind` is 'good', but boundary_distance needs"):
        boundary_distance(some_network(1)[0], [0.0, 0.0], kind="good")


def test_opposite_neurons_switch_together():
    """Both pieces of a line belong to two neurons; only one of them leads anywhere, on one side of it."""
    net = with_opposites(lr.random_network([2, 5, 5, 1], 3, bias_variance=0.3), 1)
    points = np.random.default_rng(4).normal(size=(40, 2))
    regions = LinearRegions(net)
    expected = boundary_distance(net, points, kind="linear")
    searched = [regions.search(x, k, "test").distance for k, x in enumerate(points)]
    np.testing.assert_allclose(searched, expected, rtol=1e-9)


def test_the_nearest_point_of_a_polytope():
    rng = np.random.default_rng(0)
    empty = 0
    for _ in range(300):
        d, m = int(rng.integers(1, 6)), int(rng.integers(1, 12))
        normals = rng.normal(size=(m, d))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        limits = rng.normal(size=m) - 0.3
        y = nearest_point(normals, limits)
        from scipy.optimize import linprog, minimize

        feasible = linprog(np.zeros(d), normals, limits, bounds=(None, None)).status == 0
        assert (y is not None) == feasible
        if y is None:
            empty += 1
            continue
        assert np.all(normals @ y <= limits + 1e-9)
        kept = {"type": "ineq", "fun": lambda v, a=normals, b=limits: b - a @ v}
        best = minimize(lambda v: v @ v, y, constraints=[kept], options={"ftol": 1e-14}).fun
        assert y @ y <= best * (1 + 1e-7) + 1e-9
    assert 10 < empty < 200
