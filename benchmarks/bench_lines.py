"""Batches of infinite lines against one plain float64 forward pass over their breakpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import linregions as lr
from linregions._support.threads import one_blas_thread
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.options import Options
from linregions.training.datasets import load_dataset
from measure import GOLDEN, Row, compare, peak_megabytes, plain_forward, seconds


def restricted(net: lr.Network, line: lr.Line) -> lr.Network:
    """Return the network as a function of the line's parameter."""
    first = net.layers[0]
    weight, bias = first.linear(line.direction)[:, None], first(line.origin)
    return lr.Network.from_layers([(weight, bias), *((k.weight, k.bias) for k in net.layers[1:])], net.activations)


def rows(n_lines: int = 100) -> Iterator[Row]:
    """Measure whole partitions and counting alone, on the lines of Figure 5.

    The strict yardstick has a single input, as if the first layer's work were done; the other takes all 784.
    """
    nets = {
        "mnist_64x3_trained": lr.Network.load(GOLDEN / "mnist_64x3_trained.npz"),
        "random 128x3": lr.random_network([784, 128, 128, 128, 10], 0),
        "random 256x3": lr.random_network([784, 256, 256, 256, 10], 0),
    }
    mnist = load_dataset()
    chosen = mnist.examples(np.random.default_rng(0).choice(60_000, n_lines, replace=False))
    lines = [lr.Line(np.zeros(784), example) for example in chosen]
    for name, net in nets.items():
        made = partition_lines(net, lines)
        n_regions = sum(part.n_regions for part in made)
        places = np.concatenate([part.breakpoints for part in made])[:, None]
        points = np.concatenate([part.domain.point(part.breakpoints) for part in made])
        line_net = restricted(net, lines[0])

        def forward(net: lr.Network = line_net, inputs: np.ndarray = places) -> None:
            with one_blas_thread():
                net(inputs)

        def full_forward(net: lr.Network = net, inputs: np.ndarray = points) -> None:
            with one_blas_thread():
                net(inputs)

        def whole(threads: int, net: lr.Network = net) -> None:
            partition_lines(net, lines, options=Options(threads=threads))

        def count(threads: int, net: lr.Network = net) -> None:
            count_lines(net, lines, options=Options(threads=threads))

        case, goal = (
            f"{n_lines} lines, {name}",
            {"mnist_64x3_trained": 0.4, "random 128x3": 0.35, "random 256x3": 0.18}[name],
        )
        yield from compare(case, n_regions, "regions", whole, forward, goal=goal)
        yield from compare(f"{case}, count", n_regions, "regions", count, forward)
        yield from compare(f"{case}, 784 inputs", n_regions, "regions", whole, full_forward, threads=(1,))


def long_rows(n_lines: int = 10_000) -> Iterator[Row]:
    """Count along 10,000 lines, with and without a limit, and along one segment through 100,000 neurons.

    The yardsticks are forward passes as above: over the breakpoints of the first 100 lines, times 100, and over some
    points of the segment, times as many as there are breakpoints. It is counted once, which takes minutes.
    """
    net = lr.Network.load(GOLDEN / "mnist_64x3_trained.npz")
    chosen = load_dataset().examples(np.random.default_rng(0).choice(60_000, n_lines, replace=False))
    lines = [lr.Line(np.zeros(784), example) for example in chosen]
    counts = count_lines(net, lines)[0]
    places = np.linspace(-1.0, 1.0, int(counts.sum() - n_lines) // 100)[:, None]
    line_net = restricted(net, lines[0])

    def forward() -> None:
        with one_blas_thread():
            for _ in range(100):
                line_net(places)

    for limit in (None, 2_500_000):

        def count(threads: int, limit: int | None = limit) -> None:
            count_lines(net, lines, options=Options(threads=threads, memory_limit=limit))

        case = f"{n_lines} lines, count" + (f", {limit / 1e6:g} MB" if limit else "")
        yield from compare(case, int(counts.sum()), "regions", count, forward, times=2)

    deep = lr.random_network([784, *[1000] * 100, 10], 0, bias_variance=1e-2)
    segment = lr.Segment(chosen[0], chosen[1])
    deep_net = restricted(deep, lr.Line(chosen[0], chosen[1] - chosen[0]))
    n_regions = 0

    def deep_count() -> None:
        nonlocal n_regions
        n_regions = int(count_lines(deep, [segment])[0][0])

    begun = time.perf_counter()
    peak = peak_megabytes(deep_count)
    took, points = time.perf_counter() - begun, np.linspace(0.0, 1.0, 1000)[:, None]
    unit = min(seconds(lambda: plain_forward(deep_net, points)) for _ in range(2)) * (n_regions - 1) / len(points)
    yield Row("a segment, 100,000 neurons, count", n_regions, "regions", took, unit, peak, 1)
