"""Distances of graphs against the exact twin: skips, concatenation, windows, proved or by random directions."""

import warnings

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import MemoryLimitError, NumericalError, UnprovedWarning, UnsupportedModuleError
from linregions.measures.distances.distance import boundary_distance, distances_of
from linregions.measures.distances.graph_plan import chance_of, factor_for
from linregions.measures.distances.graph_work import USUAL, Effort
from linregions.measures.input_units import in_units
from linregions.measures.perturbation import perturbed_counts
from linregions.networks.graph import INPUT
from linregions.networks.importers import operators
from linregions.networks.importers.values import Builder
from linregions.regions.options import Options
from tests.reference.graph_distances import ExactGraphDistances
from tests.support.examples import pairs
from tests.support.graphs import random_graph
from tests.support.hand_graphs import Hand, one_site


def some_graph(seed, **kwargs):
    """Return a network that is no chain."""
    rng = np.random.default_rng(seed)
    while True:
        network = Network.from_graph(random_graph(rng, **kwargs))
        if not network.is_chain and network.n_neurons:
            return network, rng


def agree(network, points, effort=USUAL):
    """Compare with the exact twin."""
    twin = ExactGraphDistances(network.graph)
    found = distances_of(network, points, "activation", Options(), with_points=True, effort=effort)
    distances, neurons, nearest = found.distances, found.neurons, found.nearest
    for x, d, neuron, p in zip(points, distances, neurons, nearest, strict=True):
        exact = twin.squared(x.tolist())
        if exact.squared is None:
            assert np.isinf(d)
            assert neuron == -1
            assert np.isnan(p).all()
            continue
        assert d == pytest.approx(float(exact.squared) ** 0.5, rel=1e-9, abs=1e-13)
        assert neuron in exact.neurons
        assert np.linalg.norm(p - x) == pytest.approx(d, rel=1e-9, abs=1e-13)
    return distances


@pytest.mark.parametrize("seed", pairs(range(40), [()], 3))
def test_distances_are_those_of_all_gradients(seed):
    network, rng = some_graph(seed)
    agree(network, rng.normal(size=(4, network.n_in)))


@pytest.mark.parametrize("seed", pairs(range(40), [()], 3))
def test_ties_and_equal_entries_count_as_they_should(seed):
    network, rng = some_graph(seed, exact=True, kinds=("max", "residual", "max", "concatenation"))
    points = np.round(rng.normal(size=(4, network.n_in)) * 4) / 4
    agree(network, points)


@pytest.mark.parametrize("seed", range(20))
def test_random_directions_find_the_same(seed):
    network, rng = some_graph(seed, most=12)
    agree(network, rng.normal(size=(6, network.n_in)), Effort(most_left=0, first=1))


