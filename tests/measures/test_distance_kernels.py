"""The pruned distances are those of all Jacobians, and of exact arithmetic where rounding would mislead."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Network
from linregions._support.aligned import aligned_copy, aligned_zeros
from linregions.measures.distances.choice import plan_of
from linregions.measures.distances.distance import boundary_distance
from linregions.measures.distances.work import Workspace
from tests.reference.distance_exact import exact_distance, plain_distances
from tests.support.examples import drawn
from tests.support.zoo import ACTIVATIONS, duplicated, golden, permuted, rescaled, with_idle_units, with_opposites

NAMES = sorted(ACTIVATIONS)


def assert_like_the_plain_twin(net, points, rtol=1e-12):
    """Same distances; the neuron named attains the minimum up to a tie."""
    distances, neurons = boundary_distance(net, points, return_neurons=True)
    plain = plain_distances(net, points)
    # A pre-activation near its breakpoint is known no better than the sums it is made of.
    scale = 1.0 + np.abs(points).max()
    np.testing.assert_allclose(distances, plain.min(axis=1), rtol=rtol, atol=1e-14 * scale)
    attained = plain[np.arange(len(points)), neurons]
    np.testing.assert_allclose(attained, plain.min(axis=1), rtol=1e-11, atol=1e-13 * scale)
    clear = np.sort(plain, axis=1)
    if clear.shape[1] > 1:
        clear = clear[:, 1] > clear[:, 0] * (1 + 1e-9) + 1e-12 * scale
        np.testing.assert_array_equal(neurons[clear], plain.argmin(axis=1)[clear])


@pytest.mark.parametrize(
    "widths",
    [[1, 5, 1], [2, 1, 1, 1, 1], [3, 40, 2], [20, 7, 9, 5, 3], [784, 16, 16, 16, 16, 10], [5, 30, 30, 30, 2]],
    ids=str,
)
@pytest.mark.parametrize("name", NAMES)
def test_random_networks(widths, name):
    if name == "identity":
        activation = [lr.IDENTITY] * (len(widths) - 3) + [lr.ABS]
    else:
        activation = ACTIVATIONS[name]
    rng = np.random.default_rng(len(widths))
    net = lr.random_network(widths, rng, activation=activation, bias_variance=0.3)
    assert_like_the_plain_twin(net, rng.normal(size=(150, widths[0])) * 2)


@pytest.mark.parametrize("seed", range(12))
def test_a_different_activation_in_every_layer(seed):
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(2, 7))
    widths = [int(w) for w in rng.integers(1, 12, depth + 2)]
    activations = [ACTIVATIONS[NAMES[i]] for i in rng.integers(0, len(NAMES), depth)]
    activations[int(rng.integers(depth))] = ACTIVATIONS["three_breaks"]
    net = lr.random_network(widths, rng, activation=activations, bias_variance=0.5)
    if not net.n_neurons:
        return
    points = rng.normal(size=(100, widths[0]))
    alive = np.isfinite(plain_distances(net, points).min(axis=1))
    assert_like_the_plain_twin(net, points[alive]) if alive.any() else None
    assert np.all(np.isinf(boundary_distance(net, points)[~alive]))


def test_a_trained_network():
    net = golden("mnist_64x3_trained").network
    rng = np.random.default_rng(0)
    assert_like_the_plain_twin(net, rng.random((200, 784)))


@pytest.mark.parametrize("depth", [10, 20])
def test_deep_networks_where_bounds_are_loose(depth):
    net = lr.random_network([6] + [24] * depth + [1], depth, bias_variance=0.1)
    assert_like_the_plain_twin(net, np.random.default_rng(1).normal(size=(60, 6)), rtol=1e-11)


def test_a_very_deep_network_of_many_inputs():
    net = lr.random_network([100] + [64] * 20 + [1], 0)
    assert_like_the_plain_twin(net, np.random.default_rng(0).random((300, 100)), rtol=1e-10)


@pytest.mark.parametrize("widths", [[6] + [64] * 40 + [1], [100] + [64] * 40 + [1], [2] + [16] * 60 + [1]], ids=len)
def test_real_gradients_behind_many_layers_are_not_taken_for_rounding(widths):
    """Bounds of rounding errors grow faster than what they are bounds of; after thirty layers they explain anything."""
    net = lr.random_network(widths, 0, bias_variance=0.02)
    assert_like_the_plain_twin(net, np.random.default_rng(0).normal(size=(20, widths[0])), rtol=1e-9)


@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize("n_in", [1, 2, 3, 5])
def test_both_ways_give_the_same(n_in, bias):
    from dataclasses import replace

    from linregions.measures.distances.plan import make_plan
    from linregions.measures.distances.work import Workspace

    net = lr.random_network([n_in, 20, 20, 20, 1], 1, bias_variance=bias)
    points = np.random.default_rng(2).normal(size=(50, n_in))
    found = []
    for whole in (False, True):
        space = Workspace(replace(make_plan(net), whole=whole), 50, "test")
        space.evaluate(points, 0)
        space.measure(50)
        found.append((space.at.distances.copy(), space.at.nearest.copy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_affine_layers_is_no_distance(seed):
    """(h1 + h2) + h3 - (h1 + (h2 + h3)) is zero, but its floats are not: the size of what cancelled must be known."""
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(3, 2)), rng.normal(size=3)),
        (np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1.0]]), np.zeros(4)),
        (np.array([[1, 0, 0, 1], [0, 1, 1, 0.0]]), np.zeros(2)),
        (np.array([[1, -1.0]]), np.zeros(1)),
        (np.array([[1.0], [-1.0], [1.0]]), np.array([0, 0, 1.0])),
    ]
    net = Network.from_layers([*layers, (np.ones((1, 3)), [0.0])], [lr.IDENTITY] * 4 + [lr.RELU])
    for kind in ("activation", "linear"):
        distances, neurons = boundary_distance(net, [[0.2, 0.3], [-1.0, 2.0]], kind=kind, return_neurons=True)
        assert np.all(np.isinf(distances))
        assert neurons.tolist() == [-1, -1]
    # Beside a real neuron, and behind layers enough that whole Jacobians are carried.
    beside = [(np.vstack([w, np.zeros((1, w.shape[1]))]), np.append(b, 0.0)) for w, b in layers[:4]]
    wide = [(np.hstack([w, np.zeros((w.shape[0], 1))]) if k else w, b) for k, (w, b) in enumerate(beside)]
    wide[0][0][-1] = [0.6, 0.8]
    for weight, _ in wide[1:]:
        weight[-1, -1] = 1.0
    deep = [(np.eye(2), np.zeros(2))] * 6
    net = Network.from_layers(
        [*wide, *deep, (np.eye(2), np.zeros(2)), (np.ones((1, 2)), [0.0])], [lr.IDENTITY] * 10 + [lr.RELU]
    )
    distances, neurons = boundary_distance(net, [[3.0, 4.0]], return_neurons=True)
    np.testing.assert_allclose(distances, 5.0, rtol=1e-12)
    assert neurons.tolist() == [1]


# ---- exact arithmetic ------------------------------------------------------------------------------------------------

eighths = st.integers(-12, 12).map(lambda k: k / 8)


@st.composite
def networks(draw):
    """Small networks of dyadic weights: zero rows, dead layers, equal and opposite neurons abound."""
    depth = draw(st.integers(1, 3))
    widths = [draw(st.integers(1, 3)), *(draw(st.integers(1, 4)) for _ in range(depth)), 1]
    numbers = draw(st.sampled_from([eighths, st.integers(-1, 1).map(float), st.sampled_from([0.0, 0.0, 1.0, -0.5])]))
    layers = []
    for a, b in itertools.pairwise(widths):
        weight = [[draw(numbers) for _ in range(a)] for _ in range(b)]
        bias = [draw(numbers) for _ in range(b)]
        if b > 1 and draw(st.booleans()):  # one neuron over again, perhaps turned round or scaled
            factor = draw(st.sampled_from([1.0, -1.0, 2.0, 0.0, 3.0]))
            weight[-1], bias[-1] = [factor * w for w in weight[0]], factor * bias[0]
        layers.append((weight, bias))
    names = [draw(st.sampled_from([name for name in NAMES if name != "hard_sigmoid"])) for _ in range(depth)]
    return Network.from_layers(layers, [ACTIVATIONS[name] for name in names])


def assert_exact(net, point, rtol):
    truth = exact_distance(net, point)
    distance, neuron = boundary_distance(net, point, return_neurons=True)
    if truth.squared is None:
        assert np.isinf(distance)
        assert neuron == -1
        return
    expected = math.sqrt(truth.squared)
    assert float(distance) == pytest.approx(expected, rel=rtol, abs=0.0 if rtol < 1e-11 else 1e-12)
    if rtol < 1e-11:
        assert int(neuron) == truth.neurons[0]


@drawn(400, networks(), st.data())
def test_exactly_right_on_dyadic_networks(net, data):
    # leaky ReLU has the only slope here (0.1) that rounds: then ties and zeros need not survive
    rounds = any(activation.name.startswith("leaky") for activation in net.activations)
    point = data.draw(st.lists(eighths, min_size=net.n_in, max_size=net.n_in))
    assert_exact(net, point, 1e-9 if rounds else 1e-12)


@drawn(100, st.integers(0, 2**32 - 1), st.sampled_from(["relu", "abs", "three_breaks", "mixed"]))
def test_exactly_right_on_deep_networks(seed, kind):
    """Where bounds are loose the whole Jacobian is carried forwards; equal and opposite neurons cancel in it."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(4, 9))
    widths = [int(w) for w in (rng.integers(1, 4), *rng.integers(2, 5, depth), 1)]
    layers = [
        (rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], (b, a)), rng.integers(-4, 5, b) / 4)
        for a, b in itertools.pairwise(widths)
    ]
    names = rng.choice(["relu", "abs", "three_breaks", "identity"], depth) if kind == "mixed" else [kind] * depth
    net = duplicated(Network.from_layers(layers, [ACTIVATIONS[name] for name in names]), rng)
    assert_exact(net, rng.integers(-16, 17, net.n_in) / 8, 1e-12)


