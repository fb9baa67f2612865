"""Decision boundaries and level sets of graphs in planes, against exact arithmetic."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.exact.graph_equal_outputs import are_same, have_same_slope
from linregions.networks.graph import INPUT
from tests.reference.exact_graph_partitions import graph_plane
from tests.support.graphs import Builder, Form, random_graph


def lengths(window, boundary):
    found = Counter()
    ends = np.linalg.norm((boundary.segments[:, 1] - boundary.segments[:, 0]) @ window.basis, axis=1)
    for classes, length in zip(boundary.classes.tolist(), ends.tolist(), strict=True):
        found[tuple(sorted(classes))] += length
    return found


def expected_lengths(pieces):
    found = Counter()
    for piece in pieces:
        found[tuple(sorted(piece.classes))] += piece.length
    return found


def assert_close(found, expected):
    for classes in found.keys() | expected.keys():
        assert found[classes] == pytest.approx(expected[classes], rel=1e-7, abs=1e-7), classes


@pytest.mark.parametrize("seed", range(24))
def test_decisions_are_those_of_the_exact_twin(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, n_in=int(rng.integers(2, 4)), n_out=int(rng.integers(1, 4)), most=5)
    network = Network.from_graph(graph)
    basis = np.linalg.qr(rng.normal(size=(graph.n_in, 2)))[0].T
    window = lr.PlaneWindow.square(rng.normal(size=graph.n_in), basis, 2.0)
    part, exact = lr.partition(network, window), graph_plane(graph, window, network)
    for decision in ("argmax", "argmin"):
        boundary = part.decision_boundary(decision)
        assert boundary.diagnostics["undecided"] == 0
        assert_close(lengths(window, boundary), expected_lengths(exact.decision_pieces(decision)))
    level = float(np.round(network(window.origin)[0] * 8) / 8) + 0.1
    found = part.level_set(0, level)
    assert_close(lengths(window, found), expected_lengths(exact.level_pieces(0, level)))


def test_outputs_that_are_equal_where_units_are_closed():
    builder = Builder(np.random.default_rng(0), 2)
    units = builder.step(Form({INPUT: np.eye(2)}, np.zeros(2)), lr.RELU)
    skip = builder.tensor(INPUT).then(np.array([[1.0, 1.0], [1.0, 1.0]]))
    network = Network.from_graph(builder.finish(units.then(np.array([[0.0, 0.0], [0.0, 1.0]])) + skip))
    assert not network.is_chain
    closed, open_ = (np.array(pattern, dtype=np.uint8) for pattern in ([1, 0], [1, 1]))
    assert are_same(network, closed, 0, 1)
    assert not are_same(network, open_, 0, 1)
    assert have_same_slope(network, np.array([1.0, 0.0]), open_, 0, 1)
    assert not have_same_slope(network, np.array([1.0, 1.0]), open_, 0, 1)
    assert have_same_slope(network, np.array([1.0, 1.0]), closed, 0, 1)
    # The same function as a chain: ties along whole regions are found and counted alike.
    signs = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    outputs = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, -1.0, 2.0, -1.0]])
    chain = Network.from_layers([(signs, np.zeros(4)), (outputs, np.zeros(2))])
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    found, expected = (lr.partition(each, window).decision_boundary() for each in (network, chain))
    assert found.diagnostics["undecided"] == expected.diagnostics["undecided"]
    assert lengths(window, found) == lengths(window, expected) == {(0, 1): 2.0}


def test_outputs_of_any_unit():
    rng = np.random.default_rng(3)
    graph = random_graph(rng, n_in=2, n_out=3, kinds=("residual", "max"))
    network, window = Network.from_graph(graph), lr.PlaneWindow.of_inputs([-2, -2], [2, 2])
    expected = lr.partition(network, window).decision_boundary()
    for exponent in (-1000, 900):
        found = lr.partition(network.in_unit(exponent), window).decision_boundary()
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_allclose(found.segments, expected.segments, rtol=1e-9, atol=1e-9)
