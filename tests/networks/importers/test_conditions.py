"""Choices by a condition: continuous ones become activations, others are none."""

from __future__ import annotations

import numpy as np
import pytest

from linregions.networks.activations import RELU, leaky_relu
from linregions.networks.importers.conditions import choose
from linregions.networks.importers.values import Builder


def made(build):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 3)), rng.normal(size=4)
    builder = Builder([(3,)], "from_tests")
    (value,) = builder.inputs()
    hidden = builder.linear(value, weight, (4,), bias)
    result = build(builder, hidden)
    if result is None:
        return None, None, None
    points = rng.normal(size=(200, 3))
    return builder.finish(result), points, points @ weight.T + bias


def test_a_leaky_relu_by_hand_is_one():
    graph, points, z = made(lambda b, z: choose(b, z, z, b.scale(z, 0.1)))
    np.testing.assert_allclose(graph(points), np.where(z > 0, z, 0.1 * z), rtol=1e-13, atol=1e-14)
    assert [step.activation for step in graph.steps[:1]] == [leaky_relu(0.1)]


def test_a_mask_is_a_relu():
    graph, points, z = made(lambda b, z: choose(b, z, z, np.zeros(())))
    np.testing.assert_array_equal(graph(points), np.maximum(z, 0))
    assert graph.steps[0].activation == RELU


def test_a_threshold_at_its_own_level():
    graph, points, z = made(lambda b, z: choose(b, b.add(z, np.float64(-0.3)), z, np.full((), 0.3)))
    np.testing.assert_allclose(graph(points), np.maximum(z, 0.3), rtol=1e-13, atol=1e-14)


def test_below_need_not_be_a_multiple():
    graph, points, z = made(lambda b, z: choose(b, b.add(z, np.float64(-1.0)), b.scale(z, 2.0), b.add(z, np.ones(()))))
    np.testing.assert_allclose(graph(points), np.where(z > 1, 2 * z, z + 1), rtol=1e-13, atol=1e-14)


def test_slopes_of_their_own():
    slopes = np.array([0.1, 0.2, -1.0, 0.0])
    graph, points, z = made(lambda b, z: choose(b, z, z, b.scale(z, slopes)))
    np.testing.assert_allclose(graph(points), np.where(z > 0, z, slopes * z), rtol=1e-13, atol=1e-14)


def test_the_condition_may_be_a_multiple_of_the_value():
    graph, points, z = made(lambda b, z: choose(b, b.scale(z, -3.0), b.scale(z, 0.25), z))
    np.testing.assert_allclose(graph(points), np.where(z < 0, 0.25 * z, z), rtol=1e-13, atol=1e-14)


def test_both_sides_equal_need_no_switch():
    graph, points, z = made(lambda b, z: choose(b, z, z, z))
    np.testing.assert_allclose(graph(points), z, rtol=1e-13, atol=1e-14)
    assert all(step.activation.n_breakpoints == 0 for step in graph.steps)


@pytest.mark.parametrize(
    "build",
    [
        lambda b, z: choose(b, z, np.ones(()), np.zeros(())),
        lambda b, z: choose(b, b.add(z, np.float64(1e-6)), z, np.zeros(())),
        lambda b, z: choose(b, z, b.add(z, np.float64(1e-6)), np.zeros(())),
        lambda b, z: choose(b, z, b.gather(z, np.array([1, 0, 2, 3])), np.zeros(())),
    ],
)
def test_jumps_are_none(build):
    assert made(build)[0] is None