@drawn(100, st.integers(0, 2**32 - 1))
def test_right_on_networks_in_general_position(seed):
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.integers(1, 5, rng.integers(3, 6))]
    activations = [ACTIVATIONS[NAMES[i]] for i in rng.integers(0, len(NAMES), len(widths) - 2)]
    net = lr.random_network(widths, rng, activation=activations, bias_variance=0.5)
    assert_exact(net, rng.normal(size=widths[0]), 1e-10)


# ---- what must not change anything -----------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [20, 250])
def test_scaling_neurons_by_powers_of_two_changes_no_bit(largest):
    rng = np.random.default_rng(3)
    net = lr.random_network([7, 12, 12, 12, 2], rng, activation=lr.leaky_relu(0.25), bias_variance=0.4)
    points = rng.normal(size=(80, 7))
    np.testing.assert_array_equal(
        boundary_distance(rescaled(net, rng, largest), points), boundary_distance(net, points)
    )


def test_duplicates_idle_units_and_opposites_change_no_distance():
    rng = np.random.default_rng(4)
    net = lr.random_network([7, 12, 12, 12, 2], rng, bias_variance=0.4)
    points = rng.normal(size=(80, 7))
    expected = boundary_distance(net, points)
    for other in (duplicated(net, rng), permuted(net, rng), with_idle_units(net, rng), with_opposites(net, 2)):
        np.testing.assert_allclose(boundary_distance(other, points), expected, rtol=1e-11)


