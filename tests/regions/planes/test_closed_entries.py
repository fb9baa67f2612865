"""Entries of a maximum that are closed together tie on whole regions: that is no decision of rounding."""

from __future__ import annotations

import numpy as np
import pytest

from linregions import RELU, Network, PlaneWindow, partition
from tests.support.graph_cases import some_lines
from tests.support.hand_graphs import Hand, pixels, shuffled


def pooled(seed: int) -> Network:
    """Return maxima of three units each after ReLU, with another layer after them."""
    rng = np.random.default_rng(seed)
    hand = Hand(shuffled(3, rng))
    value = hand.step(hand.input.map(rng.normal(size=(12, 3)), rng.normal(size=12) - 0.7), RELU, shuffled(12, rng))
    value = hand.largest(value, [[3 * k, 3 * k + 1, 3 * k + 2] for k in range(4)], rng)
    value = hand.step(value.map(rng.normal(size=(4, 4)), rng.normal(size=4)), RELU, shuffled(4, rng))
    return Network.from_graph(hand.finish(value.map(rng.normal(size=(2, 4)), np.zeros(2)), (3,)))


def convolutional(seed: int) -> Network:
    """Return maxima of four neighbours each, one after the other, of a convolution of 36 numbers, as in LeNet."""
    rng = np.random.default_rng(seed)
    hand = Hand(pixels(1, 36))
    kernel, matrix = rng.normal(size=(4, 5)), np.zeros((4, 32, 36))
    for i in range(32):
        matrix[:, i, i : i + 5] = kernel
    value = hand.step(hand.input.map(matrix.reshape(128, 36), 0.3 * np.repeat(rng.normal(size=4), 32)), RELU)
    value = hand.largest(value, [[4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3] for k in range(32)])
    value = hand.step(value.map(rng.normal(size=(12, 32)) / 6, rng.normal(size=12)), RELU)
    return Network.from_graph(hand.finish(value.map(rng.normal(size=(2, 12)), np.zeros(2)), (36,)))


@pytest.mark.parametrize("seed", range(4))
def test_closed_entries_are_no_doubt(seed: int) -> None:
    network = pooled(seed)
    basis = np.random.default_rng(seed).normal(size=(2, 3))
    window = PlaneWindow.square(np.zeros(3), basis, 2.0)
    found = partition(network, window)
    assert np.any(~found.patterns[:, :12].reshape(-1, 4, 3).any(axis=2)), "none is closed"
    assert found.diagnostics["undecided"] == 0
    assert [part.diagnostics["undecided"] for part in partition(network, some_lines(window))] == [0] * 4


@pytest.mark.parametrize("seed", range(2))
def test_entries_that_are_zero_on_the_border_of_a_cell_are_no_doubt(seed: int) -> None:
    network = convolutional(seed)
    window = PlaneWindow.through(*np.random.default_rng(seed).normal(size=(3, 36)))
    found = partition(network, window)
    assert found.n_regions > 9_000
    assert (found.diagnostics["undecided"], found.diagnostics["snapped_signs"]) == (0, 0)
