"""Operators of the importers' core against PyTorch, at random points."""

from __future__ import annotations

import numpy as np
import pytest

from linregions.networks.importers import operators, products
from linregions.networks.importers.values import Builder
from tests.networks.importers.test_values import assert_sound, assert_winners

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def compare(shape, ours, theirs, rng, n=6):
    """Both applied to a ReLU of random points, so that maxima and sums read a tensor of its own."""
    builder = Builder([shape], "from_tests")
    (value,) = builder.inputs()
    result = ours(builder, builder.reshape(value, shape))
    graph = builder.finish(result)
    points = rng.normal(size=(n, builder.n_in))
    with torch.no_grad():
        expected = theirs(torch.tensor(points.reshape(n, *shape))).numpy()
    assert result.shape == expected.shape[1:]
    np.testing.assert_allclose(graph(points), expected.reshape(n, -1), rtol=1e-12, atol=1e-12)
    assert_sound(graph)
    assert_winners(graph, points)
    return graph


def random_geometry(rng, dim):
    return {
        "stride": [int(n) for n in rng.integers(1, 4, dim)],
        "dilation": [int(n) for n in rng.integers(1, 3, dim)],
        "kernel": [int(n) for n in rng.integers(1, 4, dim)],
        "padding": [int(n) for n in rng.integers(0, 3, dim)],
        "space": [int(n) for n in rng.integers(5, 9 if dim < 3 else 7, dim)],
    }


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_convolutions(dim, seed):
    rng = np.random.default_rng(seed)
    g = random_geometry(rng, dim)
    groups = int(rng.choice([1, 2]))
    weight, bias = rng.normal(size=(4, 6 // groups, *g["kernel"])), rng.normal(size=4)
    run = getattr(functional, f"conv{dim}d")
    graph = compare(
        (6, *g["space"]),
        lambda builder, value: operators.conv(
            builder, value, weight, bias, g["stride"], [(p, p) for p in g["padding"]], g["dilation"], groups
        ),
        lambda x: run(
            x, torch.tensor(weight), torch.tensor(bias), g["stride"], g["padding"], g["dilation"], groups=groups
        ),
        rng,
    )
    (term,) = graph.steps[-1].terms
    assert len(term.blocks) <= np.prod(g["kernel"])
    assert set(np.abs(term.blocks).ravel()) <= {0.0, *np.abs(weight).ravel()}  # the very weights


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_transposed_convolutions(dim, seed):
    rng = np.random.default_rng(seed)
    g = random_geometry(rng, dim)
    groups = int(rng.choice([1, 2]))
    weight, bias = rng.normal(size=(6, 4 // groups, *g["kernel"])), rng.normal(size=4)
    more = [int(rng.integers(0, max(s, d))) for s, d in zip(g["stride"], g["dilation"], strict=True)]
    run = getattr(functional, f"conv_transpose{dim}d")
    compare(
        (6, *g["space"]),
        lambda builder, value: operators.conv(
            builder, value, weight, bias, g["stride"], [(p, p) for p in g["padding"]], g["dilation"], groups, True, more
        ),
        lambda x: run(
            x, torch.tensor(weight), torch.tensor(bias), g["stride"], g["padding"], more, groups, g["dilation"]
        ),
        rng,
    )


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_pools(dim, ceil_mode, seed):
    rng = np.random.default_rng(seed)
    g = random_geometry(rng, dim)
    half = [min(p, k // 2) for p, k in zip(g["padding"], g["kernel"], strict=True)]
    pairs = [(p, p) for p in half]
    run = getattr(functional, f"max_pool{dim}d")
    compare(
        (3, *g["space"]),
        lambda builder, value: operators.max_pool(
            builder, value, g["kernel"], g["stride"], pairs, g["dilation"], ceil_mode
        ),
        lambda x: run(x, g["kernel"], g["stride"], half, g["dilation"], ceil_mode),
        rng,
    )
    include = bool(seed % 2)
    run_average = getattr(functional, f"avg_pool{dim}d")
    compare(
        (3, *g["space"]),
        lambda builder, value: operators.average_pool(
            builder, value, g["kernel"], g["stride"], pairs, None, ceil_mode, include
        ),
        lambda x: run_average(x, g["kernel"], g["stride"], half, ceil_mode, include),
        rng,
    )


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_adaptive_pools(dim):
    rng = np.random.default_rng(dim)
    space, counts = (7, 6, 5)[:dim], (3, 4, 2)[:dim]
    for ours, theirs in (
        (operators.adaptive_average_pool, f"adaptive_avg_pool{dim}d"),
        (operators.adaptive_max_pool, f"adaptive_max_pool{dim}d"),
    ):
        run = getattr(functional, theirs)
        compare((2, *space), lambda b, v, ours=ours: ours(b, v, counts), lambda x, run=run: run(x, counts), rng)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_padding(mode):
    rng = np.random.default_rng(0)
    theirs = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}[mode]
    fill = 1.5 if mode == "constant" else 0.0
    compare(
        (2, 4, 5),
        lambda b, v: operators.pad(b, v, [(0, 0), (1, 3), (2, 1)], mode, fill),
        lambda x: functional.pad(x, (2, 1, 1, 3), theirs, fill if mode == "constant" else None),
        rng,
    )
    if mode == "constant":
        compare(
            (2, 4, 5),
            lambda b, v: operators.pad(b, v, [(0, 0), (-1, 1), (2, -2)]),
            lambda x: functional.pad(x, (2, -2, -1, 1)),
            rng,
        )


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(8, 10), (3, 7), (1, 1), (4, 5)])
def test_interpolation(align, size):
    rng = np.random.default_rng(0)
    compare(
        (2, 4, 5),
        lambda b, v: operators.along(
            b, v, {a: operators.interpolation((2, 4, 5)[a], size[a - 1], align) for a in (1, 2)}
        ),
        lambda x: functional.interpolate(x, size, mode="bilinear", align_corners=align),
        rng,
    )


@pytest.mark.parametrize("size", [(8, 10), (3, 7), (9, 4)])
def test_nearest(size):
    rng = np.random.default_rng(0)
    rows, columns = operators.nearest(4, size[0]), operators.nearest(5, size[1])
    compare(
        (2, 4, 5),
        lambda b, v: b.gather(v, b.index(v)[:, rows][:, :, columns]),
        lambda x: functional.interpolate(x, size, mode="nearest"),
        rng,
    )


def test_batch_norm_is_folded():
    rng = np.random.default_rng(0)
    kernel, (mean, weight, bias) = rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(3, 4))
    variance = rng.random(4) + 0.5

    def ours(b, v):
        made = operators.conv(b, v, kernel, None, (1, 1), [(1, 1), (1, 1)], (1, 1))
        return operators.batch_norm(b, made, mean, variance, weight, bias, 1e-5, axis=0)

    def theirs(x):
        made = functional.conv2d(x, torch.tensor(kernel), padding=1)
        parts = [torch.tensor(part) for part in (mean, variance, weight, bias)]
        return functional.batch_norm(made, *parts, eps=1e-5)

    graph = compare((3, 5, 5), ours, theirs, rng)
    assert len(graph.steps) == 1


@pytest.mark.parametrize(
    ("shape", "left", "letters", "others", "result"),
    [
        ((3, 4), (4, 5), "td", "de", "te"),
        ((3, 4), (3, 5), "td", "te", "de"),
        ((2, 3, 4), (3, 4), "abc", "bc", "ac"),
        ((3, 3), (3,), "ii", "i", "i"),
        ((3, 4), (5, 2), "td", "xy", "xt"),
        ((4,), (4, 5), "d", "de", "e"),
    ],
)
def test_einsum(shape, left, letters, others, result):
    rng = np.random.default_rng(0)
    constant = rng.normal(size=left)
    compare(
        shape,
        lambda b, v: products.einsum(b, v, letters, constant, others, result),
        lambda x: torch.einsum(f"z{letters},{others}->z{result}", x, torch.tensor(constant)),
        rng,
    )


@pytest.mark.parametrize(
    ("shape", "constant", "value_left"),
    [
        ((4,), (4, 5), True),
        ((3, 4), (4, 5), True),
        ((2, 3, 4), (4, 5), True),
        ((2, 3, 4), (2, 4, 5), True),
        ((3, 4), (2, 4, 5), True),
        ((3, 4), (4,), True),
        ((4,), (5, 4), False),
        ((4, 3), (5, 4), False),
        ((4, 3), (2, 5, 4), False),
        ((2, 4, 3), (5, 4), False),
        ((4, 3), (4,), False),
        ((4,), (2, 4, 5), True),
    ],
)
def test_matmul(shape, constant, value_left):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=constant)

    def theirs(x):
        other = torch.tensor(numbers)
        return torch.stack([point @ other if value_left else other @ point for point in x])

    compare(
        shape,
        lambda b, v: products.matmul(b, v, numbers) if value_left else products.matmul(b, numbers, v),
        theirs,
        rng,
    )


def test_reductions():
    rng = np.random.default_rng(0)
    compare((3, 4, 5), lambda b, v: operators.reduce_sum(b, v, [1, 2], False), lambda x: x.sum((2, 3)), rng)
    compare((3, 4, 5), lambda b, v: operators.reduce_sum(b, v, [-1], True, True), lambda x: x.mean(-1, True), rng)
    compare((3, 4, 5), lambda b, v: operators.reduce_max(b, v, [0], False), lambda x: x.amax(1), rng)
    compare((3, 4, 5), lambda b, v: operators.reduce_max(b, v, [1, 2], True), lambda x: x.amax((2, 3), True), rng)
    compare((3, 4), lambda b, v: operators.reduce_max(b, v, [], False), lambda x: x.amax((1, 2)), rng)


def test_frames_before_the_channels_are_treated_alike():
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)

    def ours(b, v):
        made = operators.conv(b, v, kernel, bias, (1, 1), [(1, 1), (1, 1)], (1, 1))
        return operators.max_pool(b, made, (3, 3), (2, 2), [(1, 1)] * 2, (1, 1))

    def theirs(x):
        made = [functional.conv2d(point, torch.tensor(kernel), torch.tensor(bias), padding=1) for point in x]
        return torch.stack([functional.max_pool2d(point, 3, 2, 1) for point in made])

    compare((2, 3, 5, 5), ours, theirs, rng)
    compare(
        (2, 3, 5, 5),
        lambda b, v: operators.average_pool(b, v, (2, 2), (2, 2), [(0, 0)] * 2),
        lambda x: torch.stack([functional.avg_pool2d(p, 2) for p in x]),
        rng,
    )
