"""Distances against one plain float64 forward pass over the same points, all 784 inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import linregions as lr
from linregions._threads import one_blas_thread
from linregions.datasets import load_dataset
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

        goal = 10.0 if name == "mnist_64x3_trained" else None
        yield from compare(f"distances, {name}", len(points), "points", distances, forward, goal=goal)
