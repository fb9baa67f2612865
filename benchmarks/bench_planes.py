"""Plane partitions against one plain float64 forward pass over their final vertices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import linregions as lr
from measure import GOLDEN, Row, compare, plain_forward


def load_case(path: Path) -> tuple[lr.Network, lr.PlaneWindow]:
    """Read a standard case: a network and the square it is cut in."""
    with np.load(path) as case:
        window = lr.PlaneWindow.square(case["origin"], np.stack([case["e1"], case["e2"]]), float(case["half"]))
    return lr.Network.load(path), window


def restricted(net: lr.Network, window: lr.PlaneWindow) -> lr.Network:
    """Return the network as a function of the two plane coordinates: the stricter yardstick."""
    first = net.layers[0]
    weight, bias = first.weight @ window.basis.T, first(window.origin)
    return lr.Network.from_layers([(weight, bias), *((k.weight, k.bias) for k in net.layers[1:])], net.activations)


def rows() -> Iterator[Row]:
    """Measure the whole partition (geometry, patterns, adjacency) and counting alone, on every plane case."""
    goals = {"mnist_64x3_trained": 1.2, "mnist_128x3_trained": 0.4}
    for name in ("toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained", "mnist_128x3_trained"):
        net, window = load_case(GOLDEN / f"{name}.npz")
        plane_net = restricted(net, window)
        made = lr.partition(net, window)

        def forward(plane_net: lr.Network = plane_net, points: np.ndarray = made.vertices) -> None:
            plain_forward(plane_net, points)

        def whole(threads: int, net: lr.Network = net, window: lr.PlaneWindow = window) -> None:
            part = lr.partition(net, window, threads=threads)
            assert part.patterns.shape[0] == part.edge_faces.max() + 1

        def count(threads: int, net: lr.Network = net, window: lr.PlaneWindow = window) -> None:
            lr.count_regions(net, window, threads=threads)

        yield from compare(name, made.n_regions, "regions", whole, forward, goal=goals.get(name))
        yield from compare(f"{name}, count", made.n_regions, "regions", count, forward)
    yield from _boundaries()


def _boundaries() -> Iterator[Row]:
    """Measure decision boundaries; their yardstick is the partition itself, on one thread."""
    wide = lr.random_network([8, 256, 256, 8], rng=0)
    basis = np.linalg.qr(np.random.default_rng(7).normal(size=(8, 2)))[0].T
    cases = {
        "mnist_64x3_trained": load_case(GOLDEN / "mnist_64x3_trained.npz"),
        "mnist_128x3_trained": load_case(GOLDEN / "mnist_128x3_trained.npz"),
        "8-256-256-8": (wide, lr.PlaneWindow.square(np.zeros(8), basis, 9.0)),
    }
    for name, (net, window) in cases.items():
        made = lr.partition(net, window)

        def boundary(threads: int, made: lr.PlanePartition = made) -> None:
            made.decision_boundary()

        def partition(net: lr.Network = net, window: lr.PlaneWindow = window) -> None:
            lr.partition(net, window)

        label = f"{name}, boundary / partition"
        yield from compare(label, made.n_regions, "regions", boundary, partition, goal=1.0, threads=(1,))
