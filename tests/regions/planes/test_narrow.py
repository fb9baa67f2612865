"""A narrow layer before a wide one: the same regions whatever bounds the cells, in memory that follows a cell."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.networks.kernels import sites
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.engine import narrow as _plane_narrow
from linregions.regions.planes.engine import prepare as _plane_work
from linregions.regions.planes.engine.first_layer import grow, room_for
from linregions.regions.planes.engine.job import Job
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.engine.prepare import prepare
from linregions.regions.planes.engine.window import WholeWindow
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels.workspace import (
    INCONSISTENT,
    N_COLUMNS,
    N_EDGES,
    N_FACES,
    N_POOL,
    N_VERTICES,
    N_WORDS,
    Capacities,
    make_workspace,
)
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.tolerances import DEFAULT_TOLERANCES
from tests.support import zoo
from tests.support.examples import pairs
from tests.support.plane_checks import check_invariants, check_same, split_at
from tests.support.statistics_checks import check_statistics

NEVER = 1 << 62
MB = 1 << 20
WIDE = lr.random_network([2, 16, 600, 1], 3, bias_variance=1.0)


def square(half: float) -> PlaneWindow:
    return PlaneWindow.of_inputs([-half, -half], [half, half])


def same_bits(first: PlanePartition, second: PlanePartition) -> bool:
    names = ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "pattern_words")
    equal = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)
    return equal and first.diagnostics == second.diagnostics


def all_at_once(net: Network, window: PlaneWindow, monkeypatch: pytest.MonkeyPatch) -> PlanePartition:
    """Return the partition with cells that only the first layer bounds, and whole layers inserted in each."""
    with monkeypatch.context() as patch:
        split_at(patch, NEVER, 0, most_switches=NEVER, crowded_faces=NEVER)
        return partition_plane(net, window, knobs=Knobs(cell_switches=12))


def parallel(n: int) -> Network:
    """Return a network whose second layer has two families of parallel lines, in order."""
    levels = np.linspace(-0.9, 0.9, n)
    weight = np.concatenate([np.tile([1.0, -1.0, 0.0, 0.0], (n, 1)), np.tile([0.0, 0.0, 1.0, -1.0], (n, 1))])
    first = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    return Network.from_layers(
        [(first, np.zeros(4)), (weight, np.concatenate([levels, levels])), (np.ones((1, 2 * n)), [0.0])]
    )


NETWORKS = {
    "8, 256": (lr.random_network([2, 8, 256, 1], 0, bias_variance=1.0), square(2.0)),
    "2, 400": (lr.random_network([2, 2, 400, 1], 1, bias_variance=1.0), square(4.0)),
    "1, 600": (lr.random_network([2, 1, 600, 1], 1, bias_variance=1.0), square(4.0)),
    "16, 600": (WIDE, square(1.0)),
    "32, 600": (lr.random_network([2, 32, 600, 1], 1, bias_variance=1.0), square(0.5)),
    "6, 200, 6, 200": (lr.random_network([2, 6, 200, 6, 200, 1], 2, bias_variance=1.0), square(2.0)),
    "4, 3, 4, 300, 20": (lr.random_network([2, 4, 3, 4, 300, 20, 1], 5, bias_variance=1.0), square(6.0)),
    "784 inputs": (
        lr.random_network([784, 16, 512, 16, 10], 0, bias_variance=1.0),
        PlaneWindow.square(np.zeros(784), np.eye(2, 784), 40.0),
    ),
    "two breakpoints": (
        lr.random_network([2, 6, 160, 1], 0, activation=zoo.ACTIVATIONS["hard_tanh"], bias_variance=1.0),
        square(3.0),
    ),
    "parallel": (parallel(150), square(1.0)),
}


@pytest.mark.parametrize("name", pairs(NETWORKS, [()], 2))
def test_cells_and_parts_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, window = NETWORKS[name]
    whole = all_at_once(net, window, monkeypatch)
    made = split_at(monkeypatch, NEVER, 0)
    found = lr.partition(net, window)
    check_same(found, whole, 1e-7)
    check_invariants(found, 1e-7)
    by_few = split_at(monkeypatch, NEVER, 0, most_switches=24, crowded_faces=60)
    monkeypatch.setattr(_plane_work, "cells_wanted", None)  # not asked where the size of cells is given
    check_same(partition_plane(net, window, knobs=Knobs(cell_switches=6)), whole, 1e-7)
    assert found.diagnostics["cells"] > 1 or made or name == "1, 600"
    assert by_few


@pytest.mark.parametrize("n", [40, 150, 400])
def test_parallel_lines_count(n: int) -> None:
    """Two axes and n + n lines, of which none is an axis, make (n + 2)^2 rectangles."""
    assert lr.count_regions(parallel(n), square(1.0)) == (n + 2) ** 2


def test_patterns_at_random_points_are_among_the_regions() -> None:
    found = lr.partition(WIDE, square(1.0))
    patterns = {pattern.tobytes() for pattern in found.patterns}
    hidden, seen = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2)), []
    for layer in WIDE.layers[:-1]:
        z = hidden @ layer.weight.T + layer.bias
        seen.append(z > 0)
        hidden = np.maximum(z, 0.0)
    assert {pattern.tobytes() for pattern in np.concatenate(seen, axis=1).astype(np.uint8)} <= patterns


@pytest.mark.parametrize("cut", range(3))
def test_lines_across_count_the_same(cut: int) -> None:
    """A chord of the window meets as many regions when the line is cut as when the partition is."""
    window = square(1.0)
    found = lr.partition(WIDE, window)
    height = (-0.37, 0.11, 0.53)[cut]
    line = lr.partition(WIDE, lr.Segment([-1.0, height], [1.0, height]))
    y = found.vertices[:, 1][found.face_vertices]
    low, high = (reduced(y, found.face_offsets[:-1]) for reduced in (np.minimum.reduceat, np.maximum.reduceat))
    assert line.n_regions == np.count_nonzero((low < height) & (high > height))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_limits_sinks_and_executors_change_nothing(threads: int, tmp_path: Any) -> None:
    window = square(1.0)
    expected = lr.partition(WIDE, window)
    assert expected.diagnostics["cells"] > 10
    assert same_bits(lr.partition(WIDE, window, threads=threads), expected)
    assert same_bits(lr.partition(WIDE, window, threads=threads, memory_limit=1 << 28), expected)
    assert lr.count_regions(WIDE, window, threads=threads) == expected.n_regions
    statistics = lr.partition(WIDE, window, sink=lr.RegionStatistics(linear=True), threads=threads)
    check_statistics(statistics, expected, close=1e-8)
    streamed = lr.partition(WIDE, window, sink=lr.RegionStream(tmp_path / "stream"), threads=threads)
    assert streamed.n_regions == expected.n_regions
    with ThreadPoolExecutor(threads) as executor:
        assert lr.partition(WIDE, window, sink=lr.RegionStatistics(), executor=executor).n_regions == expected.n_regions


@pytest.mark.parametrize("times", [1, 1000])
def test_parts_within_a_layer_that_contradict_one_another(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from linregions.regions.planes.engine import cell_run as _plane_worker

    window = square(1.0)
    expected = lr.partition(WIDE, window)
    split_at(monkeypatch, NEVER, 0, most_switches=24, crowded_faces=60)
    original, left = _plane_worker.join, [times]

    def contradicting(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            return INCONSISTENT
        return original(*arguments)

    monkeypatch.setattr(_plane_worker, "join", contradicting)
    check_same(lr.partition(WIDE, window), expected, 1e-8)
    assert left[0] < times


def test_parts_at_the_greatest_depth_are_worked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    window = square(1.0)
    expected = lr.partition(WIDE, window)
    parts = split_at(monkeypatch, NEVER, 0, most_switches=6, crowded_faces=20)
    lr.count_regions(WIDE, window)
    many = len(parts)
    parts.clear()
    check_same(partition_plane(WIDE, window, knobs=Knobs(most_depth=2)), expected, 1e-8)
    assert 0 < len(parts) < many


@pytest.mark.parametrize(
    ("widths", "half", "bias_variance"),
    [
        ([2, 32, 1024, 1], 2.0, 1.0),
        ([2, 4, 1500, 1], 2.0, 1.0),
        ([2, 12, 12, 1024, 1], 2.0, 1.0),
        ([2, 32, 2048, 1], 1.0, 1e-6),
    ],
)
def test_memory_follows_a_cell(widths: list[int], half: float, bias_variance: float) -> None:
    net, window = lr.random_network(widths, 0, bias_variance=bias_variance), square(half)
    n = lr.count_regions(net, window)
    _plane_buffers.let_go()
    tracemalloc.start()
    try:
        assert lr.count_regions(net, window) == n
        assert tracemalloc.get_traced_memory()[1] < 100 * MB
    finally:
        tracemalloc.stop()
    _plane_buffers.let_go()
    assert n > 20_000
    assert lr.count_regions(net, window, memory_limit=64 * MB) == n


class Holder:
    """A workspace that may grow."""

    def __init__(self, *capacities: int) -> None:
        self.ws = make_workspace(Capacities(*capacities))


ARRAYS_OF = {
    N_VERTICES: {"phi", "place", "word", "parent"},
    N_EDGES: {"edge", "side"},
    N_FACES: {"f_off", "f_word"},
    N_COLUMNS: {"phi"},
    N_POOL: {"pool"},
    N_WORDS: {"f_word"},
}


@pytest.mark.parametrize("which", ARRAYS_OF)
@pytest.mark.parametrize("sparing", [False, True])
def test_only_what_is_too_small_is_made_anew(which: int, sparing: bool) -> None:
    holder = Holder(64, 128, 64, 40, 512, 1)
    before = {name: id(array) for name, array in holder.ws._asdict().items()}
    kept = list(holder.ws)  # so that no number of theirs is given away again
    capacity = (64, 128, 64, 40, 512, 1)[which]
    holder.ws.need[which] = capacity + 7
    room = room_for(holder.ws, sparing)
    assert all(
        size == had for k, (size, had) in enumerate(zip(room, (64, 128, 64, 40, 512, 1), strict=True)) if k != which
    )
    grow(holder, room)
    assert len(kept) == len(before)
    assert {name for name, array in holder.ws._asdict().items() if id(array) != before[name]} == ARRAYS_OF[which]
    if which == N_COLUMNS:  # kernels ask for columns that they may need
        assert 40 < holder.ws.phi.shape[1] <= 56
        assert holder.ws.phi.shape[1] % 8 == 0
    else:
        assert room[which] >= capacity + 7


def test_large_buffers_grow_by_little() -> None:
    holder = Holder(8, 8, 8, 8, 8, 1)
    holder.ws.need[N_VERTICES], holder.ws.need[N_COLUMNS] = 100, 16
    assert room_for(holder.ws).vertices == 150
    holder.ws.need[N_VERTICES] = 100_000
    assert room_for(holder.ws).vertices == 125_000
    assert room_for(holder.ws, sparing=True).vertices == 125_000


def test_a_scratch_keeps_what_has_room() -> None:
    scratch = records.make_scratch(sites.NO_STEPS, records.no_root(), vertices=100, columns=40, switches=10, words=1)
    before = scratch._asdict()
    for vertices, columns, new in (
        (100, 40, set()),
        (120, 40, {"block"}),
        (120, 56, {"tensors", "fit", "packed"}),
    ):
        scratch = records.Resizing(sites.NO_STEPS, scratch, vertices, columns).done()
        now = scratch._asdict()
        assert {name for name in now if now[name] is not before[name]} - {"counting"} == new
        assert scratch.block.shape == (vertices, 64)
        assert scratch.tensors.where.shape[1] >= columns
        assert scratch.counting.tolist() == list(range(columns))
        before = now


def test_a_window_gets_the_room_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that later layers bound is begun with room for its faces: it is worked twice, not once an array."""
    calls: list[int] = []
    original = _plane_narrow.cells.run_cells

    def counted(*arguments: Any) -> Any:
        status, position = original(*arguments)
        calls.append(status)
        return status, position

    net = lr.random_network([2, 32, 2048, 1], 0)
    job = Job(net, square(1.0), DEFAULT_TOLERANCES.relative)
    monkeypatch.setattr(_plane_narrow.cells, "run_cells", counted)
    made = prepare(job)
    assert isinstance(made, WholeWindow)
    assert calls[-1] == records.SPLIT
    assert calls.count(records.SPLIT) == 2
    assert len(calls) <= 3
    assert made.bytes_cutting < 70 * MB
