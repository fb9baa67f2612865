"""Memory: what a limit stops, what it leaves as it is, and what does not grow with the number of regions."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import linregions as lr
from linregions import PlaneWindow, RegionStatistics
from linregions._support.small_integers import keep_small
from linregions.errors import LinRegionsError, MemoryLimitError
from linregions.regions.options import Options
from linregions.regions.planes import estimate as plane_estimate
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.find import partition_plane, run_sink
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sinks.collect import Collector
from tests.support import zoo

MB = 2**20
MNIST = zoo.golden("mnist_128x3_trained")
DEEP = lr.random_network([2, 64, 64, 64, 64, 64, 64, 64, 1], 0, bias_variance=1.0)


def square(half: float) -> PlaneWindow:
    return PlaneWindow.of_inputs([-half, -half], [half, half])


def traced(work: Callable[[], Any]) -> tuple[Any, int, int]:
    """Return the result of some work, and the bytes that it keeps and that were taken at most, all buffers new."""
    work()  # compiled, imported, cached
    _plane_buffers.let_go()
    tracemalloc.start()
    try:
        result = work()
        peak = tracemalloc.get_traced_memory()[1]
        _plane_buffers.let_go()
        return result, tracemalloc.get_traced_memory()[0], peak
    finally:
        tracemalloc.stop()


def test_statistics_do_not_grow_with_the_regions() -> None:
    net = lr.random_network([2, 150, 120, 120, 120, 1], 0, bias_variance=1.0)
    small, few_kept, few_peak = traced(lambda: lr.partition(net, square(1.0), sink=RegionStatistics()))
    large, many_kept, many_peak = traced(lambda: lr.partition(net, square(16.0), sink=RegionStatistics()))
    assert large.n_regions > 100_000
    assert large.n_regions > 4 * small.n_regions
    assert max(few_kept, many_kept) < MB / 4
    assert many_peak < 3 * few_peak  # of buffers that double until the largest cells fit
    _, collected, _ = traced(lambda: lr.partition(net, square(16.0)))
    assert collected > 50 * many_kept


def test_bytes_kept_for_a_region() -> None:
    whole, kept, peak = traced(lambda: lr.partition(MNIST.network, MNIST.window))
    packed = whole.pattern_words.shape[1] * 8
    assert whole.n_regions == 39214
    assert kept < whole.n_regions * (100 + packed)
    _, _, fixed = traced(lambda: lr.count_regions(MNIST.network, MNIST.window))
    assert peak - fixed < 1.5 * kept
    assert whole.edge_breakpoint.dtype == np.int32
    assert vars(whole)["_edge_breakpoint"].itemsize == 1


RESIDENT = """
import sys

import linregions as lr

net = lr.random_network([2, 300, 300, 300, 1], 0, bias_variance=1.0)
window = lr.PlaneWindow.of_inputs([-8, -8], [8, 8])
if sys.argv[1] == "collect":
    whole = lr.partition(net, window)
    found, words = whole.n_regions, whole.pattern_words.shape[1]
else:
    found, words = lr.count_regions(net, window), 0