def test_of_equal_neurons_the_lowest_is_named():
    rng = np.random.default_rng(5)
    net = lr.random_network([7, 9, 9, 2], rng, bias_variance=0.4)
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[0] = tuple(np.concatenate([part, part[::-1]]) for part in layers[0])
    layers[1] = (np.hstack([layers[1][0], layers[1][0][:, ::-1]]) / 2, layers[1][1])
    layers[1] = tuple(np.concatenate([part, part]) for part in layers[1])
    layers[2] = (np.hstack([layers[2][0], layers[2][0]]) / 2, layers[2][1])
    points = rng.normal(size=(200, 7))
    _, neurons = boundary_distance(net, points, return_neurons=True)
    _, doubled = boundary_distance(Network.from_layers(layers), points, return_neurons=True)
    np.testing.assert_array_equal(doubled, np.where(neurons < 9, neurons, neurons + 9))


def test_a_gradient_of_mere_rounding_counts_as_none():
    """3 r + 4 r - 7 r is zero, in floats only nearly so: such a neuron never switches, however small its value."""
    rng = np.random.default_rng(7)
    misled = 0
    for _ in range(50):
        row = rng.normal(size=3)
        first = (np.stack([row, row, row]), [8.0, 8.0, 8.0])
        net = Network.from_layers([first, ([[3.0, 4.0, -7.0]], [0.0]), (rng.normal(size=(1, 1)), [0.0])])
        point = rng.normal(size=3) * 0.1
        truth = exact_distance(net, point)
        assert truth.neurons == (0, 1, 2)
        misled += plain_distances(net, point[None]).argmin() == 3
        distance, neuron = boundary_distance(net, point, return_neurons=True)
        assert float(distance) == pytest.approx(math.sqrt(truth.squared), rel=1e-13)
        assert neuron == 0
    assert misled > 5  # the plain formula falls for it


