"""Timing and memory of one call, and the row that every benchmark prints."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import linregions as lr
from linregions._support.threads import one_blas_thread
from linregions.regions.planes.engine import buffers as _plane_buffers

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"


def plain_forward(net: lr.Network, points: np.ndarray) -> np.ndarray:
    """Evaluate a ReLU network as anyone would in numpy: the yardstick. One BLAS thread."""
    with one_blas_thread():
        values = points
        for layer in net.layers[:-1]:
            values = values @ layer.weight.T
            values += layer.bias
            np.maximum(values, 0.0, out=values)
        return values @ net.layers[-1].weight.T + net.layers[-1].bias


@dataclass(frozen=True)
class Row:
    """One measurement; times are the best of several taken in turn with the yardstick."""

    case: str
    count: int
    of: str
    seconds: float
    yardstick_seconds: float
    peak_megabytes: float
    threads: int
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Seconds in yardsticks."""
        return self.seconds / self.yardstick_seconds


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_megabytes(work: Callable[[], object]) -> float:
    """Return what the call allocates at most, its result included and its arguments not."""
    _plane_buffers.let_go()  # what an earlier call has left would not be seen
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def compare(
    case: str,
    count: int,
    of: str,
    work: Callable[[int], object],
    yardstick: Callable[[], object],
    *,
    budget: float = 4.0,
    goal: float | None = None,
    threads: tuple[int, ...] = (1, 2),
    times: int = 7,
) -> Iterator[Row]:
    """Time `work(threads)` and the yardstick in turn, `times` to 100 times, so that a busy machine slows both alike.

    With ``times=1``, for work of many seconds, it must have been compiled before.
    """
    if times > 1:
        work(max(threads))  # compiles, or reads the cache
    best, unit = dict.fromkeys(threads, np.inf), np.inf
    begun, done = time.perf_counter(), 0
    while done < times or (done < 100 and time.perf_counter() - begun < budget):
        done += 1
        unit = min(unit, seconds(yardstick))
        for n in threads:
            best[n] = min(best[n], seconds(lambda n=n: work(n)))
    for n in threads:
        yield Row(case, count, of, best[n], unit, peak_megabytes(lambda n=n: work(n)), n, goal if n == 1 else None)
