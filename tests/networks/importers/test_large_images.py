"""Operators by sites, as large ones are: the same network as unit by unit; large images are imported or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import MemoryLimitError
from linregions.networks.importers import operators
from linregions.networks.importers.matrices import Matrices
from linregions.networks.importers.site_matrix import SiteMatrix, by_windows, from_moves, from_sites
from linregions.networks.importers.values import Builder

pytest.importorskip("scipy")


def random_matrix(rng, n_out=5, n_in=6, out=3, into=2, blocks=4):
    windows = np.stack([rng.permutation(n_in)[:blocks] for _ in range(n_out)])
    windows[rng.random(windows.shape) < 0.3] = -1
    return by_windows(windows, rng.normal(size=(blocks, into, out)), n_in)


def dense(matrix: Any) -> np.ndarray:
    return Matrices("test", "torch").dense(matrix)


@pytest.mark.parametrize("seed", range(10))
def test_algebra(seed):
    rng = np.random.default_rng(seed)
    matrices = Matrices("test", "torch")
    first, second = random_matrix(rng), random_matrix(rng)
    whole = dense(first)
    assert whole.shape == first.shape == (15, 12)
    assert first.nnz == np.count_nonzero(whole)
    vector, factors = rng.normal(size=12), rng.normal(size=15)
    np.testing.assert_allclose(first @ vector, whole @ vector, rtol=1e-12)
    np.testing.assert_array_equal(dense(matrices.scaled(first, factors)), whole * factors[:, None])
    by_channel = np.repeat(rng.normal(size=3), 5)
    assert len(first.scaled(by_channel).blocks) == len(first.blocks)
    np.testing.assert_array_equal(dense(first.scaled(by_channel)), whole * by_channel[:, None])
    total = matrices.total(first, second)
    assert isinstance(total, SiteMatrix)
    np.testing.assert_allclose(dense(total), whole + dense(second), rtol=1e-12)
    np.testing.assert_allclose(dense(total.total(first)), 2 * whole + dense(second), rtol=1e-12)
    np.testing.assert_array_equal(dense(matrices.transposed(first)), whole.T)
    np.testing.assert_array_equal(dense(first.picked([2, 0])), whole.reshape(3, 5, 12)[[2, 0]].reshape(10, 12))
    among = dense(first.among(1, 2)).reshape(6, 5, 12)
    np.testing.assert_array_equal(among[1:4], whole.reshape(3, 5, 12))
    assert not among[[0, 4, 5]].any()
    # Pairs of sites come once, in order.
    keys = total.out_site * total.n_in + total.in_site
    assert np.all(np.diff(keys) > 0)


@pytest.mark.parametrize("seed", range(10))
def test_products_with_moves(seed):
    rng = np.random.default_rng(seed)
    matrices = Matrices("test", "torch")
    matrix = random_matrix(rng)
    # Two of four channels of an image of 3 x 3 in two places, moved, with zeros around, and multiplied.
    index = np.full((2, 6), -1)
    read = rng.permutation(6)[:4]
    index[:, read] = np.array([[3], [1]]) * 9 + rng.permutation(9)[:4]
    factors = np.repeat(rng.normal(size=2), 6)
    moves = matrices.scaled(matrices.selection(index.ravel(), 36), factors)
    product = matrices.product(matrix, moves)
    np.testing.assert_allclose(dense(product), dense(matrix) @ dense(moves), rtol=1e-12, atol=1e-12)
    same = matrices.selection(np.array([[-1, 2, 0, 5, 1, -1], [-1, 8, 6, 11, 7, -1]]).ravel(), 12)
    assert from_moves(same, 2) is not None
    composed = matrices.product(matrix, same)
    assert isinstance(composed, SiteMatrix)
    np.testing.assert_allclose(dense(composed), dense(matrix) @ dense(same), rtol=1e-12, atol=1e-12)
    mixed = matrices.selection(rng.permutation(12), 12)
    np.testing.assert_allclose(
        dense(matrices.product(matrix, mixed)), dense(matrix) @ dense(mixed), rtol=1e-12, atol=1e-12
    )
    pool = from_sites(matrices.from_entries(rng.normal(size=6), np.array([0, 0, 1, 1, 2, 2]), np.arange(6), (3, 6)), 2)
    assert pool.shape == (6, 12)


def built(threshold, make, monkeypatch):
    monkeypatch.setattr(operators, "BY_SITES", threshold)
    return make()


def assert_equal_networks(first, second, n_in):
    """The same functions, neurons and pieces."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(60, n_in)), np.zeros((1, n_in))])
    np.testing.assert_allclose(first(points), second(points), rtol=1e-9, atol=1e-9)
    assert first.n_neurons == second.n_neurons
    if first.n_neurons:  # rounding and ties at most
        assert np.mean(first.patterns(points[:-1]) != second.patterns(points[:-1])) < 1e-3