def conv_net(seed, *, pool="max", residual=False, size=8, channels=4):
    """Return a small convolutional network made by the importers' builder."""
    rng = np.random.default_rng(seed)
    builder = Builder([(1, size, size)], "test")
    (value,) = builder.inputs()

    def conv(value, n_in, n_out, kernel=3):
        weight = rng.normal(size=(n_out, n_in, kernel, kernel)) * np.sqrt(2 / (n_in * kernel**2))
        around = (kernel // 2, kernel // 2)
        return operators.conv(builder, value, weight, rng.normal(size=n_out) * 0.1, (1, 1), (around, around), (1, 1))

    value = builder.activation(conv(value, 1, channels), lr.RELU)
    if residual:
        inner = builder.activation(conv(value, channels, channels), lr.leaky_relu(0.1))
        value = builder.activation(builder.add(conv(inner, channels, channels), value), lr.RELU)
    if pool == "max":
        value = operators.max_pool(builder, value, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    else:
        value = operators.average_pool(builder, value, (2, 2), (2, 2), ((0, 0), (0, 0)))
    value = builder.activation(conv(value, channels, channels), lr.RELU)
    value = builder.reshape(value, (value.n_units,))
    weight = rng.normal(size=(3, value.n_units)) / np.sqrt(value.n_units)
    return Network.from_graph(builder.finish(builder.linear(value, weight, (3,))))


def by_regions(network, points):
    """Return distances and neurons by the half-spaces of each point's activation region: all gradients."""
    found = []
    for x in points:
        region = network.region(x)
        distances = (region.bounds - region.normals @ x) / np.linalg.norm(region.normals, axis=1)
        nearest = distances.min()
        found.append((nearest, region.neurons[distances <= nearest * (1 + 1e-10)].min()))
    return tuple(map(np.array, zip(*found, strict=True)))


@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("proves", [True, False])
def test_convolutional_networks(pool, residual, proves):
    network = conv_net(0, pool=pool, residual=residual)
    points = np.random.default_rng(1).normal(size=(6, network.n_in))
    points[0] = 0.0  # every window ties, between different functions where it is not closed
    effort = Effort(10_000, 4) if proves else Effort(0, 0)
    found = distances_of(network, points, "activation", Options(), with_points=False, effort=effort)
    expected = by_regions(network, points)
    np.testing.assert_allclose(found.distances, expected[0], rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(found.neurons, expected[1])
    assert np.all((found.chances == 0) | (found.chances == 1e-12))
    assert proves == bool((found.chances[1:] == 0).all())


def test_threads_limits_and_batches_change_no_bit():
    network = conv_net(2, residual=True)
    points = np.random.default_rng(3).normal(size=(75, network.n_in))

    def measured(points, **kwargs):
        effort = Effort(most_left=3)  # of some points much is left, of others little
        found = distances_of(network, points, "activation", Options(**kwargs), with_points=True, effort=effort)
        return found.distances, found.neurons, found.nearest, found.chances

    whole = measured(points)
    assert 0 < np.count_nonzero(whole[3]) < 75
    for kwargs in ({"threads": 2}, {"threads": 3, "memory_limit": 30_000_000}, {"memory_limit": 10_000_000}):
        for one, other in zip(whole, measured(points, **kwargs), strict=True):
            np.testing.assert_array_equal(one, other)
    parts = [measured(part) for part in np.array_split(points, [1, 7, 40])]
    for k, one in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([part[k] for part in parts]), one)


def test_what_is_not_proved_is_told():
    network = conv_net(4, residual=True)
    points = np.random.default_rng(5).normal(size=(5, 8, 8))[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert boundary_distance(network, points).shape == (5, 1, 8)[:1]
    network = conv_net(4, residual=True, size=16, channels=8)
    points = np.random.default_rng(5).normal(size=(5, 16, 16))[:, None]
    with pytest.warns(UnprovedWarning, match=r"bounds prove \d of 5 distances; the others come from 12") as caught:
        boundary_distance(network, points)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, chances = boundary_distance(network, points, return_chances=True)
    assert chances.max() == 1e-12


def test_chances_of_chains_are_zero():
    _, chances = boundary_distance(lr.random_network([3, 4, 1], 0), np.ones((2, 3)), return_chances=True)
    assert chances.tolist() == [0.0, 0.0]


def test_the_chance_is_that_of_a_sum_of_squares():
    rng = np.random.default_rng(0)
    means = np.square(rng.normal(size=(200_000, 8))).mean(axis=1)
    for factor in (1.2, 1.5, 2.0):
        assert np.mean(means < factor**-2) == pytest.approx(chance_of(8, factor), rel=0.05)
    assert chance_of(32, factor_for(32, 1e-12)) == pytest.approx(1e-12, rel=1e-6)


def test_neurons_that_cancel_do_not_count():
    hand = Hand(one_site(2))
    # Two equal neurons, whose difference rounding alone does not leave zero.
    first = hand.step(
        hand.input.map(np.array([[0.1, 0.3], [0.1, 0.3], [1.0, 0.0]]), np.array([0.7, 0.7, 5.0])), lr.RELU
    )
    second = hand.step(first.map(np.array([[0.3, -0.3, 0.0]])) + hand.input.map(np.zeros((1, 2))), lr.RELU)
    graph = hand.finish(second + first.take([2]), (2,))
    network = Network.from_graph(graph)
    assert not network.is_chain
    assert graph.steps[0].terms[0].source == INPUT
    distance, neuron = boundary_distance(network, [1.0, 1.0], return_neurons=True)
    assert neuron == 0
    assert distance == pytest.approx(1.1 / np.sqrt(0.1))


def test_errors_say_what_would_do():
    network = conv_net(6)
    points = np.ones((1, network.n_in))
    with pytest.raises(MemoryLimitError, match=r"`memory_limit` is 1000 bytes, but boundary_distance needs") as caught:
        boundary_distance(network, points, memory_limit=1000)
    boundary_distance(network, points, memory_limit=caught.value.needed)
    with pytest.raises(NumericalError, match=r"`points` 0 to 0 make the network overflow"):
        boundary_distance(network, points * 1e308)


@pytest.mark.parametrize("seed", range(12))
def test_linear_boundaries_are_those_of_the_plane(seed):
    network, rng = some_graph(seed, n_in=2)
    part = lr.partition(network, lr.PlaneWindow.of_inputs([-6.0, -6.0], [6.0, 6.0]))
    edges = part.edges[part.is_boundary_of("linear") & (part.edge_neuron >= 0)]
    corners = part.window.origin + part.vertices @ part.window.basis
    a, step = corners[edges[:, 0]], corners[edges[:, 1]] - corners[edges[:, 0]]
    points = rng.uniform(-1, 1, size=(5, 2))
    distances, neurons, nearest = boundary_distance(
        network, points, kind="linear", return_neurons=True, return_points=True
    )
    for x, d, neuron, p in zip(points, distances, neurons, nearest, strict=True):
        share = np.clip(((x - a) * step).sum(axis=1) / (step**2).sum(axis=1), 0.0, 1.0)
        apart = np.linalg.norm(a + share[:, None] * step - x, axis=1)
        expected = apart.min(initial=np.inf)
        if min(d, expected) > 4.5:  # beyond the window's border there may be nearer ones
            continue
        assert d == pytest.approx(expected, abs=1e-8)
        assert neuron in part.edge_neuron[part.is_boundary_of("linear") & (part.edge_neuron >= 0)][apart <= d + 1e-8]
        assert np.linalg.norm(p - x) == pytest.approx(d, rel=1e-7)


def test_other_units_of_inputs_change_nothing():
    network, rng = some_graph(1, n_in=3)
    unit = 2.0**300
    large = in_units(network, 1 / unit, "network", "test")
    points = rng.normal(size=(4, 3))
    for kind in ("activation", "linear"):
        found = boundary_distance(large, points * unit, kind=kind)
        np.testing.assert_allclose(found / unit, boundary_distance(network, points, kind=kind), rtol=1e-12)
    with pytest.raises(NumericalError, match=r"`network` overflows where inputs are as large as"):
        in_units(in_units(network, 2.0**1000, "network", "test"), 2.0**100, "network", "test")


def test_density_and_local_complexity_of_a_graph():
    network, _ = some_graph(3, n_in=2)
    exact = lr.boundary_density(network, -1.0, 1.0, rng=0)
    chords = lr.boundary_density(network, -1.0, 1.0, rng=0, method="chords", n_chords=2000)
    assert exact.stderr == 0
    assert abs(exact.value - chords.value) < 5 * chords.stderr
    found = lr.local_complexity(network, np.zeros((2, 2)), 0.5, rng=1)
    assert np.all(found.sign_changes <= found.frame_switches)
    assert np.all(found.plane_regions >= 1)


def test_a_graph_whose_weights_are_shared_cannot_be_perturbed():
    network, _ = some_graph(3, n_in=2)
    with pytest.raises(UnsupportedModuleError, match=r"`network` is a graph of \d+ steps"):
        perturbed_counts(network, lr.Segment([0.0, 0.0], [1.0, 1.0]), 0.1, 2, 0)