def test_rounding_misleads_no_more_where_the_whole_jacobian_is_carried():
    """In every layer four neurons that cancel come first in the order of the bounds, until patience ends."""
    rng = np.random.default_rng(8)
    cancelling = np.array([[3.0, 4.0, -7.0], [5.0, 6.0, -11.0], [-9.0, 4.0, 5.0], [7.0, -13.0, 6.0]])
    deeper = np.hstack([np.vstack([np.eye(3), cancelling]), np.zeros((7, 4))])
    for _ in range(20):
        row = rng.normal(size=3)
        layers = [(np.stack([row] * 3), np.full(3, 8.0)), (deeper[:, :3], np.zeros(7))]
        layers += [(deeper, np.zeros(7)) for _ in range(7)]
        net = Network.from_layers([*layers, (np.ones((1, 7)), [0.0])])
        point = rng.normal(size=3) * 0.1
        truth = exact_distance(net, point)
        distance, neuron = boundary_distance(net, point, return_neurons=True)
        assert float(distance) == pytest.approx(math.sqrt(truth.squared), rel=1e-13)
        assert neuron == truth.neurons[0] == 0


def test_weights_of_extreme_size_neither_overflow_nor_vanish():
    rng = np.random.default_rng(6)
    net = lr.random_network([4, 8, 8, 1], rng, bias_variance=0.0)
    points = rng.normal(size=(50, 4))
    expected = boundary_distance(net, points)
    for factor in (2.0**-400, 2.0**300):
        layers = [(layer.weight * factor, layer.bias) for layer in net.layers]
        np.testing.assert_array_equal(boundary_distance(Network.from_layers(layers), points), expected)


@pytest.mark.parametrize("widths", [[64, 64, 64, 10], [5, 33, 7, 50, 1], [3, 9, 1]], ids=repr)
def test_what_is_kept_begins_at_a_cache_line(widths: list[int]) -> None:
    """Where it begins would be chance, for all calls of a network, and a tenth of the time."""
    plan = plan_of(lr.random_network(widths, 0))
    space = Workspace(plan, 13, "who")
    kept = [*plan.transposed, *plan.scaled, *plan.squared, plan.bounds.weights, plan.bounds.factor]
    taken = [
        space.values,
        space.spare,
        space.at.slopes,
        space.at.gaps,
        space.at.squares,
        space.scratch.row,
        space.scratch.new,
    ]
    for array in (*kept, *taken):
        assert array.ctypes.data % 64 == 0
        assert array.flags.c_contiguous


@pytest.mark.parametrize("shape", [(5,), (3, 7), (2, 0), (0,), (1, 1)])
def test_aligned_arrays_are_copies(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape[::-1]).T
    copy = aligned_copy(values)
    assert copy.tobytes() == values.tobytes()
    assert copy.shape == shape
    assert not np.shares_memory(copy, values)
    assert not aligned_zeros(shape).any()