OPERATORS = {
    "conv": lambda b, x, w: operators.conv(b, x, w(6, 4, 3, 3), w(6), (2, 1), [(1, 1), (0, 2)], (1, 2)),
    "grouped": lambda b, x, w: operators.conv(b, x, w(6, 2, 3, 3), None, (1, 1), [(1, 1)] * 2, (1, 1), groups=2),
    "depthwise": lambda b, x, w: operators.conv(b, x, w(8, 1, 3, 3), w(8), (1, 1), [(1, 1)] * 2, (1, 1), groups=4),
    "transposed": lambda b, x, w: operators.conv(
        b, x, w(4, 3, 3, 3), w(3), (2, 2), [(1, 1)] * 2, (1, 1), transposed=True, output_padding=(1, 0)
    ),
    "transposed, grouped": lambda b, x, w: operators.conv(
        b, x, w(4, 3, 2, 2), None, (2, 2), [(0, 0)] * 2, (1, 1), groups=2, transposed=True
    ),
    "average": lambda b, x, w: operators.average_pool(b, x, (3, 3), (2, 2), [(1, 1)] * 2, include_padding=False),
    "max": lambda b, x, w: operators.max_pool(b, x, (2, 2), (2, 2), [(0, 0)] * 2, (1, 1)),
    "max, overlapping": lambda b, x, w: operators.max_pool(b, x, (3, 3), (2, 2), [(1, 1)] * 2, (1, 1)),
    "max, ceil": lambda b, x, w: operators.max_pool(b, x, (3, 2), (2, 3), [(1, 1), (0, 0)], (1, 2), ceil_mode=True),
    "max of one": lambda b, x, w: operators.max_pool(b, x, (1, 1), (2, 2), [(0, 0)] * 2, (1, 1)),
}


@pytest.mark.parametrize("second", [None, "grouped", "max, overlapping"])
@pytest.mark.parametrize("key", OPERATORS)
def test_operators_by_sites(key, second, monkeypatch):
    def make():
        rng = np.random.default_rng(0)

        def weights(*shape):
            return rng.normal(size=shape)

        builder = Builder([(1, 4, 7, 6)], "test", batch=True)
        (x,) = builder.inputs()
        value = operators.conv(builder, x, weights(4, 4, 1, 1), weights(4), (1, 1), [(0, 0)] * 2, (1, 1))
        value = OPERATORS[key](builder, value, weights)
        channels = value.shape[1]
        value = builder.add(builder.scale(value, weights(channels, 1, 1)), weights(channels, 1, 1))
        if second is not None:
            value = builder.activation(value, lr.RELU) if key.startswith("conv") else value
            if channels != 4:
                value = operators.conv(builder, value, weights(4, channels, 1, 1), None, (1, 1), [(0, 0)] * 2, (1, 1))
            value = OPERATORS[second](builder, value, weights)
        return lr.Network.from_graph(builder.finish(value))

    by_units, by_sites = built(1 << 60, make, monkeypatch), built(1, make, monkeypatch)
    assert_equal_networks(by_units, by_sites, 168)


@pytest.mark.parametrize("name", ["LeNet", "VGG", "ResNet", "DenseNet", "UNet", "Shared"])
def test_networks_by_sites(name, monkeypatch):
    torch = pytest.importorskip("torch")
    networks = pytest.importorskip("tests.support.torch_networks")
    module = networks.trained(name, steps=1)
    example = torch.zeros(1, *module.shape)
    by_units = built(1 << 60, lambda: lr.from_torch(module, example), monkeypatch)
    by_sites = built(1, lambda: lr.from_torch(module, example), monkeypatch)
    assert_equal_networks(by_units, by_sites, int(np.prod(module.shape)))
    x = np.random.default_rng(0).uniform(size=(2, by_sites.n_in))
    line = lr.Segment(x[0], x[1])
    assert lr.count_regions(by_sites, line) == lr.count_regions(by_units, line) > 1


def test_a_large_image_is_imported():
    builder = Builder([(1, 3, 224, 224)], "test", batch=True)
    (x,) = builder.inputs()
    rng = np.random.default_rng(0)
    value = operators.conv(builder, x, rng.normal(size=(8, 3, 7, 7)), None, (2, 2), [(3, 3)] * 2, (1, 1))
    value = builder.activation(value, lr.RELU)
    value = operators.max_pool(builder, value, (3, 3), (2, 2), [(1, 1)] * 2, (1, 1))
    graph = builder.finish(operators.reduce_sum(builder, value, [2, 3], keep=False, mean=True))
    # A block for each place in the kernel, whatever the image.
    assert graph.steps[0].terms[0].blocks.shape == (49, 3, 8)
    assert lr.Network.from_graph(graph).n_neurons == 8 * 112 * 112 + 8 * 56 * 56


def test_what_would_take_too_long_is_refused_at_once():
    builder = Builder([(1, 64, 512, 512)], "test", batch=True)
    (x,) = builder.inputs()
    weight = np.ones((1, 1, 3, 3))
    with pytest.raises(MemoryLimitError, match=r"an operator of 9,663,676,416 numbers, but test takes at most"):
        operators.conv(builder, x, np.broadcast_to(weight, (64, 64, 3, 3)), None, (1, 1), [(1, 1)] * 2, (1, 1))
