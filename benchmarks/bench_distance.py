"""Distances against plain float64 forward passes over the same points."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linregions import Network, random_network
from linregions._threads import one_blas_thread
from linregions.datasets import load_dataset
from linregions.distance import boundary_distance

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"


@dataclass(frozen=True)
class DistanceRow:
    """One measurement; times are the best of several, the yardstick is one forward pass with one BLAS thread."""

    case: str
    points: int
    seconds: float
    yardstick_seconds: float
    ratio: float
    peak_megabytes: float
    threads: int


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_megabytes(work: Callable[[], object]) -> float:
    """Return what the call allocates at most, its result included and its arguments not."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _forward(net: Network, points: np.ndarray) -> None:
    with one_blas_thread():
        net(points)


def distance_rows(n_points: int = 10_000, repeats: int = 7) -> Iterator[DistanceRow]:
    """Measure the trained network of width 64 and a random one of width 256, with one and two threads."""
    cases = {
        "mnist_64x3_trained": Network.load(GOLDEN / "mnist_64x3_trained.npz"),
        "random 256x3": random_network([784, 256, 256, 256, 10], 0),
    }
    points = load_dataset().x_test[:n_points].astype(np.float64)
    for case, net in cases.items():
        boundary_distance(net, points[:2], threads=2)  # compiles, or reads the cache
        yardstick, seconds = np.inf, {1: np.inf, 2: np.inf}
        for _ in range(repeats):  # interleaved, so that a busy machine slows all alike
            yardstick = min(yardstick, _seconds(lambda net=net: _forward(net, points)))
            for threads in seconds:
                once = _seconds(lambda net=net, threads=threads: boundary_distance(net, points, threads=threads))
                seconds[threads] = min(seconds[threads], once)
        for threads, best in seconds.items():
            peak = _peak_megabytes(lambda net=net, threads=threads: boundary_distance(net, points, threads=threads))
            yield DistanceRow(case, len(points), best, yardstick, best / yardstick, peak, threads)
