"""Good neurons of graphs, against paths multiplied out in rational numbers."""

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.networks.branching import Branching
from linregions.networks.good import good_changes, good_neurons
from linregions.networks.graph import INPUT
from tests.reference.graph_exact import ExactGraph
from tests.support.graphs import Builder, Form, random_graph


@pytest.mark.parametrize("seed", range(120))
def test_good_neurons_are_those_of_exact_paths(seed):
    rng = np.random.default_rng(seed)
    # Small multiples of 1/8, whose products have no rounding, so that what cancels does so exactly.
    graph = random_graph(rng, exact=True, stages=int(rng.integers(2, 6)))
    network, twin = Network.from_graph(graph), ExactGraph(graph)
    points = np.round(rng.normal(size=(4, graph.n_in)) * 8) / 8
    found = good_neurons(network, network.patterns(points))
    assert found.dtype == bool
    for k, point in enumerate(points):
        assert found[k].tolist() == twin.good_neurons(point)


def test_through_a_window_only_the_winner_is_reached():
    builder = Builder(np.random.default_rng(0), 2)
    units = builder.step(Form({INPUT: np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])}, np.zeros(3)), lr.RELU)
    windows = builder.max(units, [[0, 1], [1, 2]])
    network = Network.from_graph(builder.finish(windows.then(np.array([[1.0, 0.0]]))))
    patterns = network.patterns([[3.0, 1.0], [1.0, 3.0]])
    assert patterns[:, 3:].tolist() == [[0, 1], [1, 1]]
    # The second window reaches no output, so neither does its winner.
    assert good_neurons(network, patterns).tolist() == [
        [True, False, False, True, False],
        [False, True, False, True, False],
    ]


@pytest.mark.parametrize("seed", range(10))
def test_the_graph_of_a_chain_has_the_same_good_neurons(seed):
    rng = np.random.default_rng(seed)
    chain = lr.random_network([3, 70, 5, 4, 2], rng, activation=[lr.RELU, lr.HARD_TANH, lr.RELU], bias_variance=0.5)
    layers = [(np.where(rng.random(a.weight.shape) < 0.4, a.weight, 0.0), a.bias) for a in chain.layers]
    chain = Network.from_layers(layers, chain.activations)
    graph = Network._of(Branching(chain.graph))
    patterns = chain.patterns(rng.normal(size=(30, 3)))
    np.testing.assert_array_equal(good_neurons(graph, patterns), good_neurons(chain, patterns))


@pytest.mark.parametrize("seed", range(10))
def test_changes_of_good_neurons(seed):
    rng = np.random.default_rng(seed)
    network = Network.from_graph(random_graph(rng))
    patterns = network.patterns(rng.normal(size=(12, network.n_in)))
    good = good_neurons(network, patterns)
    left, right = rng.integers(0, 12, (2, 40))
    expected = [
        any(patterns[a, j] != patterns[b, j] and (good[a, j] or good[b, j]) for j in range(network.n_neurons))
        for a, b in zip(left, right, strict=True)
    ]
    assert good_changes(network, patterns, left, right).tolist() == expected
