"""Distances against one plain float64 forward pass over the same points, or against all Jacobians in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import linregions as lr
from linregions._support.threads import one_blas_thread
from linregions.training.datasets import load_dataset
from measure import GOLDEN, Row, compare


def rows(n_points: int = 10_000) -> Iterator[Row]:
    """Measure the trained network of width 64, and random ones wider and deeper, at the test images."""
    nets = {
        "mnist_64x3_trained": lr.Network.load(GOLDEN / "mnist_64x3_trained.npz"),
        "random 256x3": lr.random_network([784, 256, 256, 256, 10], 0),
        "random 64x8": lr.random_network([784, *[64] * 8, 10], 0),
    }
    points = load_dataset().x_test[:n_points].astype(np.float64)
    for name, net in nets.items():

        def forward(net: lr.Network = net) -> None:
            with one_blas_thread():
                net(points)

        def distances(threads: int, net: lr.Network = net) -> None:
            lr.boundary_distance(net, points, threads=threads)

        goal = {"mnist_64x3_trained": 3.0, "random 256x3": 6.0}.get(name)
        yield from compare(f"distances, {name}", len(points), "points", distances, forward, goal=goal)


def long_rows(n_points: int = 1_000_000) -> Iterator[Row]:
    """Measure a million points, held as bytes, with and without a limit; the plain pass takes them block by block."""
    net = lr.Network.load(GOLDEN / "mnist_64x3_trained.npz")
    points = np.resize((255 * load_dataset().x_test).astype(np.uint8), (n_points, 784))

    def forward() -> None:
        with one_blas_thread():
            for part in np.array_split(points, n_points // 10_000):
                net(part.astype(np.float64))

    for limit in (None, 10_000_000):

        def distances(threads: int, limit: int | None = limit) -> None:
            lr.boundary_distance(net, points, threads=threads, memory_limit=limit)

        case = "distances, mnist_64x3_trained" + (f", {limit / 1e6:g} MB" if limit else "")
        yield from compare(case, n_points, "points", distances, forward, times=1)


def whole_jacobians(net: lr.Network, points: np.ndarray) -> np.ndarray:
    """Measure distances of a ReLU network by all Jacobians, carried forwards in blocks that stay in cache.

    With more inputs than the first layer has units, gradients are taken in the coordinates of its rows. Nothing here
    knows what rounding explains.
    """
    first = net.layers[0].weight
    start = np.linalg.qr(first.T, mode="r") if net.n_in > len(first) else first.T
    best = np.full(len(points), np.inf)
    size = max(1, 2**17 // (len(start) * max(net.widths[1:-1])))
    for low in range(0, len(points), size):
        values, jacobians, near = points[low : low + size], start, best[low : low + size]
        for k, layer in enumerate(net.layers[:-1]):
            z = values @ layer.weight.T + layer.bias
            if k:
                rows = jacobians.reshape(-1, jacobians.shape[2]) @ layer.weight.T
                jacobians = rows.reshape(len(values), len(start), -1)
            else:
                jacobians = np.broadcast_to(start, (len(values), *start.shape))
            norms = np.sqrt(np.einsum("pqk,pqk->pk", jacobians, jacobians))
            with np.errstate(divide="ignore", invalid="ignore"):
                here = np.where(norms > 1e-13 * abs(layer.weight).max(), abs(z) / norms, np.inf)
            np.minimum(near, here.min(axis=1), out=near)
            values, jacobians = z * (z > 0), jacobians * (z > 0)[:, None, :]
    return best


def lattice(n: int, rng: np.random.Generator) -> lr.Network:
    """Return a network of maxima of pairs of n planes, as public lattice networks have: ``a + relu(b - a)``."""
    weight, bias = rng.normal(size=(n, 2)), rng.normal(size=n)
    layers = []
    while n > 1:
        pairs, back = np.zeros((3 * n // 2, n)), np.zeros((n // 2, 3 * n // 2))
        for k in range(n // 2):
            pairs[3 * k, 2 * k : 2 * k + 2] = 1, -1
            pairs[3 * k + 1, 2 * k + 1], pairs[3 * k + 2, 2 * k + 1] = 1, -1
            back[k, 3 * k : 3 * k + 3] = 1, 1, -1
        layers.append((pairs @ weight, pairs @ bias))
        weight, bias, n = back, np.zeros(n // 2), n // 2
    return lr.Network.from_layers([*layers, (weight, bias)])


def jacobian_rows() -> Iterator[Row]:
    """Measure deep networks and few inputs, where bounds spare little, and what a call costs besides its points."""
    rng = np.random.default_rng(1)
    nets = {
        "784-64x8": (lr.random_network([784, *[64] * 8, 10], 0), 500),
        "784-128x8": (lr.random_network([784, *[128] * 8, 10], 0), 200),
        "784-64x20": (lr.random_network([784, *[64] * 20, 10], 0), 200),
        "5-50x6": (lr.random_network([5, *[50] * 6, 5], 0), 2000),
        "1-128x5": (lr.random_network([1, *[128] * 5, 1], 0), 2000),
        "lattice of 256 planes": (lattice(256, np.random.default_rng(0)), 1000),
    }
    for name, (net, n) in nets.items():
        points = rng.uniform(-1, 1, size=(n, net.n_in))

        def jacobians(net: lr.Network = net, points: np.ndarray = points) -> None:
            with one_blas_thread():
                whole_jacobians(net, points)

        def distances(threads: int, net: lr.Network = net, points: np.ndarray = points) -> None:
            lr.boundary_distance(net, points, threads=threads)

        yield from compare(f"distances / Jacobians, {name}", n, "points", distances, jacobians, goal=1.0)
    wide = lr.random_network([784, 1024, 1024, 1024, 10], 0)
    point = rng.uniform(-1, 1, size=(1, 784))

    def forward() -> None:
        with one_blas_thread():
            wide(point)

    yield from compare(
        "distance of one point, 1024x3",
        1,
        "point",
        lambda threads: lr.boundary_distance(wide, point),
        forward,
        threads=(1,),
    )
