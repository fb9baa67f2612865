"""Where gradients of graphs differ, modulo primes, against rational numbers."""

import itertools

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.exact.gradients import gradient_boundaries
from linregions.networks.branching import Branching
from linregions.networks.graph import INPUT
from tests.reference.graph_exact import ExactGraph
from tests.support.graphs import Builder, Form, random_graph


@pytest.mark.parametrize("seed", range(60))
def test_gradients_differ_where_those_of_rational_numbers_do(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, exact=True, stages=int(rng.integers(1, 5)), most=5)
    network, twin = Network.from_graph(graph), ExactGraph(graph)
    points = np.round(rng.normal(size=(6, graph.n_in)) * 16) / 16
    gradients = [twin.gradient(point) for point in points]
    pairs = np.array(list(itertools.combinations(range(6), 2)))
    found = gradient_boundaries(network, network.patterns(points), pairs[:, 0], pairs[:, 1])
    assert found.tolist() == [gradients[a] != gradients[b] for a, b in pairs]


def test_winners_that_are_equal_functions_have_one_gradient():
    builder = Builder(np.random.default_rng(0), 2)
    entries = Form({INPUT: np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])}, np.array([0.0, 0.0, 0.1]))
    network = Network.from_graph(builder.finish(builder.max(entries, [[0, 1, 2]])))
    patterns = np.array([[0], [1], [2]], dtype=np.uint8)
    assert gradient_boundaries(network, patterns, np.array([0, 0, 1]), np.array([1, 2, 2])).tolist() == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("seed", range(5))
def test_many_terms_are_summed_without_rounding(seed):
    rng = np.random.default_rng(seed)
    chain = lr.random_network([2, 5000, 4, 3], rng, bias_variance=0.5)
    graph = Network._of(Branching(chain.graph))
    patterns = chain.patterns(rng.normal(size=(4, 2)) * 1e-3)
    patterns[1] = patterns[0]
    patterns[2], patterns[2, 7] = patterns[0], 1 - patterns[0, 7]
    left, right = np.array([0, 0, 0, 1]), np.array([1, 2, 3, 2])
    expected = gradient_boundaries(chain, patterns, left, right)
    np.testing.assert_array_equal(gradient_boundaries(graph, patterns, left, right), expected)
    assert not expected[0]
