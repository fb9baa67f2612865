"""Patterns at points where two entries of a maximum are one function, written in two ways: the lowest entry wins."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from tests.reference.exact_graphs import ExactGraph
from tests.support.hand_graphs import Hand, one_site, shuffled, stack
from tests.support.tiny_models import cases, tiny


def written_twice(seed: int) -> Network:
    """Return a maximum of the same sum, added up in two orders, and of another one."""
    rng = np.random.default_rng(seed)
    hand, size = Hand(one_site(2)), 12
    value = hand.step(hand.input.map(rng.normal(size=(size, 2)), rng.normal(size=size)), lr.RELU)
    weights, order = rng.normal(size=(1, size)), rng.permutation(size)
    moved = hand.step(value.take(order.tolist()), layout=shuffled(size, rng))
    other = value.map(rng.normal(size=(1, size)))
    entries = stack(value.map(weights), moved.map(weights[:, order]), other)
    return Network.from_graph(hand.finish(hand.largest(entries, [[0, 1, 2]]), (2,)))


@pytest.mark.parametrize("seed", range(8))
def test_the_lowest_of_two_ways_to_write_a_sum_wins(seed: int) -> None:
    network = written_twice(seed)
    winners = network.patterns(np.random.default_rng(seed).normal(size=(500, 2)))[:, -1]
    assert set(winners.tolist()) <= {0, 2}
    part = lr.partition(network, lr.PlaneWindow.of_inputs([-2, -2], [2, 2]))
    assert set(part.patterns[:, -1].tolist()) <= {0, 2}


@pytest.mark.parametrize(("name", "seed"), cases())
def test_patterns_are_those_of_exact_arithmetic(name: str, seed: int) -> None:
    model = tiny(name, seed)
    exact, network = ExactGraph(model.graph), Network.from_graph(model.graph)
    points = np.random.default_rng(seed).normal(size=(20, network.n_in))
    for point, pattern in zip(points, network.patterns(points).tolist(), strict=True):
        assert pattern == exact.evaluate([Fraction(x) for x in point.tolist()])[0]
        assert network.region(point).pattern.tolist() == pattern
