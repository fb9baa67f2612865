"""Distances against one plain float64 forward pass over the same points, or against all Jacobians in numpy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

import linregions as lr
from linregions._support.threads import one_blas_thread
from linregions.errors import UnprovedWarning
from linregions.training.datasets import load_dataset
from measure import GOLDEN, Row, compare, seconds


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


def convolutional_rows(n_points: int = 256) -> Iterator[Row]:
    """Measure small convolutional networks at noisy test images, against torch's float64 pass at its best batch size.

    Weights are random: trained ones need about as long.
    """
    rng = np.random.default_rng(0)
    images = load_dataset().x_test[:n_points].astype(np.float64) + 0.05 * rng.random((n_points, 784))
    for name, module in {"LeNet-5": _lenet(), "ResNet of two blocks": _Residual(2), "of four": _Residual(4)}.items():
        net = lr.from_torch(module, torch.zeros(1, 1, 28, 28, dtype=torch.float64))
        inputs = torch.tensor(images).reshape(-1, 1, 28, 28)

        def forward(size: int, module: torch.nn.Module = module, inputs: torch.Tensor = inputs) -> None:
            with torch.no_grad(), one_blas_thread():
                for part in inputs.split(size):
                    module(part)

        def distances(threads: int, net: lr.Network = net) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnprovedWarning)
                lr.boundary_distance(net, images, threads=threads)

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            tried = {size: min(seconds(partial(forward, size)) for _ in range(3)) for size in (4, 8, 16, 64)}
            plain = partial(forward, min(tried, key=lambda size, tried=tried: tried[size]))
            yield from compare(f"distances, {name}", n_points, "points", distances, plain, goal=8.0, times=2)
        finally:
            torch.set_num_threads(before)


def _lenet() -> torch.nn.Module:
    torch.manual_seed(0)
    nn = torch.nn
    parts = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    ends = [nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*parts, *ends).double().eval()


class _Residual(torch.nn.Module):
    """A ResNet of a few blocks with 16 channels."""

    def __init__(self, n_blocks: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        conv = torch.nn.Conv2d
        self.first = conv(1, 16, 3, stride=2, padding=1)
        pairs = [conv(16, 16, 3, padding=1) for _ in range(2 * n_blocks)]
        self.convolutions = torch.nn.ModuleList(pairs)
        self.last = torch.nn.Linear(16, 10)
        self.double().eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        x = torch.relu(self.first(x))
        for k in range(0, len(self.convolutions), 2):
            x = torch.relu(x + self.convolutions[k + 1](torch.relu(self.convolutions[k](x))))
        logits: torch.Tensor = self.last(x.mean((2, 3)))
        return logits


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
