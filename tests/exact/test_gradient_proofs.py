"""Gradients in whole numbers, where residues are no proof."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.exact.gradient_proofs import gradients_differ
from tests.reference.gradients_exact import exact_gradient
from tests.reference.graph_exact import ExactGraph
from tests.support.graphs import random_graph
from tests.support.zoo import integer_network


@pytest.mark.parametrize("seed", range(20))
def test_of_graphs(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, exact=True, stages=int(rng.integers(1, 5)), most=5)
    network, twin = Network.from_graph(graph), ExactGraph(graph)
    points = np.round(rng.normal(size=(5, graph.n_in)) * 16) / 16
    gradients = [twin.gradient(point) for point in points]
    pairs = np.array(list(itertools.combinations(range(5), 2)))
    found = gradients_differ(network, network.patterns(points), pairs[:, 0], pairs[:, 1])
    assert found.tolist() == [gradients[a] != gradients[b] for a, b in pairs]


@pytest.mark.parametrize("activation", [lr.RELU, lr.ABS, lr.HARD_TANH])
def test_of_chains(activation):
    rng = np.random.default_rng(0)
    for _ in range(5):
        layers = [(layer.weight, layer.bias) for layer in integer_network([2, 4, 4, 1], rng).layers]
        network = Network.from_layers(layers, activation)
        patterns = network.patterns(rng.normal(size=(8, 2)) * 2)
        gradients = [exact_gradient(network, pattern) for pattern in patterns.tolist()]
        pairs = np.array(list(itertools.combinations(range(8), 2)))
        found = gradients_differ(network, patterns, pairs[:, 0], pairs[:, 1])
        assert found.tolist() == [gradients[a] != gradients[b] for a, b in pairs]


def test_a_partition_that_is_certified_trusts_no_residue(monkeypatch):
    """Were all residues equal by chance, the count would be right nevertheless."""
    from linregions.regions.lines import patterns

    network = lr.random_network([3, 8, 8, 2], 0)
    line = lr.Line([0.0, 0.1, 0.2], [1.0, -1.0, 0.5])
    wanted = lr.partition(network, line).n_gradient_regions
    assert wanted > 3
    monkeypatch.setattr(patterns, "gradient_boundaries", lambda network, p, left, right: np.zeros(len(left), bool))
    assert lr.partition(network, line).n_gradient_regions == 1
    assert lr.partition(network, line, certify=True).n_gradient_regions == wanted
    assert lr.count_regions(network, line, "gradient", certify=True) == wanted
    cancelling = Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    assert lr.count_regions(cancelling, lr.Line([0.0], [1.0]), "gradient", certify=True) == 1
