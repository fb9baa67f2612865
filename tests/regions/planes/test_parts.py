"""Cells that are split again: the same complex, whatever the parts, the buffers and the threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.engine import cell_run as _plane_worker
from linregions.regions.planes.engine import workbench
from linregions.regions.planes.kernels.workspace import INCONSISTENT, N_WORDS
from linregions.regions.planes.partition import PlanePartition
from tests.support import zoo
from tests.support.plane_checks import check_invariants, check_same, split_at
from tests.support.statistics_checks import check_statistics

NEVER = 1 << 62
MNIST = zoo.golden("mnist_64x3_trained")


def square(half: float) -> PlaneWindow:
    return PlaneWindow.of_inputs([-half, -half], [half, half])


def deep(seed: int, widths: list[int], bias_variance: float = 0.1) -> Network:
    return lr.random_network([2, *widths, 1], seed, bias_variance=bias_variance)


def same_bits(first: PlanePartition, second: PlanePartition) -> bool:
    names = ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "pattern_words")
    equal = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)
    return equal and first.diagnostics == second.diagnostics


@pytest.fixture(autouse=True)
def nothing_kept() -> Any:
    _plane_buffers.let_go()
    yield
    _plane_buffers.let_go()


@pytest.mark.parametrize("most_faces", [NEVER, 200])
def test_words_of_faces_grow_with_the_switches_that_cross_a_cell(
    most_faces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = lr.random_network([2, 90, 90, 90, 1], 0, bias_variance=1.0)
    parts = split_at(monkeypatch, most_faces, 200)
    found = lr.partition(net, square(3.0))
    _plane_buffers.let_go()
    asked: list[int] = []
    make_room = workbench.Workbench.make_room

    def noted(self: workbench.Workbench) -> None:
        asked.append(int(self.ws.need[N_WORDS]))
        make_room(self)

    monkeypatch.setattr(workbench, "_FACE_WORDS", 1)
    monkeypatch.setattr(workbench.Workbench, "make_room", noted)
    assert same_bits(lr.partition(net, square(3.0)), found)
    assert max(asked) > 1
    assert bool(parts) == (most_faces < NEVER)


@pytest.mark.parametrize(("most_faces", "part_switches"), [(20, 3), (60, 6), (400, 16)])
def test_a_trained_network_split_at_every_layer(
    most_faces: int, part_switches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lr.partition(MNIST.network, MNIST.window)
    parts = split_at(monkeypatch, most_faces, part_switches)
    found = lr.partition(MNIST.network, MNIST.window)
    assert (len(parts) > 20) == (most_faces < 400)
    assert found.n_regions == 7939
    check_same(found, whole, 1e-8)
    check_invariants(found, 1e-8)
    statistics = lr.partition(MNIST.network, MNIST.window, sink=lr.RegionStatistics(linear=True))
    check_statistics(statistics, whole, close=1e-8)


NARROW = [[6] * 12, [4] * 20, [16] * 8, [3, 40, 40, 40], [24, 2, 24, 24, 2, 24]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("widths", NARROW, ids=repr)
def test_deep_networks_split_and_whole(widths: list[int], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, window = deep(seed, widths), square(2.0)
    with monkeypatch.context() as patch:
        split_at(patch, NEVER, 0)
        whole = lr.partition(net, window)
    for most_faces, part_switches in ((4, 1), (50, 8)):
        with monkeypatch.context() as patch:
            parts = split_at(patch, most_faces, part_switches)
            found = lr.partition(net, window)
            assert parts or found.n_regions < 200
            check_same(found, whole, 1e-6)
            assert lr.count_regions(net, window) == whole.n_regions


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_many_deep_networks_split_and_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        widths = rng.integers(2, 24, rng.integers(3, 14)).tolist()
        net = deep(int(rng.integers(1 << 30)), widths, float(10 ** rng.uniform(-4, 0)))
        window = square(float(10 ** rng.uniform(-1, 1)))
        counts = set()
        for most_faces, part_switches in ((NEVER, 0), (400, 12), (30, 4), (3, 1)):
            with monkeypatch.context() as patch:
                split_at(patch, most_faces, part_switches)
                found = lr.partition(net, window)
                counts.add((found.n_regions, len(found.vertices), len(found.edges)))
        assert len(counts) == 1, widths


def test_deep_networks_are_split_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    split = _plane_worker.split_cell

    def noted(*arguments: Any) -> Any:
        parts = split(*arguments)
        made.append(parts.n_parts)
        return parts

    monkeypatch.setattr(_plane_worker, "split_cell", noted)
    window = square(3.0)
    net = deep(0, [16] * 12)
    counted = lr.count_regions(net, window)
    assert len(made) > 2
    split_at(monkeypatch, NEVER, 0)
    made.clear()
    assert lr.count_regions(net, window) == counted
    assert not made


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_batches_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    split_at(monkeypatch, 30, 5)
    expected = lr.partition(MNIST.network, MNIST.window)
    assert same_bits(lr.partition(MNIST.network, MNIST.window, threads=threads), expected)
    assert same_bits(lr.partition(MNIST.network, MNIST.window, threads=threads, memory_limit=1 << 28), expected)


def test_buffers_that_grow_in_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    split_at(monkeypatch, 30, 5)
    net, window = deep(1, [12] * 6), square(3.0)
    expected = lr.partition(net, window)
    grown: list[str] = []
    make, output = workbench.make_workspace, workbench.make_output
    tiny = {"vertices": 8, "edges": 8, "faces": 8, "columns": 4, "pool": 16}
    larger, grow = workbench.larger_output, workbench.grow
    monkeypatch.setattr(workbench, "make_workspace", lambda room: make(room._replace(**tiny)))
    monkeypatch.setattr(workbench, "make_output", lambda size, **others: output(size=min(size, 3), **others))
    monkeypatch.setattr(workbench, "grow", lambda *which, **how: grown.append("workspace") or grow(*which, **how))
    monkeypatch.setattr(workbench, "larger_output", lambda *args: grown.append("output") or larger(*args))
    _plane_buffers.let_go()
    assert same_bits(lr.partition(net, window), expected)
    assert grown.count("workspace") > 3
    assert grown.count("output") > 6


@pytest.mark.parametrize("times", [1, 3, 1000])
def test_a_cell_whose_parts_contradict_one_another_is_worked_whole(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, window = deep(1, [12] * 6), square(3.0)
    with monkeypatch.context() as patch:
        split_at(patch, NEVER, 0)
        whole = lr.partition(net, window)
    split_at(monkeypatch, 30, 5)
    original, left = _plane_worker.join, [times]

    def contradicting(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            return INCONSISTENT
        return original(*arguments)

    monkeypatch.setattr(_plane_worker, "join", contradicting)
    found = lr.partition(net, window)
    assert left[0] == 0 or times == 1000
    check_same(found, whole, 1e-8)
    assert {key: found.diagnostics[key] for key in ("snapped_signs", "merged_ties", "cells")} == {
        key: whole.diagnostics[key] for key in ("snapped_signs", "merged_ties", "cells")
    }


def test_parts_of_a_border_that_differ_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a part list one piece of its border twice, as if it had been cut once more."""
    net, window = deep(1, [12] * 6), square(3.0)
    split_at(monkeypatch, 30, 5)
    expected = lr.partition(net, window)
    original, seen = _plane_worker.join, []

    def miscounted(parts: Any, n_parts: int, *others: Any) -> int:
        chain, sizes = parts.chain, parts.cell_size
        if len(seen) == 0 and n_parts > 1 and sizes[1, 4]:
            at, end = int(sizes[0, 4]), int(parts.filled[4])
            if np.any(chain[0, :at] == chain[0, at]):
                chain = np.insert(chain[:, :end], at, chain[:, at], axis=1)
                sizes = sizes.copy()
                sizes[1, 4] += 1
                filled = parts.filled.copy()
                filled[4] += 1
                parts = parts._replace(chain=np.ascontiguousarray(chain), cell_size=sizes, filled=filled)
                seen.append(original(parts, n_parts, *others))
                return int(seen[0])
        return int(original(parts, n_parts, *others))

    monkeypatch.setattr(_plane_worker, "join", miscounted)
    found = lr.partition(net, window)
    assert seen == [INCONSISTENT]
    check_same(found, expected, 1e-8)
