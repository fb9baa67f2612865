"""What two workers compile before the tests of a fresh clone, each a half, so that neither does the other's work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import linregions as lr
from linregions import Network, PlaneWindow, Segment
from tests.support.tiny_models import tiny

CHAIN = lr.random_network([3, 8, 8, 2], 0, bias_variance=0.1)


def graph() -> Network:
    return Network.from_graph(tiny("max_pooled").graph)


def compile_lines() -> None:
    """Have the kernels of lines and distances compiled, or read, where another run has done so."""
    for network in (CHAIN, graph()):
        points = np.random.default_rng(0).normal(size=(3, network.n_in))
        part = lr.partition(network, Segment(points[0], points[1]))
        part.decision_points()
        lr.count_regions(network, Segment(points[0], points[1]), kind="gradient")
        lr.boundary_distance(network, points)
        lr.boundary_distance(network, points, kind="linear")


def compile_planes() -> None:
    """Have those of planes compiled."""
    window = PlaneWindow.square(np.zeros(3), np.eye(2, 3), 1.0)
    for network, domain in ((CHAIN, window), (graph(), tiny("max_pooled").windows[0])):
        part = lr.partition(network, domain)
        part.decision_boundary()
        assert part.n_gradient_regions <= part.n_linear_regions <= part.n_regions
        lr.partition(network, domain, sink=lr.RegionStatistics(linear=True))


HALVES: tuple[Callable[[], None], ...] = (compile_lines, compile_planes)
