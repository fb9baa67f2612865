"""Batches of infinite lines against one plain float64 forward pass over their breakpoints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import linregions as lr
from linregions._threads import one_blas_thread
from linregions.datasets import load_dataset
from linregions.lines import count_lines, partition_lines
from measure import GOLDEN, Row, compare


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
            partition_lines(net, lines, threads=threads)

        def count(threads: int, net: lr.Network = net) -> None:
            count_lines(net, lines, threads=threads)

        case, goal = f"{n_lines} lines, {name}", 1.5 if name == "mnist_64x3_trained" else None
        yield from compare(case, n_regions, "regions", whole, forward, goal=goal)
        yield from compare(f"{case}, count", n_regions, "regions", count, forward)
        yield from compare(f"{case}, 784 inputs", n_regions, "regions", whole, full_forward, threads=(1,))
