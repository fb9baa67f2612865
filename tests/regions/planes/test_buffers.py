"""Buffers that one call leaves to the next: the same results, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.kernels.records import Output, Scratch
from linregions.regions.planes.kernels.workspace import Workspace
from linregions.regions.planes.partition import PlanePartition
from tests.support import zoo

TOY = zoo.golden("toy2d_32x3")
# Whatever they hold when a run begins must not matter. The others are made as zeros, or are stamped.
UNCERTAIN = {
    Workspace: (
        *("phi", "place", "word", "parent", "edge", "f_off", "side", "f_word", "pool", "part_word", "chord"),
        *("column", "decision", "order", "order_bit"),
    ),
    Scratch: ("bound", "fit", "box", "packed", "kept", "source", "block", "base"),
    Output: ("xy", "root_v", "edge", "side", "f_word", "chain"),
}


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    _plane_buffers.let_go()
    yield
    _plane_buffers.let_go()


def spoil(records: Any) -> int:
    """Write nonsense over all buffers whose content is said not to matter; return how many there are."""
    spoilt = 0
    for record in [records] if isinstance(records, Workspace) else [*records[:2], *records[2]]:
        for name in UNCERTAIN[type(record)]:
            array = getattr(record, name)
            array = array if array.base is None else array.base
            array[...] = np.nan if array.dtype == np.float64 else np.array(2**31 - 9).astype(array.dtype)
            spoilt += 1
    return spoilt


def arrays_kept() -> set[int]:
    """Return which array is the first of each workspace that is kept."""
    workspaces = [
        kept.records if isinstance(kept.records, Workspace) else kept.records[0] for kept in _plane_buffers._kept
    ]
    return {id(ws.phi) for ws in workspaces}


def same(first: PlanePartition, second: PlanePartition) -> None:
    assert first.diagnostics == second.diagnostics
    for name in ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "pattern_words"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_left_in_buffers_changes_nothing(threads: int) -> None:
    fresh = lr.partition(TOY.network, TOY.window)
    for _ in range(3):
        assert sum(spoil(entry.records) for entry in _plane_buffers._kept) > 20
        same(lr.partition(TOY.network, TOY.window, threads=threads), fresh)
        assert lr.count_regions(TOY.network, TOY.window, threads=threads) == fresh.n_regions


def test_buffers_are_those_of_the_call_before() -> None:
    lr.partition(TOY.network, TOY.window)
    before = arrays_kept()
    assert len(before) == 2, "of the first layer, and of the cells"
    for sink in (lr.RegionStatistics(largest=0), lr.RegionStatistics(largest=2), None):
        lr.partition(TOY.network, TOY.window, sink=sink)
        assert arrays_kept() == before


def test_other_networks_of_the_same_shape() -> None:
    nets = [lr.random_network([2, 24, 24, 24, 1], seed, bias_variance=1.0) for seed in range(3)]
    window = lr.PlaneWindow.of_inputs([-3, -3], [3, 3])
    fresh = []
    for net in nets:
        _plane_buffers.let_go()
        fresh.append(lr.partition(net, window))
    for net, whole in zip(nets, fresh, strict=True):
        same(lr.partition(net, window), whole)


def test_nothing_is_kept_where_memory_is_limited() -> None:
    lr.count_regions(TOY.network, TOY.window)
    assert _plane_buffers._kept
    count = lr.count_regions(TOY.network, TOY.window, memory_limit=1 << 28)
    assert not _plane_buffers._kept
    assert count == lr.count_regions(TOY.network, TOY.window)


def test_nothing_is_kept_after_an_error() -> None:
    class Fails(lr.RegionStatistics):
        def digest(self, batch: lr.RegionBatch) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lr.partition(TOY.network, TOY.window, sink=Fails(), threads=2)
    assert [entry.key[0] for entry in _plane_buffers._kept] == ["root"]


def test_keep_no_more_than_the_bound() -> None:
    most = _plane_buffers.MOST_BYTES
    _plane_buffers.keep("huge", "huge", most + 1)
    assert _plane_buffers.take("huge") is None
    for number in range(5):
        _plane_buffers.keep(number % 2, number, most // 3)
    assert sum(entry.n_bytes for entry in _plane_buffers._kept) <= most
    assert [_plane_buffers.take(0) for _ in range(3)] == [4, 2, None]
    assert [_plane_buffers.take(1) for _ in range(2)] == [3, None]