status = dict(line.split(":") for line in open("/proc/self/status"))
print(found, words, status["VmHWM"].split()[0])
"""


def resident(what: str) -> list[int]:
    """Return regions, words of a pattern, and the most memory in bytes that a process of its own had."""
    done = subprocess.run([sys.executable, "-c", RESIDENT, what], capture_output=True, text=True, check=True)
    found, words, most = map(int, done.stdout.split())
    return [found, words, most * 1024]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_what_the_process_takes() -> None:
    resident("count")  # compiled
    (counted, _, fixed), (collected, words, most) = resident("count"), resident("collect")
    assert counted == collected == 350719
    kept = collected * (100 + 8 * words)
    assert 0.9 * kept < most - fixed < 1.6 * kept


@pytest.mark.parametrize(
    ("numbers", "size"), [([], 1), ([-1, 0, 127], 1), ([-1, 128], 2), ([-40_000], 4), ([2**31 - 1], 4)]
)
def test_small_integers_take_few_bytes_and_change_nothing(numbers: list[int], size: int) -> None:
    @keep_small("levels")
    @dataclass(frozen=True)
    class Edges:
        count: int
        levels: npt.NDArray[np.int32]

    edges = Edges(3, np.array(numbers, dtype=np.int32))
    assert vars(edges)["_levels"].itemsize == size
    assert edges.levels.dtype == np.int32
    assert edges.levels.tolist() == numbers
    with pytest.raises(FrozenInstanceError):
        edges.levels = np.zeros(1, np.int32)  # type: ignore[misc]


def test_what_stays_for_the_next_call() -> None:
    wide = lr.random_network([2, 200, 200, 1], 0, bias_variance=1.0)
    _plane_buffers.let_go()
    tracemalloc.start()
    try:
        for net, half in ((wide, 4.0), (DEEP, 4.0), (wide, 8.0), (DEEP, 16.0)):
            lr.count_regions(net, square(half), threads=2)
            assert tracemalloc.get_traced_memory()[0] < _plane_buffers.MOST_BYTES + MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", [3, 5, 8, 12, 16, 24, 32, 48, 64])
def test_counts_keep_to_the_limit(limit: int) -> None:
    def count() -> int | None:
        try:
            return lr.count_regions(DEEP, square(16.0), memory_limit=limit * MB)
        except MemoryLimitError:
            return None

    found, _, peak = traced(count)
    # What would do is found out by taking it, for a few cells.
    assert peak < 1.25 * limit * MB or found is None
    assert found in (None, lr.count_regions(DEEP, square(16.0)))
    assert (found is None) == (limit < 8) or limit == 8


def test_limits_do_not_change_a_partition() -> None:
    expected = partition_plane(MNIST.network, MNIST.window)
    for limit, threads in ((64 * MB, 1), (64 * MB, 2), (2**33, 3)):
        found = lr.partition(MNIST.network, MNIST.window, memory_limit=limit, threads=threads)
        for name in ("vertices", "edges", "edge_faces", "face_offsets", "face_vertices", "pattern_words"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))
        assert found.diagnostics == expected.diagnostics


def test_the_error_comes_before_the_work_and_says_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    from linregions.regions.planes.engine import run as _plane_engine

    monkeypatch.setattr(_plane_engine, "run_plane", None)  # would fail if called
    message = (
        rf"`memory_limit` is {10 * MB} bytes, but partition needs \d{{8}} to keep the regions of this window, about "
        r"[34]\d,\d{3}, of which [12]?\d,\d{3} would fit. Give that many at least, or a smaller window, or keep no "
        r"regions, with `sink=RegionStatistics\(\)` or `sink=RegionStream\(folder\)`, which needs \d+."
    )
    with pytest.raises(MemoryLimitError, match=message):
        lr.partition(MNIST.network, MNIST.window, memory_limit=10 * MB)
    assert issubclass(MemoryLimitError, LinRegionsError)
    assert issubclass(MemoryLimitError, ValueError)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_limit_that_the_estimate_missed(threads: int) -> None:
    """Should the window be richer than its sample of cells, the work stops when memory is full, and says what would do.

    The regions met by then stand for all.
    """

    def collect(limit: int) -> None:
        options = Options(memory_limit=limit, threads=threads)
        run_sink(MNIST.network, MNIST.window, Collector(limit, uniting=5000), options)

    message = (
        rf"is {64 * MB} bytes, but partition needs (\d+) to keep .*, of which the first \d+,\d+ do not fit. Give that"
    )
    with pytest.raises(MemoryLimitError, match=message) as caught:
        collect(64 * MB)
    named = re.search(message, str(caught.value))
    assert named
    assert int(named[1]) == caught.value.needed
    collect(int(named[1]))


def test_what_is_said_to_fit_fits() -> None:
    whole: PlanePartition = lr.partition(MNIST.network, MNIST.window)
    found = plane_estimate.estimate_plane(MNIST.network, MNIST.window, limited=True)
    limit = int(1.2 * found.bytes_collected)
    assert lr.partition(MNIST.network, MNIST.window, memory_limit=limit).n_regions == whole.n_regions
    with pytest.raises(MemoryLimitError, match=r"needs \d+ to keep"):
        lr.partition(MNIST.network, MNIST.window, memory_limit=int(0.8 * found.bytes_collected))
