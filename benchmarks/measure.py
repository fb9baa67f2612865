"""Timing and memory of one call, and the row that every benchmark prints."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"


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
    repeats: int = 7,
    goal: float | None = None,
    threads: tuple[int, ...] = (1, 2),
) -> Iterator[Row]:
    """Time `work(threads)` and the yardstick in turn, so that a busy machine slows both alike."""
    work(max(threads))  # compiles, or reads the cache
    best, unit = {n: np.inf for n in threads}, np.inf
    for _ in range(repeats):
        unit = min(unit, seconds(yardstick))
        for n in threads:
            best[n] = min(best[n], seconds(lambda n=n: work(n)))
    for n in threads:
        yield Row(case, count, of, best[n], unit, peak_megabytes(lambda n=n: work(n)), n, goal if n == 1 else None)
