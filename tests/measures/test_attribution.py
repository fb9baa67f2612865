"""Integrated gradients: completeness, closed forms, a fine sum."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError
from tests.support import zoo


@pytest.mark.parametrize(
    ("widths", "activation"),
    [([7, 24, 24, 3], lr.RELU), ([5, 16, 12, 16, 2], lr.HARD_TANH), ([4, 9, 1], lr.ABS), ([6, 2], lr.RELU)],
)
def test_completeness(widths: list[int], activation: lr.PiecewiseLinear) -> None:
    rng = np.random.default_rng(3)
    net = zoo.float_network(widths, rng, activation)
    x, baseline = 3 * rng.normal(size=(150, widths[0])), 3 * rng.normal(size=widths[0])
    found = lr.integrated_gradients(net, baseline, x)
    assert found.shape == (150, widths[-1], widths[0])
    change = net(x) - net(baseline)
    assert np.abs(found.sum(axis=2) - change).max() <= 1e-12 * max(1.0, np.abs(change).max())
    for output in range(widths[-1]):
        np.testing.assert_allclose(
            lr.integrated_gradients(net, baseline, x, output=output), found[:, output], atol=1e-13
        )


def test_against_a_fine_sum() -> None:
    rng = np.random.default_rng(4)
    net = zoo.float_network([5, 14, 14, 2], rng)
    x, baseline = rng.normal(size=5), rng.normal(size=5)
    n = 4000
    t = (np.arange(n) + 0.5) / n
    points = baseline + t[:, None] * (x - baseline)
    step = 1e-7
    shifted = points[:, None] + step * np.concatenate([np.eye(5), -np.eye(5)])
    values = net(shifted)  # (n, 10, 2)
    gradients = (values[:, :5] - values[:, 5:]) / (2 * step)
    expected = gradients.mean(axis=0).T * (x - baseline)
    np.testing.assert_allclose(lr.integrated_gradients(net, baseline, x), expected, atol=2e-3)


def test_in_closed_form() -> None:
    net = Network.from_layers([([[1.0, 1.0]], [-1.0]), ([[1.0]], [0.0])])  # relu(x + y - 1)
    # From (0, 0) to (2, 1) the neuron is open for the last two thirds of the way.
    np.testing.assert_allclose(lr.integrated_gradients(net, [0.0, 0.0], [2.0, 1.0]), [[4 / 3, 2 / 3]], rtol=1e-15)
    product = Network.from_layers([([[1.0, -1.0], [1.0, 0.0]], [0.0, 0.0]), ([[-1.0, 1.0]], [0.0])])
    # x - relu(x - y) = min(x, y) for x >= 0: to (2, 1) all goes to y
    np.testing.assert_allclose(lr.integrated_gradients(product, [0.0, 0.0], [2.0, 1.0]), [[0.0, 1.0]], atol=1e-15)


def test_shapes_baselines_and_points_that_are_them() -> None:
    rng = np.random.default_rng(5)
    net = zoo.float_network([3, 8, 2], rng)
    x, baselines = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3))
    found = lr.integrated_gradients(net, baselines, x)
    assert found.shape == (2, 4, 2, 3)
    np.testing.assert_allclose(found[1, 2], lr.integrated_gradients(net, baselines[1, 2], x[1, 2]), atol=1e-14)
    assert lr.integrated_gradients(net, x[0, 0], x[0, 0], output=1).tolist() == [0.0, 0.0, 0.0]
    assert lr.integrated_gradients(net, x[0, 0], np.empty((0, 3))).shape == (0, 2, 3)


def test_images() -> None:
    net = lr.random_network([784, 16, 2], 0)
    images = np.random.default_rng(7).uniform(size=(3, 1, 28, 28))
    found = lr.integrated_gradients(net, np.zeros((28, 28)), images)
    assert found.shape == (3, 2, 784)
    np.testing.assert_array_equal(found, lr.integrated_gradients(net, np.zeros(784), images.reshape(3, 784)))


def test_many_regions_and_bits_that_do_not_depend_on_the_batch() -> None:
    net = lr.random_network([20, 64, 64, 64, 10], 0, bias_variance=0.1)
    rng = np.random.default_rng(6)
    x, baseline = 5 * rng.normal(size=(70, 20)), -5 * rng.normal(size=20)
    found = lr.integrated_gradients(net, baseline, x, output=3)
    change = (net(x) - net(baseline))[:, 3]
    assert np.abs(found.sum(axis=1) - change).max() <= 1e-12 * np.abs(change).max()
    np.testing.assert_array_equal(lr.integrated_gradients(net, baseline, x[66], output=3), found[66])


def test_what_does_not_fit() -> None:
    net = zoo.float_network([3, 8, 2], np.random.default_rng(0))
    with pytest.raises(InvalidTypeError, match=r"but integrated_gradients needs"):
        lr.integrated_gradients([], [0.0] * 3, [1.0] * 3)
    with pytest.raises(
        InvalidValueError, match=r"`x` has shape \(2,\), but integrated_gradients needs a last axis of 3"
    ):
        lr.integrated_gradients(net, [0.0] * 3, [1.0] * 2)
    with pytest.raises(InvalidValueError, match=r"`baseline` has shape \(4, 3\) and `x` \(5, 3\), but"):
        lr.integrated_gradients(net, np.zeros((4, 3)), np.zeros((5, 3)))
    with pytest.raises(InvalidValueError, match=r"`output` is 2, but integrated_gradients needs one below"):
        lr.integrated_gradients(net, [0.0] * 3, [1.0] * 3, output=2)
    with pytest.raises(InvalidValueError, match="`x` holds 1 NaN"):
        lr.integrated_gradients(net, [0.0] * 3, [1.0, np.nan, 0.0])


def test_overflow_names_what_was_given() -> None:
    net = zoo.float_network([2, 8, 2], np.random.default_rng(0))
    with pytest.raises(NumericalError, match=r"`x` has coordinates up to 2e\+300 and its `baseline` up to 3, between"):
        lr.integrated_gradients(net, [3.0, 0.0], [1.0, -2e300])
    x = np.zeros((2, 70, 2))
    x[1, 5] = 1e305, 0.0
    with pytest.raises(
        NumericalError, match=r"`x\[1, 5\]` has coordinates up to 1e\+305 .* Give `x` and `baseline` of"
    ):
        lr.integrated_gradients(net, [1.0, 1.0], x)
    steep = Network.from_layers([(np.full((3, 2), 1e200), [0.0, 1.0, 2.0]), (np.full((2, 3), 1e200), [0.0, 0.0])])
    with pytest.raises(NumericalError, match=r"`x` has .* gradients of `network` overflow"):
        lr.integrated_gradients(steep, [0.0, 0.0], [1.0, 1.0])
    # What the message tells to do works.
    small = lr.integrated_gradients(net, [3.0, 0.0], [1.0, -2e100])
    assert np.all(np.isfinite(small))
